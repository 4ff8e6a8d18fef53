//! Which clients are banned or have to solve a challenge, and why: networks cut into ranges without overlap, found by
//! bisection; countries and autonomous systems by a database. Made whole by the control side and published by one
//! pointer, beside the configuration.

use crate::captcha::Captcha;
use crate::geo::{Country, Geo};
use crate::networks::Networks;
use ahash::AHashMap;
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// What becomes of a client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Remedy {
    /// It is refused.
    #[default]
    Ban,
    /// It has to solve a challenge first, once in a while.
    Challenge,
}

/// What a ban is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    /// An address, or all of a network.
    Network(IpNet),
    /// All addresses of a country.
    Country(Country),
    /// All addresses of an autonomous system.
    System(u32),
}

impl From<IpNet> for Subject {
    fn from(network: IpNet) -> Self {
        Self::Network(network)
    }
}

/// Why a client is banned.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BanReason {
    /// What becomes of it.
    pub remedy: Remedy,
    /// Who decided: `crowdsec` or `manual`. Stands as the phase in the access log.
    pub source: &'static str,
    /// The scenario, or what a person wrote down. Stands as the rule in the access log.
    pub rule: String,
}

/// Stands for a client that is not one: who holds the token may say that it has another address, so that
/// the way from a decision to a refused request can be tried out.
#[derive(Clone, PartialEq, Eq)]
pub struct Canary {
    /// What a request must hold in [`Canary::HEADER`].
    pub token: String,
    /// The address that such a request counts as coming from.
    pub address: IpAddr,
}

impl Canary {
    /// The header with the token.
    pub const HEADER: &str = "x-charon-canary";
}

impl fmt::Debug for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canary").field("token", &"***").field("address", &self.address).finish()
    }
}

/// A set of banned clients with reasons, ready to be asked.
#[derive(Debug, Default)]
pub struct Bans {
    banned: Both,
    challenged: Both,
    countries: AHashMap<Country, u32>,
    systems: AHashMap<u32, u32>,
    geo: Option<Arc<Geo>>,
    reasons: Vec<BanReason>,
    never: Networks,
    canary: Option<Canary>,
    captcha: Option<Arc<Captcha>>,
}

/// Networks of both families.
#[derive(Debug, Default)]
struct Both {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl Both {
    fn find(&self, address: IpAddr) -> Option<u32> {
        match address {
            IpAddr::V4(address) => self.v4.find(u32::from(address)),
            IpAddr::V6(address) => self.v6.find(u128::from(address)),
        }
    }
}

/// First and last address of networks of both families, with the numbers of their reasons.
#[derive(Default)]
struct Unsorted {
    v4: Vec<(u32, u32, u32)>,
    v6: Vec<(u128, u128, u32)>,
}

impl Unsorted {
    fn push(&mut self, network: IpNet, number: u32) {
        match canonical(network) {
            IpNet::V4(network) => {
                self.v4.push((network.network().into(), network.broadcast().into(), number))
            }
            IpNet::V6(network) => {
                self.v6.push((network.network().into(), network.broadcast().into(), number))
            }
        }
    }

    fn sorted(self) -> Both {
        Both { v4: Ranges::new(self.v4), v6: Ranges::new(self.v6) }
    }
}

impl Bans {
    /// Makes the set. Of networks within each other the smallest gives the reason; of equal ones the first. A ban goes
    /// before a challenge. Clients in `never` are never banned. `geo` tells countries and autonomous systems; without it
    /// nobody is banned for these.
    pub fn new<'a, S: Into<Subject>>(
        bans: impl IntoIterator<Item = (S, &'a BanReason)>,
        never: &[IpNet],
        canary: Option<Canary>,
    ) -> Self {
        let mut set = Self { never: Networks::new(never), canary, ..Self::default() };
        let (mut banned, mut challenged) = (Unsorted::default(), Unsorted::default());
        let mut known = AHashMap::new();
        for (subject, reason) in bans {
            let number = *known.entry(reason).or_insert_with(|| {
                set.reasons.push(reason.clone());
                u32::try_from(set.reasons.len() - 1).unwrap_or(u32::MAX)
            });
            match (subject.into(), reason.remedy) {
                (Subject::Network(network), Remedy::Ban) => banned.push(network, number),
                (Subject::Network(network), Remedy::Challenge) => challenged.push(network, number),
                (Subject::Country(country), _) => put(&mut set.countries, country, number, &set.reasons),
                (Subject::System(system), _) => put(&mut set.systems, system, number, &set.reasons),
            }
        }
        (set.banned, set.challenged) = (banned.sorted(), challenged.sorted());
        set
    }

    /// Tells countries and autonomous systems by this from now on.
    #[must_use]
    pub fn located_by(mut self, geo: Option<Arc<Geo>>) -> Self {
        self.geo = geo;
        self
    }

    /// Makes challenges with this; without it, whoever has to solve one is refused.
    #[must_use]
    pub fn challenged_by(mut self, captcha: Option<Arc<Captcha>>) -> Self {
        self.captcha = captcha;
        self
    }

    /// Why the address is banned or challenged; `None` when it is neither.
    pub fn find(&self, address: IpAddr) -> Option<&BanReason> {
        let address = address.to_canonical();
        let number = match self.banned.find(address) {
            Some(number) => number,
            None => {
                let located = self.locate(address);
                let is_ban = |number: &u32| self.reason(*number).is_some_and(|it| it.remedy == Remedy::Ban);
                located.filter(is_ban).or_else(|| self.challenged.find(address)).or(located)?
            }
        };
        // Asked last: almost nobody is banned.
        if self.never.contain(address) {
            return None;
        }
        self.reason(number)
    }

    fn reason(&self, number: u32) -> Option<&BanReason> {
        self.reasons.get(usize::try_from(number).ok()?)
    }

    /// What is decided about the country or the autonomous system of the address.
    fn locate(&self, address: IpAddr) -> Option<u32> {
        // Costs nothing where nothing is decided about these.
        let by_country = || {
            (!self.countries.is_empty()).then_some(())?;
            self.countries.get(&self.geo.as_ref()?.country(address)?).copied()
        };
        let by_system = || {
            (!self.systems.is_empty()).then_some(())?;
            self.systems.get(&self.geo.as_ref()?.system(address)?).copied()
        };
        match (by_country(), by_system()) {
            (Some(country), Some(system)) => Some(strictest(country, system, &self.reasons)),
            (country, system) => country.or(system),
        }
    }

    pub(crate) fn captcha(&self) -> Option<&Captcha> {
        self.captcha.as_deref()
    }

    pub(crate) fn canary(&self) -> Option<&Canary> {
        self.canary.as_ref()
    }

    /// Memory that the set takes, in bytes, but for the reasons' texts.
    pub fn size(&self) -> usize {
        let sets = [&self.banned, &self.challenged];
        let networks: usize = sets.iter().map(|both| both.v4.size() + both.v6.size()).sum();
        networks + self.reasons.capacity() * size_of::<BanReason>()
    }
}

/// Of two reasons the one that bans; of equal ones the first.
fn strictest(first: u32, second: u32, reasons: &[BanReason]) -> u32 {
    let remedy =
        |number: u32| usize::try_from(number).ok().and_then(|at| reasons.get(at)).map(|it| it.remedy);
    if remedy(second) < remedy(first) { second } else { first }
}

fn put<K: Eq + std::hash::Hash>(map: &mut AHashMap<K, u32>, key: K, number: u32, reasons: &[BanReason]) {
    map.entry(key).and_modify(|known| *known = strictest(*known, number, reasons)).or_insert(number);
}

/// An IPv4 network that is written as IPv6 counts as IPv4, as addresses do.
fn canonical(network: IpNet) -> IpNet {
    let mapped = match (network, network.network().to_canonical()) {
        (IpNet::V6(network), IpAddr::V4(address)) => {
            network.prefix_len().checked_sub(96).and_then(|length| IpNet::new(address.into(), length).ok())
        }
        _ => None,
    };
    mapped.unwrap_or(network)
}

/// Ranges in order and without overlap: first addresses, and last address and reason beside them, so that the
/// bisection reads nothing else than what it compares.
#[derive(Debug, Default)]
struct Ranges<T> {
    firsts: Box<[T]>,
    rest: Box<[(T, u32)]>,
}

/// An address as a number.
trait Number: Copy + Ord {
    /// The address after this one; `None` after the last of all.
    fn next(self) -> Option<Self>;
    /// The address before this one; `None` before the first of all.
    fn previous(self) -> Option<Self>;
}

impl Number for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
    fn previous(self) -> Option<Self> {
        self.checked_sub(1)
    }
}

impl Number for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
    fn previous(self) -> Option<Self> {
        self.checked_sub(1)
    }
}

impl<T: Number> Ranges<T> {
    /// From networks, each wholly within or wholly outside of each other.
    fn new(mut networks: Vec<(T, T, u32)>) -> Self {
        // The larger before the smaller ones within it. Stable, so that the first of equal ones stays the first.
        networks.sort_by_key(|(first, last, _)| (*first, std::cmp::Reverse(*last)));
        networks.dedup_by_key(|(first, last, _)| (*first, *last));
        let (mut firsts, mut rest) = (Vec::new(), Vec::new());
        let mut put = |first: T, last: T, reason: u32| {
            if first <= last {
                firsts.push(first);
                rest.push((last, reason));
            }
        };
        // Those that hold the place that is looked at, the smallest last.
        let mut open: Vec<(T, u32)> = Vec::new();
        // Up to where everything is written.
        let mut at = networks.first().map(|(first, ..)| *first);
        for (first, last, reason) in networks {
            while let Some((end, outer)) = open.pop_if(|(end, _)| *end < first) {
                if let Some(start) = at {
                    put(start, end, outer);
                }
                at = at.and_then(|_| end.next());
            }
            if let (Some((_, outer)), Some(start), Some(end)) = (open.last(), at, first.previous()) {
                put(start, end, *outer);
            }
            at = Some(first);
            open.push((last, reason));
        }
        while let Some((end, outer)) = open.pop() {
            if let Some(start) = at {
                put(start, end, outer);
            }
            at = end.next();
        }
        Self { firsts: firsts.into(), rest: rest.into() }
    }

    fn find(&self, address: T) -> Option<u32> {
        let after = self.firsts.partition_point(|first| *first <= address);
        let (last, reason) = self.rest.get(after.checked_sub(1)?)?;
        (address <= *last).then_some(*reason)
    }

    fn size(&self) -> usize {
        self.firsts.len() * size_of::<T>() + self.rest.len() * size_of::<(T, u32)>()
    }
}

/// What is published: nothing while nobody is banned.
pub(crate) type Published = Option<Arc<Bans>>;

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    fn reason(rule: &str) -> BanReason {
        BanReason { remedy: Remedy::Ban, source: "crowdsec", rule: rule.to_owned() }
    }

    fn set(list: &[(&str, &str)], never: &[&str]) -> Bans {
        let reasons: Vec<_> = list.iter().map(|(_, rule)| reason(rule)).collect();
        let networks = list.iter().map(|(network, _)| network.parse::<IpNet>().unwrap());
        let never: Vec<_> = never.iter().map(|text| text.parse().unwrap()).collect();
        Bans::new(networks.zip(&reasons), &never, None)
    }

    #[test]
    fn the_smallest_network_around_an_address_gives_the_reason() {
        let list = [
            ("10.0.0.0/8", "a"),
            ("10.1.0.0/16", "b"),
            ("10.1.2.3/32", "c"),
            ("10.1.2.3/32", "later"),
            ("10.255.255.255/32", "d"),
            ("0.0.0.0/32", "e"),
            ("255.255.255.0/24", "f"),
            ("255.255.255.255/32", "g"),
            ("::ffff:192.0.2.1/128", "h"),
            ("2001:db8::/32", "i"),
            ("2001:db8:1::/48", "j"),
            ("ffff::/16", "k"),
        ];
        let bans = set(&list, &["10.9.0.0/16"]);
        for (address, expected) in [
            ("9.255.255.255", None),
            ("10.0.0.0", Some("a")),
            ("10.0.255.255", Some("a")),
            ("10.1.0.0", Some("b")),
            ("10.1.2.2", Some("b")),
            ("10.1.2.3", Some("c")),
            ("10.1.2.4", Some("b")),
            ("10.2.0.0", Some("a")),
            ("10.9.1.1", None),
            ("10.255.255.254", Some("a")),
            ("10.255.255.255", Some("d")),
            ("11.0.0.0", None),
            ("0.0.0.0", Some("e")),
            ("0.0.0.1", None),
            ("255.255.255.254", Some("f")),
            ("255.255.255.255", Some("g")),
            ("192.0.2.1", Some("h")),
            ("::ffff:10.1.2.3", Some("c")),
            ("2001:db8::1", Some("i")),
            ("2001:db8:1::1", Some("j")),
            ("2001:db8:2::", Some("i")),
            ("2001:db9::", None),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some("k")),
        ] {
            let found = bans.find(address.parse().unwrap()).map(|reason| reason.rule.as_str());
            assert_eq!(found, expected, "{address}");
        }
        assert_eq!(set(&[], &[]).find("10.0.0.1".parse().unwrap()), None);
        assert_eq!(
            set(&[("0.0.0.0/0", "all")], &[]).find("255.255.255.255".parse().unwrap()).unwrap().rule,
            "all"
        );
    }

    #[test]
    fn a_set_agrees_with_a_walk_over_all_its_networks() {
        let mut seed = 1_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u32::try_from(seed >> 32).unwrap()
        };
        // Few addresses, so that networks lie within each other.
        let reasons: Vec<BanReason> = (0..64).map(|number| reason(&number.to_string())).collect();
        let networks: Vec<IpNet> = reasons
            .iter()
            .map(|_| {
                let length = u8::try_from(20 + random() % 13).unwrap();
                let address = std::net::Ipv4Addr::from(0x0a00_0000 | random() & 0xfff);
                IpNet::new(address.into(), length).unwrap().trunc()
            })
            .collect();
        let bans = Bans::new(networks.iter().copied().zip(&reasons), &[], None);
        for last in 0..0x2000_u32 {
            let address = IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + last));
            let holding = networks.iter().zip(&reasons).filter(|(network, _)| network.contains(&address));
            let smallest = holding.rev().max_by_key(|(network, _)| network.prefix_len());
            assert_eq!(bans.find(address), smallest.map(|(_, reason)| reason), "{address}");
        }
    }

    /// `CHARON_BENCH_BANS=1 cargo test --release -p proxy --lib bans -- --nocapture` measures; else it only holds.
    #[test]
    fn a_hundred_thousand_bans_fit_in_20_megabytes() {
        let reasons: Vec<_> = (0..50).map(|number| reason(&format!("scenario {number}"))).collect();
        let spread = |number: u32| number.wrapping_mul(0x9e37_79b9);
        let network = |number: u32| -> IpNet {
            let address = spread(number);
            match number % 10 {
                0 => {
                    let host = u128::from(address) << 64 | 0x2001_0db8_u128 << 96;
                    IpNet::new(std::net::Ipv6Addr::from(host).into(), 64).unwrap()
                }
                1 => IpNet::new(std::net::Ipv4Addr::from(address).into(), 24).unwrap().trunc(),
                _ => IpNet::new(std::net::Ipv4Addr::from(address).into(), 32).unwrap(),
            }
        };
        let bans = (0..100_000).map(|number| (network(number), &reasons[number as usize % 50]));
        let bans = Bans::new(bans, &[], None);
        assert!(bans.size() < 20_000_000, "{} bytes", bans.size());
        #[expect(clippy::disallowed_methods, reason = "measures only when it is asked to")]
        if std::env::var_os("CHARON_BENCH_BANS").is_some() {
            for (name, family) in [("IPv4", 0), ("IPv6", 1)] {
                let addresses: Vec<IpAddr> = (0..1_000_000)
                    .map(|number: u32| match family {
                        0 => IpAddr::from(std::net::Ipv4Addr::from(
                            spread(number / 2).wrapping_add(number % 2),
                        )),
                        _ => IpAddr::from(std::net::Ipv6Addr::from(
                            u128::from(spread(number)) << 64 | 0x2001_0db8_u128 << 96,
                        )),
                    })
                    .collect();
                let start = std::time::Instant::now();
                let hits =
                    addresses.iter().filter(|address| black_box(bans.find(**address)).is_some()).count();
                let each = start.elapsed().as_nanos() / 1_000_000;
                println!("{name}: {each} ns a lookup, {hits} hits of 1000000, {} bytes", bans.size());
                assert!(each <= 200);
            }
        }
    }
}
