//! The reconciler of automatic certificates.

use super::answers::Answers;
use super::attempt::{Attempts, renewal};
use super::clock::Clocks;
use super::progress::{end, enter, hold};
use crate::dns::Dns;
use base::{Clock, Code, Problem, Problems, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use store::acme_orders::{self, AcmeOrder, Phase, Progress};
use store::acme_settings::{self, AcmeSettings};
use store::proxy_hosts::{self, Wish};
use store::ssl_certificates::{self, ACME, Certificate};
use store::{Audit, Store};
use tasks::{Outcome, Task};
use tokio::sync::watch;

/// Component name on the problem board.
const COMPONENT: &str = "automatic certificates";
/// How often an open order is looked at: at first, and later.
const LOOK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// How long an order is new.
const NEW: Duration = Duration::from_secs(60);
/// The longest time without a look.
const REST: Duration = Duration::from_secs(60);
/// Orders that begin within one look.
const AT_ONCE: usize = 10;
/// Windows of renewal that are asked for within one look, and how often at least and at most for each.
const WINDOWS: usize = 10;
const WINDOW_REST: (Duration, Duration) = (Duration::from_secs(3600), Duration::from_secs(24 * 3600));

/// Sees to it that hosts which want one have a certificate of a public authority.
#[derive(Debug)]
pub struct Certify {
    problems: Problems,
    attempts: Attempts,
    clocks: Clocks,
    counts: watch::Sender<Counts>,
    pause: Duration,
}

/// How many automatic certificates there are, for the metrics.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// How many are in each phase, by its name.
    pub phases: Vec<(&'static str, usize)>,
    /// Certificates that were issued since the start.
    pub issued: u64,
    /// Attempts that failed since the start.
    pub failed: u64,
    /// When the first of those that serve ends.
    pub first_end: Option<Timestamp>,
}

/// Who wants a set of names.
#[derive(Debug, Default)]
struct Wanted {
    hosts: Vec<String>,
    is_enabled: bool,
}

impl Certify {
    /// Nothing is begun yet.
    pub fn new(
        store: Store,
        proxy: Arc<proxy::Proxy>,
        dns: Dns,
        problems: Problems,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let attempts = Attempts {
            store,
            proxy,
            clock,
            answers: Answers::new(),
            dns,
            accounts: HashMap::new(),
            down: HashMap::new(),
            issued: 0,
            failed: 0,
        };
        Self { problems, attempts, clocks: Clocks::default(), counts: watch::Sender::default(), pause: REST }
    }

    /// How many there are, now and from now on.
    pub fn counts(&self) -> watch::Receiver<Counts> {
        self.counts.subscribe()
    }

    async fn look(&mut self) -> anyhow::Result<String> {
        let store = self.attempts.store.clone();
        let settings = acme_settings::get(&store).await?;
        let wanted = by_names(proxy_hosts::wishes(&store).await?);
        let issued_before = self.attempts.issued;
        let mut orders = adopt(&store, &wanted).await?;
        let mut certificates = by_uuid(&store).await?;
        tidy(&store, &orders, &certificates, self.attempts.clock.now()).await?;
        self.attempts.down.clear();
        self.leave(&settings).await?;
        self.attempts.answers.keep(|uuid| orders.iter().any(|order| order.uuid == uuid));
        self.attempts.answers.restore(&orders);

        let failed = failures(&orders);
        let begun: Vec<Timestamp> = orders.iter().filter_map(|order| order.progress.begun_at).collect();
        let mut room = certs::order_room(&begun, self.attempts.clock.now()).min(AT_ONCE);
        let mut windows = WINDOWS;
        for order in &mut orders {
            let certificate = certificates.get(&order.certificate_uuid);
            let is_enabled = wanted.get(&order.domains).is_some_and(|wanted| wanted.is_enabled);
            let before = order.progress.clone();
            self.revoke(&settings, order, certificate).await?;
            if is_enabled {
                self.look_after(&settings, order, certificate, &failed, &mut room, &mut windows).await?;
            } else {
                let (message, remedy) = ("its host is switched off", "switch the host on");
                hold(&mut order.progress, message, remedy, self.attempts.clock.now());
            }
            if order.progress != before {
                self.attempts.note(order).await?;
            }
        }
        self.attempts.answers.publish(&self.attempts.proxy).map_err(anyhow::Error::msg)?;
        let now = self.attempts.clock.now();
        let (stays, cleaned) = self.attempts.clean_up(&orders).await?;
        for order in orders.iter_mut().filter(|order| cleaned.contains(&order.uuid)) {
            if order.progress.phase != Phase::Ordering {
                end(&mut order.progress, "clean-up", "removed the TXT records", now);
                self.attempts.note(order).await?;
            }
        }
        self.pause = pause(&orders, now);
        if self.attempts.issued != issued_before {
            certificates = by_uuid(&store).await?;
            orders = acme_orders::list(&store).await?;
        }
        self.count(&orders, &certificates);
        let mut problems = problems(&orders, &wanted, &certificates, now);
        problems.extend(stays);
        if settings.terms_agreed && !settings.first.directory.is_empty() && !orders.is_empty() {
            problems.extend(self.clocks.compare(&settings.first, &*self.attempts.clock).await);
        }
        self.problems.report(COMPONENT, problems);
        Ok(summary(&orders))
    }

    fn count(&self, orders: &[AcmeOrder], certificates: &HashMap<String, Certificate>) {
        let phases = [Phase::Waiting, Phase::Ordering, Phase::Valid, Phase::Failing, Phase::Held];
        let count = |phase: Phase| orders.iter().filter(|order| order.progress.phase == phase).count();
        let kept = orders.iter().filter_map(|order| certificates.get(&order.certificate_uuid));
        self.counts.send_replace(Counts {
            phases: phases.into_iter().map(|phase| (phase.as_str(), count(phase))).collect(),
            issued: self.attempts.issued,
            failed: self.attempts.failed,
            first_end: kept.filter_map(|row| row.expires_at).min(),
        });
    }

    async fn look_after(
        &mut self,
        settings: &AcmeSettings,
        order: &mut AcmeOrder,
        certificate: Option<&Certificate>,
        failed: &BTreeMap<String, Vec<Timestamp>>,
        room: &mut usize,
        windows: &mut usize,
    ) -> anyhow::Result<()> {
        let now = self.attempts.clock.now();
        let serves = certificate.is_some_and(|row| row.has_key && row.domains_cover(&order.domains));
        let is_idle = order.progress.order_url.is_empty();
        match certificate.filter(|_| serves) {
            Some(row)
                if is_idle
                    && (matches!(order.progress.phase, Phase::Valid | Phase::Held)
                        || was_ahead(&order.progress, now)) =>
            {
                self.window(settings, order, row, windows).await?;
                order.progress.next_at = renewal(order, row, now);
                if order.progress.next_at.is_some_and(|at| at > now) {
                    if order.progress.phase != Phase::Valid {
                        order.progress.message.clear();
                        order.progress.remedy.clear();
                        order.progress.failures = 0;
                    }
                    enter(&mut order.progress, Phase::Valid, now);
                }
            }
            // Somebody has deleted it.
            None if order.progress.phase == Phase::Valid => order.progress.next_at = None,
            _ => {}
        }
        let is_due = order.progress.next_at.is_none_or(|at| at <= now) || was_ahead(&order.progress, now);
        let is_open = !order.progress.order_url.is_empty();
        let is_asked = order.is_asked() && order.progress.phase != Phase::Ordering;
        if !is_due && !is_asked {
            return Ok(());
        }
        if !settings.terms_agreed {
            let message = "nobody has agreed to the authority's terms yet";
            hold(
                &mut order.progress,
                message,
                "open Certificates, Automatic certificates, and agree to them",
                now,
            );
            return Ok(());
        }
        if settings.first.directory.is_empty() {
            let message = "no authority is chosen";
            hold(&mut order.progress, message, "choose one under Certificates, Automatic certificates", now);
            return Ok(());
        }
        if !is_open {
            let allowed = order.domains.iter().filter_map(|name| failed.get(name));
            let allowed = allowed.map(|failed| certs::validation_time(failed, now)).max().unwrap_or(now);
            if allowed > now {
                enter(&mut order.progress, Phase::Failing, now);
                order.progress.next_at = Some(allowed);
                return Ok(());
            }
            if *room == 0 {
                // The next look takes some more.
                return Ok(());
            }
            *room -= 1;
        }
        self.attempts.advance(settings, order, certificate.filter(|_| serves)).await
    }

    /// Asks the authority, now and then, when it wants the certificate to be renewed.
    async fn window(
        &mut self,
        settings: &AcmeSettings,
        order: &mut AcmeOrder,
        certificate: &Certificate,
        windows: &mut usize,
    ) -> anyhow::Result<()> {
        let now = self.attempts.clock.now();
        // One that is further away was planned while the clock was ahead.
        let is_due = order.progress.window_next.is_none_or(|at| at <= now || at.since(now) > WINDOW_REST.1);
        let authority = settings.authority(&order.progress.directory).filter(|_| settings.terms_agreed);
        let Some(authority) = authority.filter(|_| is_due && *windows > 0) else { return Ok(()) };
        *windows -= 1;
        let asked = match self.attempts.open(settings, authority).await? {
            Ok(account) => account.renewal_window(&certificate.certificate).await,
            Err(error) => Err(error),
        };
        let rest = match asked {
            Ok(Some((window, again))) => {
                order.progress.window = Some(window);
                again.clamp(WINDOW_REST.0, WINDOW_REST.1)
            }
            Ok(None) => WINDOW_REST.1,
            Err(error) => {
                // Without it the life of the certificate says when.
                tracing::debug!(
                    "the window of renewal for {} is not known: {error}",
                    order.domains.join(", ")
                );
                WINDOW_REST.0
            }
        };
        order.progress.window_next = Some(now.plus(rest));
        Ok(())
    }

    /// Revokes what a person wants revoked.
    async fn revoke(
        &mut self,
        settings: &AcmeSettings,
        order: &AcmeOrder,
        certificate: Option<&Certificate>,
    ) -> anyhow::Result<()> {
        let (Some(why), Some(row)) = (order.revoke, certificate) else { return Ok(()) };
        let authority = settings.authority(&order.progress.directory);
        let names = order.domains.join(", ");
        let details = match authority {
            None => format!("{names}: its authority is no longer configured, so that nothing was revoked"),
            Some(authority) => {
                let is_key_known = why == acme_orders::Revocation::KeyCompromise;
                let done = match self.attempts.open(settings, authority).await? {
                    Ok(account) => account.revoke(&row.certificate, is_key_known).await,
                    Err(error) => Err(error),
                };
                match done {
                    Ok(()) => format!("Revoked the certificate for {names}"),
                    Err(error) => format!("{names}: the authority does not revoke: {error}"),
                }
            }
        };
        tracing::info!("{details}");
        Ok(acme_orders::revoked(&self.attempts.store, &order.uuid, &details).await?)
    }

    /// Gives up accounts that a person wants given up.
    async fn leave(&mut self, settings: &AcmeSettings) -> anyhow::Result<()> {
        let store = self.attempts.store.clone();
        for account in store::acme_accounts::list(&store).await?.into_iter().filter(|account| account.leaving)
        {
            let authority = settings.authority(&account.directory);
            let why = match authority {
                None => "its authority is no longer configured; it was not told".to_owned(),
                Some(authority) => match self.attempts.open(settings, authority).await? {
                    Ok(open) => match open.deactivate().await {
                        Ok(()) => "a person has given it up, and the authority has deactivated it".to_owned(),
                        Err(error) => {
                            format!("a person has given it up; the authority could not be told: {error}")
                        }
                    },
                    Err(error) => {
                        format!("a person has given it up; the authority could not be told: {error}")
                    }
                },
            };
            self.attempts.accounts.remove(&account.directory);
            tracing::info!("forgot the account at {}: {why}", account.directory);
            store::acme_accounts::delete(&store, &account.directory, &why).await?;
        }
        Ok(())
    }
}

impl Task for Certify {
    fn name(&self) -> &'static str {
        "look after automatic certificates"
    }

    fn interval(&self) -> Duration {
        self.pause
    }

    async fn run(&mut self) -> Outcome {
        match self.look().await {
            Ok(message) => Outcome::Ok(message),
            Err(error) => {
                let message = format!("automatic certificates could not be looked after: {error:#}");
                Outcome::Failing(
                    message,
                    "certificates go on serving; see the problems of the database".to_owned(),
                )
            }
        }
    }
}

/// The certificates of public authorities, by their public ids.
async fn by_uuid(store: &Store) -> Result<HashMap<String, Certificate>, store::Error> {
    let rows = ssl_certificates::of_provider(store, ACME).await?;
    Ok(rows.into_iter().map(|row| (row.uuid.clone(), row)).collect())
}

/// Whether the last attempt failed at a time that has not come yet: the clock was ahead, and what was planned then is
/// void.
fn was_ahead(progress: &Progress, now: Timestamp) -> bool {
    let is_ahead = |at: Option<Timestamp>| at.is_some_and(|at| at > now);
    let too_far = progress.next_at.is_some_and(|at| at.since(now) > certs::LONGEST_WAIT);
    progress.phase == Phase::Failing && (is_ahead(progress.since) || is_ahead(progress.begun_at) || too_far)
}

/// The sets of names that are wanted, each sorted, and by whom.
fn by_names(wishes: Vec<Wish>) -> BTreeMap<Vec<String>, Wanted> {
    let mut wanted: BTreeMap<Vec<String>, Wanted> = BTreeMap::new();
    for wish in wishes {
        let names: BTreeSet<String> = wish.domains.into_iter().collect();
        if names.is_empty() {
            continue;
        }
        let one = wanted.entry(names.into_iter().collect()).or_default();
        one.hosts.push(wish.name);
        one.is_enabled |= wish.enabled;
    }
    wanted
}

/// Looks after what is wanted and after nothing else.
async fn adopt(
    store: &Store,
    wanted: &BTreeMap<Vec<String>, Wanted>,
) -> Result<Vec<AcmeOrder>, store::Error> {
    let orders = acme_orders::list(store).await?;
    let known: BTreeSet<&Vec<String>> = orders.iter().map(|order| &order.domains).collect();
    let new: Vec<Vec<String>> = wanted.keys().filter(|names| !known.contains(names)).cloned().collect();
    let gone: Vec<String> = orders
        .iter()
        .filter(|order| !wanted.contains_key(&order.domains))
        .map(|order| order.uuid.clone())
        .collect();
    if new.is_empty() && gone.is_empty() {
        return Ok(orders);
    }
    acme_orders::adopt(store, &new, &gone).await?;
    acme_orders::list(store).await
}

/// Certificates that nobody looks after any more go once others are good for all their names, or once they have ended.
async fn tidy(
    store: &Store,
    orders: &[AcmeOrder],
    certificates: &HashMap<String, Certificate>,
    now: Timestamp,
) -> Result<(), store::Error> {
    let kept: BTreeSet<&str> = orders.iter().map(|order| order.certificate_uuid.as_str()).collect();
    let covered: BTreeSet<&String> = certificates
        .values()
        .filter(|row| row.has_key && kept.contains(row.uuid.as_str()))
        .flat_map(|row| &row.domains)
        .collect();
    for row in certificates.values().filter(|row| !kept.contains(row.uuid.as_str())) {
        let has_ended = row.expires_at.is_some_and(|end| end <= now);
        let is_replaced = row.domains.iter().all(|name| covered.contains(name));
        if !has_ended && !is_replaced {
            continue;
        }
        if !proxy_hosts::presenters(store, Some(row.id)).await?.is_empty() {
            continue;
        }
        let details = format!("The automatic certificate {} is not needed any more", row.name);
        let audit = Audit::system("certificate.delete", "certificate", details);
        ssl_certificates::delete(store, &row.uuid, audit).await?;
    }
    Ok(())
}

/// When validations failed, by name: a name may stand in several sets.
fn failures(orders: &[AcmeOrder]) -> BTreeMap<String, Vec<Timestamp>> {
    let mut failed: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    for order in orders {
        for name in &order.domains {
            failed.entry(name.clone()).or_default().extend(&order.progress.failed_at);
        }
    }
    failed
}

/// How long nothing has to be looked at.
fn pause(orders: &[AcmeOrder], now: Timestamp) -> Duration {
    let pauses = orders.iter().map(|order| {
        let progress = &order.progress;
        match (progress.phase, progress.next_at, progress.begun_at) {
            (Phase::Ordering, _, Some(begun)) if now.since(begun) < NEW => LOOK.0,
            (Phase::Ordering, ..) => LOOK.1,
            (_, Some(next), _) => next.since(now).max(LOOK.0),
            (Phase::Waiting, None, _) => LOOK.1,
            _ => REST,
        }
    });
    pauses.min().unwrap_or(REST).min(REST)
}

fn problems(
    orders: &[AcmeOrder],
    wanted: &BTreeMap<Vec<String>, Wanted>,
    certificates: &HashMap<String, Certificate>,
    now: Timestamp,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for order in orders {
        let Some(wanted) = wanted.get(&order.domains).filter(|wanted| wanted.is_enabled) else { continue };
        let (names, hosts) = (order.domains.join(", "), wanted.hosts.join(", "));
        let row = certificates.get(&order.certificate_uuid).filter(|row| row.has_key);
        let end = row.and_then(|row| row.expires_at);
        let Progressing { why, remedy } = Progressing::of(order);
        let (code, message) = match (end, order.progress.phase) {
            (Some(end), _) if end <= now && order.progress.message.is_empty() => {
                (Code::CertificateExpired, format!("the certificate for {names} ended on {end}"))
            }
            (Some(end), _) if end <= now => {
                (Code::CertificateExpired, format!("the certificate for {names} ended on {end}: {why}"))
            }
            (None, Phase::Failing | Phase::Held) => {
                let message = format!("{names} has no certificate that browsers trust: {why}");
                (Code::CertificateNotIssued, message)
            }
            (Some(end), Phase::Failing | Phase::Held) => {
                let message =
                    format!("the certificate for {names} serves until {end}, but is not renewed: {why}");
                (Code::CertificateNotRenewed, message)
            }
            _ => continue,
        };
        problems
            .push(Problem::new(code, message, remedy).about(format!("host {hosts}")).link("/certificates"));
    }
    problems
}

/// Why a set of names is where it is.
struct Progressing<'a> {
    why: &'a str,
    remedy: &'a str,
}

impl<'a> Progressing<'a> {
    fn of(order: &'a AcmeOrder) -> Self {
        let progress = &order.progress;
        match progress.message.as_str() {
            "" => Self { why: "it is being renewed", remedy: "wait for the order that runs" },
            why => Self { why, remedy: &progress.remedy },
        }
    }
}

fn summary(orders: &[AcmeOrder]) -> String {
    if orders.is_empty() {
        return "nothing to do: no host wants an automatic certificate".to_owned();
    }
    let count = |phase: Phase| orders.iter().filter(|order| order.progress.phase == phase).count();
    let next = orders.iter().filter_map(|order| order.progress.next_at).min();
    let next = next.map_or_else(String::new, |next| format!("; next at {next}"));
    format!(
        "{} valid, {} being ordered, {} waiting, {} failing, {} held{next}",
        count(Phase::Valid),
        count(Phase::Ordering),
        count(Phase::Waiting),
        count(Phase::Failing),
        count(Phase::Held)
    )
}
