//! What compiles to what, by table: each row is a host as stored, and what a person is told.

use super::*;
use base::Timestamp;
use store::access_lists::AccessList;
use store::locations::Location;
use store::proxy_hosts::HostValues;

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
    Rows { hosts, ..Rows::default() }
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
        assert_eq!(compiled.spec.hosts.len(), 1, "{message}");
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
    let back: Vec<ProxyHost> = serde_json::from_value(compiled.document["hosts"].clone()).unwrap();
    assert_eq!(back, hosts);
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
        compile(&Rows { access_lists: vec![list], ..rows(hosts) })
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
