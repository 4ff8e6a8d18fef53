//! Porkbun (porkbun.com/api/json/v3/documentation).

use crate::DnsError;
use crate::http::{Http, list_at, text_at};
use crate::provider::{Change, Entry, Records, Zone, longest};
use crate::schema::{Field, FieldKind, Kind, Settings};
use serde_json::{Value, json};

pub(super) const KIND: Kind = Kind {
    name: "porkbun",
    label: "Porkbun",
    fields: &[
        Field::required("api_key", "API key", FieldKind::Secret, "Account, API Access."),
        Field::required(
            "secret_api_key",
            "Secret API key",
            FieldKind::Secret,
            "Shown once with the API key.",
        ),
        Field::endpoint("https://api.porkbun.com/api/json/v3"),
    ],
    one_value: false,
    note: "API access must be switched on for the domain, under its details.",
    build: |settings, means| {
        Ok(Porkbun { http: Http::new(settings, means), settings: settings.clone() }.boxed())
    },
};

#[derive(Debug)]
struct Porkbun {
    http: Http,
    settings: Settings,
}

impl Porkbun {
    async fn ask(&self, path: &str, mut body: Value) -> Result<Value, DnsError> {
        body["apikey"] = self.settings.get("api_key").into();
        body["secretapikey"] = self.settings.get("secret_api_key").into();
        let url = format!("{}{path}", self.settings.url("endpoint"));
        let reply = self.http.json("POST", &url, &[], &body).await;
        let answer = match reply {
            Err(DnsError::Failed { reason }) if reason.contains("Invalid API key") => {
                return Err(DnsError::Refused { reason });
            }
            reply => reply?.json()?,
        };
        if answer["status"] == "SUCCESS" {
            return Ok(answer);
        }
        let said = answer["message"].as_str().unwrap_or_default();
        let reason = self.http.words(said, None, &[]);
        Err(if said.contains("API key") { DnsError::Refused { reason } } else { DnsError::failed(reason) })
    }
}

impl Records for Porkbun {
    async fn zone(&self, record: &str) -> Result<Zone, DnsError> {
        let mut zones = Vec::new();
        // A page has 1000.
        for start in (0..10_000).step_by(1000) {
            let answer = self.ask("/domain/listAll", json!({"start": start.to_string()})).await?;
            let rows = list_at(&answer, "/domains")?;
            for row in rows {
                zones.push(Zone::new("", &text_at(row, "/domain")?));
            }
            if rows.len() < 1000 {
                break;
            }
        }
        longest(record, zones)
    }

    async fn list(&self, zone: &Zone, record: &str) -> Result<Vec<Entry>, DnsError> {
        let path = format!("/dns/retrieveByNameType/{}/TXT/{}", zone.name, zone.within(record));
        let answer = self.ask(path.trim_end_matches('/'), json!({})).await?;
        let entry = |row| Ok(Entry { id: text_at(row, "/id")?, ..Entry::of(&text_at(row, "/content")?) });
        list_at(&answer, "/records")?.iter().map(entry).collect()
    }

    async fn change(
        &self,
        zone: &Zone,
        record: &str,
        _: &[Entry],
        change: Change<'_>,
    ) -> Result<(), DnsError> {
        match change {
            Change::Add(value) => {
                let body =
                    json!({"name": zone.within(record), "type": "TXT", "content": value, "ttl": "600"});
                self.ask(&format!("/dns/create/{}", zone.name), body).await?;
            }
            Change::Remove(entry) => {
                self.ask(&format!("/dns/delete/{}/{}", zone.name, entry.id), json!({})).await?;
            }
        }
        Ok(())
    }
}
