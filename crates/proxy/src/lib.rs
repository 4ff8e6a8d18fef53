//! Charon's data plane: listeners, TLS, HTTP/1.1, HTTP/2 and HTTP/3 towards clients, HTTP/1.1 towards origins.
//!
//! [`Config::build`] compiles a [`spec::Spec`]; [`start`] serves it; [`Proxy::publish`] swaps it. One worker per
//! core shares nothing with the others but the compiled configuration. What happens to a request is one
//! function, `pipeline::run`.

mod appsec;
mod authority;
mod bans;
mod buffers;
mod captcha;
mod challenges;
mod compress;
mod config;
mod cuts;
mod downstream;
mod field;
#[cfg(any(test, fuzzing))]
#[expect(clippy::expect_used, clippy::panic, reason = "what is found is told by a panic")]
pub mod fuzz;
mod gate;
mod geo;
mod h1;
mod h2;
mod io;
mod listen;
mod log;
mod networks;
mod pages;
mod path;
mod phases;
mod pipeline;
mod proxy_protocol;
mod quic;
mod request;
mod respond;
mod shape;
pub mod spec;
mod start;
mod stats;
mod stream_head;
mod sweep;
mod upstream;
mod websocket;
mod worker;

pub use appsec::{AppSec, AppSecCounts, AppSecNumbers, AppSecSettings};
pub use bans::{BanReason, Bans, Canary, Remedy, Subject};
pub use captcha::{
    Captcha, CaptchaCounts, Desk as CaptchaDesk, Provider as CaptchaProvider, Question as CaptchaQuestion,
    Verdict as CaptchaVerdict, Widget as CaptchaWidget,
};
pub use challenges::Challenges;
pub use config::{BuildProblem, Config};
pub use cuts::Cut;
pub use geo::{Country, Geo, Knows};
pub use listen::Listening;
pub use log::{Entry, Fault, LOG_FIELDS, LogFormat, LogSettings, LogStatus, Protocol, RequestId, StoppedBy};
pub use quic::{QuicHandover, QuicListening};
pub use start::{Limits, Proxy, Settings, StartError, start};
pub use stats::{Histogram, HostStats, Stats};
pub use upstream::status::{CheckResult, NameStatus, ServerHealth, ServerStatus, UpstreamStatus};
pub use upstream::trial::{Refuse, ServerTrial, TrialKind, TrialStep, try_upstreams};
