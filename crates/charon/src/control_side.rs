//! Everything that uses the database: reconcilers, API and user interface. It starts and ends as one, while the
//! data plane goes on serving, so that the data folder can change hands.

use crate::agent::Agent;
use crate::boot::Settings;
use crate::console::{Console, Doors};
use crate::engines::Running;
use crate::traffic::{TICK, Window};
use crate::{build_info, data_dir, ui};
use api::{SetupToken, Wiring};
use base::{Clock, Problems};
use control::LastGood;
use control::acme::Certify;
use control::captcha::{Captcha, Show};
use control::crowdsec::{Configure, CrowdSec, Enforce, Enroll, Judge, Prove, Supervise};
use control::rehearsal::{Rehearsal, Rehearse};
use control::tasks::{
    AccessLog, Apply, Certificates, DataPlane, Database, Listeners, Memory, Retention, Serves, Shared,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::{Store, Vault};
use tasks::{Statuses, Wake};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

/// How long the end waits until what serves is written down.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// What the control side works on, and what outlives it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) problems: Problems,
    pub(crate) proxy: Arc<proxy::Proxy>,
    pub(crate) listeners: Shared,
    pub(crate) crowdsec: CrowdSec,
    pub(crate) doors: Doors,
}

/// The running control side.
#[derive(Debug)]
pub(crate) struct ControlSide {
    store: Store,
    console: Console,
    background: Vec<JoinHandle<()>>,
    end: watch::Sender<bool>,
    applied: watch::Receiver<control::Applied>,
    setup: SetupToken,
    crowdsec: CrowdSec,
}

impl ControlSide {
    /// Starts everything over an open database. `memory` holds what was compiled from it already.
    ///
    /// # Errors
    /// When the key of the secrets or the accounts cannot be read.
    pub(crate) async fn start(world: &World, store: Store, memory: Memory) -> anyhow::Result<Self> {
        let World { settings, clock, problems, proxy, listeners, crowdsec, doors } = world;
        let last_good = LastGood::new(&settings.data_dir, Vault::open(&settings.data_dir, false)?);
        let setup = match store::users::count(&store).await? {
            0 => SetupToken::generate(),
            _ => SetupToken::closed(),
        };
        let ui_address = doors.address()?;
        let (sender, applied) = watch::channel(control::Applied::default());
        let statuses = Statuses::new(clock.clone());
        let on_change = || {
            let wake = Wake::new();
            store.on_change(wake.clone());
            wake
        };
        let wake = on_change();
        let apply = Apply {
            store: store.clone(),
            proxy: proxy.clone(),
            problems: problems.clone(),
            clock: clock.clone(),
            applied: sender,
            last_good,
            listeners: listeners.states(),
            memory,
        };
        let listen = Listeners::new(store.clone(), listeners.clone(), wake.clone());
        let watch_certificates = Certificates::new(store.clone(), problems.clone(), clock.clone());
        let dns = data_dir::dns(settings, clock.clone())?;
        let certify =
            Certify::new(store.clone(), proxy.clone(), dns.clone(), problems.clone(), clock.clone());
        let automatic = certify.counts();
        let rehearse_on = on_change();
        let rehearsal = Rehearsal::new(
            store.clone(),
            proxy.clone(),
            dns.clone(),
            clock.clone(),
            settings.acme_ports,
            rehearse_on.clone(),
        );
        let rehearse = Rehearse::new(rehearsal.clone(), problems.clone());
        let checks = rehearse.checks();
        let watch_database = Database { store: store.clone(), problems: problems.clone() };
        let retention = Retention { store: store.clone(), clock: clock.clone() };
        let watch_log = AccessLog {
            store: store.clone(),
            proxy: proxy.clone(),
            problems: problems.clone(),
            feed: crowdsec.place.feed(),
            settings: data_dir::log_settings(settings),
            dropped: 0,
        };
        let watch_proxy = DataPlane { proxy: proxy.clone(), problems: problems.clone() };
        let supervise_on = crowdsec.supervise.clone();
        store.on_change(supervise_on.clone());
        let supervise =
            Supervise::new(store.clone(), crowdsec.clone(), problems.clone(), supervise_on.clone());
        let configure = Configure::new(store.clone(), crowdsec.clone());
        let enroll = Enroll::new(store.clone(), crowdsec.clone());
        let enforce = Enforce::new(store.clone(), crowdsec.clone(), problems.clone());
        store.on_change(crowdsec.enforce.clone());
        let captcha = Captcha::new(
            crowdsec.captcha.clone(),
            clock.clone(),
            settings.crowdsec.captcha_stand_in.clone(),
        )?;
        let show = Show::new(store.clone(), captcha.clone(), problems.clone());
        let judge = Judge::new(store.clone(), crowdsec.clone(), problems.clone());
        let prove = Prove::new(crowdsec.clone(), problems.clone(), !settings.balancers.is_empty());
        let (all, board) = (&statuses, problems);
        let mut background = vec![
            tasks::spawn_task(apply, wake, all.clone(), board.clone()),
            tasks::spawn_task(listen, on_change(), all.clone(), board.clone()),
            tasks::spawn_task(watch_certificates, on_change(), all.clone(), board.clone()),
            tasks::spawn_task(certify, on_change(), all.clone(), board.clone()),
            tasks::spawn_task(rehearse, rehearse_on, all.clone(), board.clone()),
            tasks::spawn_task(watch_database, Wake::new(), all.clone(), board.clone()),
            tasks::spawn_task(retention, Wake::new(), all.clone(), board.clone()),
            tasks::spawn_task(watch_log, on_change(), all.clone(), board.clone()),
            tasks::spawn_task(watch_proxy, Wake::new(), all.clone(), board.clone()),
            tasks::spawn_task(supervise, supervise_on, all.clone(), board.clone()),
            tasks::spawn_task(configure, on_change(), all.clone(), board.clone()),
            tasks::spawn_task(enroll, on_change(), all.clone(), board.clone()),
            tasks::spawn_task(enforce, crowdsec.enforce.clone(), all.clone(), board.clone()),
            tasks::spawn_task(prove, crowdsec.prove.clone(), all.clone(), board.clone()),
            tasks::spawn_task(show, on_change(), all.clone(), board.clone()),
            tasks::spawn("answers to captchas", captcha.clone().answer()),
            tasks::spawn_task(judge, on_change(), all.clone(), board.clone()),
        ];
        let engines = Arc::new(Running {
            clock: clock.clone(),
            proxy: proxy.clone(),
            crowdsec: crowdsec.clone(),
            captcha,
            automatic,
            rehearsal,
            checks,
            dns,
            agent: Agent { place: crowdsec.place.clone(), program: crowdsec.program.clone() },
            applied: applied.clone(),
            statuses,
            ui: ui_address,
            listeners: listeners.states(),
            workers: settings.workers,
            access_log: data_dir::access_log(settings),
            problems: problems.clone(),
            started_at: clock.now(),
            window: Mutex::new(Window::default()),
            metrics: Mutex::default(),
            ticks: broadcast::channel(16).0,
            entries: broadcast::channel(4096).0,
        });
        background.push(sample(engines.clone()));
        let refused = crate::security_events::take_in(crowdsec.clone());
        background.push(tasks::spawn("refused requests", refused));
        let state = api::State::new(Wiring {
            store: store.clone(),
            engines,
            problems: problems.clone(),
            clock: clock.clone(),
            setup: setup.clone(),
            build: build_info::info(),
            allowed_hosts: settings.allowed_hosts.clone(),
            data_dir: settings.data_dir.clone(),
            public_http_port: port(&listeners.states(), Serves::Http).unwrap_or(settings.proxy_http.port()),
            public_https_port: port(&listeners.states(), Serves::Https)
                .unwrap_or(settings.proxy_https.port()),
            own_ports: vec![ui_address.port()],
            link_local: settings.link_local,
        });
        let (end, ended) = watch::channel(false);
        let console = doors.serve(api::router_with_ui(state, ui::router()), ended)?;
        Ok(Self { store, console, background, end, applied, setup, crowdsec: crowdsec.clone() })
    }

    /// Waits until the stored configuration is served, at most `limit`.
    pub(crate) async fn is_ready(&self, limit: Duration) -> bool {
        // What `wait_for` returns keeps the publisher out for as long as it lives, so only its outcome is kept.
        let mut applied = self.applied.clone();
        let first = applied.wait_for(|applied| applied.revision > 0);
        tokio::time::timeout(limit, first).await.is_ok_and(|served| served.is_ok())
    }

    /// The one-time token of the set-up.
    pub(crate) fn setup(&self) -> &SetupToken {
        &self.setup
    }

    /// Ends everything and closes the database: another process may open it then.
    pub(crate) async fn end(self) {
        self.end.send_replace(true);
        self.console.end().await;
        // What serves is written down a moment after it was answered: that moment is not cut off.
        let mut applied = self.applied.clone();
        let written = applied.wait_for(|applied| applied.recorded >= applied.revision);
        _ = tokio::time::timeout(LAST_WRITES, written).await.map(drop);
        // Before the store: a task that finds it closed would raise a false alarm in the last moment.
        for task in self.background {
            task.abort();
            _ = task.await;
        }
        self.crowdsec.end().await;
        self.store.close().await;
    }
}

/// The port of the first listener of a kind.
fn port(states: &watch::Receiver<Vec<control::tasks::ListenerState>>, serves: Serves) -> Option<u16> {
    states.borrow().iter().find(|state| state.serves == serves).map(|state| state.address.port())
}

/// Looks at the counters every two seconds.
fn sample(engines: Arc<Running>) -> JoinHandle<()> {
    tasks::spawn("traffic", async move {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            interval.tick().await;
            engines.tick();
        }
    })
}
