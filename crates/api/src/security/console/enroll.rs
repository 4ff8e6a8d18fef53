//! `POST /security/crowdsec/console`.

use super::{Console, ConsoleState};
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::StatusCode;
use base::Secret;
use serde::Deserialize;
use std::time::Duration;
use store::crowdsec_console_enrollments as rows;
use utoipa::ToSchema;

/// An enrolment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsoleInput {
    /// The enrolment key of your console, or the whole command that app.crowdsec.net shows. Null: the key that is kept
    /// since the last attempt failed.
    #[serde(default)]
    #[schema(max_length = 300, pattern = "CONSOLE_KEY", example = "clx0123456789abcdef")]
    key: Option<String>,
    /// Name of this machine in the console.
    #[schema(min_length = 1, max_length = 64, pattern = "NAME_OF_HOST", example = "home")]
    name: String,
    /// In the place of an earlier enrolment, also in another console.
    #[serde(default)]
    overwrite: bool,
}

impl Input for ConsoleInput {}

/// How long an answer waits for the attempt; short of the time that a request has.
const PATIENCE: Duration = Duration::from_secs(15);

/// Enrol this machine in the console of crowdsec.net
///
/// CrowdSec has to run. The machine gets an account at crowdsec.net if it has none, and from then on its agent sends
/// signals there and gets the shared blocklist. The key is kept encrypted until an attempt goes well, and never shown.
#[utoipa::path(
    post, path = "/security/crowdsec/console", operation_id = "enrollCrowdSec", tag = "security",
    extensions(("x-charon-role" = json!("admin"))), request_body = ConsoleInput,
    responses((status = 200, description = "The attempt has ended; the state says how.", body = Console),
              (status = 202, description = "It is under way; ask again.", body = Console),
              (status = 409, description = "Another attempt is under way, or no key is kept (`conflict`)."))
)]
pub(crate) async fn enroll(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<ConsoleInput>,
) -> Result<(StatusCode, Json<Console>)> {
    crate::security::local_only(&state).await?;
    let key = input.key.as_deref().map(key_of).transpose()?;
    let name = input.name.trim();
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if name.is_empty() || name.starts_with('-') || !plain {
        return Err(Error::field(
            "name",
            "use letters, digits, '.', '_' and '-', and begin with a letter or a digit",
        ));
    }
    let deed = format!("Asked for an enrolment of this machine as {name} in CrowdSec's console");
    let audit = facts.audit(&caller.actor(), "crowdsec", "enroll", deed);
    rows::request(&state.store, key.as_ref(), name, input.overwrite, audit).await?;
    let end = state.clock.monotonic() + PATIENCE;
    loop {
        let shown = super::now(&state).await?;
        if shown.state != ConsoleState::Registering {
            return Ok((StatusCode::OK, Json(shown)));
        }
        if state.clock.monotonic() >= end {
            return Ok((StatusCode::ACCEPTED, Json(shown)));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The key, also out of the whole command.
fn key_of(text: &str) -> Result<Secret<String>> {
    let text = text.trim();
    let command = text.strip_prefix("sudo ").unwrap_or(text).starts_with("cscli console enroll ");
    let key = if command { text.rsplit(' ').next().unwrap_or_default() } else { text };
    if (10..=64).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(Secret::new(key.to_owned()));
    }
    Err(Error::field(
        "key",
        "this is no enrolment key: those have 10 to 64 letters and digits; copy it from app.crowdsec.net",
    ))
}
