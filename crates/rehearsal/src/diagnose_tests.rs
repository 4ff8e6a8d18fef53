//! Each fault has one diagnosis of its own, and none is seen where nothing is wrong.

use super::diagnose;
use crate::facts::*;
use crate::finding::Fault;
use crate::in_order;
use crate::{Caa, CaaRecord};
use base::Timestamp;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

fn now() -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000)
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn well() -> Facts {
    let days = |count: u64| Duration::from_secs(count * 86_400);
    Facts {
        name: "shop.example.com".to_owned(),
        now: now(),
        proof: Proof::Http01,
        authority: Authority {
            directory: "https://ca/dir".to_owned(),
            terms_agreed: true,
            has_external_account: false,
            account: "https://ca/account/1".to_owned(),
            is_private: false,
            answer: Answer::Directory {
                caa_identities: vec!["letsencrypt.org".to_owned()],
                external_account_required: false,
                time: Some(now()),
            },
        },
        addresses: Lookup::Is(Addresses { exists: true, aliases: Vec::new(), all: vec![address("9.9.9.9")] }),
        port: 80,
        doors: vec![Door { address: address("9.9.9.9"), state: DoorState::Ours }],
        caa: Lookup::Is(Caa::default()),
        held: Held {
            failed_validations: 0,
            issued: Some((3, 50)),
            ends: Some(now().plus(days(60))),
            renewal: Some(now().plus(days(30))),
        },
    }
}

fn leads(all: &[&str]) -> Found {
    Lookup::Is(Addresses {
        exists: true,
        aliases: Vec::new(),
        all: all.iter().map(|one| address(one)).collect(),
    })
}

fn door(facts: &mut Facts, state: DoorState) {
    facts.doors[0].state = state;
}

fn record(tag: &str, value: &str) -> Lookup<Caa> {
    let record = CaaRecord { critical: false, tag: tag.to_owned(), value: value.to_owned() };
    Lookup::Is(Caa { name: "example.com".to_owned(), records: vec![record] })
}

fn provider(zone: Zone) -> Proof {
    Proof::Dns01(Some(Credentials { name: "home".to_owned(), zone }))
}

type Injected = (Fault, fn(&mut Facts));

const INJECTED: &[Injected] = &[
    (Fault::TermsNotAgreed, |facts| facts.authority.terms_agreed = false),
    (Fault::AuthorityUnreachable, |facts| facts.authority.answer = Answer::Unreachable("refused".to_owned())),
    (Fault::AuthorityNotTrusted, |facts| {
        facts.authority.answer = Answer::NotTrusted("unknown issuer".to_owned())
    }),
    (Fault::NoExternalAccount, |facts| {
        if let Answer::Directory { external_account_required, .. } = &mut facts.authority.answer {
            *external_account_required = true;
        }
    }),
    (Fault::ClockWrong, |facts| facts.now = now().plus(Duration::from_secs(86_400))),
    (Fault::NameNotPublic, |facts| facts.name = "nas.local".to_owned()),
    (Fault::ResolverSilent, |facts| facts.addresses = Lookup::Silent("timed out".to_owned())),
    (Fault::LookupFails, |facts| facts.addresses = Lookup::Fails("SERVFAIL".to_owned())),
    (Fault::NameNotFound, |facts| facts.addresses = Lookup::Is(Addresses::default())),
    (Fault::AliasDangling, |facts| {
        let aliases = vec!["gone.example.net".to_owned()];
        facts.addresses = Lookup::Is(Addresses { aliases, ..Addresses::default() });
    }),
    (Fault::NoAddress, |facts| facts.addresses = leads(&[])),
    (Fault::PrivateAddress, |facts| facts.addresses = leads(&["192.168.1.5"])),
    (Fault::CarrierAddress, |facts| facts.addresses = leads(&["100.64.1.5"])),
    (Fault::PortClosed, |facts| door(facts, DoorState::Closed)),
    (Fault::PortSilent, |facts| door(facts, DoorState::Silent)),
    (Fault::NoRoute, |facts| door(facts, DoorState::NoRoute("network is unreachable".to_owned()))),
    (Fault::NotHttp, |facts| door(facts, DoorState::Foreign)),
    (Fault::AnotherServer, |facts| {
        door(facts, DoorState::Other { status: 404, server: Some("nginx".to_owned()) })
    }),
    (Fault::SentElsewhere, |facts| door(facts, DoorState::Redirect("https://www.example.net/".to_owned()))),
    (Fault::OneAddressWrong, |facts| {
        facts.doors.push(Door { address: address("8.8.8.8"), state: DoorState::Closed });
    }),
    (Fault::Ipv6Wrong, |facts| {
        facts.doors.push(Door { address: address("2620:fe::9"), state: DoorState::Silent });
    }),
    (Fault::TlsEndedInFront, |facts| {
        facts.proof = Proof::TlsAlpn01;
        door(facts, DoorState::OtherTls);
    }),
    (Fault::CaaForbids, |facts| facts.caa = record("issue", "pki.goog")),
    (Fault::CaaForbidsWildcards, |facts| {
        facts.name = "*.example.com".to_owned();
        facts.proof = provider(Zone::Works);
        facts.caa = record("issuewild", ";");
    }),
    (Fault::CaaBinds, |facts| facts.caa = record("issue", "letsencrypt.org; validationmethods=dns-01")),
    (Fault::CaaFails, |facts| facts.caa = Lookup::Fails("SERVFAIL".to_owned())),
    (Fault::NoDnsProvider, |facts| facts.name = "*.example.com".to_owned()),
    (Fault::DnsCredentialsRefused, |facts| facts.proof = provider(Zone::Refused("invalid token".to_owned()))),
    (Fault::DnsZoneElsewhere, |facts| facts.proof = provider(Zone::Elsewhere("no such zone".to_owned()))),
    (Fault::DnsProviderUnreachable, |facts| {
        facts.proof = provider(Zone::Unreachable("timed out".to_owned()))
    }),
    (Fault::DnsProviderFails, |facts| facts.proof = provider(Zone::Fails("the zone is locked".to_owned()))),
    (Fault::DnsNotShown, |facts| facts.proof = provider(Zone::NotShown("not seen within 20 s".to_owned()))),
    (Fault::ValidationsUsedUp, |facts| facts.held.failed_validations = 5),
    (Fault::CertificatesUsedUp, |facts| facts.held.issued = Some((45, 50))),
    (Fault::RenewalOverdue, |facts| facts.held.renewal = Some(now())),
    (Fault::Ended, |facts| facts.held.ends = Some(now())),
];

#[test]
fn each_fault_has_one_diagnosis_of_its_own() {
    assert_eq!(diagnose(&well()), []);
    let mut said = BTreeSet::new();
    for (fault, inject) in INJECTED {
        let mut facts = well();
        inject(&mut facts);
        let found = diagnose(&facts);
        assert_eq!(found.iter().map(|one| one.fault).collect::<Vec<_>>(), [*fault], "{found:#?}");
        assert!(said.insert(found[0].message.clone()), "said twice: {}", found[0].message);
        assert!(!found[0].remedy.is_empty());
    }
    let seen: BTreeSet<Fault> = INJECTED.iter().map(|(fault, _)| *fault).collect();
    assert_eq!(seen, Fault::ALL.iter().copied().collect());
}

#[test]
fn an_authority_of_ones_own_may_look_into_ones_own_network() {
    let mut facts = well();
    facts.name = "nas.home.arpa".to_owned();
    facts.authority.is_private = true;
    facts.addresses = leads(&["192.168.1.5"]);
    facts.doors = vec![Door { address: address("192.168.1.5"), state: DoorState::Ours }];
    assert_eq!(diagnose(&facts), []);
    facts.doors[0].state = DoorState::Closed;
    assert_eq!(diagnose(&facts)[0].fault, Fault::PortClosed);
}

#[test]
fn what_is_in_order_is_told_beside_what_is_not() {
    let mut facts = well();
    assert_eq!(in_order(&facts, &diagnose(&facts)).len(), 5);
    door(&mut facts, DoorState::Closed);
    facts.caa = record("issue", "pki.goog");
    let told = in_order(&facts, &diagnose(&facts));
    assert!(!told.iter().any(|line| line.contains("CAA") || line.contains("9.9.9.9")), "{told:?}");
}

#[test]
fn faults_that_stand_beside_each_other_are_all_told() {
    let mut facts = well();
    door(&mut facts, DoorState::Closed);
    facts.caa = record("issue", "pki.goog");
    facts.held.failed_validations = 6;
    let found: Vec<Fault> = diagnose(&facts).iter().map(|one| one.fault).collect();
    assert_eq!(found, [Fault::PortClosed, Fault::CaaForbids, Fault::ValidationsUsedUp]);
}

#[test]
fn the_page_of_faults_lists_each_of_them() {
    let page = include_str!("../../../docs/qa/certificate-rehearsal.md");
    for fault in Fault::ALL {
        assert!(page.contains(&format!("| `{}` |", fault.as_str())), "{} is not there", fault.as_str());
    }
}
