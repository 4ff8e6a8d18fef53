//! No error holds a secret, whatever a provider says.

use super::{given, means, stand_in::StandIn};
use crate::{FieldKind, KINDS};
use aws_lc_rs::encoding::AsDer as _;
use base::SystemClock;
use std::sync::Arc;

/// A service account of Google whose tokens come from `url`; its private key is new.
pub(super) fn service_account(url: &str) -> String {
    let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = key.as_der().unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        crate::text::base64(der.as_ref())
    );
    serde_json::json!({"project_id": "p", "private_key": pem, "client_email": "a@p.example", "token_uri": format!("{url}/token")})
        .to_string()
}

#[tokio::test]
async fn a_provider_that_echoes_what_it_was_sent_gives_no_secret_away() {
    for status in [200, 400, 401, 403, 409, 429, 500] {
        let echo = StandIn::start(move |seen| {
            if seen.line.contains("/token") {
                return (200, r#"{"access_token": "canary-access-token"}"#.to_owned());
            }
            if seen.line.contains("/auth/time") {
                return (200, "1366560945".to_owned());
            }
            (status, format!("{} {} {}", seen.line, seen.headers, seen.body))
        });
        for kind in KINDS.iter().filter(|kind| !["exec", "rfc2136"].contains(&kind.name)) {
            let account = service_account(&echo.url);
            let typed: Vec<(&str, &str)> = kind
                .fields
                .iter()
                .map(|field| match (field.name, field.kind) {
                    ("service_account", _) => (field.name, account.as_str()),
                    ("client_ip", _) => (field.name, "192.0.2.1"),
                    (name, FieldKind::Secret) => (name, "canary+/ \"secret=="),
                    (name, FieldKind::Url) => (name, echo.url.as_str()),
                    (name, _) => (name, "plain"),
                })
                .collect();
            let provider = kind.build(&given(&typed), &means(Arc::new(SystemClock))).unwrap();
            let result = provider.present("_acme-challenge.home.duckdns.org", "value").await;
            if let Err(error) = result {
                let words = format!("{error} {error:?} {provider:?}");
                let private =
                    account.split("PRIVATE KEY-----\\n").nth(1).unwrap().split('\\').next().unwrap();
                for secret in ["canary", private, "AWS4-HMAC", "$1$"] {
                    assert!(!words.contains(secret), "{} at {status}: {words}", kind.name);
                }
                let expected = match status {
                    401 | 403 => words.contains("refuses the credentials") || words.contains("no token"),
                    429 => words.contains("try again in 7 s"),
                    _ => true,
                };
                assert!(expected, "{} at {status}: {words}", kind.name);
            } else {
                assert!(status == 200 && kind.name == "webhook", "{} takes {status} for success", kind.name);
            }
        }
    }
}
