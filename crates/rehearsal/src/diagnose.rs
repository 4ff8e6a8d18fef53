//! From what was seen to what is the matter. The order of the findings is the order in which they are mended: nothing
//! is said about addresses while the name has none.

use crate::caa::Verdict;
use crate::facts::{Addresses, Answer, Credentials, Door, DoorState, Facts, Lookup, Proof, Zone};
use crate::finding::{Fault, Finding};
use crate::special::{is_carrier, is_private, not_public};
use std::net::IpAddr;
use std::time::Duration;

/// So far a clock may be from the authority's.
const CLOCK: Duration = Duration::from_secs(3600);
/// What mends a clock.
const SET: &str = "set the clock of this machine (timedatectl set-ntp true)";
/// Failed validations within an hour after which Let's Encrypt refuses more.
const VALIDATIONS: usize = 5;

/// What stands in the way of the next certificate for a name; nothing when it will be issued as far as can be seen.
pub fn diagnose(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    authority(facts, &mut findings);
    let unknown = if facts.authority.is_private { None } else { not_public(&facts.name) };
    if let Some(why) = unknown {
        let message = format!("{}: no public authority vouches for this name: {why}", facts.name);
        let remedy =
            "leave it to the internal authority and install its root, or use a name below a domain of yours";
        findings.push(Finding::failure(Fault::NameNotPublic, message, remedy));
    } else {
        match &facts.proof {
            Proof::Dns01(provider) => dns(facts, provider.as_ref(), &mut findings),
            Proof::Http01 | Proof::TlsAlpn01 => way(facts, &mut findings),
        }
        caa(facts, &mut findings);
    }
    counted(facts, &mut findings);
    findings
}

fn authority(facts: &Facts, findings: &mut Vec<Finding>) {
    let authority = &facts.authority;
    if !authority.terms_agreed {
        let message = "nobody has agreed to the authority's terms, so that nothing is asked for";
        let remedy = "open Certificates, Automatic certificates, and agree to them";
        findings.push(Finding::failure(Fault::TermsNotAgreed, message, remedy));
    }
    match &authority.answer {
        Answer::NotAsked => {}
        Answer::Unreachable(why) => {
            let message = format!("the authority at {} cannot be asked: {why}", authority.directory);
            let remedy = "let this machine reach it by HTTPS, or choose another authority";
            findings.push(Finding::failure(Fault::AuthorityUnreachable, message, remedy));
        }
        Answer::NotNow(why) => {
            let message = format!(
                "the clock of this machine may be wrong, it says {}: of the authority, {why}",
                facts.now
            );
            findings.push(Finding::failure(Fault::ClockWrong, message, SET));
        }
        Answer::NotTrusted(why) => {
            let message =
                format!("the address of the authority, {}, is not trusted: {why}", authority.directory);
            let remedy =
                "install the package ca-certificates, or give the authority's own root in its settings";
            findings.push(Finding::failure(Fault::AuthorityNotTrusted, message, remedy));
        }
        Answer::Directory { external_account_required, time, .. } => {
            if *external_account_required && !authority.has_external_account {
                let message = "the authority wants an account that it knows already, and none is set";
                let remedy =
                    "copy key id and key of the external account from your account there into the settings";
                findings.push(Finding::failure(Fault::NoExternalAccount, message, remedy));
            }
            let away = time.map(|there| there.since(facts.now).max(facts.now.since(there)));
            if let Some(there) = time.filter(|_| away.is_some_and(|away| away > CLOCK)) {
                let message = format!(
                    "the clock of this machine is wrong: it says {}, and the authority's {there}",
                    facts.now
                );
                findings.push(Finding::failure(Fault::ClockWrong, message, SET));
            }
        }
    }
}

/// Whether the name leads here, for proofs by connection.
fn way(facts: &Facts, findings: &mut Vec<Finding>) {
    let name = &facts.name;
    if name.starts_with("*.") {
        findings.push(no_provider(name));
        return;
    }
    let addresses = match &facts.addresses {
        Lookup::Is(addresses) => addresses,
        Lookup::Silent(why) => {
            let message = format!("no resolver answers when {name} is looked up: {why}");
            let remedy = "mend the name servers in /etc/resolv.conf, or set CHARON_DNS_RESOLVERS";
            findings.push(Finding::warning(Fault::ResolverSilent, message, remedy));
            return;
        }
        Lookup::Fails(why) => {
            let message = format!("{name} cannot be looked up: {why}");
            let remedy = "look at the zone with its provider: its name servers fail, or its DNSSEC signatures are wrong";
            findings.push(Finding::failure(Fault::LookupFails, message, remedy));
            return;
        }
    };
    if let Some(finding) = nowhere(name, addresses) {
        findings.push(finding);
        return;
    }
    for address in addresses.all.iter().filter(|_| !facts.authority.is_private) {
        if is_carrier(*address) {
            let message =
                format!("{name} leads to {address}, an address within the network of your provider");
            let remedy =
                "ask the provider for a public address, or use a DNS provider (DNS-01), which needs none";
            findings.push(Finding::failure(Fault::CarrierAddress, message, remedy));
        } else if is_private(*address) {
            let message = format!("{name} leads to {address}, which nobody reaches from the Internet");
            let remedy = "let it lead to the public address of your network, or use a DNS provider (DNS-01)";
            findings.push(Finding::failure(Fault::PrivateAddress, message, remedy));
        }
    }
    doors(facts, findings);
}

/// A name that leads to no address.
fn nowhere(name: &str, addresses: &Addresses) -> Option<Finding> {
    if !addresses.all.is_empty() {
        return None;
    }
    Some(match (addresses.aliases.last(), addresses.exists) {
        (Some(end), _) => {
            let message = format!("{name} is an alias of {end}, which has no address");
            Finding::failure(
                Fault::AliasDangling,
                message,
                format!("correct the CNAME of {name}, or give {end} an address"),
            )
        }
        (None, false) => {
            let message = format!("{name} does not exist");
            let remedy =
                "make an A or AAAA record for it with the provider of the domain, and look for typing errors";
            Finding::failure(Fault::NameNotFound, message, remedy)
        }
        (None, true) => {
            let message = format!("{name} exists, but has no address");
            Finding::failure(Fault::NoAddress, message, "give it an A or AAAA record")
        }
    })
}

fn doors(facts: &Facts, findings: &mut Vec<Finding>) {
    // What a private address does says nothing about the way from the Internet.
    let is_known =
        |door: &&Door| facts.authority.is_private || !(is_private(door.address) || is_carrier(door.address));
    let seen: Vec<&Door> = facts.doors.iter().filter(is_known).collect();
    let ours = seen.iter().filter(|door| door.state == DoorState::Ours).count();
    for door in &seen {
        let Some(mut finding) = door_fault(facts, door) else { continue };
        if ours > 0 {
            let is_v6 = matches!(door.address, IpAddr::V6(_));
            finding.fault = if is_v6 { Fault::Ipv6Wrong } else { Fault::OneAddressWrong };
            finding.remedy = if is_v6 {
                format!("{}; or take the AAAA record away: authorities try IPv6 first", finding.remedy)
            } else {
                format!("{}; or take that A record away", finding.remedy)
            };
        }
        findings.push(finding);
    }
}

fn door_fault(facts: &Facts, door: &Door) -> Option<Finding> {
    let (name, address) = (&facts.name, door.address);
    let port = facts.port;
    let fault = |fault, message: String, remedy: &str| Some(Finding::failure(fault, message, remedy));
    match &door.state {
        DoorState::Ours => None,
        DoorState::Closed => fault(
            Fault::PortClosed,
            format!("{name}: port {port} of {address} is closed"),
            &format!("forward port {port} of the router to Charon, and look whether Charon listens on it"),
        ),
        DoorState::Silent => {
            // Many routers do not lead a network back to itself.
            let message = format!("{name}: port {port} of {address} does not answer this machine");
            let remedy = format!(
                "open port {port} in the firewall and forward it to Charon; when others reach it, your router only \
                 does not lead you back to yourself, which does no harm"
            );
            Some(Finding::warning(Fault::PortSilent, message, remedy))
        }
        DoorState::NoRoute(why) => {
            let message = format!("{name}: this machine knows no way to {address}: {why}");
            let remedy =
                "look at it from outside; when this machine has no IPv6, the AAAA record leads elsewhere";
            Some(Finding::warning(Fault::NoRoute, message, remedy))
        }
        DoorState::Foreign => fault(
            Fault::NotHttp,
            format!("{name}: what answers on port {port} of {address} does not speak {}", spoken(facts)),
            &format!("forward port {port} to Charon's port for {}", spoken(facts)),
        ),
        DoorState::Other { status, server } => {
            let who = server.as_ref().map(|server| format!(" ({server})")).unwrap_or_default();
            fault(
                Fault::AnotherServer,
                format!(
                    "{name}: another server{who} answers on port {port} of {address}, with status {status}"
                ),
                "let the name lead to this machine, or forward the port to Charon instead",
            )
        }
        DoorState::Redirect(place) => fault(
            Fault::SentElsewhere,
            format!("{name}: the request for the proof is sent on to {place}, which is not here"),
            "let what stands in front pass /.well-known/acme-challenge/ on as it is",
        ),
        DoorState::OtherTls => fault(
            Fault::TlsEndedInFront,
            format!("{name}: something in front of Charon ends TLS on port 443 of {address}"),
            "let it pass connections on unopened, or prove names by HTTP-01 or DNS-01",
        ),
    }
}

/// What is spoken on the port of the proof.
fn spoken(facts: &Facts) -> &'static str {
    if facts.proof == Proof::TlsAlpn01 { "TLS" } else { "HTTP" }
}

fn no_provider(name: &str) -> Finding {
    let message = format!("{name} can only be proven by DNS-01, and no DNS provider holds its zone");
    let remedy = "add a DNS provider with that zone under Certificates, DNS providers";
    Finding::failure(Fault::NoDnsProvider, message, remedy)
}

fn dns(facts: &Facts, provider: Option<&Credentials>, findings: &mut Vec<Finding>) {
    let Some(Credentials { name, zone }) = provider else {
        findings.push(no_provider(&facts.name));
        return;
    };
    findings.push(match zone {
        Zone::Works | Zone::NotTried => return,
        Zone::Refused(why) => Finding::failure(
            Fault::DnsCredentialsRefused,
            format!("the DNS provider {name} refuses the credentials: {why}"),
            "make new credentials there, with the right to edit the zone, and type them in under DNS providers",
        ),
        Zone::Elsewhere(why) => Finding::failure(
            Fault::DnsZoneElsewhere,
            format!("the DNS provider {name} does not hold the zone of {}: {why}", facts.name),
            "correct its zones, or add the provider that the domain's name servers belong to",
        ),
        Zone::Fails(why) => Finding::failure(
            Fault::DnsProviderFails,
            format!("the DNS provider {name} did not write and remove a value for {}: {why}", facts.name),
            "look at the zone there, and try it under DNS providers; each step says what came of it",
        ),
        Zone::NotShown(why) => Finding::warning(
            Fault::DnsNotShown,
            format!("what the DNS provider {name} wrote for {} is not seen: {why}", facts.name),
            "see whether the domain's name servers are those of this provider; when they are only slow, let Charon wait \
             longer, in the form of the provider",
        ),
        Zone::Unreachable(why) => Finding::failure(
            Fault::DnsProviderUnreachable,
            format!("the DNS provider {name} cannot be asked: {why}"),
            "let this machine reach it; when it is down, wait",
        ),
    });
}

fn caa(facts: &Facts, findings: &mut Vec<Finding>) {
    let caa = match &facts.caa {
        Lookup::Is(caa) => caa,
        // Said of the addresses already, or of no weight: authorities ask other resolvers.
        Lookup::Silent(_) => return,
        Lookup::Fails(why) => {
            let message = format!("the CAA records of {} cannot be looked up: {why}", facts.name);
            let remedy =
                "mend the name servers of the zone: authorities refuse when they cannot read these records";
            findings.push(Finding::failure(Fault::CaaFails, message, remedy));
            return;
        }
    };
    let Answer::Directory { caa_identities, .. } = &facts.authority.answer else { return };
    let Some(first) = caa_identities.first() else { return };
    let method = facts.proof.as_str();
    let is_wildcard = facts.name.starts_with("*.");
    let at = &caa.name;
    let add = format!("add the record `{at} CAA 0 issue \"{first}\"`");
    let forbids = |who: &str| {
        let fault = if is_wildcard { Fault::CaaForbidsWildcards } else { Fault::CaaForbids };
        Finding::failure(
            fault,
            format!("the CAA records of {at} allow {who} to issue for {}", facts.name),
            add.clone(),
        )
    };
    findings.push(match caa.judge(caa_identities, is_wildcard, &facts.authority.account, method) {
        Verdict::May => return,
        Verdict::Nobody => forbids("nobody"),
        Verdict::Others(others) => forbids(&format!("only {}", others.join(", "))),
        Verdict::Critical(tag) => Finding::failure(
            Fault::CaaForbids,
            format!("the CAA record '{tag}' of {at} is marked as critical, and authorities do not know it"),
            "take its mark away, or the record",
        ),
        Verdict::Account(account) => Finding::failure(
            Fault::CaaBinds,
            format!("the CAA records of {at} allow only the account {account}, which is not Charon's"),
            if facts.authority.account.is_empty() {
                "take the parameter accounturi away until Charon has an account".to_owned()
            } else {
                format!("write accounturi={}", facts.authority.account)
            },
        ),
        Verdict::Methods(methods) => Finding::failure(
            Fault::CaaBinds,
            format!("the CAA records of {at} allow only proofs by {methods}, and Charon would use {method}"),
            format!("add {method} to validationmethods, or choose another proof"),
        ),
    });
}

fn counted(facts: &Facts, findings: &mut Vec<Finding>) {
    let (name, held) = (&facts.name, &facts.held);
    if held.failed_validations >= VALIDATIONS {
        let message = format!(
            "{name}: {} proofs failed within the hour, and no more are tried",
            held.failed_validations
        );
        findings.push(Finding::warning(
            Fault::ValidationsUsedUp,
            message,
            "mend what is named here, and wait an hour",
        ));
    }
    if let Some((issued, most)) = held.issued.filter(|(issued, most)| issued * 10 >= most * 8) {
        let message = format!(
            "{issued} certificates were issued for the domain of {name} within a week; the authority \
                               gives {most}"
        );
        let remedy = "put names into one certificate, or use a wildcard; renewals are not counted";
        let finding = Finding::warning(Fault::CertificatesUsedUp, message, remedy);
        let severity = if issued >= most { crate::Severity::Failure } else { finding.severity };
        findings.push(Finding { severity, ..finding });
    }
    match (held.ends, held.renewal) {
        (Some(end), _) if end <= facts.now => {
            let message = format!("the certificate of {name} ended on {end}");
            findings.push(Finding::failure(
                Fault::Ended,
                message,
                "mend what is named here, then renew it now",
            ));
        }
        (Some(end), Some(renewal)) if renewal <= facts.now => {
            let message =
                format!("the certificate of {name} should have been renewed on {renewal}; it ends on {end}");
            findings.push(Finding::warning(Fault::RenewalOverdue, message, "see why its order fails"));
        }
        _ => {}
    }
}

#[cfg(test)]
#[path = "diagnose_tests.rs"]
mod tests;
