//! A configuration that was patched is the same as one that was built from the whole specification.

use super::Config;
use crate::spec::{
    Balance, Certificate, DefaultSite, Host, Location, Patch, Scheme, Server, Spec, Sticky, Upstream,
};
use base::{DomainPattern, Secret, UpstreamAddress};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A generator of numbers that are the same each time (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn is_one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

fn certificate(id: u64, names: &[String], internal: bool) -> Arc<Certificate> {
    let made = rcgen::generate_simple_self_signed(names.to_vec()).unwrap();
    let (chain_pem, key_pem) = (made.cert.pem(), made.signing_key.serialize_pem());
    Arc::new(Certificate { id: format!("c{id}"), chain_pem, key_pem, internal })
}

fn server(numbers: &mut Numbers, backup: bool) -> Server {
    let address = UpstreamAddress::parse(&format!("10.0.0.{}:80", numbers.below(4))).unwrap();
    Server { scheme: Scheme::Http, address, weight: 1, backup }
}

fn host(numbers: &mut Numbers, id: u64) -> Host {
    let mut domains: Vec<DomainPattern> = Vec::new();
    for _ in 0..=numbers.below(2) {
        // So few that some stand in two hosts.
        let name = match numbers.below(12) {
            name @ 0..3 => format!("*.w{name}.test"),
            name => format!("n{name}.test"),
        };
        domains.push(DomainPattern::parse(&name).unwrap());
    }
    let mut host = Host::unavailable(format!("h{id}"), format!("host {id}"), domains, "");
    host.unavailable = None;
    host.upstream = Upstream::one(Scheme::Http, server(numbers, false).address);
    if numbers.is_one_in(3) {
        // Two of one address, or backups alone, cannot be served.
        host.upstream.servers = vec![server(numbers, numbers.0.is_multiple_of(5)), server(numbers, false)];
    }
    if numbers.is_one_in(4) {
        host.upstream.sticky = Some(Sticky::default());
    }
    if numbers.is_one_in(4) {
        host.upstream.balance = Balance::LeastConnections;
    }
    if numbers.is_one_in(3) {
        host.certificate = Some(format!("c{}", numbers.below(4)));
    }
    if numbers.is_one_in(5) {
        host.upstream.servers[0].scheme = Scheme::Https;
        host.upstream.tls.client_certificate = Some(format!("c{}", numbers.below(4)));
    }
    if numbers.is_one_in(4) {
        let upstream = Upstream::one(Scheme::Http, server(numbers, false).address);
        host.locations = vec![Location { path: "/api".to_owned(), upstream, traffic: Default::default() }];
    }
    host
}

/// Everything that a request could notice, as text.
fn described(config: &Config) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let leaf =
        |key: Option<&Arc<rustls::sign::CertifiedKey>>| key.map(|key| format!("{:?}", key.cert[0].as_ref()));
    for number in 0..12 {
        for name in [format!("n{number}.test"), format!("x.w{number}.test")] {
            let host = config.hosts.find(name.as_bytes()).map(|(_, host)| host);
            let met = config.presentation(Some(&name));
            let (presented, http2) = (met.certificate, met.http2);
            found.insert(name, format!("{host:?} {:?} {http2}", leaf(presented)));
        }
    }
    found.insert("nobody".to_owned(), format!("{:?}", leaf(config.presentation(None).certificate)));
    let hosts: Vec<&str> = config.host_ids().collect();
    let rest = (
        hosts,
        config.revision,
        &config.default_site,
        &config.trusted_proxies,
        &config.https_port,
        config.http3_port,
    );
    found.insert("rest".to_owned(), format!("{rest:?} {:?}", config.cookie_key));
    found
}

fn check(seed: u64) {
    let mut numbers = Numbers(seed);
    let names =
        |numbers: &mut Numbers| vec![format!("n{}.test", 3 + numbers.below(9)), "*.w1.test".to_owned()];
    let some: Vec<Arc<Certificate>> = (0..12)
        .map(|number| {
            let names = names(&mut numbers);
            certificate(number % 4, &names, number % 3 == 0)
        })
        .collect();
    let mut spec = Spec::default();
    let mut config = Config::empty();
    for revision in 1..=30 {
        let mut rest = Spec { revision, ..spec.clone() };
        (rest.hosts, rest.certificates) = Default::default();
        if numbers.is_one_in(4) {
            rest.client_certificates = some[..numbers.below(4) as usize].to_vec();
        }
        if numbers.is_one_in(6) {
            rest.cookie_key = Secret::new("x".repeat(numbers.below(3) as usize * 12));
        }
        if numbers.is_one_in(6) {
            rest.default_certificate = Some(some[numbers.below(12) as usize].clone());
            rest.default_site =
                DefaultSite::Redirect { url: "https://a.test\n".repeat(numbers.below(3) as usize) };
        }
        let mut patch = Patch { rest, ..Patch::default() };
        let mut ids: BTreeSet<u64> = (0..numbers.below(4)).map(|_| numbers.below(8)).collect();
        for id in std::mem::take(&mut ids) {
            match numbers.is_one_in(3) {
                true => patch.gone_hosts.push(format!("h{id}")),
                false => patch.hosts.push(Arc::new(host(&mut numbers, id))),
            }
        }
        if numbers.is_one_in(3) {
            let mut one = (*some[numbers.below(12) as usize]).clone();
            match numbers.below(4) {
                0 => patch.gone_certificates.push(one.id),
                broken => {
                    if broken == 1 {
                        one.key_pem = "broken".to_owned();
                    }
                    patch.certificates.push(Arc::new(one));
                }
            }
        }
        spec.apply(&patch);
        let (patched, problems) = config.patched(&patch);
        let (built, wanted) = Config::build(&spec);
        assert_eq!(described(&patched), described(&built), "seed {seed}, revision {revision}");
        assert_eq!(problems, wanted, "seed {seed}, revision {revision}");
        config = patched;
    }
}

#[test]
fn a_patched_configuration_is_the_one_that_would_be_built_from_everything() {
    for seed in 0..20 {
        check(seed);
    }
}

#[test]
fn a_patch_shares_every_host_and_certificate_that_did_not_change() {
    let mut numbers = Numbers(1);
    let mut spec = Spec::default();
    for id in 0..8 {
        let mut host = host(&mut numbers, id);
        host.certificate = (id == 0).then(|| "c0".to_owned());
        host.upstream = Upstream::one(Scheme::Http, server(&mut numbers, false).address);
        spec.hosts.push(host);
    }
    spec.certificates = vec![certificate(0, &["n3.test".to_owned()], false)];
    let (config, _) = Config::build(&spec);
    let mut changed = spec.hosts[3].clone();
    changed.name = "another".to_owned();
    let renewed = certificate(0, &["n3.test".to_owned()], false);
    let rest = Spec { revision: 2, ..Spec::default() };
    let patch =
        Patch { rest, hosts: vec![Arc::new(changed)], certificates: vec![renewed], ..Patch::default() };
    let (patched, _) = config.patched(&patch);
    let shared: Vec<bool> = config
        .hosts
        .all()
        .iter()
        .zip(patched.hosts.all())
        .map(|(one, other)| Arc::ptr_eq(one, other))
        .collect();
    assert_eq!(shared, [false, true, true, false, true, true, true, true]);
}
