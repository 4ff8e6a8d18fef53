//! `GET /system/tasks`.

use crate::access::Viewer;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// One background task.
#[derive(Serialize, ToSchema)]
pub(crate) struct TaskItem {
    name: String,
    #[schema(value_type = TaskPhase)]
    phase: tasks::Phase,
    /// What its last run did, as a sentence.
    message: String,
    /// Since when the phase has been this one.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// When its last run ended; null before the first.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_run: Option<Timestamp>,
}

/// What a task is doing.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of tasks::Phase, which knows no OpenAPI")]
pub(crate) enum TaskPhase {
    Starting,
    Running,
    Ok,
    Failing,
}

/// Background tasks
#[utoipa::path(
    get, path = "/system/tasks", operation_id = "listTasks", tag = "system",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "Each task with what it did last.", body = Vec<TaskItem>))
)]
pub(crate) async fn list(Ax(state): Ax<State>, _: Viewer) -> Json<Vec<TaskItem>> {
    let items = state.engines.tasks().into_iter().map(|status| TaskItem {
        name: status.name.to_owned(),
        phase: status.phase,
        message: status.message,
        since: status.since,
        last_run: status.last_run,
    });
    Json(items.collect())
}
