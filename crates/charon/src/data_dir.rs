//! The data folder and what is opened from it, the same for every command.

use crate::boot::Settings;
use anyhow::Context;
use base::{Clock, Problems};
use control::crowdsec::CrowdSec;
use control::dns::{Dns, DnsSettings};
use proxy::spec::Spec;
use proxy::{Config, LogSettings, Proxy};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use store::{OpenReport, Options};

/// Makes the data folder, for its owner only, when it is not there.
pub(crate) fn prepare(settings: &Settings) -> anyhow::Result<()> {
    let make = |folder: &PathBuf| fs::DirBuilder::new().recursive(true).mode(0o750).create(folder);
    let folder = &settings.data_dir;
    make(folder).with_context(|| {
        format!("the folder {} cannot be made; CHARON_DATA_DIR says where it lies", folder.display())
    })?;
    let logs = folder.join("logs");
    if let Err(error) = make(&logs) {
        // A folder that can only be read still serves; the access log tells of itself.
        tracing::warn!("the folder {} cannot be made: {error}", logs.display());
    }
    Ok(())
}

/// How the database is opened.
pub(crate) fn store_options(settings: &Settings, clock: Arc<dyn Clock>, problems: Problems) -> Options {
    Options {
        db_path: Some(settings.db_path.clone()),
        database_url: settings.database_url.clone(),
        read_only_ok: true,
        ..Options::new(settings.data_dir.clone(), clock, problems)
    }
}

/// Logs what was found and done while opening.
pub(crate) fn tell(report: &OpenReport) {
    if let Some(account) = report.takeover.as_ref().filter(|account| !account.missing_tables.is_empty()) {
        let tables = account.missing_tables.join(", ");
        tracing::warn!("the database lacked tables; they were made, empty: {tables}");
    }
    for line in report.sentences() {
        tracing::info!("{line}");
    }
}

/// Builds the configuration of a start without rows.
pub(crate) fn config_of(spec: &Spec) -> Config {
    let (config, faults) = Config::build(spec);
    for fault in faults {
        tracing::warn!(
            host.id = fault.host_id,
            "a host of the last good configuration is left out: {}",
            fault.message
        );
    }
    config
}

/// Starts the data plane with a first configuration.
pub(crate) fn start_proxy(
    settings: &Settings,
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Proxy> {
    let settings = proxy::Settings {
        workers: settings.workers,
        proxy_protocol: settings.balancers.clone(),
        access_log: log_settings(settings),
        ..proxy::Settings::default()
    };
    Ok(proxy::start(settings, config, clock)?)
}

/// How the access log is written until the stored settings are known.
pub(crate) fn log_settings(settings: &Settings) -> LogSettings {
    LogSettings { path: Some(access_log(settings)), ..LogSettings::default() }
}

/// Where the access log lies.
pub(crate) fn access_log(settings: &Settings) -> PathBuf {
    settings.data_dir.join("logs").join("access.log")
}

/// Where CrowdSec lives.
pub(crate) fn crowdsec_place(settings: &Settings) -> anyhow::Result<crowdsec::Place> {
    let (port, metrics_port) = (settings.crowdsec.port, settings.crowdsec.metrics_port);
    // The agent works in another folder, and needs whole paths.
    let folder = std::path::absolute(settings.data_dir.join("crowdsec"))?;
    Ok(crowdsec::Place { folder, port, metrics_port })
}

/// The same, and what the environment says about it.
pub(crate) fn crowdsec(
    settings: &Settings,
    proxy: &Arc<Proxy>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<CrowdSec> {
    let place = crowdsec_place(settings)?;
    let crowdsec = settings.crowdsec.clone();
    Ok(CrowdSec::new(place, crowdsec.program, crowdsec.wish, crowdsec.pace, proxy.clone(), clock.clone()))
}

/// The address of a listener.
pub(crate) fn first(addresses: &[SocketAddr]) -> anyhow::Result<SocketAddr> {
    addresses.first().copied().context("the data plane has no listener")
}

/// The way to DNS providers.
pub(crate) fn dns(settings: &Settings, clock: Arc<dyn Clock>) -> anyhow::Result<Dns> {
    let crate::boot::Dns { resolvers, port, programs } = settings.dns.clone();
    Dns::new(DnsSettings { resolvers, port, programs, link_local: settings.link_local }, clock)
}
