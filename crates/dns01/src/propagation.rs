//! The look whether every server of the zone shows a value, before an authority is asked to look.

use crate::lookup::{Resolvers, held};
use crate::{DnsError, provider::plain};
use base::Clock;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How often the servers are asked.
const PACE: Duration = Duration::from_secs(2);

/// A server that does not show the value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lack {
    /// The server's name.
    pub server: String,
    /// Its address.
    pub address: IpAddr,
    /// What it says instead, in words.
    pub reason: String,
    /// It has answered; else nobody knows what it shows.
    pub answered: bool,
}

impl std::fmt::Display for Lack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}): {}", self.server, self.address, self.reason)
    }
}

/// What the last look has seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Propagation {
    /// How many servers were asked.
    pub servers: usize,
    /// Those that lack the value; none: it is everywhere.
    pub lacking: Vec<Lack>,
}

impl Propagation {
    /// Everyone who answers shows the value. Servers that do not answer are not waited for as long as one does: a
    /// network without IPv6 reaches only some of them.
    pub fn is_shown(&self) -> bool {
        self.lacking.len() < self.servers && self.lacking.iter().all(|lack| !lack.answered)
    }

    /// No server answers, so that nobody knows: some networks let nobody ask.
    pub fn is_unknown(&self) -> bool {
        self.lacking.len() == self.servers && self.lacking.iter().all(|lack| !lack.answered)
    }
}

impl Resolvers {
    /// Asks each server of the zone for `value` at `record` until it is shown, for at most `limit`.
    ///
    /// # Errors
    /// When the servers of the zone cannot be found.
    pub async fn wait_for(
        &self,
        record: &str,
        value: &str,
        limit: Duration,
        clock: &dyn Clock,
    ) -> Result<Propagation, DnsError> {
        let record = plain(record);
        let servers = self.servers(&record).await?;
        let end = clock.monotonic() + limit;
        let mut left: Vec<&(String, SocketAddr)> = servers.iter().collect();
        loop {
            let mut lacking = Vec::new();
            let mut still = Vec::new();
            for entry in left {
                let (answered, reason) = match held(entry.1, &record).await {
                    Ok(values) if values.iter().any(|there| there == value) => continue,
                    Ok(values) if values.is_empty() => (true, "it shows no TXT record there yet".to_owned()),
                    Ok(_) => (true, "it shows only other values there".to_owned()),
                    Err(reason) => (false, reason),
                };
                lacking.push(Lack { server: entry.0.clone(), address: entry.1.ip(), reason, answered });
                still.push(entry);
            }
            let seen = Propagation { servers: servers.len(), lacking };
            if seen.is_shown() || clock.monotonic() + PACE >= end {
                return Ok(seen);
            }
            left = still;
            tokio::time::sleep(PACE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_do_not_answer_are_not_waited_for_as_long_as_one_shows_the_value() {
        let lack = |answered| Lack {
            server: "ns.example.test".to_owned(),
            address: IpAddr::from([192, 0, 2, 1]),
            reason: String::new(),
            answered,
        };
        // How many servers, whether those that lack the value have answered, shown, unknown.
        for (servers, answered, shown, unknown) in [
            (2, vec![], true, false),
            (2, vec![false], true, false),
            (2, vec![true], false, false),
            (3, vec![false, true], false, false),
            (2, vec![false, false], false, true),
            (2, vec![false, true], false, false),
        ] {
            let lacking = answered.iter().map(|answered| lack(*answered)).collect();
            let seen = Propagation { servers, lacking };
            assert_eq!((seen.is_shown(), seen.is_unknown()), (shown, unknown), "{servers} {answered:?}");
        }
    }
}
