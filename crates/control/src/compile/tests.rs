//! What compiles to what, by table: each row is a host as stored, and what a person is told.

use super::*;
use base::Timestamp;
use proxy::spec::Spec;
use serde_json::json;
use store::access_lists::AccessList;
use store::locations::Location;
use store::proxy_hosts::HostValues;
use store::revision_parts::Part;

fn row(id: i64, change: impl FnOnce(&mut HostValues)) -> ProxyHost {
    let mut values = HostValues {
        name: format!("host {id}"),
        domain_names: vec![format!("h{id}.example.com")],
        forward_host: "10.0.0.1".to_owned(),
        forward_port: 8080,
        ..HostValues::default()
    };
    change(&mut values);
    let at = Timestamp::from_millis(0);
    ProxyHost { id, uuid: format!("uuid-{id}"), values, faults: Vec::new(), created_at: at, updated_at: at }
}

fn rows(hosts: Vec<ProxyHost>) -> Rows {
    Rows { hosts: hosts.into_iter().map(Arc::new).collect(), ..Rows::default() }
}

/// What rows come to, without anything before.
struct Whole {
    spec: Spec,
    hash: String,
    left_out: HashMap<String, Fault>,
    problems: Vec<Problem>,
    parts: BTreeMap<String, Value>,
}

fn compile(rows: &Rows) -> Whole {
    let mut compiler = Compiler::default();
    let Compiled { patch, hash, left_out, problems, parts, .. } = compiler.compile(rows);
    let mut spec = Spec::default();
    spec.apply(&patch);
    let sorted = |parts: Vec<Part>| parts.into_iter().collect::<BTreeMap<_, _>>();
    assert_eq!(sorted(compiler.parts(rows)), sorted(parts.clone()));
    let json = parts.into_iter().map(|(name, text)| (name, serde_json::from_str(&text).unwrap())).collect();
    Whole { spec, hash, left_out, problems, parts: json }
}

#[test]
fn a_bad_host_is_left_out_with_reason_and_remedy_and_the_others_are_served() {
    let location = |path: &str, port: i64| Location {
        path: path.to_owned(),
        forward_host: "10.0.0.2".to_owned(),
        forward_port: port,
        ..Location::default()
    };
    type Change = Box<dyn FnOnce(&mut HostValues)>;
    let cases: Vec<(Change, &str)> = vec![
        (Box::new(|host| host.forward_port = 99_999), "99999 is not a port"),
        (Box::new(|host| host.forward_host = String::new()), "the target is missing"),
        (Box::new(|host| host.forward_scheme = "ftp".to_owned()), "scheme 'ftp'"),
        (Box::new(|host| host.domain_names.clear()), "it has no domain"),
        (Box::new(|host| host.domain_names = vec!["a b".to_owned()]), "character ' '"),
        (Box::new(move |host| host.locations = vec![location("/a", 0)]), "location /a: 0 is not a port"),
        (Box::new(move |host| host.locations = vec![location("a", 80)]), "does not start with /"),
        (Box::new(move |host| host.locations = vec![location("/a", 1), location("/a", 2)]), "stands twice"),
        (Box::new(|host| host.access_list_id = Some(9)), "its access list does not exist"),
        (Box::new(|host| host.forward_auth_enabled = true), "asks for a login"),
    ];
    for (change, message) in cases {
        let compiled = compile(&rows(vec![row(1, |_| {}), row(2, change)]));
        let served = compiled.spec.hosts.iter().filter(|host| host.unavailable.is_none()).count();
        assert_eq!(served, 1, "{message}");
        let fault = &compiled.left_out["uuid-2"];
        assert!(fault.message.contains(message), "{}", fault.message);
        assert!(!fault.remedy.is_empty());
        assert_eq!(compiled.problems.len(), 1, "{message}");
        assert_eq!(compiled.problems[0].code, Code::HostLeftOut);
    }
}

#[test]
fn of_two_hosts_with_one_domain_the_newer_has_it_and_the_older_keeps_its_others() {
    let both =
        |host: &mut HostValues| host.domain_names = vec!["Shared.lan".to_owned(), "old.lan".to_owned()];
    let compiled =
        compile(&rows(vec![row(1, both), row(2, |host| host.domain_names = vec!["shared.LAN.".to_owned()])]));
    let domains: Vec<_> = compiled.spec.hosts.iter().map(|host| host.domains[0].as_str()).collect();
    assert_eq!(domains, ["old.lan", "shared.lan"]);
    assert_eq!(compiled.problems[0].code, Code::HostSettingIgnored);
    assert!(compiled.problems[0].message.contains("belongs to the newer host host 2"));
}

#[test]
fn a_disabled_host_is_neither_served_nor_a_problem() {
    let compiled = compile(&rows(vec![row(1, |host| {
        host.enabled = false;
        host.forward_port = 0;
    })]));
    assert!(compiled.spec.hosts.is_empty() && compiled.problems.is_empty());
}

#[test]
fn only_changes_of_meaning_change_the_hash() {
    let first = compile(&rows(vec![row(1, |_| {})]));
    let mut touched = row(1, |_| {});
    touched.updated_at = Timestamp::from_millis(99);
    assert_eq!(first.hash, compile(&rows(vec![touched])).hash);
    assert_ne!(first.hash, compile(&rows(vec![row(1, |host| host.forward_port = 81)])).hash);
}

#[test]
fn settings_that_cannot_be_used_are_named_and_the_safe_choice_is_taken() {
    let mut input = rows(Vec::new());
    input.settings = BTreeMap::from([
        ("default_site.action".to_owned(), "redirect".to_owned()),
        ("default_site.redirect_url".to_owned(), "example.com".to_owned()),
        ("trusted_proxies".to_owned(), "[\"10.0.0.0/8\", \"192.168.1.1\", \"home\"]".to_owned()),
    ]);
    let compiled = compile(&input);
    assert_eq!(compiled.spec.default_site, proxy::spec::DefaultSite::NotFound);
    assert_eq!(compiled.spec.trusted_proxies.len(), 2);
    assert_eq!(compiled.problems.len(), 2);
}

#[test]
fn a_document_gives_back_the_hosts_it_was_made_from() {
    let hosts = vec![row(1, |host| host.tags = vec!["media".to_owned()])];
    let compiled = compile(&rows(hosts.clone()));
    let back: ProxyHost = serde_json::from_value(compiled.parts["hosts/uuid-1"].clone()).unwrap();
    assert_eq!(back, hosts[0]);
}

#[test]
fn an_access_list_is_served_as_it_says_or_its_host_is_left_out() {
    let list = |kind: &str, rules: &str| AccessList {
        id: 1,
        uuid: "list".to_owned(),
        name: "home".to_owned(),
        kind: kind.to_owned(),
        ip_rules: rules.to_owned(),
        country_codes: String::new(),
        local_network_only: false,
        enabled: true,
    };
    let rules = r#"[{"cidr": "10.0.0.0/8", "description": "lan"}, {"cidr": "192.168.1.7"}]"#;
    let compiled = |list: AccessList| {
        let hosts = vec![row(1, |host| host.access_list_id = Some(1))];
        compile(&Rows { access_lists: vec![list.into()], ..rows(hosts) })
    };
    for (list, allow, count) in [
        (list("whitelist", rules), true, 2),
        (list("blacklist", rules), false, 2),
        (list("whitelist", ""), true, 0),
        (AccessList { local_network_only: true, ..list("whitelist", rules) }, true, 8),
    ] {
        let compiled = compiled(list);
        let access = compiled.spec.hosts[0].access.as_ref().unwrap();
        assert_eq!((access.allow, access.networks.len()), (allow, count));
    }
    for (list, message) in [
        (list("geo_whitelist", ""), "goes by country"),
        (list("whitelist", "[{\"cidr\": \"home\"}]"), "'home' is neither an address nor a network"),
        (list("whitelist", "{"), "cannot be read"),
        (list("greylist", ""), "type 'greylist'"),
    ] {
        let compiled = compiled(list);
        assert!(compiled.left_out["uuid-1"].message.contains(message), "{message}");
    }
    let off = compiled(AccessList { enabled: false, ..list("whitelist", rules) });
    assert!(off.spec.hosts[0].access.is_none());
    assert!(off.problems[0].message.contains("switched off"));
}

fn fields(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn servers_and_features_are_served_as_stored_and_a_host_without_them_is_as_before() {
    let plain = compile(&rows(vec![row(1, |_| {})]));
    assert_eq!(plain.spec.hosts[0].upstream.servers.len(), 1);
    let text = plain.parts["hosts/uuid-1"].to_string();
    assert!(!text.contains("\"upstream\"") && !text.contains("\"traffic\""), "{text}");
    let mut input = rows(vec![row(1, |host| {
        host.upstream = fields(json!({
            "weight": 2, "servers": [{"scheme": "https", "address": "b:443", "backup": true}], "sticky": {},
            "tls": {"server_name": "app.lan"}, "health": {"path": "/h"},
        }));
        host.traffic = fields(json!({"rewrite": [{"action": "strip_prefix", "prefix": "/app"}]}));
        host.verify_upstream_tls = false;
        host.locations = vec![Location {
            path: "/api".to_owned(),
            forward_host: "unix:/run/app.sock".to_owned(),
            traffic: fields(
                json!({"rewrite": [], "request_headers": [{"action": "remove", "name": "X", "value": ""}]}),
            ),
            ..Location::default()
        }];
    })]);
    input.cookie_key = Some(Ok(Secret::new("k".repeat(32))));
    let compiled = compile(&input);
    assert!(compiled.problems.is_empty(), "{:?}", compiled.problems);
    let host = &compiled.spec.hosts[0];
    let addresses: Vec<String> =
        host.upstream.servers.iter().map(|server| server.address.to_string()).collect();
    assert_eq!(addresses, ["10.0.0.1:8080", "b:443"]);
    assert_eq!((host.upstream.servers[0].weight, host.upstream.servers[1].backup), (2, true));
    assert_eq!((host.upstream.tls.verify, host.upstream.health.as_ref().unwrap().fall), (false, 3));
    assert_eq!(host.traffic.rewrite.as_ref().unwrap().len(), 1);
    let location = &host.locations[0];
    assert_eq!(location.upstream.servers[0].address.to_string(), "unix:/run/app.sock");
    assert_eq!(location.traffic.rewrite, Some(Vec::new()));
    assert_eq!(location.traffic.request_headers.as_ref().unwrap().len(), 1);
    assert!(location.traffic.response_headers.is_none(), "left out: the host's");
    assert_eq!(compiled.spec.cookie_key.expose().len(), 32);
}

#[test]
fn a_wrong_stored_value_is_named_by_its_path_and_its_host_says_503() {
    let upstream = |value: Value| move |host: &mut HostValues| host.upstream = fields(value);
    let traffic = |value: Value| move |host: &mut HostValues| host.traffic = fields(value);
    type Change = Box<dyn FnOnce(&mut HostValues)>;
    let cases: Vec<(Change, &str)> = vec![
        (
            Box::new(upstream(
                json!({"servers": [{"scheme": "http", "address": "a:1"}, {"scheme": "http", "address": "b"}]}),
            )),
            "upstream.servers[1].address",
        ),
        (Box::new(upstream(json!({"health": {"interval_ms": "soon"}}))), "upstream.health.interval_ms"),
        (Box::new(upstream(json!({"colour": "red"}))), "upstream.colour"),
        (
            Box::new(upstream(json!({"tls": {"client_certificate_uuid": "gone"}}))),
            "is gone or cannot be used",
        ),
        (Box::new(upstream(json!({"sticky": {}}))), "cookies cannot be signed"),
        (Box::new(traffic(json!({"cors": {"origins": [7]}}))), "traffic.cors.origins[0]"),
        (Box::new(traffic(json!({"request_headers": []}))), "traffic.request_headers"),
        (
            Box::new(|host: &mut HostValues| {
                host.locations = vec![Location {
                    path: "/a".to_owned(),
                    forward_host: "a".to_owned(),
                    forward_port: 1,
                    traffic: fields(json!({"max_body": "x"})),
                    ..Location::default()
                }];
            }),
            "location /a: its stored traffic.max_body",
        ),
    ];
    for (change, message) in cases {
        let compiled = compile(&rows(vec![row(1, |_| {}), row(2, change)]));
        let fault = &compiled.left_out["uuid-2"];
        assert!(fault.message.contains(message), "{}", fault.message);
        let told: Vec<bool> = compiled.spec.hosts.iter().map(|host| host.unavailable.is_some()).collect();
        assert_eq!(told, [false, true], "{message}");
        assert!(!compiled.spec.hosts[1].unavailable.as_ref().unwrap().contains(message));
    }
}

#[test]
fn what_the_data_plane_would_refuse_is_told_before_it_is_stored_by_field() {
    let faults = |change: &dyn Fn(&mut HostValues)| {
        let values = row(1, |host| change(host)).values;
        check(&values).into_iter().map(|error| error.field).collect::<Vec<_>>()
    };
    assert!(faults(&|_| {}).is_empty());
    assert!(
        faults(&|host| host.upstream =
            fields(json!({"sticky": {}, "servers": [{"scheme": "http", "address": "b:1"}]})))
        .is_empty()
    );
    let twice = json!({"servers": [{"scheme": "http", "address": "10.0.0.1:8080"}]});
    assert_eq!(faults(&|host| host.upstream = fields(twice.clone())), ["upstream"]);
    let regex = json!({"rewrite": [{"action": "regex", "pattern": "(", "replacement": ""}]});
    let found = faults(&|host| host.traffic = fields(regex.clone()));
    assert!(found.len() == 1 && found[0].starts_with("traffic.rewrite.0"), "{found:?}");
    let inner = faults(&|host| {
        host.locations = vec![Location {
            path: "/a".to_owned(),
            forward_host: "a".to_owned(),
            forward_port: 1,
            upstream: fields(json!({"servers": [{"scheme": "http", "address": "a:1"}]})),
            traffic: fields(regex.clone()),
            ..Location::default()
        }];
    });
    assert_eq!(inner[0], "locations.0.upstream");
    assert!(inner[1].starts_with("locations.0.traffic.rewrite.0"), "{inner:?}");
}
