//! `PUT /security/enforcement`.

use super::enforcement::{Enforcement, UnknownTypes, WhenStale};
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::FieldError;
use serde::Deserialize;
use std::path::Path;
use store::security_enforcement as stored;
use utoipa::ToSchema;

/// What is to change. What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EnforcementInput {
    #[serde(default)]
    #[schema(nullable = false)]
    unknown_types: Option<UnknownTypes>,
    #[serde(default)]
    #[schema(nullable = false)]
    when_stale: Option<WhenStale>,
    /// How long a solved challenge holds for a client on a host, in minutes.
    #[serde(default)]
    #[schema(nullable = false, minimum = 1, maximum = 1440, example = 60)]
    captcha_grace_minutes: Option<u32>,
    /// Files on Charon's machine, in MaxMind's format, that tell countries and autonomous systems by address.
    #[serde(default)]
    #[schema(nullable = false, max_items = 4, example = json!([]))]
    geo_databases: Option<Vec<PathInput>>,
}

/// The absolute path of a file.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(
    min_length = 2,
    max_length = 500,
    pattern = "^/[ -~]+$",
    example = "/var/lib/GeoIP/GeoLite2-Country.mmdb"
)]
struct PathInput(String);

impl Input for EnforcementInput {}

/// Change how decisions are enforced
///
/// It holds for the next requests. Databases are read within seconds; ask for the state to see how that went.
#[utoipa::path(
    put, path = "/security/enforcement", operation_id = "updateEnforcement", tag = "security",
    extensions(("x-charon-role" = json!("admin"))), request_body = EnforcementInput,
    responses((status = 200, description = "It is stored; this is how it stands now.", body = Enforcement))
)]
pub(super) async fn update(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<EnforcementInput>,
) -> Result<Json<Enforcement>> {
    let before = stored::get(&state.store).await?;
    let mut after = before.clone();
    match input.unknown_types {
        Some(UnknownTypes::Ban) => after.unknown_types = stored::UnknownTypes::Ban,
        Some(UnknownTypes::Captcha) => after.unknown_types = stored::UnknownTypes::Captcha,
        Some(UnknownTypes::Ignore) => after.unknown_types = stored::UnknownTypes::Ignore,
        None => {}
    }
    match input.when_stale {
        Some(WhenStale::Keep) => after.when_stale = stored::WhenStale::Keep,
        Some(WhenStale::Drop) => after.when_stale = stored::WhenStale::Drop,
        None => {}
    }
    if let Some(minutes) = input.captcha_grace_minutes {
        after.captcha_grace_minutes = minutes;
    }
    if let Some(paths) = input.geo_databases {
        after.geo_databases = paths.into_iter().map(|path| path.0).collect();
        let wrong = after.geo_databases.iter().enumerate().filter_map(|(at, path)| {
            let found = Path::new(path).is_file();
            let message = format!("there is no file {path} on the machine of Charon that it may see");
            (!found).then(|| FieldError::new(format!("geo_databases[{at}]"), message))
        });
        let wrong: Vec<_> = wrong.collect();
        if !wrong.is_empty() {
            return Err(Error::Validation(wrong));
        }
    }
    if after != before {
        let audit = facts.audit(&caller.actor(), "security", "update", "Changed how decisions are enforced");
        stored::set(&state.store, &after, audit).await?;
    }
    Ok(Json(super::enforcement::shown(after, &state)))
}
