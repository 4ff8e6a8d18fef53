//! One attempt: from the first request to the stored certificate. Each step is written down before the next.

use super::answers::Answers;
use super::clock::differs;
use super::progress::{close, enter, fail, keep, step, validation_failed};
use crate::dns::Dns;
use acme::{Account, Authorization, Binding, Challenge, Directory, Error, Kind, Order, OrderStatus};
use anyhow::Context;
use base::{Clock, Secret, Timestamp};
use certs::KeyType;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use store::acme_orders::{self, AcmeOrder, Phase, Progress, Step};
use store::acme_settings::{AcmeSettings, Authority};
use store::ssl_certificates::{ACME, Certificate, CertificateValues};
use store::{Store, acme_accounts};

/// An authority that has not decided within this time is not waited for any longer.
const DECISION: Duration = Duration::from_secs(3600);
/// Steps that are taken at once, at most: from pending to stored it is five.
const STEPS: usize = 8;

/// What to look at when the servers of a zone show a record that the authority does not find.
const OF_RECORDS: &str = "the record stood at the servers that Charon asked: see whether the Internet asks the same ones \
                          (NS records at the registrar), whether DNSSEC is in order, and whether a CAA record forbids \
                          the authority";

/// What attempts are made with.
#[derive(Debug)]
pub(super) struct Attempts {
    pub(super) store: Store,
    pub(super) proxy: Arc<proxy::Proxy>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) answers: Answers,
    pub(super) dns: Dns,
    /// Accounts that are open, by their directories.
    pub(super) accounts: HashMap<String, Account>,
    /// Authorities that were found not to answer in this look, by their directories: they are asked once.
    pub(super) down: HashMap<String, Error>,
    /// Certificates that were issued, and attempts that failed, since the start.
    pub(super) issued: u64,
    pub(super) failed: u64,
}

/// What a step came to.
enum Next {
    /// There is more to do at once.
    Go,
    /// The authority is at it.
    Wait,
    /// The attempt is over.
    End,
}

/// Why a step was not taken.
pub(super) enum Stop {
    /// The authority does not do it.
    Authority(Error),
    /// A DNS provider does not do it.
    Dns(Error),
    /// The database does not do it.
    Own(anyhow::Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Authority(error)
    }
}

impl From<store::Error> for Stop {
    fn from(error: store::Error) -> Self {
        Self::Own(error.into())
    }
}

fn refused(message: impl Into<String>, remedy: &'static str) -> Stop {
    Stop::Authority(Error { kind: Kind::Refused, message: message.into(), remedy })
}

/// The step that a trial leaves behind.
const TRIAL: &str = "trial";

/// Whether the trial of names that have no certificate yet is still to come.
fn is_trial(settings: &AcmeSettings, progress: &Progress, before: Option<&Certificate>) -> bool {
    let trial = &settings.trial.directory;
    let is_first = progress.directory.is_empty() || progress.directory == *trial;
    !trial.is_empty()
        && before.is_none()
        && is_first
        && !progress.steps.iter().any(|step| step.name == TRIAL && step.done)
}

/// Who is asked: the authority of the trial first; the second authority after two failures of the first, and again the first after two of the second.
fn authority<'a>(
    settings: &'a AcmeSettings,
    progress: &Progress,
    before: Option<&Certificate>,
) -> &'a Authority {
    if is_trial(settings, progress, before) {
        return &settings.trial;
    }
    let has_second = !settings.second.directory.is_empty();
    if has_second && (progress.failures / 2) % 2 == 1 { &settings.second } else { &settings.first }
}

impl Attempts {
    /// Takes an order as far as it goes, or begins one. What becomes of it stands in the row.
    pub(super) async fn advance(
        &mut self,
        settings: &AcmeSettings,
        order: &mut AcmeOrder,
        before: Option<&Certificate>,
    ) -> anyhow::Result<()> {
        if order.is_asked() {
            // What a person has asked for is answered by this attempt, also when it goes on with an order that is open.
            order.progress.begun_at = Some(self.clock.now());
        }
        let directory = match order.progress.order_url.as_str() {
            "" => &authority(settings, &order.progress, before).directory,
            _ => &order.progress.directory,
        };
        if let Some(error) = self.down.get(directory) {
            return self.failed(order, error.clone()).await;
        }
        for _ in 0..STEPS {
            match self.step(settings, order, before).await {
                Ok(Next::Go) => {}
                Ok(Next::Wait) => return self.note(order).await,
                Ok(Next::End) => return Ok(()),
                Err(Stop::Own(error)) => return Err(error),
                Err(Stop::Authority(error)) => return self.failed(order, error).await,
                Err(Stop::Dns(error)) => return self.not_proven(order, error).await,
            }
        }
        self.note(order).await
    }

    async fn step(
        &mut self,
        settings: &AcmeSettings,
        order: &mut AcmeOrder,
        before: Option<&Certificate>,
    ) -> Result<Next, Stop> {
        if order.progress.order_url.is_empty() {
            self.begin(settings, order, before).await?;
            return Ok(Next::Go);
        }
        let Some(authority) = settings.authority(&order.progress.directory) else {
            // Another authority was chosen meanwhile.
            self.give_up(order);
            return Ok(Next::Go);
        };
        let account = self.account(settings, authority, order).await?;
        let url = order.progress.order_url.clone();
        let found = account.look(&url).await?;
        if order.progress.phase != Phase::Ordering {
            // Taken up again, after a disturbance.
            enter(&mut order.progress, Phase::Ordering, self.clock.now());
        }
        match found.status {
            OrderStatus::Pending => self.prove(settings, order, &account, &found).await,
            OrderStatus::Ready => self.finalize(settings, order, &account).await,
            OrderStatus::Processing => self.wait(order, "finalise", "the authority signs"),
            OrderStatus::Valid => {
                let is_trial = is_trial(settings, &order.progress, before);
                self.collect(settings, order, &account, is_trial).await
            }
            OrderStatus::Invalid => {
                let by_dns = self.proven_by_dns(order).await?;
                Err(Stop::Authority(self.rejected(order, found, &by_dns)))
            }
        }
    }

    async fn begin(
        &mut self,
        settings: &AcmeSettings,
        order: &mut AcmeOrder,
        before: Option<&Certificate>,
    ) -> Result<(), Stop> {
        let now = self.clock.now();
        let authority = authority(settings, &order.progress, before);
        let progress = &mut order.progress;
        enter(progress, Phase::Ordering, now);
        progress.begun_at = Some(now);
        progress.next_at = None;
        progress.message.clear();
        progress.remedy.clear();
        // What a trial has shown stays to be seen.
        let was_trial = progress.directory == settings.trial.directory;
        progress.steps.retain(|step| was_trial && step.name == TRIAL);
        progress.directory.clone_from(&authority.directory);
        step(progress, "account", format!("opens the account at {}", authority.directory), now);
        self.note(order).await.map_err(Stop::Own)?;
        let account = self.account(settings, authority, order).await?;
        step(
            &mut order.progress,
            "order",
            format!("orders for {}", order.domains.join(", ")),
            self.clock.now(),
        );
        self.note(order).await.map_err(Stop::Own)?;
        let profile = Some(settings.profile.as_str()).filter(|profile| !profile.is_empty());
        let replaces = before.map(|before| before.certificate.as_str());
        order.progress.order_url = account.begin(&order.domains, profile, replaces).await?;
        self.note(order).await.map_err(Stop::Own)
    }

    /// The account at an authority: the open one, the stored one, or a new one.
    pub(super) async fn open(
        &mut self,
        settings: &AcmeSettings,
        authority: &Authority,
    ) -> anyhow::Result<Result<Account, Error>> {
        let url = &authority.directory;
        if let Some(account) = self.accounts.get(url) {
            return Ok(Ok(account.clone()));
        }
        let roots_pem = Some(authority.roots_pem.clone()).filter(|pem| !pem.trim().is_empty());
        let directory = Directory { url: url.clone(), roots_pem };
        let opened = match acme_accounts::credentials(&self.store, url).await? {
            Some(credentials) => Account::open(&directory, &credentials, self.clock.clone()).await,
            None => {
                let binding = authority
                    .eab_key
                    .clone()
                    .map(|key| Binding { key_id: authority.eab_key_id.clone(), key });
                let made =
                    Account::register(&directory, &settings.email, binding.as_ref(), self.clock.clone())
                        .await;
                match made {
                    Ok((account, credentials)) => {
                        acme_accounts::put(&self.store, url, &settings.email, &credentials).await?;
                        tracing::info!("registered an account at {url}");
                        Ok(account)
                    }
                    Err(error) => Err(error),
                }
            }
        };
        if let Ok(account) = &opened {
            self.accounts.insert(url.clone(), account.clone());
        }
        Ok(opened)
    }

    async fn account(
        &mut self,
        settings: &AcmeSettings,
        authority: &Authority,
        order: &AcmeOrder,
    ) -> Result<Account, Stop> {
        let opened = self.open(settings, authority).await.with_context(|| order.domains.join(", "));
        Ok(opened.map_err(Stop::Own)??)
    }

    /// Puts the answers in place, and tells the authority to look.
    async fn prove(
        &mut self,
        settings: &AcmeSettings,
        order: &mut AcmeOrder,
        account: &Account,
        found: &Order,
    ) -> Result<Next, Stop> {
        let usual = Challenge::named(&settings.challenge).unwrap_or(Challenge::Http01);
        let open: Vec<&Authorization> = found.authorizations.iter().filter(|one| !one.is_valid).collect();
        let by_dns = self.by_dns(order).await?;
        let mut pending = Vec::new();
        let mut is_waiting = false;
        for one in &open {
            let wanted = if by_dns.takes(one) { Challenge::Dns01 } else { usual };
            let offered = one.answers.iter().find(|answer| answer.challenge == wanted);
            if wanted == Challenge::Dns01
                && offered
                    .is_none_or(|answer| answer.is_pending && !self.answers.is_told(&order.uuid, answer))
                && !self.prove_by_dns(&by_dns, order, one, &open).await?
            {
                is_waiting = true;
                continue;
            }
            let Some(answer) = offered else {
                let offered: Vec<&str> = one.answers.iter().map(|answer| answer.challenge.name()).collect();
                let message = format!(
                    "the authority offers no {} for {}, but {}",
                    wanted.name(),
                    one.name,
                    offered.join(", ")
                );
                return Err(refused(
                    message,
                    "choose another challenge in the settings of automatic certificates",
                ));
            };
            let given = self.answers.give(&order.uuid, &one.name, answer);
            given.map_err(|message| refused(message, "please report this"))?;
            keep(&mut order.progress, &one.name, answer);
            if answer.is_pending && !self.answers.is_told(&order.uuid, answer) {
                pending.push((*one, answer));
            }
        }
        self.answers.publish(&self.proxy).map_err(|message| refused(message, "please report this"))?;
        if !pending.is_empty() {
            let all: Vec<String> = pending
                .iter()
                .map(|(one, how)| format!("{} for {}", how.challenge.name(), shown(one)))
                .collect();
            let message = format!("answers the challenge {}", all.join(", "));
            step(&mut order.progress, "challenge", message, self.clock.now());
            self.note(order).await.map_err(Stop::Own)?;
        }
        for (one, answer) in &pending {
            match account.ready(&found.url, &one.name, one.wildcard, answer.challenge).await {
                // It has looked already: the order says what came of it.
                Err(error) if error.kind == Kind::Refused => {
                    tracing::debug!("{}: the challenge was not taken: {error}", one.name);
                }
                other => other?,
            }
            self.answers.tell(&order.uuid, answer);
        }
        if is_waiting {
            self.is_decided_in_time(order)?;
            return Ok(Next::Wait);
        }
        let names: Vec<String> = open.iter().map(|one| shown(one)).collect();
        let message = format!("the authority looks at {}", names.join(", "));
        let next = self.wait(order, "validation", &message)?;
        // A quick authority has looked by now.
        Ok(if pending.is_empty() { next } else { Next::Go })
    }

    fn wait(&mut self, order: &mut AcmeOrder, name: &str, message: &str) -> Result<Next, Stop> {
        step(&mut order.progress, name, message, self.clock.now());
        self.is_decided_in_time(order)?;
        Ok(Next::Wait)
    }

    fn is_decided_in_time(&mut self, order: &mut AcmeOrder) -> Result<(), Stop> {
        let now = self.clock.now();
        if order.progress.begun_at.is_some_and(|begun| now.since(begun) > DECISION) {
            self.give_up(order);
            return Err(refused(
                "the authority has not decided within an hour",
                "Charon tries again by itself",
            ));
        }
        Ok(())
    }

    /// The names are proven: sends the request for the certificate, whose key is kept first.
    async fn finalize(
        &mut self,
        settings: &AcmeSettings,
        order: &mut AcmeOrder,
        account: &Account,
    ) -> Result<Next, Stop> {
        step(&mut order.progress, "finalise", "sends the request for the certificate", self.clock.now());
        self.note(order).await.map_err(Stop::Own)?;
        let key = match acme_orders::pending_key(&self.store, &order.uuid).await {
            Ok(Some(key)) => key,
            // A key that cannot be opened was asked for by nobody yet.
            Ok(None) | Err(store::Error::Secret(_)) => {
                let key = new_key(settings).await?;
                acme_orders::keep_key(&self.store, &order.uuid, &key).await?;
                key
            }
            Err(error) => return Err(error.into()),
        };
        let request = certs::signing_request(&order.domains, &key);
        let request =
            request.map_err(|error| refused(error.to_string(), "correct the domains of the host"))?;
        account.finalize(&order.progress.order_url, &request).await?;
        Ok(Next::Go)
    }

    /// Fetches the certificate, looks whether it is the one that was asked for, and puts it in the place of the one
    /// before.
    async fn collect(
        &mut self,
        settings: &AcmeSettings,
        order: &mut AcmeOrder,
        account: &Account,
        is_trial: bool,
    ) -> Result<Next, Stop> {
        step(&mut order.progress, "download", "fetches the certificate", self.clock.now());
        let wish = &settings.preferred_chain;
        let is_wished = |chain: &str| wish.is_empty() || certs::ends_in(chain, wish);
        let Some(chain) = account.certificate(&order.progress.order_url, is_wished).await? else {
            return Ok(Next::Wait);
        };
        if !is_wished(&chain) && !is_trial {
            let message = format!("no chain ends in '{wish}'; took the one that the authority prefers");
            tracing::warn!("{}: {message}", order.domains.join(", "));
            step(&mut order.progress, "download", message, self.clock.now());
        }
        let key = match acme_orders::pending_key(&self.store, &order.uuid).await {
            Ok(Some(key)) => key,
            Ok(None) | Err(store::Error::Secret(_)) => {
                return Err(self.useless(order, "its key is not stored"));
            }
            Err(error) => return Err(error.into()),
        };
        let info = match certs::inspect(&chain, &key) {
            Ok(info) => info,
            Err(error) => return Err(self.useless(order, &error.to_string())),
        };
        if let Some(missing) = order.domains.iter().find(|name| !info.domains.contains(name)) {
            return Err(self.useless(order, &format!("it does not name {missing}")));
        }
        let now = self.clock.now();
        if is_trial {
            let message = format!("the names were proven at {} first", order.progress.directory);
            self.give_up(order);
            order.progress.failures = 0;
            order.progress.steps = vec![Step { name: TRIAL.to_owned(), at: now, message, done: true }];
            self.note(order).await.map_err(Stop::Own)?;
            return Ok(Next::Go);
        }
        let first = order.domains.first().cloned().unwrap_or_default();
        let progress = &mut order.progress;
        step(progress, "store", "puts it into use", now);
        for step in &mut progress.steps {
            step.done = true;
        }
        enter(progress, Phase::Valid, now);
        progress.since = Some(now);
        progress.failures = 0;
        progress.failed_at.clear();
        (progress.window, progress.window_next) = (None, None);
        close(progress);
        // By the authority's clock, when this machine's is wrong: else it would be renewed again and again.
        let there = account.authority_time().filter(|there| differs(*there, now));
        let renewal = certs::renewal_time(info.not_before, info.expires_at, &first);
        progress.next_at = Some(now.plus(renewal.since(there.unwrap_or(now))));
        progress.message.clear();
        progress.remedy.clear();
        let name = if order.domains.len() > 1 { format!("{first} and others") } else { first };
        let values = CertificateValues {
            name,
            provider: ACME.to_owned(),
            domains: info.domains,
            certificate: chain,
            private_key: Some(key),
            fingerprint: info.fingerprint,
            issuer: info.issuer,
            not_before: Some(info.not_before),
            expires_at: Some(info.expires_at),
            auto_renew: true,
        };
        acme_orders::issued(&self.store, &order.uuid, &values, &order.progress).await?;
        tracing::info!(
            "{} has issued a certificate for {}, good until {}",
            values.issuer,
            order.domains.join(", "),
            info.expires_at
        );
        self.issued += 1;
        self.answers.drop_order(&order.uuid);
        self.answers.publish(&self.proxy).map_err(|message| refused(message, "please report this"))?;
        Ok(Next::End)
    }

    /// What came of the order cannot be used: the one before goes on serving.
    fn useless(&mut self, order: &mut AcmeOrder, why: &str) -> Stop {
        self.give_up(order);
        refused(
            format!("the certificate that was issued cannot be used: {why}"),
            "Charon orders another one by itself",
        )
    }

    fn rejected(&mut self, order: &mut AcmeOrder, found: Order, by_dns: &BTreeSet<String>) -> Error {
        let now = self.clock.now();
        let of_names =
            found.authorizations.into_iter().find_map(|one| one.error.map(|error| (one.name, error)));
        let error = match of_names {
            Some((name, error)) => {
                validation_failed(&mut order.progress, now);
                let remedy = if by_dns.contains(&name) { OF_RECORDS } else { error.remedy };
                Error { kind: error.kind, message: format!("{name}: {}", error.message), remedy }
            }
            None => found.error.unwrap_or_else(|| Error {
                kind: Kind::Refused,
                message: "the authority has rejected the order without a reason".to_owned(),
                remedy: "Charon tries again by itself",
            }),
        };
        self.give_up(order);
        error
    }

    /// The order is over, without a certificate.
    fn give_up(&mut self, order: &mut AcmeOrder) {
        close(&mut order.progress);
        self.answers.drop_order(&order.uuid);
    }

    async fn failed(&mut self, order: &mut AcmeOrder, error: Error) -> anyhow::Result<()> {
        match error.kind {
            // It is there as it was, when it can be asked again.
            Kind::Unreachable => _ = self.down.insert(order.progress.directory.clone(), error.clone()),
            Kind::NoAccount => {
                let directory = order.progress.directory.clone();
                self.accounts.remove(&directory);
                acme_accounts::delete(&self.store, &directory, &error.message).await?;
                self.give_up(order);
            }
            _ => self.give_up(order),
        }
        self.end(order, &error).await
    }

    /// A DNS provider has not done its part. An order whose proof only comes later stays open.
    async fn not_proven(&mut self, order: &mut AcmeOrder, error: Error) -> anyhow::Result<()> {
        if !matches!(error.kind, Kind::Unreachable | Kind::RateLimited(_)) {
            self.give_up(order);
        }
        self.end(order, &error).await
    }

    async fn end(&mut self, order: &mut AcmeOrder, error: &Error) -> anyhow::Result<()> {
        self.answers.publish(&self.proxy).map_err(anyhow::Error::msg)?;
        let first = order.domains.first().cloned().unwrap_or_default();
        fail(&mut order.progress, error, &first, self.clock.now());
        self.failed += 1;
        tracing::warn!("no certificate for {}: {}", order.domains.join(", "), error.message);
        self.note(order).await
    }

    pub(super) async fn note(&self, order: &AcmeOrder) -> anyhow::Result<()> {
        Ok(acme_orders::note(&self.store, &order.uuid, &order.progress).await?)
    }
}

/// RSA keys take a second to be found.
async fn new_key(settings: &AcmeSettings) -> Result<Secret<String>, Stop> {
    let kind = KeyType::named(&settings.key_type).unwrap_or_default();
    let made = tokio::task::spawn_blocking(move || certs::new_key(kind)).await;
    let made = made.map_err(|error| Stop::Own(error.into()))?;
    made.map_err(|error| refused(error.to_string(), "please report this"))
}

/// What has to be proven, as a person writes it.
fn shown(one: &Authorization) -> String {
    let wildcard = if one.wildcard { "*." } else { "" };
    format!("{wildcard}{}", one.name)
}

/// When a certificate that serves is renewed.
pub(super) fn renewal(order: &AcmeOrder, certificate: &Certificate, now: Timestamp) -> Option<Timestamp> {
    let (start, end) = certificate.not_before.zip(certificate.expires_at)?;
    let first = order.domains.first().map_or("", String::as_str);
    if let Some((from, to)) = order.progress.window {
        // However far away the authority wants it: never in the last twelfth.
        return Some(certs::renewal_within(from, to, first).min(end.minus(end.since(start) / 12)));
    }
    let own = certs::renewal_time(start, end, first);
    match order.progress.next_at {
        // Reckoned by the authority's clock, while this machine's is ahead.
        Some(planned) if planned > now && end <= now => Some(planned),
        Some(planned) if planned > own && planned < end => Some(planned),
        _ => Some(own),
    }
}
