//! Gathering what an authority would see of a name.

use super::{Rehearsal, doors};
use crate::dns;
use acme::{Directory, NoTerms};
use base::Timestamp;
use dns01::{DnsError, Outcome, Resolvers, TrialStep, Unknown};
use futures_util::future::join_all;
use http::Uri;
use rehearsal::{
    Addresses, Answer, Authority, Caa, CaaRecord, Credentials, Door, Facts, Found, Held, Lookup, Proof, Zone,
    is_private, not_public, registered_domain,
};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;
use store::acme_orders::{self, AcmeOrder, Phase};
use store::acme_settings::{self, AcmeSettings};
use store::dns_credentials::{self, DnsCredential, holder};
use store::proxy_hosts::{self, Wish};
use store::ssl_certificates::{self, ACME, Certificate};
use store::{acme_accounts, dns_records};
use tokio::join;
use tokio::sync::Mutex;

const HOUR: Duration = Duration::from_secs(3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// Certificates that Let's Encrypt issues for a domain within a week.
const ISSUED: usize = 50;

/// How a name would be proven.
#[derive(PartialEq, Eq)]
enum Way<'a> {
    Http,
    Tls,
    /// By this provider, when one holds the zone.
    Dns(Option<&'a DnsCredential>),
}

/// What is the same for all names of one rehearsal.
pub(super) struct Scene<'a> {
    by: &'a Rehearsal,
    settings: AcmeSettings,
    authority: Authority,
    resolvers: Resolvers,
    wishes: Vec<Wish>,
    orders: Vec<AcmeOrder>,
    certificates: Vec<Certificate>,
    credentials: Vec<DnsCredential>,
    /// Credentials that orders use now, by their public ids: a trial could take an order's value away.
    busy: HashSet<String>,
    /// What came of trials, by the credentials and the zone or the name that a CNAME leads to.
    trials: Mutex<HashMap<(String, String), Zone>>,
}

impl<'a> Scene<'a> {
    pub(super) async fn set(by: &'a Rehearsal) -> anyhow::Result<Self> {
        let store = &by.store;
        let settings = acme_settings::get(store).await?;
        let resolvers = by.dns.resolvers();
        let directory = &settings.first.directory;
        let account = acme_accounts::credentials(store, directory).await?;
        let authority = Authority {
            terms_agreed: settings.terms_agreed,
            has_external_account: settings.first.eab_key.is_some() || account.is_some(),
            account: account.as_ref().and_then(acme::account_of).unwrap_or_default(),
            is_private: is_private_place(directory, &resolvers).await,
            answer: ask(&settings).await,
            directory: directory.clone(),
        };
        let orders = acme_orders::list(store).await?;
        let credentials = dns_credentials::list(store).await?;
        let records = dns_records::list(store).await?;
        let mut busy: HashSet<String> = records.into_iter().map(|row| row.credential_uuid).collect();
        let open = orders
            .iter()
            .filter(|order| matches!(order.progress.phase, Phase::Waiting | Phase::Ordering))
            .flat_map(|order| &order.domains);
        busy.extend(open.filter_map(|name| holder(&credentials, name)).map(|held| held.uuid.clone()));
        Ok(Self {
            settings,
            authority,
            resolvers,
            wishes: proxy_hosts::wishes(store).await?,
            certificates: ssl_certificates::of_provider(store, ACME).await?,
            orders,
            credentials,
            busy,
            trials: Mutex::default(),
            by,
        })
    }

    /// Everything about one name.
    pub(super) async fn facts(&self, name: String) -> Facts {
        let way = self.way(&name);
        let (proof, caa, (addresses, doors)) = join!(self.proof(&way, &name), self.caa(&name), async {
            match way {
                Way::Dns(_) => (Found::Is(Addresses::default()), Vec::new()),
                Way::Http | Way::Tls => self.places(&name, way == Way::Tls).await,
            }
        });
        Facts {
            now: self.by.clock.now(),
            proof,
            authority: self.authority.clone(),
            addresses,
            doors,
            port: if way == Way::Tls { self.by.ports.https } else { self.by.ports.http },
            caa,
            held: self.held(&name),
            name,
        }
    }

    /// How the name would be proven.
    fn way(&self, name: &str) -> Way<'_> {
        let is_wildcard = name.starts_with("*.");
        let mut sets = self.wishes.iter().filter(|wish| wish.domains.iter().any(|known| known == name));
        let beside = sets.any(|wish| wish.domains.iter().any(|known| known.starts_with("*.")));
        match holder(&self.credentials, name) {
            Some(held) if is_wildcard || beside || held.values.every_name => Way::Dns(Some(held)),
            _ if is_wildcard => Way::Dns(None),
            _ if self.settings.challenge == "tls-alpn-01" => Way::Tls,
            _ => Way::Http,
        }
    }

    /// The same, with the trial of the provider that would do it.
    async fn proof(&self, way: &Way<'_>, name: &str) -> Proof {
        match way {
            Way::Http => Proof::Http01,
            Way::Tls => Proof::TlsAlpn01,
            Way::Dns(None) => Proof::Dns01(None),
            Way::Dns(Some(held)) => {
                let zone = self.zone(held, name).await;
                Proof::Dns01(Some(Credentials { name: held.values.name.clone(), zone }))
            }
        }
    }

    /// Where the name leads to, and what happens there.
    async fn places(&self, name: &str, by_tls: bool) -> (Found, Vec<Door>) {
        let found = self.addresses(name).await;
        let Lookup::Is(addresses) = &found else { return (found, Vec::new()) };
        let is_reached = |address: &&IpAddr| self.authority.is_private || !is_private(**address);
        let all: Vec<IpAddr> = addresses.all.iter().filter(is_reached).take(doors::MOST).copied().collect();
        let doors = match self.by.own.answer(name) {
            Ok(answered) => {
                let knock = doors::Knocker {
                    name,
                    answered: &answered,
                    ports: self.by.ports,
                    resolvers: &self.resolvers,
                };
                join_all(all.into_iter().map(|address| knock.at(address, by_tls))).await
            }
            Err(error) => {
                tracing::warn!("{name}: no proof of Charon's own can be made: {error}");
                Vec::new()
            }
        };
        (found, doors)
    }

    async fn zone(&self, held: &DnsCredential, name: &str) -> Zone {
        if self.busy.contains(&held.uuid) {
            return Zone::NotTried;
        }
        let challenge = dns01::challenge_name(name);
        let place = match self.resolvers.target(&challenge).await {
            Ok(target) if target != challenge => target,
            // One name of a zone stands for the others.
            _ => held.zone_of(name).unwrap_or_default().to_owned(),
        };
        // One after the other: some providers hold one value, or write all records of a zone at once.
        let turn = self.by.turn(&held.uuid);
        let _turn = turn.lock().await;
        let key = (held.uuid.clone(), place);
        if let Some(known) = self.trials.lock().await.get(&key) {
            return known.clone();
        }
        let zone = self.tried(held, name).await;
        self.trials.lock().await.insert(key, zone.clone());
        zone
    }

    async fn tried(&self, held: &DnsCredential, name: &str) -> Zone {
        let given = match dns::stored(&self.by.store, held).await {
            Ok(Ok(given)) => given,
            Ok(Err(message)) => return Zone::Refused(message),
            Err(error) => return Zone::Unreachable(error.to_string()),
        };
        let Some(kind) = dns01::kind(&held.values.kind) else {
            return Zone::Refused("this version does not know its kind".to_owned());
        };
        match self.by.dns.test(kind, &given, name.trim_start_matches("*.")).await {
            Ok(steps) => judged(&steps),
            Err(error) => Zone::Refused(error.to_string()),
        }
    }

    async fn addresses(&self, name: &str) -> Found {
        let found = match self.resolvers.addresses_of(name).await {
            Ok(found) => found,
            Err(unknown) => return unknown_as(unknown),
        };
        let mut all = found.all;
        if !self.authority.is_private
            && all.iter().any(|address| is_private(*address))
            && let Some(outside) = self.resolvers.addresses_outside(name).await
            && !outside.is_empty()
        {
            // A resolver of one's own says where a name is at home, which is nobody else's answer.
            all = outside;
        }
        Lookup::Is(Addresses { exists: found.exists, aliases: found.aliases, all })
    }

    async fn caa(&self, name: &str) -> Lookup<Caa> {
        match self.resolvers.caa_of(name).await {
            Ok((at, records)) => {
                let record = |one: dns01::CaaRecord| CaaRecord {
                    critical: one.critical,
                    tag: one.tag,
                    value: one.value,
                };
                Lookup::Is(Caa { name: at, records: records.into_iter().map(record).collect() })
            }
            Err(unknown) => unknown_as(unknown),
        }
    }

    fn held(&self, name: &str) -> Held {
        let now = self.by.clock.now();
        let orders = || self.orders.iter().filter(|order| order.domains.iter().any(|known| known == name));
        let failed = orders().flat_map(|order| &order.progress.failed_at);
        let failed = failed.filter(|at| **at <= now && now.since(**at) < HOUR).count();
        let serving = orders()
            .filter_map(|order| {
                let row = self.certificates.iter().find(|row| row.uuid == order.certificate_uuid)?;
                row.domains_cover(&order.domains).then_some((order, row))
            })
            .max_by_key(|(_, row)| row.expires_at);
        let domain = registered_domain(name);
        let is_counted = |row: &&Certificate| {
            row.not_before.is_some_and(|at| at <= now && now.since(at) < WEEK)
                && row.domains.iter().any(|known| registered_domain(known) == domain)
        };
        Held {
            failed_validations: failed,
            issued: is_lets_encrypt(&self.authority.directory)
                .then(|| (self.certificates.iter().filter(is_counted).count(), ISSUED)),
            ends: serving.and_then(|(_, row)| row.expires_at),
            renewal: serving.and_then(|(order, row)| latest(order, row)),
        }
    }
}

/// When a certificate should have been renewed at the latest: at the end of the authority's window, or at three
/// quarters of its life, which leaves room for the back-off after failures.
fn latest(order: &AcmeOrder, row: &Certificate) -> Option<Timestamp> {
    let (start, end) = row.not_before.zip(row.expires_at)?;
    let quarter = end.minus(end.since(start) / 4);
    Some(order.progress.window.map_or(quarter, |(_, close)| close.max(quarter).min(end)))
}

fn is_lets_encrypt(directory: &str) -> bool {
    directory == acme_settings::LETS_ENCRYPT
}

async fn ask(settings: &AcmeSettings) -> Answer {
    if !settings.terms_agreed {
        return Answer::NotAsked;
    }
    let first = &settings.first;
    let roots_pem = Some(first.roots_pem.clone()).filter(|pem| !pem.trim().is_empty());
    let directory = Directory { url: first.directory.clone(), roots_pem };
    match directory.terms().await {
        Ok(terms) => Answer::Directory {
            caa_identities: terms.caa_identities,
            external_account_required: terms.external_account_required,
            time: terms.time,
        },
        Err(NoTerms::NotNow(why)) => Answer::NotNow(why),
        Err(NoTerms::NotTrusted(why)) => Answer::NotTrusted(why),
        Err(NoTerms::Unreachable(why)) => Answer::Unreachable(why),
    }
}

/// Whether an authority stands in a network of one's own.
async fn is_private_place(directory: &str, resolvers: &Resolvers) -> bool {
    let Some(host) = directory.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)) else {
        return false;
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse::<IpAddr>() {
        return is_private(address);
    }
    not_public(host).is_some()
        || resolvers
            .addresses_of(host)
            .await
            .is_ok_and(|found| !found.all.is_empty() && found.all.iter().all(|address| is_private(*address)))
}

fn unknown_as<T>(unknown: Unknown) -> Lookup<T> {
    match unknown {
        Unknown::Silent(why) => Lookup::Silent(why),
        Unknown::Fails(why) => Lookup::Fails(why),
    }
}

/// What the steps of a trial say.
fn judged(steps: &[TrialStep]) -> Zone {
    let failed = |name: &str| steps.iter().find(|step| step.name == name && step.outcome == Outcome::Failed);
    if let Some(step) = failed("write") {
        let why = step.message.clone();
        return match &step.error {
            Some(DnsError::Refused { .. }) => Zone::Refused(why),
            Some(DnsError::ZoneNotFound { .. }) => Zone::Elsewhere(why),
            Some(DnsError::Unreachable { .. } | DnsError::RateLimited { .. }) => Zone::Unreachable(why),
            _ => Zone::Fails(why),
        };
    }
    if let Some(step) = failed("remove") {
        return Zone::Fails(step.message.clone());
    }
    let unseen = |step: &&TrialStep| step.name == "look" && step.outcome == Outcome::Unclear;
    match steps.iter().find(unseen) {
        Some(step) => Zone::NotShown(step.message.clone()),
        None => Zone::Works,
    }
}
