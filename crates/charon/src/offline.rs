//! A command's way to the API: the running Charon, or the same API over the database that the command opens.

use crate::agent::Agent;
use crate::boot::Settings;
use crate::engines::Offline;
use crate::local_api::LocalApi;
use crate::{build_info, console, data_dir};
use anyhow::Context;
use api::engines::{HostPhase, HostState};
use api::{SetupToken, Wiring};
use base::{Clock, Problems, SystemClock};
use std::collections::HashMap;
use std::sync::Arc;
use store::Store;
use tokio::sync::watch;

/// The API for one command.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) api: LocalApi,
    /// A running Charon answers.
    pub(crate) running: bool,
    /// What opening the database did, when this command opened it.
    pub(crate) opened: Vec<String>,
    /// Closes with the session and ends the listener.
    _serving: Option<(watch::Sender<bool>, console::CommandSocket)>,
}

/// Finds the running Charon, or opens the database of the data folder.
pub(crate) async fn session(settings: &Settings) -> anyhow::Result<Session> {
    if let Some(api) = LocalApi::running(&settings.data_dir).await {
        return Ok(Session { api, running: true, opened: Vec::new(), _serving: None });
    }
    data_dir::prepare(settings)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let problems = Problems::new(clock.clone());
    let options = data_dir::store_options(settings, clock.clone(), problems.clone());
    let (store, report) = Store::open(options).await?;
    let compiled = control::compile::Compiler::default()
        .compile(&control::tasks::rows(&store, control::compile::Ports::default()).await?);
    problems.report("configuration", compiled.problems);
    let now = clock.now();
    let hosts: HashMap<String, HostState> = compiled
        .left_out
        .into_iter()
        .map(|(id, fault)| {
            let state = HostPhase::LeftOut;
            (
                id,
                HostState { state, since: now, revision: None, message: fault.message, remedy: fault.remedy },
            )
        })
        .collect();
    let place = Arc::new(data_dir::crowdsec_place(settings)?);
    let agent = Agent { place, program: settings.crowdsec.program.clone() };
    let state = api::State::new(Wiring {
        store,
        engines: Arc::new(Offline {
            dns: data_dir::dns(settings, clock.clone())?,
            clock: clock.clone(),
            agent,
            hosts,
        }),
        problems,
        clock,
        setup: SetupToken::closed(),
        build: build_info::info(),
        allowed_hosts: Vec::new(),
        data_dir: settings.data_dir.clone(),
        public_http_port: settings.proxy_http.port(),
        public_https_port: settings.proxy_https.port(),
        own_ports: vec![settings.ui.port()],
        link_local: settings.link_local,
    });
    let (serving, end) = watch::channel(false);
    let socket = console::CommandSocket::bind(&settings.data_dir)?;
    socket.serve(Arc::default(), api::router(state), end)?;
    let api =
        LocalApi::running(&settings.data_dir).await.context("the command does not reach its own API")?;
    Ok(Session { api, running: false, opened: report.sentences(), _serving: Some((serving, socket)) })
}
