//! Proofs by DNS-01: who writes the record of a name, the wait until the servers of its zone show it, and the removal
//! of what is not needed any more.

use super::attempt::{Attempts, Stop};
use super::progress::step;
use crate::dns;
use acme::{Authorization, Challenge, Error, Kind};
use base::{Code, Problem, Timestamp};
use dns01::{DnsError, Handle, Propagation, Provider, challenge_name};
use std::collections::BTreeSet;
use std::time::Duration;
use store::acme_orders::{AcmeOrder, Phase};
use store::dns_credentials::{self, DnsCredential, holder};
use store::dns_records::{self, DnsRecord, NewDnsRecord};

/// Where providers are added.
const ADD: &str = "add one under Certificates, DNS providers, or name the zone at the one that holds it";
/// What to do about credentials.
const TRY: &str = "try the credentials under Certificates, DNS providers; each step says what came of it";
const AGAIN: &str =
    "Charon tries again by itself; try the credentials under Certificates, DNS providers, if it stays";
/// What to do about an authority that does not do it.
const ELSEWHERE: &str = "choose another authority under Certificates, Automatic certificates";
/// How long removal waits after it failed: at first, and at most.
const REST: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));
/// Records that are removed within one look.
const AT_ONCE: usize = 20;

/// Why DNS does not do it.
fn stop(kind: Kind, message: impl Into<String>, remedy: &'static str) -> Stop {
    Stop::Dns(Error { kind, message: message.into(), remedy })
}

fn said(name: &str, by: &DnsCredential, error: &DnsError) -> Stop {
    let message = format!("{name}, by DNS provider {}: {error}", by.values.name);
    match error {
        DnsError::Unreachable { .. } => stop(Kind::Unreachable, message, AGAIN),
        DnsError::RateLimited { retry_after } => stop(Kind::RateLimited(*retry_after), message, AGAIN),
        _ => stop(Kind::Setting, message, TRY),
    }
}

/// Who proves the names of an order by DNS.
#[derive(Debug)]
pub(super) struct ByDns {
    credentials: Vec<DnsCredential>,
    has_wildcard: bool,
}

impl ByDns {
    /// Whether a name is proven by DNS: a wildcard in any case, names beside a wildcard when a provider holds them, and
    /// others when their provider is to prove every name.
    pub(super) fn takes(&self, one: &Authorization) -> bool {
        let held = holder(&self.credentials, &one.name);
        one.wildcard || held.is_some_and(|held| self.has_wildcard || held.values.every_name)
    }
}

impl Attempts {
    pub(super) async fn by_dns(&self, order: &AcmeOrder) -> Result<ByDns, Stop> {
        let credentials = dns_credentials::list(&self.store).await?;
        let has_wildcard = order.domains.iter().any(|name| name.starts_with("*."));
        Ok(ByDns { credentials, has_wildcard })
    }

    /// Takes the proof of one name a step further. Says whether the authority may look.
    pub(super) async fn prove_by_dns(
        &mut self,
        by: &ByDns,
        order: &mut AcmeOrder,
        one: &Authorization,
        open: &[&Authorization],
    ) -> Result<bool, Stop> {
        let offered = one.answers.iter().find(|answer| answer.challenge == Challenge::Dns01);
        let refused =
            || stop(Kind::Refused, format!("the authority offers no dns-01 for {}", one.name), ELSEWHERE);
        let answer = offered.ok_or_else(refused)?;
        let url = order.progress.order_url.clone();
        let known = dns_records::list(&self.store).await?;
        let row = known.iter().find(|row| row.order_url == url && row.value == answer.txt);
        let (row, credential) = match row {
            Some(row) => {
                let found = by.credentials.iter().find(|one| one.uuid == row.credential_uuid);
                let message = || format!("the DNS provider of {} was deleted meanwhile", one.name);
                (row.clone(), found.ok_or_else(|| stop(Kind::Setting, message(), AGAIN))?)
            }
            None => {
                let (record, credential) = self.place(by, one).await?;
                if self.is_taken(credential, open, &known, &url).await? {
                    let message = format!(
                        "{} holds one value: {} waits for its turn",
                        credential.values.name, one.name
                    );
                    step(&mut order.progress, "propagation", message, self.clock.now());
                    return Ok(false);
                }
                let new = NewDnsRecord {
                    credential_uuid: &credential.uuid,
                    order_uuid: &order.uuid,
                    order_url: &url,
                    domain: &one.name,
                    record: &record,
                    value: &answer.txt,
                };
                (dns_records::insert(&self.store, new).await?, credential)
            }
        };
        let Some(written) = row.written_at else {
            let provider =
                self.provider(credential).await?.map_err(|error| stop(Kind::Setting, error, TRY))?;
            let message = format!("{} writes the TXT record {}", credential.values.name, row.record);
            step(&mut order.progress, "record", message, self.clock.now());
            self.note(order).await.map_err(Stop::Own)?;
            if let Err(error) = provider.present(&row.record, &row.value).await {
                // What was refused is not there; else nobody knows, and it is removed in any case.
                if !matches!(
                    error,
                    DnsError::Unreachable { .. } | DnsError::Malformed { .. } | DnsError::Failed { .. }
                ) {
                    dns_records::delete(&self.store, row.id).await?;
                }
                return Err(said(&one.name, credential, &error));
            }
            dns_records::written(&self.store, row.id).await?;
            return Ok(false);
        };
        self.look(order, credential, &row, written).await
    }

    /// The names of an order whose proofs were written to the DNS.
    pub(super) async fn proven_by_dns(&self, order: &AcmeOrder) -> Result<BTreeSet<String>, Stop> {
        let rows = dns_records::list(&self.store).await?;
        let of_order = rows.into_iter().filter(|row| row.order_url == order.progress.order_url);
        Ok(of_order.map(|row| row.domain).collect())
    }

    /// Where the record of a name is written, and by whom.
    async fn place<'a>(
        &self,
        by: &'a ByDns,
        one: &Authorization,
    ) -> Result<(String, &'a DnsCredential), Stop> {
        let challenge = challenge_name(&one.name);
        let target = match self.dns.resolvers().target(&challenge).await {
            Ok(target) => target,
            Err(error @ DnsError::Conflict { .. }) => {
                return Err(stop(Kind::Setting, format!("{}: {error}", one.name), "correct its CNAMEs"));
            }
            // Without knowing better it is where it belongs.
            Err(error) => {
                tracing::debug!("where {challenge} leads is not known: {error}");
                challenge.clone()
            }
        };
        let by_target = if target == challenge { None } else { holder(&by.credentials, &target) };
        let found = by_target.or_else(|| holder(&by.credentials, &one.name));
        found.map(|credential| (target.clone(), credential)).ok_or_else(|| {
            let wildcard = if one.wildcard { "*." } else { "" };
            let leads = if target == challenge {
                String::new()
            } else {
                format!(" or {target}, where its CNAME leads")
            };
            let message = format!(
                "no DNS provider holds {wildcard}{}{leads}, and it can be proven by DNS alone",
                one.name
            );
            stop(Kind::Setting, message, ADD)
        })
    }

    /// Where a provider holds only one value, proofs come one after the other: says whether this one has to wait.
    async fn is_taken(
        &self,
        credential: &DnsCredential,
        open: &[&Authorization],
        known: &[DnsRecord],
        url: &str,
    ) -> Result<bool, Stop> {
        let holds_one = dns01::kind(&credential.values.kind).is_some_and(|kind| kind.one_value);
        for before in known.iter().filter(|row| holds_one && row.credential_uuid == credential.uuid) {
            let is_needed =
                |one: &&Authorization| one.answers.iter().any(|answer| answer.txt == before.value);
            if before.order_url != url || open.iter().any(is_needed) {
                return Ok(true);
            }
            // It is proven, and the next value takes its place.
            dns_records::delete(&self.store, before.id).await?;
        }
        Ok(false)
    }

    /// Looks whether the servers of the zone show a record.
    async fn look(
        &mut self,
        order: &mut AcmeOrder,
        credential: &DnsCredential,
        row: &DnsRecord,
        written: Timestamp,
    ) -> Result<bool, Stop> {
        let now = self.clock.now();
        let is_over = now.since(written) > credential.values.wait;
        let clock = self.clock.clone();
        let seen = self.dns.resolvers().wait_for(&row.record, &row.value, Duration::ZERO, &*clock).await;
        let waited = credential.values.wait.as_secs();
        let (is_shown, message) = match seen {
            Ok(seen) if seen.is_shown() => (true, format!("the servers of its zone show {}", row.record)),
            Ok(seen) if seen.is_unknown() && is_over => {
                let message = format!(
                    "no server of the zone of {} can be asked; the authority looks itself",
                    row.record
                );
                (true, message)
            }
            Ok(seen) if is_over => {
                let message = format!(
                    "{}: {} was written, but after {waited} s not all servers of its zone show it: {}",
                    row.domain,
                    row.record,
                    lacking(&seen)
                );
                let remedy = "see whether the provider holds the zone that the Internet sees; or let Charon wait longer, \
                              in the form of the DNS provider";
                return Err(stop(Kind::Setting, message, remedy));
            }
            Ok(seen) => (
                false,
                format!("waits until the servers of its zone show {}: {}", row.record, lacking(&seen)),
            ),
            Err(error) if is_over => {
                let message = format!(
                    "the servers of {} are not found ({error}); the authority looks itself",
                    row.record
                );
                (true, message)
            }
            Err(error) => (false, format!("looks for the servers of {}: {error}", row.record)),
        };
        step(&mut order.progress, "propagation", message, now);
        Ok(is_shown)
    }

    async fn provider(
        &self,
        credential: &DnsCredential,
    ) -> Result<Result<Box<dyn Provider>, String>, store::Error> {
        let given = match dns::stored(&self.store, credential).await? {
            Ok(given) => given,
            Err(message) => return Ok(Err(message)),
        };
        let name = &credential.values.name;
        let Some(kind) = dns01::kind(&credential.values.kind) else {
            return Ok(Err(format!("DNS provider {name} is of a kind that this version does not know")));
        };
        let provider = self.dns.provider(kind, &given);
        Ok(provider.map_err(|error| format!("the settings of DNS provider {name} cannot be used: {error}")))
    }

    /// Removes the records of orders that are not open any more. Returns the problems with those that stay, and the
    /// public ids of the sets of names whose records are gone.
    pub(super) async fn clean_up(
        &mut self,
        orders: &[AcmeOrder],
    ) -> anyhow::Result<(Vec<Problem>, BTreeSet<String>)> {
        let is_open = |order: &&AcmeOrder| order.progress.phase != Phase::Held;
        let open: BTreeSet<&str> =
            orders.iter().filter(is_open).map(|order| order.progress.order_url.as_str()).collect();
        let now = self.clock.now();
        let rows = dns_records::list(&self.store).await?;
        let (mut problems, mut gone, mut room) = (Vec::new(), BTreeSet::new(), AT_ONCE);
        let credentials =
            if rows.is_empty() { Vec::new() } else { dns_credentials::list(&self.store).await? };
        for mut row in rows.into_iter().filter(|row| !open.contains(row.order_url.as_str())) {
            let Some(credential) = credentials.iter().find(|one| one.uuid == row.credential_uuid) else {
                continue;
            };
            if row.next_at.is_none_or(|at| at <= now) && room > 0 {
                room -= 1;
                let handle = Handle { record: row.record.clone(), value: row.value.clone() };
                let removed = match self.provider(credential).await? {
                    Ok(provider) => provider.remove(&handle).await.map_err(|error| error.to_string()),
                    Err(message) => Err(message),
                };
                match removed {
                    Ok(()) => {
                        dns_records::delete(&self.store, row.id).await?;
                        gone.insert(row.order_uuid);
                        continue;
                    }
                    Err(message) => {
                        let wait = (REST.0 * 2_u32.saturating_pow(row.failures.min(10))).min(REST.1);
                        tracing::warn!("the TXT record {} could not be removed: {message}", row.record);
                        dns_records::stays(&self.store, &row, &message, now.plus(wait)).await?;
                        row.message = message;
                    }
                }
            }
            if !row.message.is_empty() {
                let message =
                    format!("the TXT record {} of an order that is over stays: {}", row.record, row.message);
                let remedy = format!(
                    "Charon tries again; mend DNS provider {}, or remove the value {} by hand",
                    credential.values.name, row.value
                );
                problems.push(Problem::new(Code::DnsRecordStays, message, remedy).link("/certificates"));
            }
        }
        Ok((problems, gone))
    }
}

fn lacking(seen: &Propagation) -> String {
    let lacking: Vec<String> = seen.lacking.iter().map(ToString::to_string).collect();
    lacking.join("; ")
}
