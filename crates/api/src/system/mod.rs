//! `/system`: the process, its tasks, backups, and what migrations did.

mod backup_create;
mod backups;
mod info;
mod migration_report;
mod tasks;

use crate::state::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(info::info))
        .routes(routes!(tasks::list))
        .routes(routes!(migration_report::get))
        .routes(routes!(backups::list, backup_create::create))
}
