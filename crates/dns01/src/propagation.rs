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
}

/// What the last look has seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Propagation {
    /// How many servers were asked.
    pub servers: usize,
    /// Those that lack the value; none: it is everywhere.
    pub lacking: Vec<Lack>,
}

impl Resolvers {
    /// Asks each server of the zone for `value` at `record` until all show it, for at most `limit`.
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
                let reason = match held(entry.1, &record).await {
                    Ok(values) if values.iter().any(|there| there == value) => continue,
                    Ok(values) if values.is_empty() => "it shows no TXT record there yet".to_owned(),
                    Ok(_) => "it shows only other values there".to_owned(),
                    Err(reason) => reason,
                };
                lacking.push(Lack { server: entry.0.clone(), address: entry.1.ip(), reason });
                still.push(entry);
            }
            if lacking.is_empty() || clock.monotonic() + PACE >= end {
                return Ok(Propagation { servers: servers.len(), lacking });
            }
            left = still;
            tokio::time::sleep(PACE).await;
        }
    }
}
