//! CrowdSec: the wish in the rows made so (`supervise`; of another machine `external`), the agent's configuration
//! changed (`configure`), decisions and bans enforced (`enforce`), and the whole way tried out again and again (`prove`).

mod appsec;
mod configure;
mod enforce;
mod enroll;
mod events;
mod external;
mod fault;
mod geo;
mod kept;
mod key;
mod prove;
mod silence;
mod state;
mod supervise;
mod terms;
mod usage;

pub use appsec::{AppSecState, Judge};
pub use configure::Configure;
pub use enforce::Enforce;
pub use enroll::Enroll;
pub use events::{Event, EventKind, Events};
pub use external::{Trial, try_out};
pub use prove::{Prove, TRIAL};
pub use state::{
    Blocked, CrowdSec, GeoState, Numbers, Phase, Proof, Pulled, Restarts, State, Trials, UsageState,
};
pub use supervise::Supervise;
pub use terms::Terms;
