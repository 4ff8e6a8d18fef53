//! The decisions that hold, as LAPI has told them: kept by scope, type and value, since ids of the same decision
//! differ between what is new and what is deleted.

use crate::duration::go_duration_left;
use base::Timestamp;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A decision as LAPI sends it. Fields that we do not know are ignored.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Decision {
    /// LAPI's id.
    pub id: i64,
    /// How long it holds from now; a Go duration.
    pub duration: String,
    /// Who made it: `crowdsec`, `cscli`, `CAPI`, `lists` ...
    pub origin: String,
    /// Why.
    pub scenario: String,
    /// `Ip`, `Range`, `Country`, `AS`, or anything else.
    pub scope: String,
    /// `ban`, `captcha`, or anything else.
    pub r#type: String,
    /// What it is about, in the form of its scope.
    pub value: String,
}

/// A decision that holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Held {
    /// LAPI's id of the decision that holds longest; 0 when it is not known.
    #[serde(default)]
    pub id: i64,
    /// The scope as LAPI wrote it.
    pub scope: String,
    /// `ban`, `captcha` ...
    pub r#type: String,
    /// What it is about.
    pub value: String,
    /// Who made it.
    pub origin: String,
    /// Why.
    pub scenario: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// What a decision is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum About {
    /// An address or a network.
    Network(IpNet),
    /// A country, by the two letters of ISO 3166-1, in upper case.
    Country([u8; 2]),
    /// An autonomous system, by its number.
    System(u32),
}

impl Held {
    /// What it is about; `None` for a scope that no request can be told by.
    pub fn about(&self) -> Option<About> {
        match self.scope.to_ascii_lowercase().as_str() {
            "ip" => self.value.parse::<IpAddr>().ok().map(|address| About::Network(address.into())),
            "range" => self.value.parse::<IpNet>().ok().map(|network| About::Network(network.trunc())),
            "country" => {
                let code: [u8; 2] = self.value.to_ascii_uppercase().as_bytes().try_into().ok()?;
                code.iter().all(u8::is_ascii_uppercase).then_some(About::Country(code))
            }
            "as" => {
                let text = self.value.trim_start_matches(['A', 'S', 'a', 's']);
                text.parse().ok().map(About::System)
            }
            _ => None,
        }
    }
}

/// Scope, type and value, the first two in lower case.
type Key = (String, String, String);

/// All decisions that hold.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Held>", into = "Vec<Held>")]
pub struct Decisions(BTreeMap<Key, Held>);

impl From<Vec<Held>> for Decisions {
    fn from(list: Vec<Held>) -> Self {
        Self(list.into_iter().map(|held| (key(&held.scope, &held.r#type, &held.value), held)).collect())
    }
}

impl From<Decisions> for Vec<Held> {
    fn from(decisions: Decisions) -> Self {
        decisions.0.into_values().collect()
    }
}

fn key(scope: &str, kind: &str, value: &str) -> Key {
    // An address has one form here, however it was written.
    let value = match value.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().to_string(),
        Err(_) => value.to_owned(),
    };
    (scope.to_ascii_lowercase(), kind.to_ascii_lowercase(), value)
}

impl Decisions {
    /// Takes in what LAPI has sent at `now`: `deleted` and then `new`, or, when `all`, nothing but `new`. Says
    /// whether anything differs.
    pub fn take(&mut self, all: bool, new: &[Decision], deleted: &[Decision], now: Timestamp) -> bool {
        let mut changed = false;
        let mut missing = if all { std::mem::take(&mut self.0) } else { BTreeMap::new() };
        for decision in deleted {
            let key = key(&decision.scope, &decision.r#type, &decision.value);
            changed |= self.0.remove(&key).is_some();
        }
        for decision in new {
            let Some(duration) = go_duration_left(&decision.duration) else {
                continue;
            };
            let key = key(&decision.scope, &decision.r#type, &decision.value);
            let held = Held {
                id: decision.id,
                scope: decision.scope.clone(),
                r#type: decision.r#type.clone(),
                value: decision.value.clone(),
                origin: decision.origin.clone(),
                scenario: decision.scenario.clone(),
                expires_at: now.plus(duration),
            };
            let before = missing.remove(&key);
            let held = match self.0.remove(&key) {
                // LAPI sends the longest of several; after a new one that is shorter it still holds.
                Some(known) if known.expires_at > held.expires_at => known,
                known => {
                    let same = |known: &Held| known.scenario == held.scenario && known.origin == held.origin;
                    changed |= !known.as_ref().or(before.as_ref()).is_some_and(same);
                    held
                }
            };
            self.0.insert(key, held);
        }
        changed | !missing.is_empty()
    }

    /// Forgets what is over. Says whether anything was.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        let before = self.0.len();
        self.0.retain(|_, held| held.expires_at > now);
        self.0.len() != before
    }

    /// Forgets every decision about this scope and value at once, whatever its type.
    pub fn release(&mut self, scope: &str, value: &str) -> bool {
        let before = self.0.len();
        let (scope, _, value) = key(scope, "", value);
        self.0.retain(|(its_scope, _, its_value), _| (its_scope, its_value) != (&scope, &value));
        self.0.len() != before
    }

    /// Forgets one decision by LAPI's id.
    pub fn release_one(&mut self, id: i64) -> bool {
        let before = self.0.len();
        self.0.retain(|_, held| held.id != id);
        self.0.len() != before
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Held> {
        self.0.values()
    }

    /// How many hold.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none holds.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(scope: &str, value: &str, duration: &str) -> Decision {
        Decision {
            scope: scope.to_owned(),
            value: value.to_owned(),
            duration: duration.to_owned(),
            r#type: "ban".to_owned(),
            scenario: "s".to_owned(),
            ..Decision::default()
        }
    }

    fn values(decisions: &Decisions) -> Vec<&str> {
        decisions.iter().map(|held| held.value.as_str()).collect()
    }

    #[test]
    fn deltas_are_kept_by_scope_type_and_value_and_the_longest_holds() {
        let at = Timestamp::from_millis;
        let mut all = Decisions::default();
        assert!(all.take(
            true,
            &[decision("Ip", "1.1.1.1", "1h"), decision("Range", "10.0.0.0/8", "2h")],
            &[],
            at(0)
        ));
        // The same again, and a shorter one, change nothing.
        assert!(!all.take(false, &[decision("ip", "1.1.1.1", "10m")], &[], at(0)));
        assert!(!all.take(
            true,
            &[decision("Ip", "1.1.1.1", "1h"), decision("Range", "10.0.0.0/8", "2h")],
            &[],
            at(0)
        ));
        // One id may come as deleted twice.
        let gone = [Decision { id: 9, ..decision("Ip", "1.1.1.1", "-1s") }];
        assert!(all.take(false, &[], &gone, at(1)) && !all.take(false, &[], &gone, at(2)));
        assert_eq!(values(&all), ["10.0.0.0/8"]);
        // A whole list forgets what is not in it.
        assert!(all.take(
            true,
            &[decision("Country", "CN", "1h"), decision("AS", "64500", "1h")],
            &[],
            at(3)
        ));
        let about: Vec<_> = all.iter().map(Held::about).collect();
        assert_eq!(about, [Some(About::System(64500)), Some(About::Country(*b"CN"))]);
        assert!(!all.expire(at(3_600_002)) && all.expire(at(3_600_003)) && all.is_empty());
    }

    #[test]
    fn a_released_address_is_free_however_it_is_written_and_networks_around_it_stay() {
        let mut all = Decisions::default();
        let captcha = Decision { r#type: "captcha".to_owned(), ..decision("Ip", "2001:db8:0::1", "1h") };
        let new = [decision("Ip", "2001:db8::1", "1h"), captcha, decision("Range", "2001:db8::/32", "1h")];
        all.take(true, &new, &[], Timestamp::default());
        assert!(all.release("ip", "2001:DB8::1"));
        assert_eq!(values(&all), ["2001:db8::/32"]);
        assert!(!all.release("ip", "2001:db8::1"));
    }

    #[test]
    fn shapes_of_all_versions_and_fields_that_nobody_knows_are_read() {
        let old: Decision =
            serde_json::from_str(r#"{"duration":"1h","id":1,"origin":"cscli","scenario":"x","scope":"Ip","type":"ban","value":"1.2.3.4"}"#)
                .unwrap();
        let new: Decision =
            serde_json::from_str(r#"{"uuid":"u","id":1,"duration":"1h0m0s","origin":"cscli","scenario":"x","scope":"Ip","type":"ban","value":"1.2.3.4","simulated":false}"#)
                .unwrap();
        assert_eq!((old.value, old.scope), (new.value, new.scope));
    }
}
