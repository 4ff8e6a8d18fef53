//! The access log: what stands in it, and that nothing it does holds up a request (acceptance E14, G11).

use crate::kit::*;
use proxy::{Fault, LogFormat, LogSettings};
use serde_json::Value;
use std::path::Path;

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_request_is_one_line_of_json_whatever_the_client_sends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let origin = Origin::ok();
    let log = LogSettings { path: Some(path.clone()), ..LogSettings::default() };
    let proxy = start(&spec_for(&origin), quick(), log);
    let agent = "x\" ,\"status\":200}\\n{\u{e4}";
    let mut client = Client::of(&proxy);
    client.send(
        [
            "GET /p%0d%0a?q=%0a\"x HTTP/1.1\r\nHost: A.test\r\nReferer: http://r/\r\nUser-Agent: ".as_bytes(),
            agent.as_bytes(),
            b"\xff\r\n\r\n",
        ]
        .concat(),
    );
    assert_eq!(client.answer().unwrap().status(), 200);
    client.send("GET /broken\r\n\r\n");
    assert_eq!(client.answer().unwrap().status(), 400);
    eventually("two lines", || lines(&path).len() == 2);
    let lines = lines(&path);
    let (served, refused) = (&lines[0], &lines[1]);
    assert_eq!(served["user_agent"], format!("{agent}\u{fffd}"));
    for (field, expected) in [
        ("method", Value::from("GET")),
        ("path", "/p%0D%0A".into()),
        ("query", "q=%0a\"x".into()),
        ("host", "A.test".into()),
        ("host_id", "id-a.test".into()),
        ("referer", "http://r/".into()),
        ("protocol", "h1.1".into()),
        ("scheme", "http".into()),
        ("status", 200.into()),
        ("client_ip", "127.0.0.1".into()),
        ("upstream", origin.address.to_string().into()),
        ("fault", "none".into()),
        ("stop", Value::Null),
    ] {
        assert_eq!(served[field], expected, "{field}");
    }
    assert!(served["upstream_us"].as_u64().unwrap() <= served["duration_us"].as_u64().unwrap());
    assert!(served["bytes_in"].as_u64() > Some(80) && served["bytes_out"].as_u64() >= Some(40));
    assert_eq!((&refused["status"], &refused["stop"]["phase"]), (&400.into(), &"framing".into()));
    assert_ne!(served["request_id"], refused["request_id"]);
    let seen = origin.seen();
    assert!(seen.contains(served["request_id"].as_str().unwrap()), "{seen}");
    assert_eq!((proxy.log_status().written, proxy.log_status().error), (2, None));
}

#[test]
fn an_unwritable_log_holds_up_nothing_says_why_and_mends_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("access.log");
    let origin = Origin::ok();
    let log = LogSettings { path: Some(path.clone()), ..LogSettings::default() };
    let proxy = start(&spec_for(&origin), quick(), log);
    eventually("the reason is known before the first request", || proxy.log_status().error.is_some());
    let mut client = Client::of(&proxy);
    for _ in 0..50 {
        assert_eq!(client.get("/").status(), 200);
    }
    eventually("what is lost is counted", || proxy.log_status().dropped == 50);
    let status = proxy.log_status();
    assert!(status.error.unwrap().contains("access.log") && status.since.is_some());
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    eventually("it can be written again", || proxy.log_status().error.is_none());
    client.get("/again");
    eventually("and is", || lines(&path).last().is_some_and(|line| line["path"] == "/again"));
}

#[test]
fn the_log_is_put_aside_by_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let origin = Origin::ok();
    let log = LogSettings { path: Some(path.clone()), max_bytes: 2_000, keep: 2, ..LogSettings::default() };
    let proxy = start(&spec_for(&origin), quick(), log);
    let mut client = Client::of(&proxy);
    let aside = |number: u32| folder.path().join(format!("access.log.{number}"));
    eventually("two files are aside", || {
        client.get("/");
        aside(2).exists()
    });
    eventually("a third is never kept", || {
        client.get("/");
        proxy.log_status().written > 60
    });
    assert!(!aside(3).exists() && !lines(&aside(1)).is_empty());
}

#[test]
fn a_file_that_was_moved_or_removed_is_opened_anew_by_itself_and_on_demand_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let origin = Origin::ok();
    let log = LogSettings { path: Some(path.clone()), ..LogSettings::default() };
    let proxy = start(&spec_for(&origin), quick(), log);
    let mut client = Client::of(&proxy);
    client.get("/first");
    eventually("a line", || lines(&path).len() == 1);
    let aside = folder.path().join("access.log-20260101");
    std::fs::rename(&path, &aside).unwrap();
    eventually("lines go into a new file", || {
        client.get("/second");
        !lines(&path).is_empty()
    });
    assert!(lines(&aside)[0]["path"] == "/first");
    std::fs::remove_file(&path).unwrap();
    proxy.reopen_log();
    client.get("/third");
    eventually("and again", || lines(&path).iter().any(|line| line["path"] == "/third"));
    assert_eq!(proxy.log_status().dropped, 0);
}

#[test]
fn lines_of_the_combined_format_cannot_be_forged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let origin = Origin::ok();
    let log = LogSettings { path: Some(path.clone()), format: LogFormat::Combined, ..LogSettings::default() };
    let proxy = start(&spec_for(&origin), quick(), log);
    let mut client = Client::of(&proxy);
    client.send("GET /a?b=\"c HTTP/1.1\r\nHost: a.test\r\nUser-Agent: x\" 200 \\\u{e4}\r\n\r\n");
    client.answer().unwrap();
    eventually("a line", || std::fs::read_to_string(&path).unwrap_or_default().ends_with('\n'));
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, after) = text.trim_end().split_once("] ").unwrap();
    assert!(before.starts_with("127.0.0.1 - - [") && before.ends_with(" +0000"), "{text}");
    let time = before.rsplit('[').next().unwrap();
    let (date, clock) = time.split_once(':').unwrap();
    assert!(date.split('/').count() == 3 && clock.len() == "13:55:36 +0000".len(), "{time}");
    let (request, rest) = after[1..].split_once("\" ").unwrap();
    assert_eq!(request, "GET /a?b=\\x22c HTTP/1.1");
    assert!(rest.starts_with("200 ") && rest.ends_with(" \"-\" \"x\\x22 200 \\x5C\\xC3\\xA4\""), "{rest}");
}

#[test]
fn fields_are_chosen_and_only_requests_that_went_well_are_sampled_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let origin = Origin::answering(|head, _| {
        let status = if head.contains("/bad") { "500 No" } else { "200 OK" };
        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    });
    let log = LogSettings { path: Some(path.clone()), ..LogSettings::default() };
    let proxy = start(&spec_for(&origin), quick(), log.clone());
    let fields = ["path", "status"].map(str::to_owned).to_vec();
    proxy.set_log(LogSettings { fields, sample: 10, ..log });
    let mut client = Client::of(&proxy);
    // Settings are taken over before the next batch of lines.
    eventually("the settings hold", || {
        client.get("/warm");
        lines(&path).last().is_some_and(|line| line.get("method").is_none())
    });
    let before = lines(&path).len();
    for _ in 0..100 {
        client.get("/good");
        client.get("/bad");
    }
    let written = |what: &str| lines(&path)[before..].iter().filter(|line| line["path"] == what).count();
    eventually("all errors are there", || written("/bad") == 100);
    assert!((5..=15).contains(&written("/good")), "{}", written("/good"));
    assert!(proxy.log_status().sampled_out >= 85 && proxy.log_status().dropped == 0);
    let all = lines(&path);
    let names: Vec<_> = all.last().unwrap().as_object().unwrap().keys().collect();
    assert_eq!(names, ["path", "status", "time"]);
}

#[test]
fn a_full_disk_and_a_blocked_sink_cost_lines_and_nothing_else() {
    let origin = Origin::ok();
    let log = LogSettings { path: Some("/dev/full".into()), ..LogSettings::default() };
    let proxy = start(&spec_for(&origin), quick(), log);
    let mut client = Client::of(&proxy);
    for _ in 0..20 {
        assert_eq!(client.get("/").status(), 200);
    }
    eventually("what is lost is counted, and why", || {
        proxy.log_status().dropped == 20
            && proxy.log_status().error.is_some_and(|why| why.contains("No space"))
    });

    // Nobody reads this pipe, so opening it blocks for ever.
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let log = LogSettings { path: Some(pipe), ..LogSettings::default() };
    let proxy = start(&spec_for(&origin), quick(), log);
    let mut client = Client::of(&proxy);
    // More than fit between the workers and the writer; answers of ours need no origin.
    let request = "GET / HTTP/1.1\r\nHost: unknown.test\r\n\r\n".repeat(100);
    for _ in 0..160 {
        client.send(&request);
        for _ in 0..100 {
            assert_eq!(client.answer().unwrap().status(), 404);
        }
    }
    eventually("what is lost is counted", || proxy.log_status().dropped > 0);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(proxy.drain(std::time::Duration::ZERO));
}

#[test]
fn an_origin_that_refuses_is_named_and_each_step_is_timed_only_when_it_took_place() {
    let origin = Origin::ok();
    let mut spec = spec_for(&origin);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    spec.hosts.push(host("b.test", closed));
    let proxy = start(&spec, quick(), LogSettings::default());
    let mut live = proxy.watch_log();
    let mut client = Client::of(&proxy);
    client.get("/first");
    let first = live.blocking_recv().unwrap();
    assert!(first.connect_us.is_some() && (first.dns_us, first.tls_us) == (None, None), "{first:?}");
    client.get("/kept");
    let kept = live.blocking_recv().unwrap();
    assert_eq!((kept.upstream, kept.connect_us), (Some(origin.address), None));
    client.send("GET / HTTP/1.1\r\nHost: b.test\r\n\r\n");
    assert_eq!(client.answer().unwrap().status(), 502);
    let refused = live.blocking_recv().unwrap();
    assert_eq!((refused.upstream, refused.fault), (Some(closed), Fault::Upstream));
    assert!(refused.connect_us.is_some());
}
