//! `charon reset-password EMAIL [PASSWORD]`

use crate::boot::Settings;
use crate::{offline, out};
use anyhow::bail;
use serde_json::json;
use std::process::ExitCode;

pub(super) async fn run(
    settings: &Settings,
    as_json: bool,
    email: &str,
    password: Option<String>,
) -> anyhow::Result<ExitCode> {
    let session = offline::session(settings).await?;
    let users = session.api.call("GET", "/api/v1/users", None).await?;
    let known = |user: &&serde_json::Value| {
        user["email"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(email))
    };
    let Some(user) = users.as_array().into_iter().flatten().find(known) else {
        bail!("there is no account with the address {email}");
    };
    let uuid = user["uuid"].as_str().unwrap_or_default();
    let made = password.is_none();
    let password = password.unwrap_or_else(base::random::hex_token::<10>);
    let body = json!({ "password": password });
    session.api.call("POST", &format!("/api/v1/users/{uuid}/password"), Some(&body)).await?;
    session.api.call("POST", &format!("/api/v1/users/{uuid}/unlock"), None).await?;
    if as_json {
        out::json(&json!({ "email": user["email"], "password": made.then_some(password) }));
        return Ok(ExitCode::SUCCESS);
    }
    if made {
        out::text(format!("New password of {email}: {password}"));
    }
    out::text(format!(
        "The password of {email} is changed, the account is unlocked, and its sessions are ended."
    ));
    if user["enabled"] == false {
        out::text("The account is disabled; an administrator can enable it in the user interface.");
    }
    Ok(ExitCode::SUCCESS)
}
