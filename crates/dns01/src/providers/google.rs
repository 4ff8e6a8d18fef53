//! Google Cloud DNS, by a service account (cloud.google.com/dns/docs/reference/rest/v1; RFC 7523 for the token).

use crate::DnsError;
use crate::http::{Http, list_at, text_at};
use crate::provider::{Change, Entry, Records, Zone, longest, quoted};
use crate::schema::{Field, FieldError, FieldKind, Kind};
use crate::text::{base64_url, from_base64, query};
use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use base::Secret;
use serde_json::{Value, json};

const SCOPE: &str = "https://www.googleapis.com/auth/ndev.clouddns.readwrite";

pub(super) const KIND: Kind = Kind {
    name: "google",
    label: "Google Cloud DNS",
    fields: &[
        Field::required(
            "service_account",
            "Service account key",
            FieldKind::Secret,
            "The whole JSON file of a key: IAM, Service accounts, Keys.",
        ),
        Field::optional(
            "project",
            "Project",
            FieldKind::Text,
            "",
            "The id of the project that holds the zones, when it is not that of the key.",
        ),
        Field::endpoint("https://dns.googleapis.com/dns/v1"),
    ],
    one_value: false,
    note: "The service account needs the role DNS Administrator. Private zones are not looked at.",
    build: |settings, means| {
        let wrong =
            |reason: &str| FieldError { field: "service_account".to_owned(), reason: reason.to_owned() };
        let account: Value = serde_json::from_str(settings.get("service_account"))
            .map_err(|_| wrong("is not JSON; paste the whole file of the key"))?;
        let text = |name: &str| {
            let text = account[name].as_str().map(str::to_owned);
            text.ok_or_else(|| {
                wrong(&format!("lacks {name}; paste the whole file of a service account's key"))
            })
        };
        let pem = text("private_key")?;
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let key = from_base64(&body).and_then(|der| KeyPair::from_pkcs8(&der).ok());
        let key =
            key.ok_or_else(|| wrong("holds a private_key that is not RSA in PKCS #8; make a new key"))?;
        let project = match settings.get("project") {
            "" => text("project_id")?,
            project => project.to_owned(),
        };
        let (email, token_uri) = (text("client_email")?, text("token_uri")?);
        let mut http = Http::new(settings, means);
        http.hide(Secret::new(pem));
        http.hide(Secret::new(body));
        Ok(Google {
            http,
            base: format!("{}/projects/{project}", settings.url("endpoint")),
            key: Key(key),
            email,
            token_uri,
        }
        .boxed())
    },
};

struct Key(KeyPair);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

#[derive(Debug)]
struct Google {
    http: Http,
    base: String,
    key: Key,
    email: String,
    token_uri: String,
}

impl Google {
    async fn bearer(&self) -> Result<Secret<String>, DnsError> {
        let now = self.http.clock.now().millis() / 1000;
        let head = json!({"alg": "RS256", "typ": "JWT"}).to_string();
        let claims =
            json!({"iss": self.email, "scope": SCOPE, "aud": self.token_uri, "iat": now, "exp": now + 600})
                .to_string();
        let signed = format!("{}.{}", base64_url(head.as_bytes()), base64_url(claims.as_bytes()));
        let mut signature = vec![0; self.key.0.public_modulus_len()];
        self.key
            .0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| DnsError::failed("the service account's key does not sign"))?;
        let assertion = format!("{signed}.{}", base64_url(&signature));
        let form = query(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", &assertion),
        ]);
        let form_type = [("content-type", "application/x-www-form-urlencoded")];
        let reply = match self.http.call("POST", &self.token_uri, &form_type, form).await {
            Err(DnsError::Refused { .. } | DnsError::Failed { .. }) => {
                let reason =
                    "no token for the service account; is its key deleted, or this machine's clock wrong?";
                return Err(DnsError::Refused { reason: reason.to_owned() });
            }
            reply => reply?,
        };
        Ok(Secret::new(format!("Bearer {}", text_at(&reply.json()?, "/access_token")?)))
    }

    async fn sets(&self, zone: &Zone, record: &str) -> Result<Vec<Value>, DnsError> {
        let bearer = self.bearer().await?;
        let query = query(&[("name", &format!("{record}.")), ("type", "TXT")]);
        let url = format!("{}/managedZones/{}/rrsets?{query}", self.base, zone.id);
        let answer = self.http.get(&url, &[("authorization", bearer.expose())]).await?;
        Ok(answer["rrsets"].as_array().cloned().unwrap_or_default())
    }
}

impl Records for Google {
    async fn zone(&self, record: &str) -> Result<Zone, DnsError> {
        let bearer = self.bearer().await?;
        let mut zones = Vec::new();
        let mut page = String::new();
        loop {
            let url = format!("{}/managedZones?{}", self.base, query(&[("pageToken", &page)]));
            let answer = self.http.get(&url, &[("authorization", bearer.expose())]).await?;
            for zone in answer["managedZones"].as_array().into_iter().flatten() {
                if zone["visibility"] != "private" {
                    zones.push(Zone::new(text_at(zone, "/name")?, &text_at(zone, "/dnsName")?));
                }
            }
            match text_at(&answer, "/nextPageToken") {
                Ok(next) if next != page => page = next,
                _ => break,
            }
        }
        longest(record, zones)
    }

    async fn list(&self, zone: &Zone, record: &str) -> Result<Vec<Entry>, DnsError> {
        let mut entries = Vec::new();
        for set in self.sets(zone, record).await? {
            entries.extend(list_at(&set, "/rrdatas")?.iter().filter_map(Value::as_str).map(Entry::of));
        }
        Ok(entries)
    }

    async fn change(
        &self,
        zone: &Zone,
        record: &str,
        before: &[Entry],
        change: Change<'_>,
    ) -> Result<(), DnsError> {
        // The set to be replaced must be named as it is; else the answer is 412 and nothing is lost.
        let deletions = self.sets(zone, record).await?;
        let values: Vec<String> = change.after(before).iter().map(|value| quoted(value)).collect();
        let mut body = json!({"deletions": deletions});
        if !values.is_empty() {
            body["additions"] =
                json!([{"name": format!("{record}."), "type": "TXT", "ttl": 60, "rrdatas": values}]);
        }
        let bearer = self.bearer().await?;
        let url = format!("{}/managedZones/{}/changes", self.base, zone.id);
        self.http.json("POST", &url, &[("authorization", bearer.expose())], &body).await?;
        Ok(())
    }
}
