//! The metrics of the real process, read by a strict parser of the text format: it takes nothing that the format
//! does not allow, and counters never go down.

use crate::hosts;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use testkit::{Answer, App, Origin, RawClient};

/// Each sample by its name and labels.
type Samples = BTreeMap<String, f64>;

fn is_name(text: &str) -> bool {
    let first = text.chars().next().is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '_');
    first && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// Reads `a="b",c="d"`; a quote or a backslash in a value must be escaped.
fn labels(mut text: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"").expect("a label");
        assert!(is_name(name), "{name}");
        let (mut value, mut letters) = (String::new(), rest.char_indices());
        let end = loop {
            match letters.next().expect("the end of a label") {
                (at, '"') => break at,
                (_, '\\') => value.push(match letters.next().expect("an escape").1 {
                    'n' => '\n',
                    letter @ ('"' | '\\') => letter,
                    other => panic!("no escape: {other}"),
                }),
                (_, letter) => value.push(letter),
            }
        };
        assert!(all.insert(name.to_owned(), value).is_none(), "the label {name} twice");
        text = &rest[end + 1..];
        assert!(text.is_empty() || text.len() > 1 && text.starts_with(','), "{text}");
        text = text.strip_prefix(',').unwrap_or("");
    }
    all
}

/// Reads a page. Returns the kind of each family and all samples.
fn parse(page: &str) -> (BTreeMap<String, String>, Samples) {
    assert!(page.ends_with('\n') && !page.contains('\r'));
    let (mut kinds, mut samples) = (BTreeMap::new(), Samples::new());
    let (mut family, mut helped) = (String::new(), BTreeSet::new());
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a text of help");
            assert!(is_name(name) && !help.is_empty() && helped.insert(name.to_owned()), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a kind");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(
                helped.contains(name) && kinds.insert(name.to_owned(), kind.to_owned()).is_none(),
                "{line}"
            );
            family = name.to_owned();
        } else {
            assert!(!line.starts_with('#'), "{line}");
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let (name, inner) = match series.split_once('{') {
                Some((name, rest)) => (name, rest.strip_suffix('}').expect("a brace")),
                None => (series, ""),
            };
            let part =
                name.strip_prefix(&*family).unwrap_or_else(|| panic!("{line} does not stand with {family}"));
            let parts: &[&str] =
                if kinds[&family] == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(is_name(name) && parts.contains(&part), "{line}");
            assert_eq!(labels(inner).contains_key("le"), part == "_bucket", "{line}");
            let value: f64 = value.parse().expect("a number");
            assert!(value.is_finite() && value >= 0.0, "{line}");
            assert!(samples.insert(series.to_owned(), value).is_none(), "{line} twice");
        }
    }
    (kinds, samples)
}

fn buckets_grow_to_the_count(samples: &Samples, name: &str) {
    let mut by_host: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for (series, value) in
        samples.iter().filter(|(series, _)| series.starts_with(&format!("{name}_bucket{{")))
    {
        let mut all = labels(series.split_once('{').unwrap().1.strip_suffix('}').unwrap());
        let bound = all.remove("le").unwrap();
        let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap() };
        by_host.entry(all["host"].clone()).or_default().push((bound, *value));
    }
    assert!(!by_host.is_empty());
    for (host, mut buckets) in by_host {
        buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
        assert!(buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{host}: {buckets:?}");
        let count = samples.iter().find(|(series, _)| {
            series.split_once('{').is_some_and(|(family, rest)| {
                family == format!("{name}_count") && labels(rest.strip_suffix('}').unwrap())["host"] == host
            })
        });
        assert_eq!(
            (buckets.last().unwrap().0, Some(&buckets.last().unwrap().1)),
            (f64::INFINITY, count.map(|it| it.1))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_parse_need_a_token_and_never_go_down() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("counted")).await;
    let more = json!({ "name": "a \"quoted\" \\ name" });
    let host = hosts::add(&mut admin, "counted.example.com", &origin).await;
    admin.put(&hosts::path(&host), &more).await.expect(200);
    let scrape = async |accept: &str, token: &str| {
        let mut client = RawClient::connect(app.ui()).await.unwrap();
        let head = format!("GET /metrics HTTP/1.1\r\nhost: localhost\r\naccept: {accept}\r\n{token}\r\n");
        client.send(head).await.unwrap();
        client.read_response().await.unwrap()
    };
    assert_eq!(scrape("*/*", "").await.status, 401);
    let made =
        admin.post("/api-tokens", &json!({ "name": "prometheus", "scopes": ["read"] })).await.expect(201);
    let token = made["token"].as_str().unwrap_or_else(|| panic!("{made}"));
    let token = format!("authorization: Bearer {token}\r\n");

    let mut before = Samples::new();
    let mut client = RawClient::connect(app.http()).await.unwrap();
    for round in 0..5 {
        for _ in 0..round * 3 + 1 {
            assert_eq!(client.get("counted.example.com", "/").await.unwrap().status, 200);
            assert_eq!(client.get("nobody.example.com", "/").await.unwrap().status, 404);
        }
        if round == 3 {
            // Another configuration in between.
            hosts::add(&mut admin, "other.example.com", &origin).await;
        }
        let answer = scrape("*/*", &token).await;
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        let (kinds, now) = parse(&answer.text());
        for (series, value) in &before {
            let name = series.split('{').next().unwrap();
            let counts = kinds.get(name).is_some_and(|kind| kind == "counter")
                || ["_bucket", "_sum", "_count"].iter().any(|end| name.ends_with(end));
            if counts {
                assert!(now.get(series).is_some_and(|now| now >= value), "{series} went down from {value}");
            }
        }
        buckets_grow_to_the_count(&now, "charon_host_request_duration_seconds");
        assert!(
            now["charon_requests_total{class=\"2xx\"}"]
                > before.get("charon_requests_total{class=\"2xx\"}").copied().unwrap_or(0.0)
        );
        assert!(now.keys().any(|series| series.contains("host=\"a \\\"quoted\\\" \\\\ name\"")), "{now:?}");
        before = now;
    }
    assert_eq!(before[&format!("charon_listener_up{{purpose=\"http\",address=\"{}\"}}", app.http())], 1.0);

    let open = scrape("application/openmetrics-text; version=1.0.0", &token).await;
    assert_eq!(
        open.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(open.text().ends_with("# EOF\n") && open.text().contains("# TYPE charon_requests counter\n"));
    admin.put("/settings", &json!({ "metrics.open_to": ["127.0.0.0/8"] })).await.expect(200);
    assert_eq!(scrape("*/*", "").await.status, 200);
    assert_eq!(scrape("*/*", "authorization: Bearer chn_wrong\r\n").await.status, 200, "open is open");
    admin.put("/settings", &json!({ "metrics.open_to": ["10.0.0.0/8"] })).await.expect(200);
    assert_eq!(scrape("*/*", "").await.status, 401);
}
