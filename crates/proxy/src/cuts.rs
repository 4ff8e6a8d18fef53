//! Why clients were cut off or refused: a closed list, counted per worker and shown by name in [`crate::Stats`].
//! To add a reason: one variant, and its name in [`Cut::ALL`].

use crate::stats::Counter;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// Why a client's connection, or one of its streams, was cut off or refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Cut {
    /// As many connections were open as the process may have.
    Connections,
    /// As many connections were open as one client may have.
    ConnectionsPerClient,
    /// The process had no descriptor left; the connection waited, and was not refused.
    Descriptors,
    /// The TLS handshake did not end in time.
    Handshake,
    /// Nothing came over a new connection.
    Silent,
    /// A head did not come in time.
    SlowHead,
    /// A head was too large.
    LargeHead,
    /// A body came slower than it must, or not at all.
    SlowBody,
    /// An answer was taken slower than it must be, or not at all.
    SlowReader,
    /// HTTP/2: more streams reset than a client that means well does.
    H2Resets,
    /// HTTP/2: a flood of frames that carry nothing.
    H2Control,
    /// HTTP/2: a head of too many or too large frames, or anything else that the library refuses as a flood.
    H2Flood,
    /// HTTP/2: a breach of the protocol.
    H2Protocol,
    /// HTTP/3: more streams reset, or more frames that carry nothing, than a client that means well sends.
    H3Flood,
    /// HTTP/3: a breach of the protocol.
    H3Protocol,
    /// A peer that may not, or did not in time, say by PROXY protocol whose connection it passes on.
    ProxyProtocol,
    /// The client was banned while its connection was open.
    Banned,
}

impl Cut {
    /// All reasons with their names, as in metrics.
    pub const ALL: [(Self, &'static str); 17] = [
        (Self::Connections, "connections"),
        (Self::ConnectionsPerClient, "connections_per_client"),
        (Self::Descriptors, "descriptors"),
        (Self::Handshake, "tls_handshake"),
        (Self::Silent, "silent"),
        (Self::SlowHead, "slow_head"),
        (Self::LargeHead, "large_head"),
        (Self::SlowBody, "slow_body"),
        (Self::SlowReader, "slow_reader"),
        (Self::H2Resets, "h2_resets"),
        (Self::H2Control, "h2_control_frames"),
        (Self::H2Flood, "h2_flood"),
        (Self::H2Protocol, "h2_protocol"),
        (Self::H3Flood, "h3_flood"),
        (Self::H3Protocol, "h3_protocol"),
        (Self::ProxyProtocol, "proxy_protocol"),
        (Self::Banned, "banned"),
    ];

    /// The name, as in metrics.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

impl Serialize for Cut {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The counters of one worker.
#[derive(Debug, Default)]
pub(crate) struct Cuts([Counter; Cut::ALL.len()]);

impl Cuts {
    pub(crate) fn count(&self, cut: Cut) {
        self.0[cut as usize].add(1);
    }

    /// Adds the counts to those of other workers. All reasons are present, also those that never happened.
    pub(crate) fn add_to(&self, sums: &mut BTreeMap<Cut, u64>) {
        for ((cut, _), counter) in Cut::ALL.iter().zip(&self.0) {
            *sums.entry(*cut).or_default() += counter.get();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_place_and_a_name_of_its_own() {
        let mut names = std::collections::BTreeSet::new();
        for (place, (cut, name)) in Cut::ALL.into_iter().enumerate() {
            assert_eq!((cut as usize, cut.name()), (place, name));
            assert!(names.insert(name), "{name}");
        }
    }
}
