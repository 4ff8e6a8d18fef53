//! `GET /live`.

use super::events::Events;
use super::pump::{Pump, Topics, Wanted};
use crate::access::Viewer;
use crate::engines::{LogFilter, SecurityMark};
use crate::error::{Error, Result};
use crate::input::{Params, wanted};
use crate::state::State;
use axum::body::Body;
use axum::extract::State as Ax;
use axum::http::{HeaderName, header};
use serde::Deserialize;
use std::time::Duration;
use store::users::Role;
use tokio::sync::mpsc;
use utoipa::IntoParams;

/// What is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LiveQuery {
    /// Of `log`, `security`, `traffic` and `health`, separated by commas. Default: traffic and health.
    #[param(
        pattern = "^(log|security|traffic|health)(,(log|security|traffic|health))*$",
        example = "traffic,health"
    )]
    topics: Option<String>,
    /// For `log`: uuid of a host, or a part of the name that was asked for.
    #[param(max_length = 253)]
    host: Option<String>,
    /// For `log`: a class like `5xx` or a status like `502`.
    #[param(pattern = "^([1-5]xx|[1-5][0-9]{2})$", example = "5xx")]
    status: Option<String>,
    /// For `security`: where the viewer was when it was cut off, `epoch` and the last event's `number` with a dot
    /// between. What came meanwhile is sent first, as far as it is kept.
    #[param(pattern = "^[0-9a-f]{1,32}[.][0-9]{1,15}$", example = "00c0ffee00c0ffee.17")]
    security_after: Option<String>,
}

/// Messages that may wait for a slow viewer.
const QUEUE: usize = 64;

/// The live channel
///
/// Server-sent events: `hello`, `log` (`entries`, every 200 ms), `security` (`epoch`, `events`,
/// and `missed`, how many are not kept any more), `traffic` (every 2 s), `health` (on change),
/// `dropped` (`count`, when the viewer is too slow), `heartbeat` (every 5 s) and `bye` (`reason`, when the session
/// ends). The topics `log` and `security` need the role user.
#[utoipa::path(
    get, path = "/live", operation_id = "live", tag = "traffic",
    extensions(("x-charon-role" = json!("viewer"))), params(LiveQuery),
    responses((status = 200, description = "Events, until somebody ends it.", body = String, content_type = "text/event-stream"),
              (status = 429, description = "Too many open channels (`too-many-attempts`)."))
)]
pub(crate) async fn live(
    Ax(state): Ax<State>,
    Viewer(caller): Viewer,
    Params(query): Params<LiveQuery>,
) -> Result<([(HeaderName, &'static str); 2], Body)> {
    let topics = topics(query.topics)?;
    if (topics.log || topics.security) && caller.user.role == Role::Viewer {
        return Err(Error::Forbidden(
            "the logs are for the role user; ask for traffic and health".to_owned(),
        ));
    }
    let mark = wanted("security_after", query.security_after, 64)?
        .map(|text| SecurityMark::parse(&text).ok_or(text))
        .transpose()
        .map_err(|_| Error::field("security_after", "write an epoch and a number with a dot between"))?;
    let filter = LogFilter {
        host: wanted("host", query.host, 253)?,
        status: crate::logs::status(query.status)?,
        text: None,
    };
    let too_many = |_| Error::TooManyAttempts(Duration::from_secs(10));
    let place = state.viewers.clone().try_acquire_owned().map_err(too_many)?;
    let (sender, receiver) = mpsc::channel(QUEUE);
    let pump = Pump::new(state, caller, Wanted { topics, filter, mark }, sender);
    tasks::spawn("live channel", async move {
        pump.run().await;
        drop(place);
    });
    // Proxies in between must not wait for more before they pass on what there is.
    let headers =
        [(header::CONTENT_TYPE, "text/event-stream"), (HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((headers, Body::from_stream(Events(receiver))))
}

fn topics(text: Option<String>) -> Result<Topics> {
    let Some(text) = wanted("topics", text, 100)? else {
        return Ok(Topics { traffic: true, health: true, ..Topics::default() });
    };
    let mut topics = Topics::default();
    for topic in text.split(',').map(str::trim) {
        match topic {
            "log" => topics.log = true,
            "security" => topics.security = true,
            "traffic" => topics.traffic = true,
            "health" => topics.health = true,
            _ => {
                return Err(Error::field(
                    "topics",
                    "write some of log, security, traffic and health, with commas between",
                ));
            }
        }
    }
    Ok(topics)
}
