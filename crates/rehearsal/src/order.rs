//! What is in order, in plain words: a report that only says what is wrong leaves open what was looked at.

use crate::facts::{Answer, DoorState, Facts, Lookup, Proof, Zone};
use crate::finding::{Fault, Finding};

/// What was looked at and found to be in order.
pub fn in_order(facts: &Facts, findings: &[Finding]) -> Vec<String> {
    let has = |faults: &[Fault]| findings.iter().any(|finding| faults.contains(&finding.fault));
    let (name, authority) = (&facts.name, &facts.authority);
    let mut lines = Vec::new();
    if let Answer::Directory { time, .. } = &authority.answer
        && !has(&[Fault::ClockWrong])
    {
        let clock = if time.is_some() { ", and its clock agrees with this machine's" } else { "" };
        lines.push(format!("the authority at {} answers{clock}", authority.directory));
    }
    match &facts.proof {
        Proof::Dns01(Some(provider)) => match provider.zone {
            Zone::Works => {
                lines.push(format!(
                    "the DNS provider {} wrote a value for {name} and removed it",
                    provider.name
                ));
            }
            Zone::NotTried => lines.push(format!(
                "the DNS provider {} holds the zone of {name}; it was not tried, since an order uses it",
                provider.name
            )),
            Zone::Refused(_)
            | Zone::Elsewhere(_)
            | Zone::Unreachable(_)
            | Zone::Fails(_)
            | Zone::NotShown(_) => {}
        },
        Proof::Dns01(None) => {}
        Proof::Http01 | Proof::TlsAlpn01 => {
            let ours = facts.doors.iter().filter(|door| door.state == DoorState::Ours);
            lines.extend(ours.map(|door| {
                format!(
                    "{name} leads to {}, and this Charon answers there on port {}",
                    door.address, facts.port
                )
            }));
        }
    }
    if let Lookup::Is(caa) = &facts.caa
        && !has(&[Fault::CaaForbids, Fault::CaaForbidsWildcards, Fault::CaaBinds, Fault::NameNotPublic])
    {
        lines.push(match caa.name.as_str() {
            "" => format!("no CAA record says who may issue for {name}, so anybody may"),
            at => format!("the CAA records of {at} allow it"),
        });
    }
    if let Some((issued, most)) = facts.held.issued
        && !has(&[Fault::CertificatesUsedUp])
    {
        lines.push(format!(
            "{issued} of the {most} certificates of a week are used for its domain, as far as Charon knows"
        ));
    }
    if let Some(end) = facts.held.ends
        && !has(&[Fault::Ended, Fault::RenewalOverdue])
    {
        lines.push(format!("a certificate serves until {end}"));
    }
    lines
}
