//! Gandi LiveDNS, by a personal access token (api.gandi.net/docs/livedns).

use crate::DnsError;
use crate::http::{Http, list_at, text_at};
use crate::provider::{Change, Entry, Records, Zone, longest, quoted};
use crate::schema::{Field, FieldKind, Kind};
use base::Secret;
use serde_json::{Value, json};

pub(super) const KIND: Kind = Kind {
    name: "gandi",
    label: "Gandi LiveDNS",
    fields: &[
        Field::required(
            "token",
            "Personal access token",
            FieldKind::Secret,
            "Organization, Sharing; with the right to manage domain name technical configurations.",
        ),
        Field::endpoint("https://api.gandi.net/v5/livedns"),
    ],
    one_value: false,
    note: "The domain must use LiveDNS.",
    build: |settings, means| {
        let bearer = Secret::new(format!("Bearer {}", settings.get("token")));
        Ok(Gandi { http: Http::new(settings, means), base: settings.url("endpoint"), bearer }.boxed())
    },
};

#[derive(Debug)]
struct Gandi {
    http: Http,
    base: String,
    bearer: Secret<String>,
}

impl Gandi {
    fn url(&self, zone: &Zone, record: &str) -> String {
        let name = match zone.within(record) {
            "" => "@",
            name => name,
        };
        format!("{}/domains/{}/records/{name}/TXT", self.base, zone.name)
    }
}

impl Records for Gandi {
    async fn zone(&self, record: &str) -> Result<Zone, DnsError> {
        let url = format!("{}/domains", self.base);
        let answer = self.http.get(&url, &[("authorization", self.bearer.expose())]).await?;
        let zone = |row| text_at(row, "/fqdn").map(|name| Zone::new("", &name));
        longest(record, list_at(&answer, "")?.iter().map(zone).collect::<Result<_, _>>()?)
    }

    async fn list(&self, zone: &Zone, record: &str) -> Result<Vec<Entry>, DnsError> {
        let headers = [("authorization", self.bearer.expose().as_str())];
        let reply = self.http.call("GET", &self.url(zone, record), &headers, "").await?;
        if reply.missing {
            return Ok(Vec::new());
        }
        let answer = reply.json()?;
        Ok(list_at(&answer, "/rrset_values")?.iter().filter_map(Value::as_str).map(Entry::of).collect())
    }

    async fn change(
        &self,
        zone: &Zone,
        record: &str,
        before: &[Entry],
        change: Change<'_>,
    ) -> Result<(), DnsError> {
        let values: Vec<String> = change.after(before).iter().map(|value| quoted(value)).collect();
        let url = self.url(zone, record);
        let headers = [("authorization", self.bearer.expose().as_str())];
        if values.is_empty() {
            self.http.call("DELETE", &url, &headers, "").await?;
        } else {
            let body = json!({"rrset_values": values, "rrset_ttl": 300});
            self.http.json("PUT", &url, &headers, &body).await?;
        }
        Ok(())
    }
}
