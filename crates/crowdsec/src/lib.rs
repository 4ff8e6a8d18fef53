//! CrowdSec: the agent as a child process with a configuration of its own, the client of its local API (LAPI), and
//! the store of its decisions. Knows no database, no data plane and no wire type of ours.

mod agent;
mod alerts;
mod decisions;
mod duration;
mod lapi;
mod metrics;
mod usage;

pub use agent::archive::export;
pub use agent::change::{Change, ChangeError, Preview, preview, propose};
pub use agent::console::{Enrolled, enroll, is_registered, leave, register};
pub use agent::editions::{Edition, current, point_to};
pub use agent::escalation::Escalation;
pub use agent::feed::{FeedStatus, Feeder};
pub use agent::files::{ConfigFile, LARGEST_FILE, NewFile, Origin, digest_of, files, own_path, read_file};
pub use agent::hub::{Hub, Listed, PRESETS, Preset, hub};
pub use agent::install::{Installed, NotInstalled, find};
pub use agent::items::{Item, Kind, Wanted};
pub use agent::process::{LogLine, Process, ProcessState, StartError, end_leftover};
pub use agent::staged::{clear_staged, stage, staged};
pub use agent::tree::{Place, PrepareError, Prepared, check, prepare, renew_key};
pub use alerts::{Alert, AlertFilter, Event, Source};
pub use decisions::{About, Decision, Decisions, Held};
pub use duration::{go_duration, go_duration_left, parse_go_duration};
pub use lapi::{Access, Lapi, LapiError, NewDecision, Stream};
pub use metrics::ReadCounts;
pub use usage::{Counted, Usage};
