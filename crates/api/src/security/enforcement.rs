//! `GET /security/enforcement`.

use crate::access::Viewer;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::Timestamp;
use serde::{Deserialize, Serialize};
use store::security_enforcement as stored;
use utoipa::ToSchema;

/// What becomes of clients of decisions of unknown types: they are banned, have to solve a challenge, or are served.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum UnknownTypes {
    Ban,
    Captcha,
    Ignore,
}

/// What holds while LAPI has not answered for a minute: the last decisions, each until its own end, or none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum WhenStale {
    Keep,
    Drop,
}

/// How decisions are enforced.
#[derive(Serialize, ToSchema)]
pub(super) struct Enforcement {
    unknown_types: UnknownTypes,
    when_stale: WhenStale,
    /// How long a solved challenge holds for a client on a host, in minutes.
    captcha_grace_minutes: u32,
    /// Files on Charon's machine, in MaxMind's format, that tell countries and autonomous systems by address.
    geo_databases: Vec<String>,
    #[serde(flatten)]
    state: EnforcementState,
}

/// What is the case with it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct EnforcementState {
    /// Since when the databases in use are loaded; null while none is.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub geo_loaded_at: Option<Timestamp>,
    /// Why the named files cannot be used; null when they can, or none is named.
    pub geo_error: Option<String>,
    /// Decisions about countries are enforced.
    pub knows_countries: bool,
    /// Decisions about autonomous systems are enforced.
    pub knows_systems: bool,
    /// LAPI has not answered for too long, and no decision is enforced, as was set for this case.
    pub decisions_dropped: bool,
}

/// How decisions are enforced: what is set, and what is the case
#[utoipa::path(
    get, path = "/security/enforcement", operation_id = "getEnforcement", tag = "security",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "How it stands.", body = Enforcement))
)]
pub(super) async fn get(Ax(state): Ax<State>, _: Viewer) -> Result<Json<Enforcement>> {
    let set = stored::get(&state.store).await?;
    Ok(Json(shown(set, &state)))
}

pub(super) fn shown(set: stored::Enforcement, state: &State) -> Enforcement {
    Enforcement {
        unknown_types: match set.unknown_types {
            stored::UnknownTypes::Ban => UnknownTypes::Ban,
            stored::UnknownTypes::Captcha => UnknownTypes::Captcha,
            stored::UnknownTypes::Ignore => UnknownTypes::Ignore,
        },
        when_stale: match set.when_stale {
            stored::WhenStale::Keep => WhenStale::Keep,
            stored::WhenStale::Drop => WhenStale::Drop,
        },
        captcha_grace_minutes: set.captcha_grace_minutes,
        geo_databases: set.geo_databases,
        state: state.engines.enforcement(),
    }
}
