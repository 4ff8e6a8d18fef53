//! `PUT /settings`.

use super::known::{DefaultSiteAction, LogFormat, Settings, TlsPolicy, UnknownName};
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::proxy_hosts::wait_until_applied;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::FieldError;
use serde::Deserialize;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use store::settings::NewSetting;
use utoipa::ToSchema;

/// Settings to change. What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsInput {
    /// The name that the UI shows.
    #[serde(default)]
    #[schema(nullable = false, min_length = 1, max_length = 60, example = "Charon")]
    app_name: Option<String>,
    /// What a request gets whose host is not known.
    #[serde(default, rename = "default_site.action")]
    #[schema(nullable = false)]
    default_site_action: Option<DefaultSiteAction>,
    /// Where `redirect` goes.
    #[serde(default, rename = "default_site.redirect_url")]
    #[schema(nullable = false, max_length = 1000, pattern = "URL", example = "https://example.com/")]
    default_site_redirect_url: Option<String>,
    /// Addresses and networks whose forwarded headers are believed.
    #[serde(default)]
    #[schema(nullable = false, max_items = 100, example = json!(["10.0.0.0/8"]))]
    trusted_proxies: Option<Vec<NetworkInput>>,
    /// More names under which the UI may be opened.
    #[serde(default, rename = "ui.allowed_hosts")]
    #[schema(nullable = false, max_items = 100, example = json!(["charon.example.com"]))]
    ui_allowed_hosts: Option<Vec<AllowedHostInput>>,
    /// Which clients are taken, where hosts do not say otherwise.
    #[serde(default, rename = "tls.policy")]
    #[schema(nullable = false)]
    tls_policy: Option<TlsPolicy>,
    /// What clients get that name nothing known.
    #[serde(default, rename = "tls.unknown_name")]
    #[schema(nullable = false)]
    tls_unknown_name: Option<UnknownName>,
    /// How many old access log files are kept.
    #[serde(default, rename = "log.retention_files")]
    #[schema(nullable = false, minimum = 1, maximum = 100, example = 5)]
    log_retention_files: Option<u32>,
    /// The form of a line of the access log.
    #[serde(default, rename = "log.format")]
    #[schema(nullable = false)]
    log_format: Option<LogFormat>,
    /// Which fields a JSON line of the access log has, beside `time`; empty for all.
    #[serde(default, rename = "log.fields")]
    #[schema(nullable = false, max_items = 40, example = json!([]))]
    log_fields: Option<Vec<LogFieldInput>>,
    /// One of so many requests that went well is logged, and each that did not.
    #[serde(default, rename = "log.sample")]
    #[schema(nullable = false, minimum = 1, maximum = 10000, example = 1)]
    log_sample: Option<u32>,
    /// Addresses and networks that may read the metrics without a token.
    #[serde(default, rename = "metrics.open_to")]
    #[schema(nullable = false, max_items = 100, example = json!([]))]
    metrics_open_to: Option<Vec<NetworkInput>>,
    /// Port of the proxy for plain HTTP; 0 for the one of the environment. Changes hold at once.
    #[serde(default, rename = "proxy.http_port")]
    #[schema(nullable = false, minimum = 0, maximum = 65535, example = 0)]
    proxy_http_port: Option<u16>,
    /// Port of the proxy for HTTPS; 0 for the one of the environment. Changes hold at once.
    #[serde(default, rename = "proxy.https_port")]
    #[schema(nullable = false, minimum = 0, maximum = 65535, example = 0)]
    proxy_https_port: Option<u16>,
    /// Serve HTTP/3 too, by UDP on the port of HTTPS. Whether it is served stands in the listeners of `GET /system/info`.
    #[serde(default, rename = "proxy.http3")]
    #[schema(nullable = false, example = false)]
    proxy_http3: Option<bool>,
    /// Take requests by safe methods before the handshake of an HTTP/3 client that comes back has ended (0-RTT). They are
    /// passed on with `Early-Data: 1` (RFC 8470). For new connections.
    #[serde(default, rename = "proxy.http3_early_data")]
    #[schema(nullable = false, example = false)]
    proxy_http3_early_data: Option<bool>,
}

impl Input for SettingsInput {}

/// An address or a network.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 2, max_length = 43, pattern = "NETWORK", example = "10.0.0.0/8")]
pub(crate) struct NetworkInput(String);

/// The name of a field of the access log.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 40, example = "status")]
pub(crate) struct LogFieldInput(String);

/// A name, or `*.` and a name.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 253, pattern = "DOMAIN", example = "charon.example.com")]
pub(crate) struct AllowedHostInput(String);

/// New ports that somebody else has: better said now than found out later.
fn ports_in_use(state: &State, before: &Settings, after: &Settings) -> Vec<FieldError> {
    let ours: Vec<u16> = state
        .engines
        .listeners()
        .iter()
        .filter(|listener| listener.purpose != "ui")
        .filter_map(|listener| listener.address.parse::<SocketAddr>().ok())
        .map(|address| address.port())
        .collect();
    let ports = [
        ("proxy.http_port", before.proxy_http_port, after.proxy_http_port),
        ("proxy.https_port", before.proxy_https_port, after.proxy_https_port),
    ];
    let fault = |(field, old, new): (&str, u16, u16)| {
        if new == old || new == 0 || ours.contains(&new) {
            return None;
        }
        let error = TcpListener::bind((Ipv4Addr::UNSPECIFIED, new)).err()?;
        let message = match error.kind() {
            ErrorKind::AddrInUse => {
                format!("another program has the port {new}; ask who with  ss -ltnp 'sport = :{new}'")
            }
            ErrorKind::PermissionDenied => {
                format!("this user may not take the port {new}; use one from 1024 up")
            }
            _ => format!("the port {new} cannot be taken: {error}"),
        };
        Some(FieldError::new(field, message))
    };
    ports.into_iter().filter_map(fault).collect()
}

/// Change settings
///
/// Answers when the change is served.
#[utoipa::path(
    put, path = "/settings", operation_id = "updateSettings", tag = "settings",
    extensions(("x-charon-role" = json!("admin"))), request_body = SettingsInput,
    responses((status = 200, description = "Every known key with its value now.", body = Settings))
)]
pub(crate) async fn update(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<SettingsInput>,
) -> Result<Json<Settings>> {
    let rows = store::settings::all(&state.store).await?;
    let before = Settings::from_rows(&rows);
    let mut after = before.clone();
    after.app_name = input.app_name.unwrap_or(after.app_name);
    after.default_site_action = input.default_site_action.unwrap_or(after.default_site_action);
    after.default_site_redirect_url =
        input.default_site_redirect_url.unwrap_or(after.default_site_redirect_url);
    if let Some(sent) = input.trusted_proxies {
        after.trusted_proxies = sent.into_iter().map(|entry| entry.0).collect();
    }
    if let Some(sent) = input.ui_allowed_hosts {
        after.ui_allowed_hosts = sent.into_iter().map(|entry| entry.0).collect();
    }
    after.tls_policy = input.tls_policy.unwrap_or(after.tls_policy);
    after.tls_unknown_name = input.tls_unknown_name.unwrap_or(after.tls_unknown_name);
    after.log_retention_files = input.log_retention_files.unwrap_or(after.log_retention_files);
    after.log_format = input.log_format.unwrap_or(after.log_format);
    if let Some(sent) = input.log_fields {
        after.log_fields = sent.into_iter().map(|entry| entry.0).collect();
    }
    after.log_sample = input.log_sample.unwrap_or(after.log_sample);
    if let Some(sent) = input.metrics_open_to {
        after.metrics_open_to = sent.into_iter().map(|entry| entry.0).collect();
    }
    after.proxy_http_port = input.proxy_http_port.unwrap_or(after.proxy_http_port);
    after.proxy_https_port = input.proxy_https_port.unwrap_or(after.proxy_https_port);
    after.proxy_http3 = input.proxy_http3.unwrap_or(after.proxy_http3);
    after.proxy_http3_early_data = input.proxy_http3_early_data.unwrap_or(after.proxy_http3_early_data);
    let mut errors = after.check();
    errors.extend(ports_in_use(&state, &before, &after));
    if !errors.is_empty() {
        return Err(Error::Validation(errors));
    }
    let old = before.texts();
    let changed: Vec<NewSetting> = after
        .texts()
        .into_iter()
        .filter(|(key, text)| old.get(key) != Some(text))
        .map(|(key, value)| NewSetting { key, value, ..NewSetting::default() })
        .collect();
    if changed.is_empty() {
        return Ok(Json(after));
    }
    let names: Vec<&str> = changed.iter().map(|setting| setting.key.as_str()).collect();
    let details = format!("Changed settings: {}", names.join(", "));
    let audit = facts.audit(&caller.actor(), "settings", "update", details);
    store::settings::set(&state.store, &changed, audit).await?;
    wait_until_applied(&state, "the settings are stored, but not in force").await?;
    Ok(Json(after))
}
