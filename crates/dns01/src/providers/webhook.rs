//! An address of one's own that writes the record.

use crate::DnsError;
use crate::http::Http;
use crate::provider::{Handle, Provider, Wait, plain};
use crate::schema::{Field, FieldKind, Kind};
use base::Secret;
use serde_json::json;

pub(super) const KIND: Kind = Kind {
    name: "webhook",
    label: "Webhook",
    fields: &[
        Field::required("endpoint", "Address", FieldKind::Url, "Takes the POST."),
        Field::optional("token", "Token", FieldKind::Secret, "", "Sent as Authorization: Bearer."),
    ],
    one_value: false,
    note: "Receives `{\"action\": \"present\" or \"remove\", \"record\": \"_acme-challenge.example.org\", \"value\": \"...\"}`. A status from 200 to 299 means that it is done, 401 and 403 that the token is refused, 429 with `Retry-After` to come back later. Other values at the same name must stay, and doing a thing twice must do no harm.",
    build: |settings, means| {
        let token = settings.get("token");
        let bearer = (!token.is_empty()).then(|| Secret::new(format!("Bearer {token}")));
        Ok(Box::new(Webhook {
            http: Http::new(settings, means),
            url: settings.get("endpoint").to_owned(),
            bearer,
        }))
    },
};

#[derive(Debug)]
struct Webhook {
    http: Http,
    url: String,
    bearer: Option<Secret<String>>,
}

impl Webhook {
    async fn send(&self, action: &str, record: &str, value: &str) -> Result<(), DnsError> {
        let headers: Vec<(&str, &str)> =
            self.bearer.iter().map(|bearer| ("authorization", bearer.expose().as_str())).collect();
        let body = json!({"action": action, "record": record, "value": value});
        let reply = self.http.json("POST", &self.url, &headers, &body).await?;
        if reply.missing {
            return Err(DnsError::failed("there is nothing at this address (404)"));
        }
        Ok(())
    }
}

impl Provider for Webhook {
    fn present<'a>(&'a self, record: &'a str, value: &'a str) -> Wait<'a, Handle> {
        Box::pin(async move {
            let record = plain(record);
            self.send("present", &record, value).await?;
            Ok(Handle { record, value: value.to_owned() })
        })
    }

    fn remove<'a>(&'a self, handle: &'a Handle) -> Wait<'a, ()> {
        Box::pin(self.send("remove", &handle.record, &handle.value))
    }
}
