//! A set of HTTP status codes, as one text: `200-299, 401`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Status codes from 100 to 599, in ranges. Empty when the text is.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StatusSet(Vec<(u16, u16)>);

impl StatusSet {
    /// The codes from `first` to `last`, both within.
    pub fn range(first: u16, last: u16) -> Self {
        Self(vec![(first, last)])
    }

    /// Reads codes and ranges between commas.
    ///
    /// # Errors
    /// A sentence that names the fault and the remedy.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let ranges = parts.map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            match (first.trim().parse(), last.trim().parse()) {
                (Ok(first), Ok(last)) if 100 <= first && first <= last && last <= 599 => Ok((first, last)),
                _ => Err(format!("'{part}' is no status from 100 to 599; write them like 200-299, 401")),
            }
        });
        ranges.collect::<Result<_, _>>().map(Self)
    }

    /// Whether the set has this code.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }

    /// Whether the set has no code at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            if first == last { write!(f, "{comma}{first}")? } else { write!(f, "{comma}{first}-{last}")? }
        }
        Ok(())
    }
}

impl TryFrom<String> for StatusSet {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<StatusSet> for String {
    fn from(set: StatusSet) -> Self {
        set.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_codes_and_ranges() {
        let set = StatusSet::parse(" 200 - 299,401 ").unwrap();
        assert_eq!(set.to_string(), "200-299, 401");
        assert!(set.contains(200) && set.contains(299) && set.contains(401) && !set.contains(300));
        assert!(StatusSet::parse("").unwrap().is_empty());
        for wrong in ["2xx", "299-200", "99", "600", "200-", "-"] {
            assert!(StatusSet::parse(wrong).unwrap_err().contains("200-299, 401"), "{wrong}");
        }
    }
}
