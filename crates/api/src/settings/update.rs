//! `PUT /settings`.

use super::known::{DefaultSiteAction, Settings};
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::proxy_hosts::wait_until_applied;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use serde::Deserialize;
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
    /// How many old access log files are kept.
    #[serde(default, rename = "log.retention_files")]
    #[schema(nullable = false, minimum = 1, maximum = 100, example = 5)]
    log_retention_files: Option<u32>,
}

impl Input for SettingsInput {}

/// An address or a network.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 2, max_length = 43, pattern = "NETWORK", example = "10.0.0.0/8")]
pub(crate) struct NetworkInput(String);

/// A name, or `*.` and a name.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 253, pattern = "DOMAIN", example = "charon.example.com")]
pub(crate) struct AllowedHostInput(String);

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
    after.log_retention_files = input.log_retention_files.unwrap_or(after.log_retention_files);
    let errors = after.check();
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
