//! `/security/crowdsec/console`: this machine in the console of crowdsec.net. To add an endpoint: a file, and a line
//! below.

mod enroll;
mod get;
mod leave;

use crate::error::Result;
use crate::state::State;
use base::Timestamp;
use serde::Serialize;
use store::crowdsec_console_enrollments as rows;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(get::get, enroll::enroll, leave::leave))
}

/// How the enrolment stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConsoleState {
    /// No attempt was made.
    NotEnrolled,
    /// An attempt is under way.
    Registering,
    /// It was sent; somebody has to accept it at app.crowdsec.net. Charon is not told when that happens.
    PendingAcceptance,
    /// crowdsec.net has said that this machine is enrolled.
    Enrolled,
    /// The last attempt did not work; the message says why.
    Failed,
}

/// This machine in the console of crowdsec.net. The key is never shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(crate) struct Console {
    /// How the enrolment stands.
    state: ConsoleState,
    /// Why the last attempt failed; empty else.
    message: String,
    /// Name of this machine in the console; empty before the first attempt.
    name: String,
    /// A key is kept, encrypted, since the last attempt failed.
    key_present: bool,
    /// When the last attempt was asked for.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_attempt_at: Option<Timestamp>,
    /// When an attempt went well.
    #[schema(value_type = Option<String>, format = DateTime)]
    enrolled_at: Option<Timestamp>,
    /// The first thing that an attempt needs: CrowdSec runs here.
    agent_runs: bool,
    /// How CrowdSec stands, as a sentence.
    agent_message: String,
    /// The second: this machine has an account at crowdsec.net. An attempt makes one.
    registered: bool,
}

/// How it stands.
async fn now(state: &State) -> Result<Console> {
    let row = rows::get(&state.store).await?;
    let crowdsec = state.engines.crowdsec();
    Ok(Console {
        state: match row.status.as_str() {
            rows::REGISTERING => ConsoleState::Registering,
            rows::PENDING => ConsoleState::PendingAcceptance,
            rows::ENROLLED => ConsoleState::Enrolled,
            rows::FAILED => ConsoleState::Failed,
            _ => ConsoleState::NotEnrolled,
        },
        message: row.last_error,
        name: row.agent_name,
        key_present: row.key_present,
        last_attempt_at: row.last_attempt_at,
        enrolled_at: row.enrolled_at,
        agent_runs: crowdsec.state == super::CrowdSecPhase::Running && crowdsec.pid.is_some(),
        agent_message: crowdsec.message,
        registered: state.engines.agent_configuration().is_registered(),
    })
}
