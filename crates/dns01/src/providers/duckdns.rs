//! DuckDNS (duckdns.org/spec.jsp): one TXT value for a whole domain.

use crate::DnsError;
use crate::http::Http;
use crate::provider::{Handle, Provider, Wait, plain};
use crate::schema::{Field, FieldKind, Kind};
use crate::text::query;
use base::Secret;

pub(super) const KIND: Kind = Kind {
    name: "duckdns",
    label: "DuckDNS",
    fields: &[
        Field::required(
            "token",
            "Token",
            FieldKind::Secret,
            "At the top of duckdns.org when you are signed in.",
        ),
        Field::endpoint("https://www.duckdns.org"),
    ],
    one_value: true,
    note: "The name must end with `.duckdns.org`.",
    build: |settings, means| {
        let (base, token) = (settings.url("endpoint"), settings.secret("token"));
        Ok(Box::new(DuckDns { http: Http::new(settings, means), base, token }))
    },
};

#[derive(Debug)]
struct DuckDns {
    http: Http,
    base: String,
    token: Secret<String>,
}

impl DuckDns {
    async fn update(&self, record: &str, value: &str, clear: bool) -> Result<(), DnsError> {
        let record = plain(record);
        let domain = record.strip_suffix(".duckdns.org").and_then(|name| name.rsplit('.').next());
        let Some(domain) = domain.filter(|domain| !domain.starts_with('_')) else {
            return Err(DnsError::ZoneNotFound { name: record, seen: vec!["duckdns.org".to_owned()] });
        };
        let mut pairs = vec![("domains", domain), ("token", self.token.expose()), ("txt", value)];
        if clear {
            pairs.push(("clear", "true"));
        }
        let reply =
            self.http.call("GET", &format!("{}/update?{}", self.base, query(&pairs)), &[], "").await?;
        match reply.text().trim() {
            "OK" => Ok(()),
            "KO" => {
                Err(DnsError::Refused { reason: "the token or the domain is not known there".to_owned() })
            }
            _ => Err(DnsError::malformed("it is neither OK nor KO")),
        }
    }
}

impl Provider for DuckDns {
    fn present<'a>(&'a self, record: &'a str, value: &'a str) -> Wait<'a, Handle> {
        Box::pin(async move {
            self.update(record, value, false).await?;
            Ok(Handle { record: plain(record), value: value.to_owned() })
        })
    }

    fn remove<'a>(&'a self, handle: &'a Handle) -> Wait<'a, ()> {
        Box::pin(self.update(&handle.record, &handle.value, true))
    }
}
