//! deSEC (desec.readthedocs.io).

use crate::DnsError;
use crate::http::{Http, list_at, text_at};
use crate::provider::{Change, Entry, Records, Zone, longest, quoted};
use crate::schema::{Field, FieldKind, Kind};
use base::Secret;
use serde_json::{Value, json};

pub(super) const KIND: Kind = Kind {
    name: "desec",
    label: "deSEC",
    fields: &[
        Field::required(
            "token",
            "Token",
            FieldKind::Secret,
            "Token Management in the web interface of deSEC.",
        ),
        Field::endpoint("https://desec.io/api/v1"),
    ],
    one_value: false,
    note: "deSEC keeps records for an hour at least, so a failed proof may be seen for that long.",
    build: |settings, means| {
        let token = Secret::new(format!("Token {}", settings.get("token")));
        Ok(Desec { http: Http::new(settings, means), base: settings.url("endpoint"), token }.boxed())
    },
};

#[derive(Debug)]
struct Desec {
    http: Http,
    base: String,
    token: Secret<String>,
}

impl Records for Desec {
    async fn zone(&self, record: &str) -> Result<Zone, DnsError> {
        let answer = self
            .http
            .get(&format!("{}/domains/", self.base), &[("authorization", self.token.expose())])
            .await?;
        let zone = |row| text_at(row, "/name").map(|name| Zone::new("", &name));
        longest(record, list_at(&answer, "")?.iter().map(zone).collect::<Result<_, _>>()?)
    }

    async fn list(&self, zone: &Zone, record: &str) -> Result<Vec<Entry>, DnsError> {
        let name = match zone.within(record) {
            "" => "@",
            name => name,
        };
        let url = format!("{}/domains/{}/rrsets/{name}/TXT/", self.base, zone.name);
        let reply = self.http.call("GET", &url, &[("authorization", self.token.expose())], "").await?;
        if reply.missing {
            return Ok(Vec::new());
        }
        let answer = reply.json()?;
        Ok(list_at(&answer, "/records")?.iter().filter_map(Value::as_str).map(Entry::of).collect())
    }

    async fn change(
        &self,
        zone: &Zone,
        record: &str,
        before: &[Entry],
        change: Change<'_>,
    ) -> Result<(), DnsError> {
        let records: Vec<String> = change.after(before).iter().map(|value| quoted(value)).collect();
        let set = json!([{"subname": zone.within(record), "type": "TXT", "ttl": 3600, "records": records}]);
        let url = format!("{}/domains/{}/rrsets/", self.base, zone.name);
        self.http.json("PATCH", &url, &[("authorization", self.token.expose())], &set).await?;
        Ok(())
    }
}
