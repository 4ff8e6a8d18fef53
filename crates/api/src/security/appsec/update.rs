//! `PUT /security/appsec`.

use super::view::{AppSec, AppSecOnFailure, AppSecOnLargeBody};
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::Uri;
use base::{FieldError, Secret};
use serde::Deserialize;
use store::crowdsec_appsec as stored;
use utoipa::ToSchema;

/// What is to change. What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AppSecInput {
    /// Requests are to be judged by it.
    #[serde(default)]
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// Its address, by plain HTTP, with its port and perhaps a path.
    #[serde(default)]
    #[schema(
        nullable = false,
        min_length = 8,
        max_length = 500,
        pattern = "LAPI_URL",
        example = "http://127.0.0.1:7422"
    )]
    url: Option<String>,
    /// The key of a bouncer, as `cscli bouncers add charon-appsec` prints it; an empty text takes it away.
    #[serde(default)]
    #[schema(nullable = false, max_length = 500, pattern = "HEADER_VALUE", write_only, example = "")]
    api_key: Option<String>,
    /// The longest that a request waits for it, in milliseconds.
    #[serde(default)]
    #[schema(nullable = false, minimum = 10, maximum = 5000, example = 200)]
    limit_ms: Option<u32>,
    /// The longest body that it is sent, in bytes.
    #[serde(default)]
    #[schema(nullable = false, minimum = 0, maximum = 1048576, example = 65536)]
    largest_body: Option<u32>,
    #[serde(default)]
    #[schema(nullable = false)]
    on_failure: Option<AppSecOnFailure>,
    #[serde(default)]
    #[schema(nullable = false)]
    on_large_body: Option<AppSecOnLargeBody>,
    /// Hosts that it is not asked about, by uuid.
    #[serde(default)]
    #[schema(nullable = false, max_items = 1000, example = json!([]))]
    exempt_hosts: Option<Vec<ExemptHost>>,
}

/// The uuid of a host.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 36, max_length = 36, format = "uuid")]
struct ExemptHost(String);

impl Input for AppSecInput {}

/// Change how AppSec judges requests
///
/// It holds for the next requests, within seconds where a name has to be looked up. A stored key goes to no other
/// address: with a new one it has to be entered again.
#[utoipa::path(
    put, path = "/security/appsec", operation_id = "updateAppSec", tag = "security",
    extensions(("x-charon-role" = json!("admin"))), request_body = AppSecInput,
    responses((status = 200, description = "It is stored; this is how it stands now.", body = AppSec))
)]
pub(super) async fn update(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<AppSecInput>,
) -> Result<Json<AppSec>> {
    let before = stored::get(&state.store).await?;
    let after = over(&before, input)?;
    if after != before {
        let audit = facts.audit(&caller.actor(), "security", "update", "Changed how AppSec judges requests");
        stored::set(&state.store, &after, audit).await?;
    }
    super::now(&state).await.map(Json)
}

fn over(before: &stored::AppSec, input: AppSecInput) -> Result<stored::AppSec> {
    let mut errors = Vec::new();
    let mut add = |field: &str, message: &str| errors.push(FieldError::new(field, message));
    let mut plain = before.plain.clone();
    match input.url.as_deref().map(address) {
        Some(Ok(url)) => plain.url = url,
        Some(Err(message)) => add("url", message),
        None => {}
    }
    let key = match input.api_key {
        Some(key) => Secret::new(key.trim().to_owned()),
        None if plain.url != before.plain.url && !before.key.expose().is_empty() => {
            add("api_key", "enter the key again: the one that is stored belongs to another address");
            Secret::default()
        }
        None => before.key.clone(),
    };
    if !key.expose().bytes().all(|byte| (b'!'..=b'~').contains(&byte)) {
        add("api_key", "it has characters that no key of CrowdSec has; copy it anew");
    }
    plain.enabled = input.enabled.unwrap_or(plain.enabled);
    plain.limit_ms = input.limit_ms.unwrap_or(plain.limit_ms);
    plain.largest_body = input.largest_body.unwrap_or(plain.largest_body);
    match input.on_failure {
        Some(AppSecOnFailure::Pass) => plain.on_failure = stored::OnFailure::Pass,
        Some(AppSecOnFailure::Refuse) => plain.on_failure = stored::OnFailure::Refuse,
        None => {}
    }
    match input.on_large_body {
        Some(AppSecOnLargeBody::HeadOnly) => plain.on_large_body = stored::OnLargeBody::HeadOnly,
        Some(AppSecOnLargeBody::Refuse) => plain.on_large_body = stored::OnLargeBody::Refuse,
        None => {}
    }
    if let Some(hosts) = input.exempt_hosts {
        for (at, host) in hosts.iter().enumerate().filter(|(_, host)| !is_uuid(&host.0)) {
            let message = format!("'{}' is no uuid of a host; GET /proxy-hosts shows them", host.0);
            add(&format!("exempt_hosts.{at}"), &message);
        }
        plain.exempt_hosts = hosts.into_iter().map(|host| host.0).collect();
    }
    if plain.enabled && plain.url.is_empty() {
        add("url", "write where AppSec listens, such as http://127.0.0.1:7422");
    }
    if plain.enabled && key.expose().is_empty() {
        add("api_key", "enter the key that `cscli bouncers add charon-appsec` prints");
    }
    if errors.is_empty() { Ok(stored::AppSec { plain, key }) } else { Err(Error::Validation(errors)) }
}

fn address(text: &str) -> std::result::Result<String, &'static str> {
    const FORM: &str = "write it like http://127.0.0.1:7422, by plain HTTP and with the port";
    let text = text.trim();
    let uri: Uri = text.parse().map_err(|_| FORM)?;
    let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    if uri.scheme_str() != Some("http")
        || authority.contains('@')
        || uri.host().is_none_or(str::is_empty)
        || uri.port_u16().is_none_or(|port| port == 0)
    {
        return Err(FORM);
    }
    if uri.query().is_some() || text.contains('#') {
        return Err("leave out what stands behind '?' or '#'");
    }
    Ok(text.to_owned())
}

/// Written as a uuid (RFC 9562, section 4).
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_wrong_is_named_by_its_field() {
        let empty = stored::AppSec::default();
        let stored = stored::AppSec {
            plain: stored::Plain { url: "http://a:7422".to_owned(), ..stored::Plain::default() },
            key: Secret::new("k".to_owned()),
        };
        let fields =
            |input: serde_json::Value, before| match over(before, serde_json::from_value(input).unwrap()) {
                Ok(_) => Vec::new(),
                Err(Error::Validation(errors)) => errors.into_iter().map(|error| error.field).collect(),
                Err(other) => panic!("{other}"),
            };
        for (input, before, expected) in [
            (serde_json::json!({}), &empty, vec![]),
            (serde_json::json!({ "enabled": true }), &empty, vec!["url", "api_key"]),
            (
                serde_json::json!({ "enabled": true, "url": "http://a:7422/x", "api_key": "k" }),
                &empty,
                vec![],
            ),
            (serde_json::json!({ "url": "https://a:7422" }), &empty, vec!["url"]),
            (serde_json::json!({ "url": "http://a" }), &empty, vec!["url"]),
            (serde_json::json!({ "url": "http://b:7422" }), &stored, vec!["api_key"]),
            (serde_json::json!({ "enabled": true }), &stored, vec![]),
            (serde_json::json!({ "api_key": "two words" }), &stored, vec!["api_key"]),
        ] {
            assert_eq!(fields(input.clone(), before), expected, "{input}");
        }
    }
}
