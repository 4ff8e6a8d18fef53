//! After any sequence of changes, what was compiled bit by bit is what comes of all rows at once.

use super::*;
use base::Timestamp;
use proxy::spec::Spec;
use serde_json::json;
use std::collections::BTreeSet;
use store::proxy_hosts::HostValues;

/// Numbers that are the same each time (SplitMix64).
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

fn host(numbers: &mut Numbers, id: i64, uuid: u64) -> Arc<ProxyHost> {
    let mut values = HostValues {
        name: format!("host {}", numbers.below(3)),
        // Few enough that some stand in several hosts.
        domain_names: (0..=numbers.below(2)).map(|_| format!("n{}.lan", numbers.below(10))).collect(),
        forward_host: "10.0.0.1".to_owned(),
        forward_port: if numbers.is_one_in(6) { 99_999 } else { 80 },
        enabled: !numbers.is_one_in(5),
        ..HostValues::default()
    };
    if numbers.is_one_in(3) {
        values.certificate_id = Some(numbers.below(5) as i64);
    }
    if numbers.is_one_in(3) {
        values.access_list_id = Some(numbers.below(3) as i64);
    }
    let mut options = Map::new();
    if numbers.is_one_in(5) {
        options.insert("sticky".to_owned(), json!({}));
    }
    if numbers.is_one_in(5) {
        let id = format!("c{}", numbers.below(5));
        options.insert("tls".to_owned(), json!({"client_certificate_uuid": id}));
    }
    values.upstream = options;
    let at = Timestamp::from_millis(numbers.below(1000) as i64);
    let uuid = format!("h{uuid}");
    Arc::new(ProxyHost { id, uuid, values, faults: Vec::new(), created_at: at, updated_at: at })
}

fn certificate(numbers: &mut Numbers, id: i64) -> Arc<CertificateRow> {
    let at = Timestamp::from_millis(0);
    let row = Certificate {
        id,
        uuid: format!("c{id}"),
        name: format!("certificate {}", numbers.below(2)),
        provider: ["custom", INTERNAL, "internal-ca"][numbers.below(3) as usize].to_owned(),
        domains: vec![if numbers.is_one_in(3) { DEFAULT_CERTIFICATE_NAME } else { "n1.lan" }.to_owned()],
        certificate: format!("chain {}", numbers.below(3)),
        has_key: !numbers.is_one_in(5),
        fingerprint: format!("f{}", numbers.below(3)),
        issuer: String::new(),
        not_before: None,
        expires_at: None,
        auto_renew: false,
        created_at: at,
        updated_at: at,
    };
    let key = if numbers.is_one_in(4) { Err("no".to_owned()) } else { Ok(Secret::new("key".to_owned())) };
    Arc::new(CertificateRow::new(row, key))
}

fn list(numbers: &mut Numbers, id: i64) -> Arc<AccessList> {
    Arc::new(AccessList {
        id,
        uuid: format!("l{id}"),
        name: format!("list {}", numbers.below(2)),
        kind: "whitelist".to_owned(),
        ip_rules: String::new(),
        country_codes: String::new(),
        local_network_only: numbers.is_one_in(2),
        enabled: !numbers.is_one_in(3),
    })
}

/// Puts a row in its place, or takes the one that stands there away.
fn change<T>(rows: &mut Vec<Arc<T>>, id: i64, key: impl Fn(&T) -> i64, new: Option<Arc<T>>) {
    rows.retain(|row| key(row) != id);
    let at = rows.partition_point(|row| key(row) < id);
    if let Some(new) = new {
        rows.insert(at, new);
    }
}

fn step(numbers: &mut Numbers, rows: &mut Rows, next: &mut i64) {
    let is_gone = numbers.is_one_in(3);
    match numbers.below(8) {
        0..4 => {
            let uuid = numbers.below(6);
            let known = rows.hosts.iter().find(|host| host.uuid == format!("h{uuid}")).map(|host| host.id);
            // One that was deleted and comes back has another row.
            let id = known.unwrap_or_else(|| {
                *next += 1;
                *next
            });
            let new = (!is_gone).then(|| host(numbers, id, uuid));
            change(&mut rows.hosts, id, |host| host.id, new);
        }
        4 => {
            // Written anew without a change of meaning, or read anew.
            for host in &mut rows.hosts {
                let mut same = (**host).clone();
                same.updated_at = Timestamp::from_millis(numbers.below(1000) as i64);
                *host = Arc::new(same);
            }
        }
        5 => {
            let id = numbers.below(5) as i64;
            let new = (!is_gone).then(|| certificate(numbers, id));
            change(&mut rows.certificates, id, |one| one.row.id, new);
        }
        6 => {
            let id = numbers.below(3) as i64;
            let new = (!is_gone).then(|| list(numbers, id));
            change(&mut rows.access_lists, id, |list| list.id, new);
        }
        _ => {
            rows.cookie_key = match numbers.below(3) {
                0 => None,
                1 => Some(Err("no".to_owned())),
                _ => Some(Ok(Secret::new("k".repeat(32)))),
            };
            let site = ["close", "not_found"][numbers.below(2) as usize];
            rows.settings.insert("default_site.action".to_owned(), site.to_owned());
        }
    }
}

/// Without an order that has no meaning.
fn sorted(spec: &Spec) -> Spec {
    let mut spec = spec.clone();
    spec.hosts.sort_by(|one, other| one.id.cmp(&other.id));
    spec.certificates.sort_by(|one, other| one.id.cmp(&other.id));
    spec
}

fn check(seed: u64) {
    let mut numbers = Numbers(seed);
    let (mut rows, mut next) = (Rows::default(), 0);
    let (mut compiler, mut spec) = (Compiler::default(), Spec::default());
    let mut held: BTreeMap<String, String> = BTreeMap::new();
    let mut states: BTreeSet<String> = BTreeSet::new();
    for number in 0..60 {
        for _ in 0..=numbers.below(2) {
            step(&mut numbers, &mut rows, &mut next);
        }
        let now = compiler.compile(&rows);
        let mut fresh = Compiler::default();
        let whole = fresh.compile(&rows);
        let place = format!("seed {seed}, step {number}");
        let before = spec.clone();
        spec.apply(&now.patch);
        let mut wanted = Spec::default();
        wanted.apply(&whole.patch);
        assert_eq!(sorted(&spec), sorted(&wanted), "{place}");
        assert_eq!(now.is_same, spec == before, "{place}");
        assert_eq!(
            (now.hash, &now.left_out, &now.problems),
            (whole.hash, &whole.left_out, &whole.problems),
            "{place}"
        );
        let mut again = Spec::default();
        again.apply(&compiler.whole(0));
        assert_eq!(again, wanted, "{place}");
        // The history, put together from what differed.
        for (name, text) in now.parts {
            match text.as_str() {
                "" => _ = held.remove(&name),
                _ => _ = held.insert(name, text),
            }
        }
        let meaning = |text: &str| digest(serde_json::from_str(text).unwrap());
        let parts: BTreeMap<_, _> =
            fresh.parts(&rows).into_iter().map(|(name, text)| (name, meaning(&text))).collect();
        let built: BTreeMap<_, _> = held.iter().map(|(name, text)| (name.clone(), meaning(text))).collect();
        assert_eq!(built, parts, "{place}");
        for (id, name) in now.touched {
            match name {
                None => _ = states.remove(&id),
                Some(_) => _ = states.insert(id),
            }
        }
        let enabled: BTreeSet<String> =
            rows.hosts.iter().filter(|host| host.enabled).map(|host| host.uuid.clone()).collect();
        assert_eq!(states, enabled, "{place}");
    }
}

#[test]
fn what_was_compiled_change_by_change_is_what_comes_of_all_rows_at_once() {
    for seed in 0..30 {
        check(seed);
    }
}
