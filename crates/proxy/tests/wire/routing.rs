//! Which host, which location, which certificate; redirects and the default site (acceptance B6).

use crate::kit::*;
use proxy::LogSettings;
use proxy::spec::{DefaultSite, Hsts, Spec};
use proxy::{Config, Proxy};

fn ask(proxy: &Proxy, host: &str, path: &str) -> Answer {
    let mut client = Client::of(proxy);
    client.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    client.answer().unwrap()
}

#[test]
fn hosts_are_found_in_any_spelling_with_1_101_and_1000_hosts() {
    let origin = Origin::answering(|head, _| sized(header(head, "host").unwrap().as_bytes()));
    for count in [1, 101, 1000] {
        let hosts = (0..count).map(|number| host(&format!("h{number}.test"), origin.address)).collect();
        let proxy = start(&Spec { hosts, ..Spec::default() }, quick(), LogSettings::default());
        let last = format!("h{}", count - 1);
        for asked in
            [format!("{last}.test"), format!("{}.TEST", last.to_uppercase()), format!("{last}.test.:8080")]
        {
            let answer = ask(&proxy, &asked, "/");
            assert_eq!((answer.status(), answer.text()), (200, asked));
        }
        assert_eq!(ask(&proxy, "other.test", "/").status(), 404);
    }
}

#[test]
fn exact_names_go_before_wildcards_and_a_wildcard_is_one_label() {
    let (exact, wild) = (Origin::answering(|_, _| sized(b"exact")), Origin::answering(|_, _| sized(b"wild")));
    let hosts = vec![host("*.a.test", wild.address), host("x.a.test", exact.address)];
    let proxy = start(&Spec { hosts, ..Spec::default() }, quick(), LogSettings::default());
    assert_eq!(ask(&proxy, "x.a.test", "/").text(), "exact");
    assert_eq!(ask(&proxy, "y.a.test", "/").text(), "wild");
    assert_eq!(ask(&proxy, "y.z.a.test", "/").status(), 404);
    assert_eq!(ask(&proxy, "a.test", "/").status(), 404);
}

#[test]
fn the_longest_location_wins() {
    let origins: Vec<_> =
        ["root", "api", "v2"].map(|name| Origin::answering(move |_, _| sized(name.as_bytes()))).into();
    let mut spec = spec_for(&origins[0]);
    let location = |path: &str, index: usize| self::location(path, origins[index].address);
    spec.hosts[0].locations = vec![location("/api", 1), location("/api/v2/", 2)];
    let proxy = start(&spec, quick(), LogSettings::default());
    for (path, expected) in [
        ("/", "root"),
        ("/apix", "root"),
        ("/api", "api"),
        ("/api/v1", "api"),
        ("/api/v2", "v2"),
        ("/api/v2/x", "v2"),
    ] {
        assert_eq!(ask(&proxy, "a.test", path).text(), expected, "{path}");
    }
}

#[test]
fn plain_http_is_redirected_where_the_host_wants_it() {
    let origin = Origin::ok();
    let mut spec = spec_for(&origin);
    spec.hosts[0].force_https = true;
    spec.hosts[0].hsts = Some(Hsts { max_age: 63_072_000, include_subdomains: true, preload: false });
    spec.https_port = Some(base::Port::new(8443).unwrap());
    spec.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    let proxy = start(&spec, quick(), LogSettings::default());
    let answer = ask(&proxy, "A.test:8000", "/x/../y?q=1");
    assert_eq!(answer.status(), 301);
    assert_eq!(answer.header("location").as_deref(), Some("https://a.test:8443/y?q=1"));
    assert_eq!(answer.header("strict-transport-security"), None);
    let answer = talk(&proxy, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(status(&answer), 308);
    assert_eq!(origin.seen(), "");
    // Behind a trusted proxy that has taken HTTPS off, there is nothing to redirect.
    let answer = talk(
        &proxy,
        "GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(status(&answer), 200);
    assert!(
        answer.contains("strict-transport-security: max-age=63072000; includeSubDomains\r\n"),
        "{answer}"
    );
}

#[test]
fn unknown_hosts_get_the_default_site() {
    let origin = Origin::ok();
    let spec = |default_site| Spec { default_site, ..spec_for(&origin) };
    let proxy = start(&spec(DefaultSite::NotFound), quick(), LogSettings::default());
    let answer = ask(&proxy, "unknown.test", "/");
    assert_eq!((answer.status(), answer.header("cache-control").as_deref()), (404, Some("no-store")));
    assert!(answer.text().contains(&answer.header("x-request-id").unwrap()));
    let answer = talk(&proxy, "HEAD / HTTP/1.1\r\nHost: unknown.test\r\nConnection: close\r\n\r\n");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    proxy.publish(config(&spec(DefaultSite::Redirect { url: "https://home.test/".to_owned() })));
    let answer = ask(&proxy, "unknown.test", "/");
    assert_eq!((answer.status(), answer.header("location").as_deref()), (302, Some("https://home.test/")));
    proxy.publish(config(&spec(DefaultSite::Close)));
    assert_eq!(talk(&proxy, "GET / HTTP/1.1\r\nHost: unknown.test\r\n\r\n"), "");
    assert_eq!(ask(&proxy, "a.test", "/").status(), 200);
}

#[test]
fn one_bad_host_is_left_out_with_a_problem_and_the_others_serve() {
    let origin = Origin::ok();
    let mut spec = spec_for(&origin);
    let mut bad = (*certificate("broken", &["b.test"])).clone();
    bad.key_pem = certificate("other", &["b.test"]).key_pem.clone();
    spec.certificates = vec![
        bad.into(),
        proxy::spec::Certificate {
            chain_pem: "nonsense".to_owned(),
            ..(*certificate("empty", &["c.test"])).clone()
        }
        .into(),
    ];
    let mut broken = host("b.test", origin.address);
    broken.certificate = Some("broken".to_owned());
    let mut missing = host("c.test", origin.address);
    missing.certificate = Some("gone".to_owned());
    let mut edits = host("d.test", origin.address);
    edits.traffic.request_headers =
        Some(vec![proxy::spec::HeaderEdit::Set { name: "a b".to_owned(), value: String::new() }]);
    let mut location = host("e.test", origin.address);
    location.locations = vec![self::location("/a/../../b", origin.address)];
    let mut twice = host("f.test", origin.address);
    twice.domains.push(base::DomainPattern::parse("a.test").unwrap());
    spec.hosts.extend([broken, missing, edits, location, twice]);
    let (config, problems) = Config::build(&spec);
    let about: Vec<_> =
        problems.iter().map(|problem| (problem.host_id.as_deref(), problem.left_out)).collect();
    assert_eq!(
        about,
        [
            (None, false),
            (None, false),
            (Some("id-b.test"), true),
            (Some("id-c.test"), true),
            (Some("id-d.test"), true),
            (Some("id-e.test"), true),
            (Some("id-f.test"), false),
        ]
    );
    for (problem, part) in problems.iter().zip([
        "private key",
        "holds no certificate",
        "private key",
        "does not exist",
        "not a header name",
        "above the root",
        "another host",
    ]) {
        assert!(problem.message.contains(part) && problem.remedy.ends_with('.'), "{problem:?}");
    }
    let proxy = start(&spec_for(&origin), quick(), LogSettings::default());
    proxy.publish(config.into());
    for (name, expected) in [("a.test", 200), ("b.test", 503), ("d.test", 503), ("f.test", 200)] {
        assert_eq!(ask(&proxy, name, "/").status(), expected, "{name}");
    }
}
