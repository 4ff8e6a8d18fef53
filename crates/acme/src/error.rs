//! Why an authority did not do what was asked, in plain words.

use crate::http::{Foreign, Said};
use base::Timestamp;
use instant_acme::Problem;
use outbound::OutboundError;
use std::time::Duration;

/// What kind of failure it is, as far as the next step depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The authority did not answer, or did not work.
    Unreachable,
    /// The authority wants to be left alone, for this long when it says so.
    RateLimited(Option<Duration>),
    /// The authority does not know the account any more.
    NoAccount,
    /// The authority does not know the order any more.
    NoOrder,
    /// The authority looked and refused.
    Refused,
    /// What is configured cannot be right.
    Setting,
}

/// Why it did not work, and what mends it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What kind of failure it is.
    pub kind: Kind,
    /// One sentence, without a full stop.
    pub message: String,
    /// What a person can do.
    pub remedy: &'static str,
}

const WAIT: &str = "Charon tries again by itself; see whether the authority reports a disturbance";
const REPORT: &str = "Charon tries again by itself; please report this if it stays";

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>, remedy: &'static str) -> Self {
        Self { kind, message: message.into(), remedy }
    }

    pub(crate) fn setting(message: impl Into<String>, remedy: &'static str) -> Self {
        Self::new(Kind::Setting, message, remedy)
    }

    pub(crate) fn of(error: instant_acme::Error, said: &Said, now: Timestamp) -> Self {
        use instant_acme::Error as E;
        match error {
            E::Api(problem) => Self::of_problem(&problem, said, now),
            E::Json(error) => {
                let message = format!("the authority answered with something that is not ACME: {error}");
                Self::new(Kind::Unreachable, message, "check that the address is that of its ACME directory")
            }
            E::Unsupported(what) => Self::setting(format!("the authority does not offer {what}"), REPORT),
            E::Other(error) => match error.downcast_ref::<OutboundError>() {
                Some(outbound) => Self::of_outbound(outbound),
                None if error.is::<Foreign>() => {
                    Self::new(Kind::Unreachable, format!("the authority does not work: {error}"), WAIT)
                }
                None => {
                    Self::new(Kind::Unreachable, format!("the authority could not be asked: {error}"), REPORT)
                }
            },
            other => {
                Self::new(Kind::Unreachable, format!("the authority could not be asked: {other}"), REPORT)
            }
        }
    }

    fn of_outbound(error: &OutboundError) -> Self {
        let message = format!("the authority could not be asked: {error}");
        match error {
            OutboundError::Tls { .. } => Self::new(
                Kind::Unreachable,
                message,
                "for an authority of your own, give its root certificate in the settings of automatic certificates",
            ),
            OutboundError::Untimely { .. } => Self::new(
                Kind::Unreachable,
                message,
                "set the clock of this machine (timedatectl set-ntp true); when it is right, the authority has to renew its \
                 own certificate",
            ),
            OutboundError::Invalid { .. } | OutboundError::NotAllowed { .. } => {
                Self::setting(message, "correct the settings of automatic certificates")
            }
            _ => Self::new(
                Kind::Unreachable,
                message,
                "check that this machine reaches the internet and that the address is right; Charon tries again by \
                 itself",
            ),
        }
    }

    /// What a problem document of the authority means (RFC 8555, section 6.7).
    pub(crate) fn of_problem(problem: &Problem, said: &Said, now: Timestamp) -> Self {
        let name = problem.r#type.as_deref().unwrap_or_default();
        let name = name.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(name);
        let mut detail = problem.detail.clone().unwrap_or_default();
        for part in &problem.subproblems {
            detail.push_str("; ");
            detail.push_str(part.to_string().trim_start_matches(": "));
        }
        let (kind, what, remedy): (_, _, &'static str) = match name {
            "dns" | "connection" if name == "dns" || detail.contains("could not resolve") => (
                Kind::Refused,
                "the authority could not look the name up",
                "correct the A and AAAA records of the name, or the name server that answers for it",
            ),
            "connection" => (
                Kind::Refused,
                "the authority could not connect to this machine",
                "let port 80 (for TLS-ALPN-01: port 443) of the name's public address lead to Charon: router, firewall, \
                 port forwarding, and an AAAA record that points elsewhere",
            ),
            "caa" => (
                Kind::Refused,
                "a CAA record of the domain forbids this authority",
                "add the authority to the CAA records of the domain, or choose another one",
            ),
            "unauthorized" | "incorrectResponse" => (
                Kind::Refused,
                "the authority got another answer than Charon's",
                "the name leads to another server: correct its A and AAAA records, or what stands before Charon",
            ),
            "tls" => (
                Kind::Refused,
                "the authority could not speak TLS with this machine",
                "let port 443 of the name's public address lead to Charon, without another TLS server before it",
            ),
            "rateLimited" => (
                Kind::RateLimited(wait(said, now)),
                "the authority allows no more for now",
                "Charon waits as long as it has to; use the staging authority for trials",
            ),
            "rejectedIdentifier" | "unsupportedIdentifier" => (
                Kind::Refused,
                "the authority does not issue for this name",
                "use a name of a public domain, or the internal certificate",
            ),
            "externalAccountRequired" => (
                Kind::Setting,
                "the authority wants an external account binding",
                "enter the key id and the key that it shows in your account there",
            ),
            "userActionRequired" | "agreementRequired" => (
                Kind::Setting,
                "the authority wants a person to do something",
                "open the address that it names",
            ),
            "invalidContact" | "unsupportedContact" => {
                (Kind::Setting, "the authority does not take the e-mail address", "enter another one")
            }
            "invalidProfile" => {
                (Kind::Setting, "the authority does not know the profile", "choose another one, or none")
            }
            "accountDoesNotExist" => {
                (Kind::NoAccount, "the authority does not know the account", "Charon registers a new one")
            }
            "malformed" if said_gone(&detail) => {
                (Kind::NoOrder, "the authority does not know the order any more", "Charon begins a new one")
            }
            "badNonce" => (Kind::Unreachable, "the authority refused every nonce", WAIT),
            "serverInternal" => (Kind::Unreachable, "the authority has a fault", WAIT),
            _ => (Kind::Refused, "the authority refused", REPORT),
        };
        let message = if detail.is_empty() { what.to_owned() } else { format!("{what}: {detail}") };
        Self::new(kind, message.trim_end_matches('.'), remedy)
    }
}

fn said_gone(detail: &str) -> bool {
    let detail = detail.to_ascii_lowercase();
    ["not found", "no such order", "unable to find", "does not exist"]
        .iter()
        .any(|text| detail.contains(text))
}

/// The wait of a `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
fn wait(said: &Said, now: Timestamp) -> Option<Duration> {
    let text = said.retry_after.as_deref()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => http_date(text).map(|at| at.since(now)),
    }
}

/// Reads a date of HTTP (RFC 9110, section 5.6.7).
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    let time = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp::from_millis(time.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_764_961_382_000);

    fn problem(name: &str, detail: &str) -> Problem {
        serde_json::from_value(serde_json::json!({
            "type": format!("urn:ietf:params:acme:error:{name}"), "detail": detail
        }))
        .unwrap()
    }

    #[test]
    fn each_problem_has_a_sentence_a_remedy_and_a_kind() {
        let said = Said { retry_after: Some("120".to_owned()), date: None, alternates: Vec::new() };
        for (name, detail, kind, words) in [
            ("connection", "connection refused", Kind::Refused, "could not connect"),
            ("connection", "could not resolve URL", Kind::Refused, "look the name up"),
            ("dns", "SERVFAIL", Kind::Refused, "look the name up: SERVFAIL"),
            ("caa", "", Kind::Refused, "CAA"),
            ("unauthorized", "got 404", Kind::Refused, "another answer"),
            ("rateLimited", "too many", Kind::RateLimited(Some(Duration::from_secs(120))), "no more for now"),
            ("externalAccountRequired", "", Kind::Setting, "external account"),
            ("accountDoesNotExist", "", Kind::NoAccount, "account"),
            ("malformed", "order not found", Kind::NoOrder, "order"),
            ("malformed", "bad CSR", Kind::Refused, "refused: bad CSR"),
            ("serverInternal", "", Kind::Unreachable, "fault"),
        ] {
            let error = Error::of_problem(&problem(name, detail), &said, NOW);
            assert_eq!(error.kind, kind, "{name}");
            assert!(error.message.contains(words) && !error.remedy.is_empty(), "{name}: {error}");
        }
    }

    #[test]
    fn a_date_is_a_wait_too_and_junk_is_none() {
        let said =
            |text: &str| Said { retry_after: Some(text.to_owned()), date: None, alternates: Vec::new() };
        assert_eq!(wait(&said("Fri, 05 Dec 2025 19:04:02 GMT"), NOW), Some(Duration::from_secs(60)));
        assert_eq!(wait(&said("soon"), NOW), None);
        assert_eq!(wait(&Said::default(), NOW), None);
    }
}
