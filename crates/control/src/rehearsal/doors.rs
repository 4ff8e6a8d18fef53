//! Knocking where a name leads to, as an authority would.

use super::own::Answered;
use dns01::Resolvers;
use http::Uri;
use outbound::{Knock, knock_http, knock_tls};
use rehearsal::{Door, DoorState};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long an address may take. Authorities wait ten seconds.
const LIMIT: Duration = Duration::from_secs(8);
/// So many addresses of a name are looked at.
pub(super) const MOST: usize = 8;
/// So often a request may be sent on. Authorities follow ten times.
const TIMES: usize = 5;
/// The protocol of TLS-ALPN-01 (RFC 8737, section 6.2).
const ALPN: &[u8] = b"acme-tls/1";

/// The ports on which authorities look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ports {
    /// For HTTP-01: 80.
    pub http: u16,
    /// For TLS-ALPN-01, and for requests that are sent on to HTTPS: 443.
    pub https: u16,
}

/// Who knocks for a name.
pub(super) struct Knocker<'a> {
    pub(super) name: &'a str,
    pub(super) answered: &'a Answered,
    pub(super) ports: Ports,
    pub(super) resolvers: &'a Resolvers,
}

impl Knocker<'_> {
    /// What happens at this address.
    pub(super) async fn at(&self, address: IpAddr, by_tls: bool) -> Door {
        let state = if by_tls { self.tls(address).await } else { self.plain(address).await };
        Door { address, state }
    }

    async fn tls(&self, address: IpAddr) -> DoorState {
        let address = SocketAddr::new(address, self.ports.https);
        match knock_tls(address, self.name, ALPN, LIMIT).await {
            Knock::Certificate(der) if der == *self.answered.certificate => DoorState::Ours,
            Knock::Certificate(_) | Knock::Refused => DoorState::OtherTls,
            other => state(other),
        }
    }

    /// By plain HTTP, and on to where the request is sent.
    async fn plain(&self, address: IpAddr) -> DoorState {
        let mut there = Next {
            host: self.name.to_owned(),
            port: self.ports.http,
            path: self.answered.path.clone(),
            is_secure: false,
        };
        let mut at = address;
        let mut sent_on = None;
        for _ in 0..=TIMES {
            let to = SocketAddr::new(at, there.port);
            let place = match knock_http(to, &there.host, &there.path, there.is_secure, LIMIT).await {
                Knock::Answered { status: 200, body, .. } if body == self.answered.body.as_bytes() => {
                    return DoorState::Ours;
                }
                Knock::Answered { status: 301 | 302 | 303 | 307 | 308, location: Some(place), .. } => place,
                other => return sent_on.unwrap_or_else(|| state(other)),
            };
            let on = sent_on.get_or_insert_with(|| DoorState::Redirect(place.clone()));
            let Some(next) = Next::of(&place, &there, self.ports) else { return on.clone() };
            if !next.host.eq_ignore_ascii_case(&there.host) {
                let found = self.resolvers.addresses_of(&next.host).await.unwrap_or_default();
                let Some(first) = found.all.first() else { return on.clone() };
                at = *first;
            }
            there = next;
        }
        sent_on.unwrap_or(DoorState::Foreign)
    }
}

fn state(knock: Knock) -> DoorState {
    match knock {
        Knock::Answered { status, server, .. } => DoorState::Other { status, server },
        Knock::Closed => DoorState::Closed,
        Knock::Silent => DoorState::Silent,
        Knock::NoRoute(why) => DoorState::NoRoute(why),
        Knock::Certificate(_) | Knock::Refused | Knock::Foreign => DoorState::Foreign,
    }
}

/// Where a request is sent on to.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Next {
    host: String,
    port: u16,
    path: String,
    is_secure: bool,
}

impl Next {
    /// `None` for places that no authority goes to: it knows two ports and no addresses.
    fn of(place: &str, from: &Self, ports: Ports) -> Option<Self> {
        if place.starts_with('/') && !place.starts_with("//") {
            return Some(Self { path: place.to_owned(), ..from.clone() });
        }
        let place: Uri = place.parse().ok()?;
        let is_secure = match place.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let usual = if is_secure { ports.https } else { ports.http };
        let port = place.port_u16().unwrap_or(usual);
        let host = place.host()?.to_owned();
        if host.parse::<IpAddr>().is_ok()
            || host.starts_with('[')
            || ![ports.http, ports.https].contains(&port)
        {
            return None;
        }
        let path = place.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Some(Self { host, port, path, is_secure })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_followed_to_where_an_authority_would_go_and_nowhere_else() {
        let ports = Ports { http: 80, https: 443 };
        let from = Next { host: "a.test".to_owned(), port: 80, path: "/t".to_owned(), is_secure: false };
        let next = |place: &str| Next::of(place, &from, ports).map(|next| (next.host, next.port, next.path));
        let some = |host: &str, port, path: &str| Some((host.to_owned(), port, path.to_owned()));
        assert_eq!(next("https://b.test/x?y"), some("b.test", 443, "/x?y"));
        assert_eq!(next("http://b.test"), some("b.test", 80, "/"));
        assert_eq!(next("/z"), some("a.test", 80, "/z"));
        for place in [
            "https://b.test:8443/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "ftp://b.test/",
            "//b.test/",
            "x y",
        ] {
            assert_eq!(next(place), None, "{place}");
        }
    }
}
