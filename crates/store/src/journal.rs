//! Which rows the latest writes have touched, so that a reader that is up to date needs to read only these. Lives in
//! memory and is a hint: where a number is missing (it was written before the start, long ago, or by another node),
//! the reader is told to look at everything.

use std::collections::{BTreeMap, BTreeSet};

/// So many writes are remembered.
const KEPT: usize = 1024;

/// Which rows of hosts and certificates writes have touched, by their public ids: changed, new, or gone. Everything
/// else that is served (settings, access lists) is small and not told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// Any row may be another than before.
    Everything,
    /// These, and no others.
    Rows {
        /// Hosts, or locations of theirs.
        hosts: BTreeSet<String>,
        /// Certificates.
        certificates: BTreeSet<String>,
    },
}

impl Default for Touched {
    fn default() -> Self {
        Self::Rows { hosts: BTreeSet::new(), certificates: BTreeSet::new() }
    }
}

impl Touched {
    pub(crate) fn host(uuid: &str) -> Self {
        Self::Rows { hosts: BTreeSet::from([uuid.to_owned()]), certificates: BTreeSet::new() }
    }

    pub(crate) fn certificate(uuid: &str) -> Self {
        Self::Rows { hosts: BTreeSet::new(), certificates: BTreeSet::from([uuid.to_owned()]) }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Everything, _) => {}
            (_, Self::Everything) => *self = Self::Everything,
            (Self::Rows { hosts, certificates }, Self::Rows { hosts: more, certificates: others }) => {
                hosts.extend(more.iter().cloned());
                certificates.extend(others.iter().cloned());
            }
        }
    }
}

/// What the latest writes have touched, by their change numbers.
#[derive(Debug, Default)]
pub(crate) struct Journal(BTreeMap<u64, Touched>);

impl Journal {
    /// Notes what the write with this number touches. A number that comes twice (the write before it with that
    /// number was taken back) stands for both.
    pub(crate) fn note(&mut self, number: u64, touched: &Touched) {
        self.0.entry(number).or_default().merge(touched);
        while self.0.len() > KEPT {
            self.0.pop_first();
        }
    }

    /// What the writes after `seen`, up to `now`, have touched.
    pub(crate) fn between(&self, seen: u64, now: u64) -> Touched {
        let mut all = Touched::default();
        if seen > now || now - seen > KEPT as u64 {
            return Touched::Everything;
        }
        for number in seen + 1..=now {
            match self.0.get(&number) {
                Some(touched) => all.merge(touched),
                None => return Touched::Everything,
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_in_the_numbers_means_that_everything_may_have_changed() {
        let mut journal = Journal::default();
        journal.note(5, &Touched::host("a"));
        journal.note(6, &Touched::certificate("c"));
        journal.note(6, &Touched::host("b"));
        let both = Touched::Rows {
            hosts: BTreeSet::from(["a".to_owned(), "b".to_owned()]),
            certificates: BTreeSet::from(["c".to_owned()]),
        };
        assert_eq!(journal.between(4, 6), both);
        assert_eq!(journal.between(6, 6), Touched::default());
        // Before the journal began, a number of another node, and a database that was put back to an earlier state.
        for (seen, now) in [(3, 6), (4, 7), (7, 6)] {
            assert_eq!(journal.between(seen, now), Touched::Everything, "{seen} {now}");
        }
        journal.note(8, &Touched::Everything);
        assert_eq!(journal.between(7, 8), Touched::Everything);
        for number in 9..3000 {
            journal.note(number, &Touched::host("x"));
        }
        assert_eq!(journal.0.len(), KEPT);
        assert_eq!(journal.between(8, 2999), Touched::Everything);
    }
}
