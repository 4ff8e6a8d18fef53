//! `GET /health`.

use super::standing::{HealthStatus, Standing, summary};
use crate::access::Anyone;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::StatusCode;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How Charon is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// All of it taken together.
    status: HealthStatus,
    /// Always `Charon`.
    service: String,
    /// The version.
    version: String,
    /// The commit that it was built from.
    git_commit: String,
    /// When it was built.
    build_time: String,
    /// Seconds since the start.
    uptime_seconds: u64,
    /// `ok`, or `failing: ` and what is wrong.
    database: String,
    /// For every required table: whether it is there with all its columns.
    migrations: BTreeMap<String, bool>,
    /// What is wrong, the worst first.
    problems: Vec<Standing>,
}

/// How Charon is
///
/// 200 when it does what people rely on, also when something works less well than it should; 503 when not.
/// Without being signed in, problems come without names.
#[utoipa::path(
    get, path = "/health", operation_id = "getHealth", tag = "health",
    extensions(("x-charon-role" = json!("public"))),
    responses((status = 200, description = "It works.", body = Health),
              (status = 503, description = "Something that people rely on does not work.", body = Health))
)]
pub(crate) async fn get(Ax(state): Ax<State>, caller: Anyone) -> (StatusCode, Json<Health>) {
    let stored = state.store.health().await;
    let now = state.clock.now();
    let standing = state.problems.standing();
    let (mut status, problems) = summary(standing, &stored.problems, now, caller.0.is_some());
    let database = match stored.database {
        "ok" => "ok".to_owned(),
        wrong => format!("failing: {wrong}"),
    };
    if database != "ok" || stored.migrations.values().any(|there| !there) {
        status = HealthStatus::Failing;
    }
    let code = match status {
        HealthStatus::Failing => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    let health = Health {
        status,
        service: "Charon".to_owned(),
        version: state.build.version.clone(),
        git_commit: state.build.git_commit.clone(),
        build_time: state.build.build_time.clone(),
        uptime_seconds: now.since(state.started_at).as_secs(),
        database,
        migrations: stored.migrations,
        problems,
    };
    (code, Json(health))
}
