//! PowerDNS Authoritative Server (doc.powerdns.com/authoritative/http-api).

use crate::DnsError;
use crate::http::{Http, list_at, text_at};
use crate::provider::{Change, Entry, Records, Zone, longest, quoted};
use crate::schema::{Field, FieldKind, Kind};
use crate::text::{percent, query};
use base::Secret;
use serde_json::{Value, json};

pub(super) const KIND: Kind = Kind {
    name: "powerdns",
    label: "PowerDNS",
    fields: &[
        Field::required(
            "endpoint",
            "Server",
            FieldKind::Url,
            "The address of its web server, such as http://ns1.example.org:8081.",
        ),
        Field::required("api_key", "API key", FieldKind::Secret, "api-key in pdns.conf."),
        Field::optional(
            "server",
            "Server id",
            FieldKind::Text,
            "localhost",
            "Other than localhost only behind a gateway.",
        ),
    ],
    one_value: false,
    note: "The API must be on (`api=yes`, `webserver=yes`) and allow this machine (`webserver-allow-from`).",
    build: |settings, means| {
        let base = format!("{}/api/v1/servers/{}", settings.url("endpoint"), percent(settings.get("server")));
        Ok(PowerDns { http: Http::new(settings, means), base, key: settings.secret("api_key") }.boxed())
    },
};

#[derive(Debug)]
struct PowerDns {
    http: Http,
    base: String,
    key: Secret<String>,
}

impl Records for PowerDns {
    async fn zone(&self, record: &str) -> Result<Zone, DnsError> {
        let answer =
            self.http.get(&format!("{}/zones", self.base), &[("x-api-key", self.key.expose())]).await?;
        let zone = |row| Ok(Zone::new(text_at(row, "/id")?, &text_at(row, "/name")?));
        longest(record, list_at(&answer, "")?.iter().map(zone).collect::<Result<_, _>>()?)
    }

    async fn list(&self, zone: &Zone, record: &str) -> Result<Vec<Entry>, DnsError> {
        let name = format!("{record}.");
        let query = query(&[("rrset_name", name.as_str()), ("rrset_type", "TXT")]);
        let url = format!("{}/zones/{}?{query}", self.base, zone.id);
        let answer = self.http.get(&url, &[("x-api-key", self.key.expose())]).await?;
        // Versions before 4.9 answer with all sets.
        let sets = list_at(&answer, "/rrsets")?.iter();
        let rows = sets.filter(|set| set["name"] == name.as_str() && set["type"] == "TXT");
        let rows = rows.filter_map(|set| set["records"].as_array()).flatten();
        Ok(rows.filter_map(|row| row["content"].as_str()).map(Entry::of).collect())
    }

    async fn change(
        &self,
        zone: &Zone,
        record: &str,
        before: &[Entry],
        change: Change<'_>,
    ) -> Result<(), DnsError> {
        let after = change.after(before);
        let records: Vec<Value> =
            after.iter().map(|value| json!({"content": quoted(value), "disabled": false})).collect();
        let kind = if records.is_empty() { "DELETE" } else { "REPLACE" };
        let set = json!({"name": format!("{record}."), "type": "TXT", "ttl": 60, "changetype": kind, "records": records});
        let url = format!("{}/zones/{}", self.base, zone.id);
        self.http.json("PATCH", &url, &[("x-api-key", self.key.expose())], &json!({"rrsets": [set]})).await?;
        Ok(())
    }
}
