//! What a certificate authority looks up about a name before it issues: its addresses, and who may issue (CAA).

use crate::lookup::Resolvers;
use crate::provider::plain;
use crate::wire::{self, A, AAAA, Answer, CAA, CNAME, Data};
use std::net::{IpAddr, SocketAddr};

/// The most aliases that are followed over zones, and the most servers of one zone that are asked.
const MOST: usize = 8;
const ASKED: usize = 3;

/// Why a look-up says nothing about the name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unknown {
    /// No resolver answers; what the last one did.
    Silent(String),
    /// A resolver says that the look-up failed, and how.
    Fails(String),
}

/// What a name leads to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Addresses {
    /// It exists, though perhaps without addresses.
    pub exists: bool,
    /// The names on the way when it is an alias, the last one at the end.
    pub aliases: Vec<String>,
    /// IPv6 first, as authorities try them.
    pub all: Vec<IpAddr>,
}

/// One CAA record (RFC 8659, section 4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaaRecord {
    /// Whoever does not know the tag must not issue.
    pub critical: bool,
    /// In lower case.
    pub tag: String,
    /// Its value.
    pub value: String,
}

impl Resolvers {
    async fn look(&self, name: &str, kind: u16) -> Result<Answer, Unknown> {
        let mut last = Unknown::Silent("no resolver is set".to_owned());
        for resolver in &self.addresses {
            last = match wire::ask(*resolver, name, kind, true).await {
                Ok(answer) if matches!(answer.code, 0 | 3) => return Ok(answer),
                Ok(answer) => Unknown::Fails(format!(
                    "the resolver {resolver} answers {}",
                    wire::code_name(answer.code)
                )),
                // What a resolver said of its failure says more than the silence of the next one.
                Err(_) if matches!(last, Unknown::Fails(_)) => last,
                Err(error) => Unknown::Silent(error.to_string()),
            };
        }
        Err(last)
    }

    /// The addresses of a name.
    ///
    /// # Errors
    /// When nobody can say.
    pub async fn addresses_of(&self, name: &str) -> Result<Addresses, Unknown> {
        let name = plain(name);
        let mut found = Addresses::default();
        for kind in [AAAA, A] {
            let answer = self.look(&name, kind).await?;
            let alias = chain(&answer, &name);
            found.exists |= answer.code == 0 || !alias.is_empty();
            if found.aliases.is_empty() {
                found.aliases = alias;
            }
            found.all.extend(answer.answers.iter().filter_map(|row| match row.data {
                Data::Address(address) if row.kind == kind => Some(address),
                _ => None,
            }));
        }
        found.all.dedup();
        Ok(found)
    }

    /// The addresses of a name as the servers of its zone say them, which is what the rest of the world sees; networks
    /// of one's own often have other answers. `None` where they cannot be asked.
    pub async fn addresses_outside(&self, name: &str) -> Option<Vec<IpAddr>> {
        let mut name = plain(name);
        for _ in 0..MOST {
            let servers = self.servers(&name).await.ok()?;
            let mut found = Vec::new();
            let mut next = None;
            for kind in [AAAA, A] {
                let answer = first(&servers, &name, kind).await?;
                next = next.or_else(|| chain(&answer, &name).pop());
                found.extend(answer.answers.iter().filter_map(|row| match row.data {
                    Data::Address(address) if row.kind == kind => Some(address),
                    _ => None,
                }));
            }
            match next {
                Some(next) if found.is_empty() => name = next,
                _ => return Some(found),
            }
        }
        None
    }

    /// The CAA records that count for a name, and where they stand: those of the closest name above it that has any
    /// (RFC 8659, section 3).
    ///
    /// # Errors
    /// When nobody can say.
    pub async fn caa_of(&self, name: &str) -> Result<(String, Vec<CaaRecord>), Unknown> {
        let whole = plain(name);
        let mut rest = Some(whole.trim_start_matches("*."));
        while let Some(at) = rest.filter(|at| !at.is_empty()) {
            let answer = self.look(at, CAA).await?;
            let records: Vec<CaaRecord> = answer
                .answers
                .into_iter()
                .filter_map(|row| match row.data {
                    Data::Caa { critical, tag, value } => Some(CaaRecord { critical, tag, value }),
                    _ => None,
                })
                .collect();
            if !records.is_empty() {
                return Ok((at.to_owned(), records));
            }
            rest = at.split_once('.').map(|(_, above)| above);
        }
        Ok((String::new(), Vec::new()))
    }
}

/// What the first of the servers of a zone says that answers.
async fn first(servers: &[(String, SocketAddr)], name: &str, kind: u16) -> Option<Answer> {
    for (_, server) in servers.iter().take(ASKED) {
        match wire::ask(*server, name, kind, false).await {
            Ok(answer) if matches!(answer.code, 0 | 3) => return Some(answer),
            _ => {}
        }
    }
    None
}

/// The names that an answer leads through from `name`.
fn chain(answer: &Answer, name: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    while names.len() <= answer.answers.len() {
        let at = names.last().map_or(name, String::as_str);
        let next = answer.answers.iter().find_map(|row| match &row.data {
            Data::Name(next) if row.kind == CNAME && row.name == at => Some(next.clone()),
            _ => None,
        });
        match next {
            Some(next) => names.push(next),
            None => break,
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Record;

    #[test]
    fn the_way_of_an_alias_is_followed_to_its_end_and_not_in_circles() {
        let alias = |name: &str, to: &str| Record {
            name: name.to_owned(),
            kind: CNAME,
            data: Data::Name(to.to_owned()),
        };
        let answer = |answers| Answer { code: 0, authoritative: false, answers, authority: Vec::new() };
        let straight = answer(vec![alias("b.test", "c.test"), alias("a.test", "b.test")]);
        assert_eq!(chain(&straight, "a.test"), ["b.test", "c.test"]);
        assert_eq!(chain(&straight, "x.test"), Vec::<String>::new());
        let round = answer(vec![alias("a.test", "b.test"), alias("b.test", "a.test")]);
        assert!(chain(&round, "a.test").len() <= 3);
    }
}
