//! The access log: what stands in it, and that nothing it does holds up a request (acceptance E14, G11).

use crate::kit::*;
use proxy::LogSettings;
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
    let log = LogSettings { path: Some(path.clone()), max_bytes: 2_000, keep: 2 };
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
