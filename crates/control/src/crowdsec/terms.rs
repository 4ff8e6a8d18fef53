//! On which terms decisions are enforced: what a person has set, and what can be told of a request.

use crowdsec::{About, Held};
use ipnet::IpNet;
use proxy::{Knows, Remedy, Subject};
use serde::{Deserialize, Serialize};
use store::security_enforcement::{Enforcement, UnknownTypes};

/// The terms. Other terms make another set of banned clients.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Terms {
    /// CrowdSec is switched on.
    pub on: bool,
    /// What a person has set.
    pub set: Enforcement,
    /// Who is never banned.
    pub never: Vec<IpNet>,
    /// What can be told of an address beside itself.
    pub knows: Knows,
    /// Which databases tell it.
    pub geo: u64,
    /// The decisions are too old, and shall not hold then.
    pub dropped: bool,
}

impl Terms {
    /// What becomes of which requests by a decision.
    ///
    /// # Errors
    /// When nothing does: what it is (`scope Country`), and why it is not enforced.
    pub fn enforces(&self, held: &Held) -> Result<(Subject, Remedy), (String, &'static str)> {
        let scope = || format!("scope {}", held.scope);
        if self.dropped {
            return Err((scope(), "LAPI has not answered for too long, and decisions are not to hold then"));
        }
        let subject = match held.about() {
            Some(About::Network(network)) => Subject::Network(network),
            Some(About::Country(country)) if self.knows.countries => Subject::Country(country),
            Some(About::Country(_)) => return Err((scope(), "no database of countries is loaded")),
            Some(About::System(system)) if self.knows.systems => Subject::System(system),
            Some(About::System(_)) => return Err((scope(), "no database of autonomous systems is loaded")),
            None => return Err((scope(), "a request does not show what they are about")),
        };
        let remedy = match (held.r#type.to_ascii_lowercase().as_str(), self.set.unknown_types) {
            ("captcha", _) => Remedy::Challenge,
            ("ban", _) | (_, UnknownTypes::Ban) => Remedy::Ban,
            (_, UnknownTypes::Captcha) => Remedy::Challenge,
            (_, UnknownTypes::Ignore) => {
                return Err((format!("type {}", held.r#type), "decisions of unknown types are not to hold"));
            }
        };
        Ok((subject, remedy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_decision_is_enforced_as_it_is_set_or_it_is_said_why_not() {
        let all = Knows { countries: true, systems: true };
        for (scope, value, kind, unknown, knows, expected) in [
            ("Ip", "192.0.2.1", "ban", UnknownTypes::Ignore, Knows::default(), Ok(Remedy::Ban)),
            ("ip", "192.0.2.1", "captcha", UnknownTypes::Ban, Knows::default(), Ok(Remedy::Challenge)),
            ("Ip", "192.0.2.1", "Captcha", UnknownTypes::Ban, Knows::default(), Ok(Remedy::Challenge)),
            ("Range", "192.0.2.0/24", "throttle", UnknownTypes::Ban, Knows::default(), Ok(Remedy::Ban)),
            (
                "Range",
                "192.0.2.0/24",
                "throttle",
                UnknownTypes::Captcha,
                Knows::default(),
                Ok(Remedy::Challenge),
            ),
            ("Ip", "192.0.2.1", "throttle", UnknownTypes::Ignore, Knows::default(), Err("type throttle")),
            ("Country", "cn", "ban", UnknownTypes::Ban, all, Ok(Remedy::Ban)),
            ("Country", "CN", "ban", UnknownTypes::Ban, Knows::default(), Err("scope Country")),
            ("Country", "China", "ban", UnknownTypes::Ban, all, Err("scope Country")),
            ("AS", "64500", "captcha", UnknownTypes::Ban, all, Ok(Remedy::Challenge)),
            ("as", "AS64500", "ban", UnknownTypes::Ban, all, Ok(Remedy::Ban)),
            ("AS", "64500", "ban", UnknownTypes::Ban, Knows::default(), Err("scope AS")),
            ("username", "bob", "ban", UnknownTypes::Ban, all, Err("scope username")),
        ] {
            let set = Enforcement { unknown_types: unknown, ..Enforcement::default() };
            let terms = Terms { set, knows, ..Terms::default() };
            let held = Held {
                id: 0,
                scope: scope.to_owned(),
                r#type: kind.to_owned(),
                value: value.to_owned(),
                origin: String::new(),
                scenario: String::new(),
                expires_at: base::Timestamp::default(),
            };
            let got = terms.enforces(&held);
            let got = got.as_ref().map(|(_, remedy)| *remedy).map_err(|(what, _)| what.as_str());
            assert_eq!(got, expected, "{scope} {kind}");
            let terms = Terms { dropped: true, ..terms };
            assert!(terms.enforces(&held).is_err());
        }
    }
}
