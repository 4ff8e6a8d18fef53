//! `/security/never-banned`: addresses and networks that nobody bans, with a note and an end.

use crate::access::{Admin, Viewer};
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::StatusCode;
use base::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::never_banned as stored;
use utoipa::ToSchema;

/// An address or a network that is never banned, by nobody.
#[derive(Serialize, ToSchema)]
pub(super) struct NeverBanned {
    /// The address or network.
    value: String,
    /// Why; may be empty.
    note: String,
    /// Who wrote it; empty when nobody knows, as for entries of earlier versions.
    by: String,
    /// Since when; null when nobody knows.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Until when; null for ever.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// An entry that is to be written.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NeverBannedEntry {
    /// An address or a network.
    #[schema(min_length = 2, max_length = 43, pattern = "NETWORK", example = "192.168.0.0/16")]
    value: String,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 200, default = "", example = "the office")]
    note: String,
    /// For how many hours from now on; null for ever.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 87600, example = 24)]
    hours: Option<u32>,
}

/// Which entry is to end.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NeverBannedEnd {
    /// The address or network, exactly as it stands in the list.
    #[schema(min_length = 2, max_length = 43, pattern = "NETWORK", example = "192.168.0.0/16")]
    value: String,
}

impl Input for NeverBannedEntry {}
impl Input for NeverBannedEnd {}

/// Entries at most.
const MOST: usize = 100;

/// Who is never banned, why, and until when
#[utoipa::path(
    get, path = "/security/never-banned", operation_id = "listNeverBanned", tag = "security",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "All entries that are not over.", body = Vec<NeverBanned>))
)]
pub(super) async fn list(Ax(state): Ax<State>, _: Viewer) -> Result<Json<Vec<NeverBanned>>> {
    Ok(Json(stored::list(&state.store).await?.into_iter().map(shown).collect()))
}

/// Never ban an address or a network
///
/// In the place of an entry about the same. It holds within seconds, and ends by itself.
#[utoipa::path(
    post, path = "/security/never-banned", operation_id = "addNeverBanned", tag = "security",
    extensions(("x-charon-role" = json!("admin"))), request_body = NeverBannedEntry,
    responses((status = 201, description = "It is stored.", body = NeverBanned))
)]
pub(super) async fn add(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<NeverBannedEntry>,
) -> Result<(StatusCode, Json<NeverBanned>)> {
    let network = super::network("value", &input.value).map_err(|error| Error::Validation(vec![error]))?;
    let value = super::shown(network);
    let known = stored::list(&state.store).await?;
    if known.len() >= MOST && !known.iter().any(|entry| entry.value == value) {
        return Err(Error::field(
            "value",
            format!("there are {MOST} entries; take one off, or write a network"),
        ));
    }
    let expires_at =
        input.hours.map(|hours| state.clock.now().plus(Duration::from_secs(u64::from(hours) * 3600)));
    let until = input.hours.map_or(String::new(), |hours| format!(" for {hours} h"));
    let audit =
        facts.audit(&caller.actor(), "never_banned", "add", format!("{value} is never banned{until}"));
    let text = crate::meta::safe(input.note.trim(), 200);
    let note = stored::Note { text, by: caller.actor(), since: None, expires_at };
    let written = stored::put(&state.store, stored::Entry { value, note }, audit).await?;
    Ok((StatusCode::CREATED, Json(shown(written))))
}

/// Take an address or a network off the list
#[utoipa::path(
    post, path = "/security/never-banned/end", operation_id = "endNeverBanned", tag = "security",
    extensions(("x-charon-role" = json!("admin"))), request_body = NeverBannedEnd,
    responses((status = 204, description = "It may be banned again."),
              (status = 404, description = "It is not on the list (`not-found`)."))
)]
pub(super) async fn end(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<NeverBannedEnd>,
) -> Result<StatusCode> {
    let value = input.value.trim();
    let details = format!("{value} may be banned again");
    let audit = facts.audit(&caller.actor(), "never_banned", "end", details);
    match stored::remove(&state.store, value, audit).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Error::NotFound("entry")),
    }
}

fn shown(entry: stored::Entry) -> NeverBanned {
    let stored::Entry { value, note } = entry;
    NeverBanned { value, note: note.text, by: note.by, since: note.since, expires_at: note.expires_at }
}
