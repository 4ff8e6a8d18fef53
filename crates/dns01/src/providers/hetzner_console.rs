//! Hetzner's DNS Console, the older API (dns.hetzner.com/api-docs).

use crate::DnsError;
use crate::http::{Http, list_at, text_at};
use crate::provider::{Change, Entry, Records, Zone, longest};
use crate::schema::{Field, FieldKind, Kind};
use crate::text::query;
use base::Secret;
use serde_json::json;

pub(super) const KIND: Kind = Kind {
    name: "hetzner-console",
    label: "Hetzner (DNS Console)",
    fields: &[
        Field::required("token", "API token", FieldKind::Secret, "dns.hetzner.com, Manage API tokens."),
        Field::endpoint("https://dns.hetzner.com/api/v1"),
    ],
    one_value: false,
    note: "The older API, which Hetzner replaces by the Cloud API.",
    build: |settings, means| {
        let (base, token) = (settings.url("endpoint"), settings.secret("token"));
        Ok(HetznerConsole { http: Http::new(settings, means), base, token }.boxed())
    },
};

#[derive(Debug)]
struct HetznerConsole {
    http: Http,
    base: String,
    token: Secret<String>,
}

impl Records for HetznerConsole {
    async fn zone(&self, record: &str) -> Result<Zone, DnsError> {
        let mut zones = Vec::new();
        for page in 1..=100_u64 {
            let url = format!("{}/zones?per_page=100&page={page}", self.base);
            let answer = self.http.get(&url, &[("auth-api-token", self.token.expose())]).await?;
            for zone in list_at(&answer, "/zones")? {
                zones.push(Zone::new(text_at(zone, "/id")?, &text_at(zone, "/name")?));
            }
            let last = answer.pointer("/meta/pagination/last_page").and_then(serde_json::Value::as_u64);
            if page >= last.unwrap_or(1) {
                break;
            }
        }
        longest(record, zones)
    }

    async fn list(&self, zone: &Zone, record: &str) -> Result<Vec<Entry>, DnsError> {
        let url = format!("{}/records?{}", self.base, query(&[("zone_id", &zone.id)]));
        let answer = self.http.get(&url, &[("auth-api-token", self.token.expose())]).await?;
        let name = match zone.within(record) {
            "" => "@",
            name => name,
        };
        let rows =
            list_at(&answer, "/records")?.iter().filter(|row| row["type"] == "TXT" && row["name"] == name);
        rows.map(|row| Ok(Entry { id: text_at(row, "/id")?, ..Entry::of(&text_at(row, "/value")?) }))
            .collect()
    }

    async fn change(
        &self,
        zone: &Zone,
        record: &str,
        _: &[Entry],
        change: Change<'_>,
    ) -> Result<(), DnsError> {
        let url = format!("{}/records", self.base);
        let headers = [("auth-api-token", self.token.expose().as_str())];
        match change {
            Change::Add(value) => {
                let name = match zone.within(record) {
                    "" => "@",
                    name => name,
                };
                let body =
                    json!({"zone_id": zone.id, "type": "TXT", "name": name, "value": value, "ttl": 60});
                self.http.json("POST", &url, &headers, &body).await?;
            }
            Change::Remove(entry) => {
                self.http.call("DELETE", &format!("{url}/{}", entry.id), &headers, "").await?;
            }
        }
        Ok(())
    }
}
