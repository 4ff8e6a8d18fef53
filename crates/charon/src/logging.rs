//! Where log lines go: text (or JSON with `CHARON_LOG_FORMAT=json`) on standard error, at INFO, or at DEBUG
//! with `CHARON_DEBUG=true`.

use crate::boot::Settings;
use tracing_subscriber::EnvFilter;

/// Installs the log for the whole process.
pub(crate) fn install(settings: &Settings) {
    // Statements of the database are noise at INFO, and hold values at DEBUG.
    let level = if settings.debug { "debug" } else { "info" };
    let filter = EnvFilter::new(format!("{level},sqlx=warn,sea_orm=warn,h2=info,rustls=warn,hyper=info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = if settings.log_json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_target(false).with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
    };
    if let Err(error) = installed {
        tracing::debug!("a log is installed already: {error}");
    }
}
