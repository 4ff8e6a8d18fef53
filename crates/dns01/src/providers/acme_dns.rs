//! acme-dns: a small DNS server for challenges only, reached by CNAME delegation (github.com/joohoi/acme-dns).

use crate::http::{Http, text_at};
use crate::provider::{Handle, Provider, Wait, endpoint, plain};
use crate::schema::{Field, FieldKind, Kind};
use crate::{DnsError, schema::Settings};
use serde_json::json;

pub(super) const KIND: Kind = Kind {
    name: "acme-dns",
    label: "acme-dns",
    fields: &[
        Field::required("endpoint", "Server", FieldKind::Url, "The address of the acme-dns server's API."),
        Field::required("username", "User name", FieldKind::Text, "What its /register answered."),
        Field::required("password", "Password", FieldKind::Secret, "What its /register answered."),
        Field::required(
            "subdomain",
            "Subdomain",
            FieldKind::Text,
            "What its /register answered; one per domain.",
        ),
    ],
    one_value: false,
    note: "`_acme-challenge.NAME` must be a CNAME to the `fulldomain` of the registration. The server keeps the two newest values and forgets older ones by itself, so nothing is removed.",
    build: |settings, means| {
        let http = Http::new(settings, means);
        Ok(Box::new(AcmeDns { http, settings: settings.clone() }))
    },
};

#[derive(Debug)]
struct AcmeDns {
    http: Http,
    settings: Settings,
}

impl Provider for AcmeDns {
    fn present<'a>(&'a self, record: &'a str, value: &'a str) -> Wait<'a, Handle> {
        Box::pin(async move {
            // The server takes only texts of the length of a proof (43 characters of base64url).
            let proof = format!("{value:_<43.43}");
            let url = format!("{}/update", endpoint(&self.settings));
            let headers =
                [("x-api-user", self.settings.get("username")), ("x-api-key", self.settings.get("password"))];
            let body = json!({"subdomain": self.settings.get("subdomain"), "txt": proof});
            let reply = self.http.json("POST", &url, &headers, &body).await?;
            if reply.missing {
                return Err(DnsError::failed("there is no acme-dns at this address; it ends before /update"));
            }
            if text_at(&reply.json()?, "/txt")? != proof {
                return Err(DnsError::malformed("it does not confirm the value"));
            }
            Ok(Handle { record: plain(record), value: value.to_owned() })
        })
    }

    fn remove<'a>(&'a self, _: &'a Handle) -> Wait<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}
