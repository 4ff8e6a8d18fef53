//! Makes the data plane serve what the rows say: read, compile, build, publish, record. The only writer of the
//! data plane's configuration.

use super::keys::Keys;
use super::{cookie_key, internal_certificates};
use crate::compile::{self, Compiled, Rows};
use crate::{Applied, HostState, LastGood, Serving, diff, summary};
use base::{Clock, Code, Port, Problem, Problems};
use proxy::spec::Spec;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::caddy_configs::{self, NewRevision};
use store::{Store, access_lists, proxy_hosts, security_audits, settings};
use tasks::{Outcome, Task};
use tokio::sync::watch;

/// The reconciler of the data plane's configuration.
#[derive(Debug)]
pub struct Apply {
    /// Where rows come from.
    pub store: Store,
    /// What serves.
    pub proxy: Arc<proxy::Proxy>,
    /// The board; problems of the configuration stand under `configuration`.
    pub problems: Problems,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Told after each look.
    pub applied: watch::Sender<Applied>,
    /// The file for starts without a database.
    pub last_good: LastGood,
    /// Where is listened: HTTPS redirects name the port.
    pub listeners: watch::Receiver<Vec<super::ListenerState>>,
    /// What it remembers between looks.
    pub memory: Memory,
}

/// What the reconciler remembers between looks; empty at the start.
#[derive(Debug, Default)]
pub struct Memory {
    /// Hash of the document that serves, once one does.
    served: Option<String>,
    keys: Keys,
}

/// Component name on the problem board.
const COMPONENT: &str = "configuration";

/// Who writes without a person: see `Audit::system`.
const SYSTEM: &str = "system";
/// How many audit entries are looked at for the one who caused a change.
const RECENT: u64 = 50;

impl Task for Apply {
    fn name(&self) -> &'static str {
        "apply configuration"
    }

    /// Long: every change calls. This catches changes made from outside, and certificates that are due.
    fn interval(&self) -> Duration {
        Duration::from_secs(600)
    }

    async fn run(&mut self) -> Outcome {
        // Renewal comes first, but must not keep a change from being served.
        let renewed = internal_certificates::ensure(&self.store, self.clock.now()).await;
        // The number is read before the rows: rows may be newer than it, never older.
        let change = self.store.change_number().await;
        let outcome = match &change {
            Ok(change) => self.reconcile(*change).await,
            Err(error) => Err(error.clone().into()),
        };
        let served = match outcome {
            Ok(served) => served,
            Err(error) => {
                let message = format!("the newest configuration is not served: {error:#}");
                self.applied.send_modify(|applied| {
                    applied.error = Some(message.clone());
                    applied.tried = change.unwrap_or(applied.tried);
                });
                let remedy = "the configuration before it goes on serving; mend what the message names, Charon tries again by itself";
                return Outcome::Failing(message, remedy.to_owned());
            }
        };
        let remedy =
            "what is configured is served; mend what the message names, Charon tries again by itself";
        match (renewed, served.trouble) {
            (Err(error), _) => {
                let message = format!("internal certificates could not be issued: {error:#}");
                Outcome::Failing(message, remedy.to_owned())
            }
            (Ok(_), Some(trouble)) => Outcome::Failing(trouble, remedy.to_owned()),
            (Ok(issued), None) if issued.is_empty() => Outcome::Ok(served.message),
            (Ok(issued), None) => Outcome::Ok(format!(
                "{}; issued internal certificates for {}",
                served.message,
                issued.join(", ")
            )),
        }
    }
}

/// What a look at the rows came to.
struct Served {
    message: String,
    /// What went wrong besides; the configuration is served all the same.
    trouble: Option<String>,
}

impl Apply {
    async fn reconcile(&mut self, change: u64) -> anyhow::Result<Served> {
        let https_port = super::https_port(&self.listeners.borrow());
        let compiled = compile::compile(&read(&self.store, https_port, &mut self.memory.keys).await?);
        if self.memory.served.as_deref() == Some(&compiled.hash) {
            self.applied.send_modify(|applied| {
                applied.change = change;
                applied.tried = change;
                applied.error = None;
            });
            let message = format!("nothing to do: change {change} is served already");
            return Ok(Served { message, trouble: None });
        }
        self.serve(change, compiled).await
    }

    async fn serve(&mut self, change: u64, compiled: Compiled) -> anyhow::Result<Served> {
        let Compiled { mut spec, document, hash, mut left_out, mut problems } = compiled;
        let latest = caddy_configs::latest(&self.store).await?;
        let known = latest.as_ref().filter(|revision| revision.config_hash == hash);
        spec.revision = match known {
            Some(revision) => u64::try_from(revision.revision.unwrap_or(0))?,
            None => u64::try_from(caddy_configs::next_revision(&self.store).await?)?,
        };
        let revision = spec.revision;

        let (config, faults) = proxy::Config::build(&spec);
        for fault in faults {
            problems.push(built(&fault, &spec));
            if let Some(id) = fault.host_id.filter(|_| fault.left_out) {
                left_out.insert(id, compile::Fault { message: fault.message, remedy: fault.remedy });
            }
        }
        self.proxy.publish(Arc::new(config));
        let now = self.clock.now();

        let hosts = self.states(&document, &left_out, revision);
        let mut trouble = None;
        let latest_at = latest.as_ref().map_or(base::Timestamp::default(), |revision| revision.applied_at);
        if known.is_none() {
            let before = match &latest {
                Some(revision) => serde_json::from_str(&revision.document).unwrap_or(Value::Null),
                None => Value::Null,
            };
            let recorded = caddy_configs::record(
                &self.store,
                &NewRevision {
                    config_hash: hash.clone(),
                    document: document.to_string(),
                    summary: match latest {
                        Some(_) => summary(&diff(&before, &document)),
                        None => "First configuration".to_owned(),
                    },
                    actor: self.actor(latest_at).await,
                    success: true,
                    error_msg: String::new(),
                    problems: serde_json::to_value(&problems)?,
                },
            )
            .await;
            trouble = recorded.err().map(|error| {
                format!("revision {revision} serves, but the history does not know it: {error}")
            });
        }
        self.problems.report(COMPONENT, problems);
        let (count, out) = (hosts.len(), left_out.len());
        self.applied.send_replace(Applied {
            change,
            tried: change,
            revision,
            since: now,
            error: None,
            hosts: Arc::new(hosts),
        });

        let (file, kept) = (self.last_good.clone(), spec);
        if let Err(error) = tokio::task::spawn_blocking(move || file.write(&kept)).await? {
            trouble = Some(format!(
                "revision {revision} serves, but a start without a database would not: {error}"
            ));
        }
        tracing::info!(
            revision,
            hosts = count,
            left_out = out,
            "serving revision {revision}: {count} hosts, {out} left out"
        );
        // With a trouble the next look does all of it again, until it is gone.
        self.memory.served = trouble.is_none().then_some(hash);
        let message = format!("revision {revision} serves change {change}: {count} hosts, {out} left out");
        Ok(Served { message, trouble })
    }

    /// A host that is as it was keeps the moment and the revision of its present form.
    fn states(
        &self,
        document: &Value,
        left_out: &HashMap<String, compile::Fault>,
        revision: u64,
    ) -> HashMap<String, HostState> {
        let now = self.clock.now();
        let before = self.applied.borrow().hosts.clone();
        let hosts = document["hosts"].as_array().map(Vec::as_slice).unwrap_or_default();
        let enabled = hosts.iter().filter(|host| host["enabled"] == true);
        enabled
            .filter_map(|host| host["uuid"].as_str().map(|uuid| (uuid, host)))
            .map(|(uuid, host)| {
                let serving = match left_out.get(uuid) {
                    None => Serving::Yes,
                    Some(fault) => {
                        Serving::LeftOut { message: fault.message.clone(), remedy: fault.remedy.clone() }
                    }
                };
                let kept = before.get(uuid).filter(|state| {
                    // Written before it was last looked at: its form is the one that the state tells of.
                    state.serving == serving
                        && host["updated_at"]
                            .as_str()
                            .and_then(|text| base::Timestamp::parse(text).ok())
                            .is_some_and(|written| written < state.since)
                });
                let name = crate::diff::name(host);
                let state = kept.cloned().unwrap_or(HostState { name, serving, since: now, revision });
                (uuid.to_owned(), state)
            })
            .collect()
    }

    /// Who has caused the change, for the history: the last person who wrote since the revision before.
    async fn actor(&self, since: base::Timestamp) -> String {
        let filter = security_audits::Filter::default();
        match security_audits::list(&self.store, &filter, RECENT).await {
            Ok(entries) => entries
                .into_iter()
                .take_while(|entry| entry.created_at >= since)
                .find(|entry| entry.actor != SYSTEM)
                .map_or_else(|| SYSTEM.to_owned(), |entry| entry.actor),
            Err(error) => {
                tracing::warn!("the history does not know who changed the configuration: {error}");
                "unknown".to_owned()
            }
        }
    }
}

/// What the data plane could not take over.
fn built(fault: &proxy::BuildProblem, spec: &Spec) -> Problem {
    let host = spec.hosts.iter().find(|host| Some(&host.id) == fault.host_id.as_ref());
    let (subject, link) = match host {
        Some(host) => (format!("host {}", host.name), format!("/proxy-hosts/{}", host.id)),
        None => ("configuration".to_owned(), "/settings".to_owned()),
    };
    let (code, message) = match (host, fault.left_out) {
        (Some(host), true) => (Code::HostLeftOut, format!("{} is not served: {}", host.name, fault.message)),
        (Some(host), false) => (Code::HostSettingIgnored, format!("{}: {}", host.name, fault.message)),
        (None, _) => (Code::HostSettingIgnored, fault.message.clone()),
    };
    Problem::new(code, message, fault.remedy.clone()).about(subject).link(link)
}

/// The configuration that the rows ask for, before anything serves: what the first requests of a process get when
/// no configuration was ever applied. [`Apply`] then looks at the same rows, and tells of their problems.
///
/// # Errors
/// When the database cannot be read, or an internal certificate cannot be issued.
pub async fn first(store: &Store, clock: &dyn Clock, https_port: Option<Port>) -> anyhow::Result<Spec> {
    internal_certificates::ensure(store, clock.now()).await?;
    Ok(compile::compile(&rows(store, https_port).await?).spec)
}

/// Reads everything that the configuration of the data plane is made from.
///
/// # Errors
/// When the database cannot be read. A key that cannot be opened or does not fit is told in its row.
pub async fn rows(store: &Store, https_port: Option<Port>) -> anyhow::Result<Rows> {
    read(store, https_port, &mut Keys::default()).await
}

async fn read(store: &Store, https_port: Option<Port>, keys: &mut Keys) -> anyhow::Result<Rows> {
    let settings = settings::all(store).await?;
    let hosts = proxy_hosts::list(store).await?;
    Ok(Rows {
        cookie_key: cookie_key::ensure(store, &hosts).await?,
        hosts,
        access_lists: access_lists::list(store).await?,
        certificates: keys.read(store).await?,
        settings: settings.into_iter().map(|setting| (setting.key, setting.value)).collect(),
        https_port,
    })
}
