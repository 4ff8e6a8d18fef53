//! DigitalOcean (docs.digitalocean.com/reference/api).

use crate::DnsError;
use crate::http::{Http, list_at, text_at};
use crate::provider::{Change, Entry, Records, Zone, longest};
use crate::schema::{Field, FieldKind, Kind};
use crate::text::query;
use base::Secret;
use serde_json::json;

pub(super) const KIND: Kind = Kind {
    name: "digitalocean",
    label: "DigitalOcean",
    fields: &[
        Field::required(
            "token",
            "API token",
            FieldKind::Secret,
            "API, Tokens; with the scopes domain:read, create, delete.",
        ),
        Field::endpoint("https://api.digitalocean.com/v2"),
    ],
    one_value: false,
    note: "The domain must be served by DigitalOcean's name servers.",
    build: |settings, means| {
        let bearer = Secret::new(format!("Bearer {}", settings.get("token")));
        Ok(DigitalOcean { http: Http::new(settings, means), base: settings.url("endpoint"), bearer }.boxed())
    },
};

#[derive(Debug)]
struct DigitalOcean {
    http: Http,
    base: String,
    bearer: Secret<String>,
}

impl Records for DigitalOcean {
    async fn zone(&self, record: &str) -> Result<Zone, DnsError> {
        let mut zones = Vec::new();
        for page in 1..=50 {
            let url = format!("{}/domains?per_page=200&page={page}", self.base);
            let answer = self.http.get(&url, &[("authorization", self.bearer.expose())]).await?;
            for zone in list_at(&answer, "/domains")? {
                zones.push(Zone::new("", &text_at(zone, "/name")?));
            }
            if answer.pointer("/links/pages/next").is_none() {
                break;
            }
        }
        longest(record, zones)
    }

    async fn list(&self, zone: &Zone, record: &str) -> Result<Vec<Entry>, DnsError> {
        let query = query(&[("type", "TXT"), ("name", record), ("per_page", "200")]);
        let url = format!("{}/domains/{}/records?{query}", self.base, zone.name);
        let answer = self.http.get(&url, &[("authorization", self.bearer.expose())]).await?;
        let entry = |row| Ok(Entry { id: text_at(row, "/id")?, ..Entry::of(&text_at(row, "/data")?) });
        list_at(&answer, "/domain_records")?.iter().map(entry).collect()
    }

    async fn change(
        &self,
        zone: &Zone,
        record: &str,
        _: &[Entry],
        change: Change<'_>,
    ) -> Result<(), DnsError> {
        let url = format!("{}/domains/{}/records", self.base, zone.name);
        let headers = [("authorization", self.bearer.expose().as_str())];
        match change {
            Change::Add(value) => {
                let name = match zone.within(record) {
                    "" => "@",
                    name => name,
                };
                let body = json!({"type": "TXT", "name": name, "data": value, "ttl": 30});
                self.http.json("POST", &url, &headers, &body).await?;
            }
            Change::Remove(entry) => {
                self.http.call("DELETE", &format!("{url}/{}", entry.id), &headers, "").await?;
            }
        }
        Ok(())
    }
}
