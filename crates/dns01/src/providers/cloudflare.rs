//! Cloudflare, by an API token (developers.cloudflare.com/api).

use crate::DnsError;
use crate::http::{Http, Reply, list_at, text_at};
use crate::provider::{Change, Entry, Records, Zone, longest, quoted};
use crate::schema::{Field, FieldKind, Kind};
use crate::text::query;
use base::Secret;
use serde_json::json;

pub(super) const KIND: Kind = Kind {
    name: "cloudflare",
    label: "Cloudflare",
    fields: &[
        Field::required(
            "token",
            "API token",
            FieldKind::Secret,
            "My Profile, API Tokens, template \"Edit zone DNS\" for the zone.",
        ),
        Field::endpoint("https://api.cloudflare.com/client/v4"),
    ],
    one_value: false,
    note: "The token needs Zone / DNS / Edit and Zone / Zone / Read for the zone. The global API key is not wanted: it may do everything.",
    build: |settings, means| {
        let bearer = Secret::new(format!("Bearer {}", settings.get("token")));
        Ok(Cloudflare { http: Http::new(settings, means), base: settings.url("endpoint"), bearer }.boxed())
    },
};

#[derive(Debug)]
struct Cloudflare {
    http: Http,
    base: String,
    bearer: Secret<String>,
}

/// Cloudflare answers 400 to tokens of a wrong form.
fn refusal(error: DnsError) -> DnsError {
    match error {
        DnsError::Failed { reason } if ["6003", "6111", "9109"].iter().any(|code| reason.contains(code)) => {
            DnsError::Refused { reason }
        }
        other => other,
    }
}

impl Cloudflare {
    async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<serde_json::Value>,
    ) -> Result<Reply, DnsError> {
        let url = format!("{}{path}", self.base);
        let headers = [("authorization", self.bearer.expose().as_str())];
        let reply = match body {
            Some(body) => self.http.json(method, &url, &headers, &body).await,
            None => self.http.call(method, &url, &headers, "").await,
        };
        reply.map_err(refusal)
    }
}

impl Records for Cloudflare {
    async fn zone(&self, record: &str) -> Result<Zone, DnsError> {
        let mut zones = Vec::new();
        for page in 1.. {
            let answer = self.ask("GET", &format!("/zones?per_page=50&page={page}"), None).await?.json()?;
            for zone in list_at(&answer, "/result")? {
                zones.push(Zone::new(text_at(zone, "/id")?, &text_at(zone, "/name")?));
            }
            let pages = answer.pointer("/result_info/total_pages").and_then(serde_json::Value::as_u64);
            if page >= pages.unwrap_or(1).min(100) {
                break;
            }
        }
        longest(record, zones)
    }

    async fn list(&self, zone: &Zone, record: &str) -> Result<Vec<Entry>, DnsError> {
        let query = query(&[("type", "TXT"), ("name", record), ("per_page", "100")]);
        let answer =
            self.ask("GET", &format!("/zones/{}/dns_records?{query}", zone.id), None).await?.json()?;
        let entry = |row| Ok(Entry { id: text_at(row, "/id")?, ..Entry::of(&text_at(row, "/content")?) });
        list_at(&answer, "/result")?.iter().map(entry).collect()
    }

    async fn change(
        &self,
        zone: &Zone,
        record: &str,
        _: &[Entry],
        change: Change<'_>,
    ) -> Result<(), DnsError> {
        let path = format!("/zones/{}/dns_records", zone.id);
        match change {
            Change::Add(value) => {
                let body = json!({"type": "TXT", "name": record, "content": quoted(value), "ttl": 120});
                self.ask("POST", &path, Some(body)).await?;
            }
            Change::Remove(entry) => {
                self.ask("DELETE", &format!("{path}/{}", entry.id), None).await?;
            }
        }
        Ok(())
    }
}
