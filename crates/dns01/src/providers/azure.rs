//! Azure DNS, by client credentials of Entra ID (learn.microsoft.com/rest/api/dns).

use crate::DnsError;
use crate::http::{Http, list_at, text_at};
use crate::provider::{Change, Entry, Records, Zone, longest};
use crate::schema::Settings;
use crate::schema::{Field, FieldKind, Kind};
use crate::text::query;
use base::Secret;
use serde_json::{Value, json};

const VERSION: &str = "api-version=2018-05-01";

pub(super) const KIND: Kind = Kind {
    name: "azure",
    label: "Azure DNS",
    fields: &[
        Field::required(
            "tenant",
            "Tenant",
            FieldKind::Text,
            "The directory (tenant) id of the app registration.",
        ),
        Field::required("client_id", "Client", FieldKind::Text, "The application (client) id."),
        Field::required(
            "client_secret",
            "Client secret",
            FieldKind::Secret,
            "A value, not the id, under Certificates & secrets.",
        ),
        Field::required(
            "subscription",
            "Subscription",
            FieldKind::Text,
            "The id of the subscription that holds the zones.",
        ),
        Field::endpoint("https://management.azure.com"),
        Field::optional(
            "login",
            "Login address",
            FieldKind::Url,
            "https://login.microsoftonline.com",
            "Another one for national clouds.",
        ),
    ],
    one_value: false,
    note: "The app registration needs the role DNS Zone Contributor for the zone.",
    build: |settings, means| {
        Ok(Azure { http: Http::new(settings, means), settings: settings.clone() }.boxed())
    },
};

#[derive(Debug)]
struct Azure {
    http: Http,
    settings: Settings,
}

impl Azure {
    async fn token(&self) -> Result<Secret<String>, DnsError> {
        let url = format!("{}/{}/oauth2/v2.0/token", self.settings.url("login"), self.settings.get("tenant"));
        let endpoint = self.settings.url("endpoint");
        let form = query(&[
            ("grant_type", "client_credentials"),
            ("client_id", self.settings.get("client_id")),
            ("client_secret", self.settings.get("client_secret")),
            ("scope", &format!("{endpoint}/.default")),
        ]);
        let form_type = [("content-type", "application/x-www-form-urlencoded")];
        let reply = match self.http.call("POST", &url, &form_type, form).await {
            // Entra ID answers 400 to what it does not know.
            Err(DnsError::Failed { reason }) if reason.starts_with("status 400") => {
                return Err(DnsError::Refused { reason });
            }
            reply => reply?,
        };
        if reply.missing {
            return Err(DnsError::Refused { reason: "there is no such tenant".to_owned() });
        }
        Ok(Secret::new(format!("Bearer {}", text_at(&reply.json()?, "/access_token")?)))
    }

    fn url(&self, zone: &Zone, record: &str) -> String {
        let name = match zone.within(record) {
            "" => "@",
            name => name,
        };
        format!("{}{}/TXT/{name}?{VERSION}", self.settings.url("endpoint"), zone.id)
    }
}

impl Records for Azure {
    async fn zone(&self, record: &str) -> Result<Zone, DnsError> {
        let token = self.token().await?;
        let endpoint = self.settings.url("endpoint");
        let subscription = self.settings.get("subscription");
        let mut zones = Vec::new();
        let mut next = Some(format!(
            "{endpoint}/subscriptions/{subscription}/providers/Microsoft.Network/dnszones?{VERSION}"
        ));
        while let Some(url) = next.take() {
            let answer = self.http.get(&url, &[("authorization", token.expose())]).await?;
            for zone in list_at(&answer, "/value")? {
                zones.push(Zone::new(text_at(zone, "/id")?, &text_at(zone, "/name")?));
            }
            // The token goes nowhere but to where the person said.
            next = text_at(&answer, "/nextLink").ok().filter(|url| url.starts_with(&format!("{endpoint}/")));
        }
        longest(record, zones)
    }

    async fn list(&self, zone: &Zone, record: &str) -> Result<Vec<Entry>, DnsError> {
        let token = self.token().await?;
        let reply =
            self.http.call("GET", &self.url(zone, record), &[("authorization", token.expose())], "").await?;
        if reply.missing {
            return Ok(Vec::new());
        }
        let answer = reply.json()?;
        let etag = text_at(&answer, "/etag").unwrap_or_default();
        let records = list_at(&answer, "/properties/TXTRecords")?;
        let value = |record: &Value| {
            let pieces = record["value"].as_array().cloned().unwrap_or_default();
            pieces.iter().filter_map(Value::as_str).collect::<String>()
        };
        Ok(records.iter().map(|record| Entry { id: etag.clone(), value: value(record) }).collect())
    }

    async fn change(
        &self,
        zone: &Zone,
        record: &str,
        before: &[Entry],
        change: Change<'_>,
    ) -> Result<(), DnsError> {
        let token = self.token().await?;
        let mut headers = vec![("authorization", token.expose().as_str())];
        // Nothing that somebody else wrote in between is lost.
        match before.first() {
            Some(entry) if !entry.id.is_empty() => headers.push(("if-match", entry.id.as_str())),
            Some(_) => {}
            None => headers.push(("if-none-match", "*")),
        }
        let url = self.url(zone, record);
        let values = change.after(before);
        if values.is_empty() {
            self.http.call("DELETE", &url, &headers, "").await?;
            return Ok(());
        }
        let records: Vec<Value> = values.iter().map(|value| json!({"value": [value]})).collect();
        let body = json!({"properties": {"TTL": 60, "TXTRecords": records}});
        self.http.json("PUT", &url, &headers, &body).await?;
        Ok(())
    }
}
