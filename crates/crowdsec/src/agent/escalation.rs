//! How long the agent bans: longer with each decision that there was about an address before.

use super::install::Installed;
use super::tree::{Place, PrepareError, at, check_at, private};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::fs;

/// Minutes of the first ban, of the second, and so on; the last holds for all that follow.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Escalation(Vec<u32>);

/// Four hours, eight, a day, a week.
impl Default for Escalation {
    fn default() -> Self {
        Self(vec![240, 480, 1_440, 10_080])
    }
}

impl Escalation {
    /// The most steps: each costs the agent a look into its database.
    pub const MOST: usize = 8;
    /// The longest ban, in minutes: a year.
    pub const LONGEST: u32 = 525_600;

    /// From minutes, the first ban first.
    ///
    /// # Errors
    /// Which of them is wrong, if one is, and why, as a sentence.
    pub fn new(minutes: Vec<u32>) -> Result<Self, (Option<usize>, String)> {
        if minutes.is_empty() || minutes.len() > Self::MOST {
            return Err((None, format!("write from 1 to {} durations", Self::MOST)));
        }
        for (step, length) in minutes.iter().enumerate() {
            if !(1..=Self::LONGEST).contains(length) {
                return Err((Some(step), "write from a minute to a year (525600 minutes)".to_owned()));
            }
            if step > 0 && *length < minutes[step - 1] {
                return Err((Some(step), "must not be shorter than the ban before it".to_owned()));
            }
        }
        Ok(Self(minutes))
    }

    /// In minutes, the first ban first.
    pub fn minutes(&self) -> &[u32] {
        &self.0
    }

    /// What holds for the agent of this place; the default where nothing was written down, or nothing that can be
    /// read.
    pub fn of(place: &Place) -> Self {
        let text = fs::read(place.folder.join(FILE)).unwrap_or_default();
        serde_json::from_slice::<Vec<u32>>(&text)
            .ok()
            .and_then(|minutes| Self::new(minutes).ok())
            .unwrap_or_default()
    }

    /// Writes it down for the next configuration of the agent.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, place: &Place) -> Result<(), PrepareError> {
        fs::create_dir_all(&place.folder).map_err(at(&place.folder))?;
        private(&place.folder.join(FILE), &format!("{:?}\n", self.0))
    }

    /// Lets the agent check it, beside the configuration that stands there. Blocks for about a second. Where no
    /// configuration was made yet, the agent's first start checks it.
    ///
    /// # Errors
    /// What the agent finds wrong.
    pub fn check(&self, place: &Place, installed: &Installed) -> Result<(), PrepareError> {
        if !place.config().exists() {
            return Ok(());
        }
        let (profiles, config) =
            (place.folder.join("profiles.try.yaml"), place.folder.join("config.try.yaml"));
        private(&profiles, &self.profiles())?;
        let text = fs::read_to_string(place.config()).map_err(at(&place.config()))?;
        private(&config, &text.replace("/profiles.yaml'", "/profiles.try.yaml'"))?;
        let outcome = check_at(&config, installed);
        for file in [&profiles, &config] {
            // A file that stays is written anew by the next check.
            _ = fs::remove_file(file);
        }
        outcome
    }

    /// The agent's `profiles.yaml`.
    pub(super) fn profiles(&self) -> String {
        let first = self.0.first().copied().unwrap_or_default();
        let last = self.0.last().copied().unwrap_or_default();
        // Since version 1.4 at least, `c ? a : b` of the agent's language nests with brackets.
        let earlier = &self.0[..self.0.len().saturating_sub(1)];
        let mut length = format!("'{last}m'");
        for (before, minutes) in earlier.iter().enumerate().rev() {
            length =
                format!("(GetDecisionsCount(Alert.GetValue()) < {} ? '{minutes}m' : {length})", before + 1);
        }
        let mut text = "# How long bans last; made by Charon.\n".to_owned();
        _ = write!(
            text,
            "name: charon_addresses\nfilters:\n  - Alert.Remediation == true && Alert.GetScope() == \"Ip\"\n\
             decisions:\n  - {{type: ban, duration: {first}m}}\nduration_expr: \"{length}\"\non_success: break\n---\n\
             name: charon_networks\nfilters:\n  - Alert.Remediation == true && Alert.GetScope() == \"Range\"\n\
             decisions:\n  - {{type: ban, duration: {first}m}}\non_success: break\n"
        );
        text
    }
}

/// Where it is written down, in the agent's folder.
const FILE: &str = "escalation.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_never_get_shorter_and_each_wrong_one_is_named() {
        assert_eq!(Escalation::new(vec![1, 1, 525_600]).unwrap().minutes(), [1, 1, 525_600]);
        for (minutes, wrong) in [
            (vec![], None),
            (vec![1; 9], None),
            (vec![0], Some(0)),
            (vec![5, 4], Some(1)),
            (vec![1, 525_601], Some(1)),
        ] {
            assert_eq!(Escalation::new(minutes.clone()).unwrap_err().0, wrong, "{minutes:?}");
        }
    }

    #[test]
    fn each_decision_before_is_a_step_and_the_last_step_stays() {
        let text = Escalation::new(vec![10, 60, 600]).unwrap().profiles();
        let expected = "duration_expr: \"(GetDecisionsCount(Alert.GetValue()) < 1 ? '10m' : \
                        (GetDecisionsCount(Alert.GetValue()) < 2 ? '60m' : '600m'))\"";
        assert!(text.contains(expected), "{text}");
        assert!(Escalation::new(vec![10]).unwrap().profiles().contains("duration_expr: \"'10m'\""));
    }

    #[test]
    fn what_was_kept_is_found_again_and_rubbish_counts_as_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { folder: folder.path().join("new"), port: 1, metrics_port: 2 };
        assert_eq!(Escalation::of(&place), Escalation::default());
        let kept = Escalation::new(vec![7, 70]).unwrap();
        kept.keep(&place).unwrap();
        assert_eq!(Escalation::of(&place), kept);
        fs::write(place.folder.join(FILE), "[9, 1]").unwrap();
        assert_eq!(Escalation::of(&place), Escalation::default());
    }
}
