//! OVH, by signed requests (api.ovh.com; the signature is `$1$` and SHA-1 of secrets, request and time).

use crate::DnsError;
use crate::http::{Http, Reply, text_at};
use crate::provider::{Change, Entry, Records, Zone, longest, quoted};
use crate::schema::{Field, FieldKind, Kind, Settings};
use crate::text::{query, sha1};
use serde_json::{Value, json};

pub(super) const KIND: Kind = Kind {
    name: "ovh",
    label: "OVH",
    fields: &[
        Field::required(
            "application_key",
            "Application key",
            FieldKind::Text,
            "api.ovh.com/createToken, with GET, POST and DELETE on /domain/zone/*, and GET on /domain/zone.",
        ),
        Field::required(
            "application_secret",
            "Application secret",
            FieldKind::Secret,
            "Shown once with the application key.",
        ),
        Field::required(
            "consumer_key",
            "Consumer key",
            FieldKind::Secret,
            "Shown once with the application key.",
        ),
        Field::endpoint("https://eu.api.ovh.com/1.0"),
    ],
    one_value: false,
    note: "For accounts of Canada the API address is `https://ca.api.ovh.com/1.0`.",
    build: |settings, means| Ok(Ovh { http: Http::new(settings, means), settings: settings.clone() }.boxed()),
};

#[derive(Debug)]
struct Ovh {
    http: Http,
    settings: Settings,
}

/// The signature of one request.
pub(crate) fn signature(
    secret: &str,
    consumer: &str,
    method: &str,
    url: &str,
    body: &str,
    time: &str,
) -> String {
    format!("$1${}", sha1(&format!("{secret}+{consumer}+{method}+{url}+{body}+{time}")))
}

impl Ovh {
    async fn ask(&self, method: &str, path: &str, body: &str) -> Result<Reply, DnsError> {
        let base = self.settings.url("endpoint");
        // Theirs, so that a wrong clock here does no harm.
        let time = self.http.get(&format!("{base}/auth/time"), &[]).await?;
        let time = time.as_i64().ok_or_else(|| DnsError::malformed("its time is missing"))?.to_string();
        let url = format!("{base}{path}");
        let (secret, consumer) = (self.settings.get("application_secret"), self.settings.get("consumer_key"));
        let signature = signature(secret, consumer, method, &url, body, &time);
        let mut headers = vec![
            ("x-ovh-application", self.settings.get("application_key")),
            ("x-ovh-consumer", consumer),
            ("x-ovh-timestamp", &time),
            ("x-ovh-signature", &signature),
        ];
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        self.http.call(method, &url, &headers, body.to_owned()).await
    }

    async fn get(&self, path: &str) -> Result<Value, DnsError> {
        self.ask("GET", path, "").await?.json()
    }
}

impl Records for Ovh {
    async fn zone(&self, record: &str) -> Result<Zone, DnsError> {
        let answer = self.get("/domain/zone").await?;
        let names = answer.as_array().ok_or_else(|| DnsError::malformed("the list of zones is missing"))?;
        longest(record, names.iter().filter_map(Value::as_str).map(|name| Zone::new("", name)).collect())
    }

    async fn list(&self, zone: &Zone, record: &str) -> Result<Vec<Entry>, DnsError> {
        let query = query(&[("fieldType", "TXT"), ("subDomain", zone.within(record))]);
        let path = format!("/domain/zone/{}/record", zone.name);
        let answer = self.get(&format!("{path}?{query}")).await?;
        let ids = answer.as_array().ok_or_else(|| DnsError::malformed("the list of records is missing"))?;
        let mut entries = Vec::new();
        for id in ids.iter().filter_map(Value::as_u64) {
            let row = self.get(&format!("{path}/{id}")).await?;
            entries.push(Entry { id: id.to_string(), ..Entry::of(&text_at(&row, "/target")?) });
        }
        Ok(entries)
    }

    async fn change(
        &self,
        zone: &Zone,
        record: &str,
        _: &[Entry],
        change: Change<'_>,
    ) -> Result<(), DnsError> {
        let path = format!("/domain/zone/{}/record", zone.name);
        match change {
            Change::Add(value) => {
                let name = zone.within(record);
                let body = json!({"fieldType": "TXT", "subDomain": name, "target": quoted(value), "ttl": 60});
                self.ask("POST", &path, &body.to_string()).await?;
            }
            Change::Remove(entry) => {
                self.ask("DELETE", &format!("{path}/{}", entry.id), "").await?;
            }
        }
        // Nothing is served before this.
        self.ask("POST", &format!("/domain/zone/{}/refresh", zone.name), "").await?;
        Ok(())
    }
}
