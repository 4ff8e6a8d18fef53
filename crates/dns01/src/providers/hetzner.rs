//! Hetzner DNS in the Cloud API (docs.hetzner.cloud/reference/cloud).

use crate::DnsError;
use crate::http::{Http, list_at, text_at};
use crate::provider::{Change, Entry, Records, Zone, longest, quoted};
use crate::schema::{Field, FieldKind, Kind};
use base::Secret;
use serde_json::json;

pub(super) const KIND: Kind = Kind {
    name: "hetzner",
    label: "Hetzner (Cloud)",
    fields: &[
        Field::required(
            "token",
            "API token",
            FieldKind::Secret,
            "Hetzner Console, the project of the zone, Security, API tokens; Read & Write.",
        ),
        Field::endpoint("https://api.hetzner.cloud/v1"),
    ],
    one_value: false,
    note: "For zones in a project of the Hetzner Console. Zones that are still in the DNS Console need the other kind.",
    build: |settings, means| {
        let bearer = Secret::new(format!("Bearer {}", settings.get("token")));
        Ok(Hetzner { http: Http::new(settings, means), base: settings.url("endpoint"), bearer }.boxed())
    },
};

#[derive(Debug)]
struct Hetzner {
    http: Http,
    base: String,
    bearer: Secret<String>,
}

impl Hetzner {
    fn url(&self, zone: &Zone, record: &str) -> String {
        let name = match zone.within(record) {
            "" => "@",
            name => name,
        };
        format!("{}/zones/{}/rrsets/{name}/TXT", self.base, zone.id)
    }
}

impl Records for Hetzner {
    async fn zone(&self, record: &str) -> Result<Zone, DnsError> {
        let mut zones = Vec::new();
        for page in 1..=200 {
            let url = format!("{}/zones?per_page=50&page={page}", self.base);
            let answer = self.http.get(&url, &[("authorization", self.bearer.expose())]).await?;
            for zone in list_at(&answer, "/zones")? {
                zones.push(Zone::new(text_at(zone, "/id")?, &text_at(zone, "/name")?));
            }
            if text_at(&answer, "/meta/pagination/next_page").is_err() {
                break;
            }
        }
        longest(record, zones)
    }

    async fn list(&self, zone: &Zone, record: &str) -> Result<Vec<Entry>, DnsError> {
        let headers = [("authorization", self.bearer.expose().as_str())];
        let reply = self.http.call("GET", &self.url(zone, record), &headers, "").await?;
        if reply.missing {
            return Ok(Vec::new());
        }
        let answer = reply.json()?;
        let entry = |row| text_at(row, "/value").map(|value| Entry::of(&value));
        list_at(&answer, "/rrset/records")?.iter().map(entry).collect()
    }

    async fn change(
        &self,
        zone: &Zone,
        record: &str,
        _: &[Entry],
        change: Change<'_>,
    ) -> Result<(), DnsError> {
        let (action, body) = match change {
            Change::Add(value) => ("add_records", json!({"records": [{"value": quoted(value)}], "ttl": 60})),
            Change::Remove(entry) => {
                ("remove_records", json!({"records": [{"value": quoted(&entry.value)}]}))
            }
        };
        let url = format!("{}/actions/{action}", self.url(zone, record));
        let reply = self.http.json("POST", &url, &[("authorization", self.bearer.expose())], &body).await?;
        if reply.missing && matches!(change, Change::Add(_)) {
            return Err(DnsError::failed("the zone is gone"));
        }
        Ok(())
    }
}
