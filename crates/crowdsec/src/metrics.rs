//! What the agent counts of the log that it reads, from its metrics for Prometheus.

use crate::lapi::{Lapi, LapiError};
use bytes::Bytes;
use http::Request;
use serde::Serialize;

/// Counts since the agent's start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct ReadCounts {
    /// Lines that it has read.
    pub read: u64,
    /// Lines that its parsers have understood.
    pub parsed: u64,
    /// Lines that they have not.
    pub unparsed: u64,
}

impl ReadCounts {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            read: self.read + other.read,
            parsed: self.parsed + other.parsed,
            unparsed: self.unparsed + other.unparsed,
        }
    }

    /// What came after `before`, counted by the same agent.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            read: self.read.saturating_sub(before.read),
            parsed: self.parsed.saturating_sub(before.parsed),
            unparsed: self.unparsed.saturating_sub(before.unparsed),
        }
    }
}

impl Lapi {
    /// Asks the agent on this machine; `port` is [`crate::Place::metrics_port`].
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn read_counts(&self, port: u16) -> Result<ReadCounts, LapiError> {
        let request = Request::builder().uri(format!("http://127.0.0.1:{port}/metrics")).body(Bytes::new());
        let (status, text) = self.send(request).await?;
        if status.is_success() {
            return Ok(parse(&String::from_utf8_lossy(&text)));
        }
        let (path, message) = ("/metrics".to_owned(), String::new());
        Err(LapiError::Status { path, status: status.as_u16(), message })
    }
}

fn parse(text: &str) -> ReadCounts {
    let sum = |name: &str| {
        let samples = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
        let values = samples.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok());
        // Whole numbers, which may be written as 1e+06.
        values.map(|value| value as u64).sum()
    };
    ReadCounts {
        read: sum("cs_filesource_hits_total"),
        parsed: sum("cs_parser_hits_ok_total"),
        unparsed: sum("cs_parser_hits_ko_total"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_all_sources_are_added() {
        let text = "# HELP cs_filesource_hits_total Total lines\ncs_filesource_hits_total{source=\"a b\"} 1.5e+03\n\
                    cs_filesource_hits_total{source=\"b\"} 1\ncs_parser_hits_ok_total{source=\"a\",type=\"charon\"} 7\n\
                    cs_parser_hits_total{source=\"a\",type=\"charon\"} 9\n";
        assert_eq!(parse(text), ReadCounts { read: 1501, parsed: 7, unparsed: 0 });
    }
}
