//! `charon serve`: open, start, announce, run, and drain or hand over.

use crate::boot::Settings;
use crate::console::Doors;
use crate::control_side::{ControlSide, World};
use crate::handover::{Predecessor, Sockets, Successor};
use crate::lifecycle::{Call, Calls, Stop, program};
use crate::run_file::{self, RunFile};
use crate::{build_info, data_dir, handover, out, rescue, systemd, ui};
use anyhow::{Context, bail};
use api::SetupToken;
use base::{Clock, Code, Problem, Problems, SystemClock};
use control::LastGood;
use control::compile::Ports;
use control::tasks::{Inherited, ListenerState, Memory, Serves, Shared, Wanted};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, Vault};

/// How long the first configuration may take before the start goes on and says so.
const FIRST_CONFIGURATION: Duration = Duration::from_secs(30);

/// Runs until a signal comes, or until another process has taken over. `take_over`: this is that other process.
pub(super) async fn run(settings: Settings, take_over: bool) -> anyhow::Result<ExitCode> {
    let stop = Stop::on_signals(settings.stop_grace)?;
    let calls = Calls::on_signals()?;
    let program = program(std::env::args_os().next())?;
    if take_over {
        let (predecessor, sockets) = tokio::task::spawn_blocking(Predecessor::meet).await??;
        let ended = serve(settings, Some(&predecessor), sockets, stop, calls, program).await;
        if let Err(error) = &ended {
            predecessor.failed(&format!("{error:#}"));
        }
        return ended;
    }
    let mut sockets = Sockets::default();
    let mut shares = Vec::new();
    for (name, socket) in systemd::sockets(&settings.activation)? {
        match name.as_str() {
            "ui" => sockets.ui = Some(socket),
            name => shares.push((name == "https", vec![socket])),
        }
    }
    sockets.fixed = !shares.is_empty();
    sockets.proxy = handover::gather(shares)?;
    serve(settings, None, sockets, stop, calls, program).await
}

async fn serve(
    settings: Settings,
    predecessor: Option<&Predecessor>,
    sockets: Sockets,
    stop: Stop,
    mut calls: Calls,
    program: PathBuf,
) -> anyhow::Result<ExitCode> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let problems = Problems::new(clock.clone());
    tracing::info!("Charon {} starts, data in {}", build_info::VERSION, settings.data_dir.display());
    for (name, reason) in &settings.ignored {
        tracing::info!("{name} is set and has no meaning: {reason}");
    }
    data_dir::prepare(&settings)?;
    if let Some(predecessor) = predecessor {
        // It closes the database now; its data plane goes on serving.
        tokio::task::block_in_place(|| predecessor.prepared())?;
    }
    let opened = Store::open(data_dir::store_options(&settings, clock.clone(), problems.clone())).await;
    let store = match opened {
        Ok((store, report)) => {
            data_dir::tell(&report);
            store
        }
        Err(error) if predecessor.is_none() && rescue::can_help(&error) => {
            return rescue::run(settings, clock, problems, error, stop).await;
        }
        Err(error) => return Err(error).context("Charon does not start"),
    };
    // The store has opened, so the key is there.
    let last_good = LastGood::new(&settings.data_dir, Vault::open(&settings.data_dir, false)?);
    let (memory, first) = first_configuration(&store, &last_good, &settings, &clock).await;
    let proxy = Arc::new(data_dir::start_proxy(&settings, first, clock.clone())?);
    let wanted = Wanted { http: settings.proxy_http, https: settings.proxy_https };
    let listeners = Shared::new(proxy.clone(), problems.clone(), clock.clone(), wanted);
    let crowdsec = data_dir::crowdsec(&settings, &proxy, &clock)?;
    crowdsec.enforce_first(&store).await;
    control::acme::answer_first(&store, &proxy).await;
    let Sockets { proxy: tcp, quic, ui, commands, fixed } = sockets;
    let inherited = Inherited { tcp, quic: quic_of(predecessor, quic), fixed };
    let doors = Doors::open(settings.ui, &settings.data_dir, ui, commands)?;
    let world = World { settings, clock, problems, proxy, listeners, crowdsec, doors };

    let rows = store::settings::all(&store).await?;
    let control = if predecessor.is_some() {
        // The one before goes on accepting until this one knows everything.
        world.listeners.expect(&inherited).await;
        let control = ControlSide::start(&world, store, memory).await?;
        if !control.is_ready(FIRST_CONFIGURATION).await {
            bail!("the stored configuration could not be served within {FIRST_CONFIGURATION:?}");
        }
        listen(&world, &rows, inherited).await?;
        control
    } else {
        listen(&world, &rows, inherited).await?;
        let control = ControlSide::start(&world, store, memory).await?;
        if !control.is_ready(FIRST_CONFIGURATION).await {
            tracing::error!(
                "the first configuration is not served yet; see the problems in the user interface"
            );
        }
        control
    };
    // The file is what others wait for: what is announced can be read by then.
    announce(&world, control.setup())?;
    let run_file = tell_where(&world)?;
    systemd::notify(&world.settings.activation, "READY=1");
    if let Some(predecessor) = predecessor {
        tokio::task::block_in_place(|| predecessor.serving())?;
    }

    let mut control = Some(control);
    let mut moved = world.listeners.states();
    moved.mark_unchanged();
    loop {
        let call = tokio::select! {
            () = stop.wanted() => break,
            call = calls.next() => call,
            _ = moved.changed() => {
                if let Some(Err(error)) = run_file.as_ref().map(|file| running(&world).and_then(|now| file.rewrite(&now))) {
                    tracing::warn!("the data folder does not say where this process listens now: {error:#}");
                }
                continue;
            }
        };
        match (call, control.take()) {
            (Call::Upgrade, Some(running)) => match hand_over(&world, running, &program).await {
                Ok(pid) => return retire(world, pid, &stop).await,
                Err(running) => control = running,
            },
            (Call::Upgrade, None) => {
                tracing::error!("without a database there is no upgrade; restart Charon")
            }
            (Call::ReopenLogs, running) => {
                control = running;
                world.proxy.reopen_log();
            }
        }
    }
    systemd::notify(&world.settings.activation, "STOPPING=1");
    let end = async {
        if let Some(control) = control {
            control.end().await;
        }
    };
    tokio::join!(world.proxy.drain(world.settings.stop_grace), end);
    drop(run_file);
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// HTTP/3 of the process before. Where it cannot be taken over, it is tried by other sockets, which is told.
fn quic_of(predecessor: Option<&Predecessor>, given: Vec<proxy::QuicHandover>) -> Vec<proxy::QuicListening> {
    let Some(yielded) = predecessor.map(Predecessor::has_yielded) else { return Vec::new() };
    let taken = given.into_iter().filter_map(|handover| {
        let address = handover.address;
        proxy::QuicListening::inherit(handover, &yielded)
            .map_err(|error| tracing::warn!("the UDP socket for {address} cannot be taken over: {error}"))
            .ok()
    });
    taken.collect()
}

/// Listens for clients. The start fails only when there would be nothing to serve; a single port that cannot be had
/// is a problem on the board, and is tried again.
async fn listen(
    world: &World,
    rows: &[store::settings::Setting],
    inherited: Inherited,
) -> anyhow::Result<()> {
    let states = world.listeners.begin(rows, inherited).await;
    if states.iter().any(|state| state.fault.is_none()) {
        return Ok(());
    }
    let faults: Vec<String> = states.into_iter().filter_map(|state| state.fault).collect();
    bail!("{}", faults.join("; and "))
}

/// Starts the binary anew and hands it everything but the connections that are open. `Err` holds the control side,
/// which serves again; it is `None` when the database did not open any more.
async fn hand_over(world: &World, control: ControlSide, program: &Path) -> Result<u32, Option<ControlSide>> {
    tracing::info!("upgrade: {} is started to take over", program.display());
    world.problems.report("upgrade", Vec::new());
    let (successor, control) = match introduce(world, program).await {
        Ok(successor) => (successor, control),
        Err(error) => {
            failed(world, &error);
            return Err(Some(control));
        }
    };
    control.end().await;
    let released = tokio::task::spawn_blocking(move || successor.release()).await;
    match released.map_err(anyhow::Error::from).and_then(|released| released) {
        Ok(successor) => {
            world.proxy.yield_quic().await;
            if let Err(error) = successor.yielded() {
                tracing::warn!("the next process cannot be told that it may read UDP sockets: {error:#}");
            }
            Ok(successor.pid())
        }
        Err(error) => {
            failed(world, &error);
            Err(take_back(world).await)
        }
    }
}

async fn introduce(world: &World, program: &Path) -> anyhow::Result<Successor> {
    let (ui, commands) = world.doors.sockets()?;
    let fixed = world.listeners.is_fixed().await;
    let (proxy, quic) = (world.proxy.sockets()?, world.proxy.sockets_of_quic()?);
    let sockets = Sockets { proxy, quic, ui: Some(ui), commands, fixed };
    let program = program.to_owned();
    tokio::task::spawn_blocking(move || Successor::start(&program, &sockets)).await?
}

fn failed(world: &World, error: &anyhow::Error) {
    let message =
        format!("the upgrade failed, and version {} goes on serving: {error:#}", build_info::VERSION);
    let remedy =
        "mend what the message names, or put the former binary back; then call `charon upgrade` again";
    world
        .problems
        .report("upgrade", vec![Problem::new(Code::UpgradeFailed, message, remedy).link("/system")]);
}

/// Opens the database again after a successor has failed.
async fn take_back(world: &World) -> Option<ControlSide> {
    let World { settings, clock, problems, .. } = world;
    let opened = Store::open(data_dir::store_options(settings, clock.clone(), problems.clone())).await;
    let store = match opened {
        Ok((store, _)) => store,
        Err(error) => {
            rescue::tell(problems, &error);
            return None;
        }
    };
    match ControlSide::start(world, store, Memory::default()).await {
        Ok(control) => Some(control),
        Err(error) => {
            tracing::error!(
                "only what is configured is served, and nothing can be changed: {error:#}; restart Charon"
            );
            None
        }
    }
}

/// Another process serves: what is open may go on for a while, and is not refused meanwhile.
async fn retire(world: World, pid: u32, stop: &Stop) -> anyhow::Result<ExitCode> {
    let World { settings, proxy, doors, .. } = world;
    systemd::notify(&settings.activation, &format!("MAINPID={pid}"));
    doors.leave();
    tracing::info!("upgrade: process {pid} serves; open connections have {:?} here", settings.upgrade_grace);
    tokio::select! {
        () = proxy.retire(settings.upgrade_grace) => {}
        () = stop.wanted() => proxy.drain(settings.stop_grace).await,
    }
    tracing::info!("upgrade: the process before has ended");
    Ok(ExitCode::SUCCESS)
}

/// Writes where this process listens into the data folder. A folder that cannot be written is no reason to end.
fn tell_where(world: &World) -> anyhow::Result<Option<RunFile>> {
    let running = running(world)?;
    let written = RunFile::write(&world.settings.data_dir, &running);
    Ok(written
        .map_err(|error| {
            tracing::warn!("nobody can read from the data folder where this process listens: {error:#}")
        })
        .ok())
}

fn running(world: &World) -> anyhow::Result<run_file::Running> {
    let states = world.listeners.states().borrow().clone();
    let address = |serves: Serves, wanted| {
        let mut of_kind = states.iter().filter(|state| state.serves == serves);
        let up = of_kind.clone().find(|state| state.fault.is_none());
        up.or(of_kind.next()).map_or(wanted, |state: &ListenerState| state.address)
    };
    Ok(run_file::Running {
        pid: std::process::id(),
        version: build_info::VERSION.to_owned(),
        ui: world.doors.address()?,
        http: address(Serves::Http, world.settings.proxy_http),
        https: address(Serves::Https, world.settings.proxy_https),
    })
}

/// What serves from the first moment: the rows as they are stored, or, when they cannot be read now, the configuration
/// before. No request meets a proxy without hosts.
async fn first_configuration(
    store: &Store,
    last_good: &LastGood,
    settings: &Settings,
    clock: &Arc<dyn Clock>,
) -> (Memory, Arc<proxy::Config>) {
    let port = Some(settings.proxy_https.port()).filter(|port| *port != 443);
    let port = port.and_then(|port| base::Port::new(port.into()).ok());
    let ports = Ports { https: port, http3: None };
    let error = match Memory::first(store, clock.as_ref(), ports).await {
        Ok(memory) => {
            let config = memory.config().unwrap_or_else(|| Arc::new(proxy::Config::empty()));
            return (memory, config);
        }
        Err(error) => error,
    };
    tracing::warn!("the first moment is served as it was before: {error:#}");
    let spec = last_good.read().unwrap_or_else(|error| {
        tracing::warn!("{error}; the first moment is served without hosts");
        None
    });
    (Memory::default(), Arc::new(data_dir::config_of(&spec.unwrap_or_default())))
}

/// Says where everything is. The set-up token is printed here and nowhere else.
fn announce(world: &World, setup: &SetupToken) -> anyhow::Result<()> {
    let addresses = running(world)?;
    out::text(format!("UI: http://{}", addresses.ui));
    out::text(format!("Proxy: http://{} and https://{}", addresses.http, addresses.https));
    if let Some(token) = setup.expose() {
        out::text(format!("Set-up token: {token}"));
        out::text(format!("Make the first account at http://{}/setup?token={token}", addresses.ui));
    }
    if !ui::is_built() {
        tracing::warn!("this binary was built without the web UI; `make run` builds it");
    }
    Ok(())
}
