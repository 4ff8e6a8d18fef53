//! `charon serve`: open, start, announce, run, drain.

use crate::boot::Settings;
use crate::engines::Running;
use crate::lifecycle::{GRACE, Stop};
use crate::run_file::{self, RunFile};
use crate::traffic::{TICK, Window};
use crate::{build_info, console, data_dir, out, rescue, ui};
use anyhow::Context;
use api::engines::Listener;
use api::{SetupToken, Wiring};
use base::{Clock, Port, Problems, SystemClock};
use control::LastGood;
use control::tasks::{AccessLog, Apply, Certificates, Database, Retention};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::{Store, Vault};
use tasks::{Statuses, Wake};
use tokio::sync::{broadcast, watch};

/// How long the first configuration may take before the start goes on and says so.
const FIRST_CONFIGURATION: Duration = Duration::from_secs(30);

pub(super) async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let problems = Problems::new(clock.clone());
    let stop = Stop::on_signals()?;
    tracing::info!("Charon {} starts, data in {}", build_info::VERSION, settings.data_dir.display());
    for (name, reason) in &settings.ignored {
        tracing::info!("{name} is set and has no meaning: {reason}");
    }
    data_dir::prepare(&settings)?;

    let opened = Store::open(data_dir::store_options(&settings, clock.clone(), problems.clone())).await;
    let store = match opened {
        Ok((store, report)) => {
            data_dir::tell(&report);
            store
        }
        Err(error) if rescue::can_help(&error) => {
            return rescue::run(settings, clock, problems, error, stop).await;
        }
        Err(error) => return Err(error).context("Charon does not start"),
    };
    // The store has opened, so the key is there.
    let last_good = LastGood::new(&settings.data_dir, Vault::open(&settings.data_dir, false)?);

    let first = first_configuration(&store, &last_good, &settings, &clock).await;
    let proxy = Arc::new(data_dir::start_proxy(&settings, &first, clock.clone())?);
    let (http, https) = (data_dir::first(&proxy.http())?, data_dir::first(&proxy.https())?);
    let ui_listener = console::bind(settings.ui).await?;
    let ui_address = ui_listener.local_addr()?;

    let (applied, mut served) = watch::channel(control::Applied::default());
    let (statuses, wake) = (Statuses::new(clock.clone()), Wake::new());
    store.on_change(wake.clone());
    let apply = Apply {
        store: store.clone(),
        proxy: proxy.clone(),
        problems: problems.clone(),
        clock: clock.clone(),
        applied,
        last_good,
        https_port: redirect_port(https.port()),
        memory: control::tasks::Memory::default(),
    };
    let certificates_changed = Wake::new();
    store.on_change(certificates_changed.clone());
    let watch_certificates =
        Certificates { store: store.clone(), problems: problems.clone(), clock: clock.clone() };
    let watch_database = Database { store: store.clone(), problems: problems.clone() };
    let retention = Retention { store: store.clone(), clock: clock.clone() };
    let watch_log = AccessLog { proxy: proxy.clone(), problems: problems.clone(), dropped: 0 };
    let (all, board) = (&statuses, &problems);
    let background = [
        tasks::spawn_task(apply, wake, all.clone(), board.clone()),
        tasks::spawn_task(watch_certificates, certificates_changed, all.clone(), board.clone()),
        tasks::spawn_task(watch_database, Wake::new(), all.clone(), board.clone()),
        tasks::spawn_task(retention, Wake::new(), all.clone(), board.clone()),
        tasks::spawn_task(watch_log, Wake::new(), all.clone(), board.clone()),
    ];

    let listener = |purpose: &str, address: std::net::SocketAddr| Listener {
        purpose: purpose.to_owned(),
        address: address.to_string(),
        state: "listening".to_owned(),
    };
    let engines = Arc::new(Running {
        clock: clock.clone(),
        proxy: proxy.clone(),
        applied: served.clone(),
        statuses,
        listeners: vec![listener("ui", ui_address), listener("http", http), listener("https", https)],
        workers: settings.workers,
        access_log: data_dir::access_log(&settings),
        window: Mutex::new(Window::default()),
        ticks: broadcast::channel(16).0,
        entries: broadcast::channel(4096).0,
    });
    sample(engines.clone());

    let setup = match store::users::count(&store).await? {
        0 => SetupToken::generate(),
        _ => SetupToken::closed(),
    };
    let state = api::State::new(Wiring {
        store: store.clone(),
        engines,
        problems: problems.clone(),
        clock: clock.clone(),
        setup: setup.clone(),
        build: build_info::info(),
        allowed_hosts: settings.allowed_hosts.clone(),
        data_dir: settings.data_dir.clone(),
        public_http_port: http.port(),
        public_https_port: https.port(),
        own_ports: vec![ui_address.port()],
    });
    let router = api::router_with_ui(state, ui::router());
    let console = console::serve(&settings.data_dir, ui_listener, router, stop.clone());

    // What `wait_for` returns keeps the publisher out for as long as it lives, so only its outcome is kept.
    let first = served.wait_for(|applied| applied.revision > 0);
    let ready = tokio::time::timeout(FIRST_CONFIGURATION, first).await.is_ok_and(|served| served.is_ok());
    if !ready {
        tracing::error!("the first configuration is not served yet; see the problems in the user interface");
    }
    let addresses = run_file::Running {
        pid: std::process::id(),
        version: build_info::VERSION.to_owned(),
        ui: ui_address,
        http,
        https,
    };
    let run_file = RunFile::write(&settings.data_dir, &addresses);
    if let Err(error) = &run_file {
        tracing::warn!("nobody can read from the data folder where this process listens: {error:#}");
    }
    announce(&addresses, &setup);

    stop.wanted().await;
    proxy.drain(GRACE).await;
    console.end().await;
    drop(run_file);
    // Before the store: a task that finds it closed would raise a false alarm in the last moment.
    for task in background {
        task.abort();
        _ = task.await;
    }
    store.close().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// The port that redirects to HTTPS name: none for the usual one.
fn redirect_port(port: u16) -> Option<Port> {
    Some(port).filter(|port| *port != 443).and_then(|port| Port::new(port.into()).ok())
}

/// What serves until the newest rows are compiled, a moment later: the configuration before, or, when there was none
/// (a new folder, or a database of the original), the rows as they are. No request meets a proxy without hosts.
async fn first_configuration(
    store: &Store,
    last_good: &LastGood,
    settings: &Settings,
    clock: &Arc<dyn Clock>,
) -> proxy::spec::Spec {
    match last_good.read() {
        Ok(Some(spec)) => return spec,
        Ok(None) => {}
        Err(error) => tracing::warn!("{error}; the first moment is served from the database alone"),
    }
    let port = redirect_port(settings.proxy_https.port());
    control::tasks::first(store, clock.as_ref(), port).await.unwrap_or_else(|error| {
        tracing::warn!("the first moment is served without hosts: {error:#}");
        proxy::spec::Spec::default()
    })
}

/// Looks at the counters every two seconds.
fn sample(engines: Arc<Running>) {
    tasks::spawn("traffic", async move {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            interval.tick().await;
            engines.tick();
        }
    });
}

/// Says where everything is. The set-up token is printed here and nowhere else.
fn announce(addresses: &run_file::Running, setup: &SetupToken) {
    out::text(format!("UI: http://{}", addresses.ui));
    out::text(format!("Proxy: http://{} and https://{}", addresses.http, addresses.https));
    if let Some(token) = setup.expose() {
        out::text(format!("Set-up token: {token}"));
        out::text(format!("Make the first account at http://{}/setup?token={token}", addresses.ui));
    }
    if !ui::is_built() {
        tracing::warn!("this binary was built without the web UI; `make run` builds it");
    }
}
