//! Look-ups: where a challenge's name leads to by CNAME, and the servers that hold its zone.

use crate::DnsError;
use crate::provider::{plain, suffixes};
use crate::wire::{self, A, AAAA, Answer, CNAME, Data, NS, TXT};
use std::net::{IpAddr, SocketAddr};

/// The most CNAMEs that are followed.
const MOST: usize = 8;

/// Who is asked, with recursion, and where the servers of zones listen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resolvers {
    /// Asked one after the other until one answers.
    pub addresses: Vec<SocketAddr>,
    /// The port of the servers of zones: 53.
    pub port: u16,
}

impl Resolvers {
    /// Those that the system uses, as `resolv.conf` text names them.
    pub fn of_system(resolv_conf: &str) -> Self {
        let words = resolv_conf.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
        let addresses = words.filter_map(|word| word.trim().parse::<IpAddr>().ok());
        Self { addresses: addresses.map(|address| SocketAddr::new(address, 53)).collect(), port: 53 }
    }

    async fn ask(&self, name: &str, kind: u16) -> Result<Answer, DnsError> {
        let mut last = DnsError::Unreachable { reason: "no resolver is set".to_owned() };
        for resolver in &self.addresses {
            match wire::ask(*resolver, name, kind, true).await {
                Ok(answer) if matches!(answer.code, 0 | 3) => return Ok(answer),
                Ok(answer) => {
                    let code = wire::code_name(answer.code);
                    last = DnsError::failed(format!("the resolver {resolver} answers {code} for {name}"));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Where the value for `record` must be written: the end of its chain of CNAMEs, or itself.
    ///
    /// # Errors
    /// When no resolver answers, or the chain has no end.
    pub async fn target(&self, record: &str) -> Result<String, DnsError> {
        let mut name = plain(record);
        let mut seen = vec![name.clone()];
        loop {
            let answer = self.ask(&name, CNAME).await?;
            let next = answer.answers.iter().find_map(|row| match &row.data {
                Data::Name(next) if row.kind == CNAME && row.name == name => Some(next.clone()),
                _ => None,
            });
            let Some(next) = next else { return Ok(name) };
            if seen.contains(&next) || seen.len() > MOST {
                let reason = format!("the CNAMEs of {record} go in a circle or are more than {MOST}");
                return Err(DnsError::Conflict { reason });
            }
            seen.push(next.clone());
            name = next;
        }
    }

    /// The servers of the zone that holds `record`: their names and addresses.
    ///
    /// # Errors
    /// When no resolver answers, or no zone above the record has servers with addresses.
    pub async fn servers(&self, record: &str) -> Result<Vec<(String, SocketAddr)>, DnsError> {
        for zone in suffixes(&plain(record)) {
            let answer = self.ask(zone, NS).await?;
            let names: Vec<String> = answer
                .answers
                .into_iter()
                .filter(|row| row.kind == NS && row.name == zone)
                .filter_map(|row| if let Data::Name(name) = row.data { Some(name) } else { None })
                .collect();
            let mut servers = Vec::new();
            for name in &names {
                for kind in [A, AAAA] {
                    for row in self.ask(name, kind).await?.answers {
                        if let Data::Address(address) = row.data {
                            servers.push((name.clone(), SocketAddr::new(address, self.port)));
                        }
                    }
                }
            }
            match (names.is_empty(), servers.is_empty()) {
                (false, false) => return Ok(servers),
                (false, true) => {
                    return Err(DnsError::failed(format!(
                        "none of the servers of {zone} has an address: {}",
                        names.join(", ")
                    )));
                }
                (true, _) => {}
            }
        }
        Err(DnsError::ZoneNotFound { name: record.to_owned(), seen: Vec::new() })
    }
}

/// The TXT values that one server of a zone holds at `record`.
pub(crate) async fn held(server: SocketAddr, record: &str) -> Result<Vec<String>, String> {
    match wire::ask(server, record, TXT, false).await {
        Ok(answer) if matches!(answer.code, 0 | 3) => {
            let texts = answer.answers.into_iter().filter(|row| row.name == record);
            Ok(texts
                .filter_map(|row| if let Data::Text(text) = row.data { Some(text) } else { None })
                .collect())
        }
        Ok(answer) => Err(format!("it answers {}", wire::code_name(answer.code))),
        Err(error) => Err(error.to_string()),
    }
}
