//! Many hosts and certificates: a change of one is effective when it is answered, whatever else is configured; what
//! other programs write is found; a crash right after a change loses nothing.
//!
//! `CHARON_HOSTS` sets the number of hosts (200), `CHARON_CERTIFICATES` that of certificates (a tenth as many), and
//! `CHARON_CHANGES` the number of changes (12); `CHARON_LIMIT_MS` makes the median of a change a claim. Figures of a
//! release come from `CHARON_HOSTS=10000 CHARON_CHANGES=100 CHARON_LIMIT_MS=50` with the release build, and those of as
//! many certificates with `CHARON_CERTIFICATES=10000` too.

use crate::hosts;
use base::Clock;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use testkit::{Answer, Api, App, Origin, RawClient, eventually};
use tokio::task::JoinSet;

#[expect(clippy::disallowed_methods, reason = "sizes are settings of this test")]
fn setting(name: &str) -> Option<usize> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

fn domain(host: usize, certificates: usize) -> String {
    format!("h{host}.c{}.example.com", host % certificates)
}

/// The database before the many: one host, and a certificate for each group of names.
async fn prepare(api: &mut Api, certificates: usize, origin: &Origin) -> Vec<String> {
    hosts::add(api, "seed.c0.example.com", origin).await;
    let (ca, _) = authority();
    let mut uuids = Vec::new();
    for number in 0..certificates {
        uuids.push(upload(api, &ca, number, None).await);
    }
    uuids
}

/// An authority and its certificate as PEM.
fn authority() -> (certs::InternalCa, String) {
    let root = certs::InternalCa::create(base::SystemClock.now()).unwrap();
    (certs::InternalCa::from_pem(&root.chain_pem, &root.key_pem).unwrap(), root.chain_pem)
}

async fn upload(api: &mut Api, ca: &certs::InternalCa, number: usize, replaced: Option<&str>) -> String {
    let leaf = ca.issue(&[format!("*.c{number}.example.com")], base::SystemClock.now()).unwrap();
    let mut body = json!({"certificate": leaf.chain_pem, "private_key": leaf.key_pem.expose()});
    let reply = match replaced {
        Some(uuid) => api.put(&format!("/certificates/{uuid}"), &body).await.expect(200),
        None => {
            body["name"] = json!(format!("c{number}"));
            api.post("/certificates", &body).await.expect(201)
        }
    };
    reply["uuid"].as_str().unwrap().to_owned()
}

/// Copies the one host that is stored, as another program would.
fn multiply(app: &App, count: usize, certificates: usize) {
    let file = app.data().join("charon.db");
    let columns = crate::sqlite::run(&file, &["SELECT name FROM pragma_table_info('proxy_hosts')"]);
    let columns: Vec<&str> =
        columns.iter().map(|row| row[0].as_str().unwrap()).filter(|name| *name != "id").collect();
    let values: Vec<String> = columns
        .iter()
        .map(|name| match *name {
            "uuid" => "lower(hex(randomblob(16)))".to_owned(),
            "domain_names" => format!("'h' || n || '.c' || (n % {certificates}) || '.example.com'"),
            name => name.to_owned(),
        })
        .collect();
    let insert = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {count}) \
         INSERT INTO proxy_hosts ({}) SELECT {} FROM (SELECT * FROM proxy_hosts LIMIT 1), numbers",
        columns.join(", "),
        values.join(", ")
    );
    crate::sqlite::run(&file, &[&insert]);
}

/// Asks one host all the time, on a kept connection and on new ones.
fn load(app: &App, domain: String) -> (Arc<AtomicBool>, Arc<AtomicUsize>, JoinSet<()>) {
    let (end, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (address, ended, count) = (app.http(), end.clone(), answered.clone());
    let mut asking = JoinSet::new();
    asking.spawn(async move {
        let mut kept = RawClient::connect(address).await.unwrap();
        while !ended.load(Ordering::Relaxed) {
            let mut fresh = RawClient::connect(address).await.unwrap();
            for client in [&mut kept, &mut fresh] {
                assert_eq!(client.get(&domain, "/").await.unwrap().status, 200);
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    (end, answered, asking)
}

async fn status(app: &App, domain: &str) -> (u16, String) {
    let answer = hosts::get(app.http(), domain, "/").await;
    (answer.status, answer.text())
}

fn resident(app: &App, what: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", app.pid())).unwrap();
    let line = text.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn among_many_hosts_a_change_is_effective_when_it_is_answered() {
    let count = setting("CHARON_HOSTS").unwrap_or(200);
    let certificates = setting("CHARON_CERTIFICATES").unwrap_or(count / 10).clamp(1, count);
    let (one, two) = (Origin::start(Answer::text("one")).await, Origin::start(Answer::text("two")).await);
    let mut app = App::start().await;
    let mut api = app.admin().await;
    let uuids = prepare(&mut api, certificates, &one).await;
    app.stop().await;
    multiply(&app, count, certificates);
    let clock = base::SystemClock;
    let begin = clock.monotonic();
    app.start_again().await;
    let start = clock.monotonic().saturating_sub(begin);
    api = api.at(app.ui());
    for host in [0, count / 2, count - 1] {
        assert_eq!(status(&app, &domain(host, certificates)).await, (200, "one".to_owned()));
    }
    let memory = (resident(&app, "Rss:"), resident(&app, "Pss:"), resident(&app, "Anonymous:"));
    let (end, answered, mut asking) = load(&app, domain(0, certificates));

    let (ca, roots) = authority();
    let mut times: Vec<(Duration, &str)> = Vec::new();
    let mut added: Vec<Value> = Vec::new();
    let mut revision = 0;
    for number in 0..setting("CHARON_CHANGES").unwrap_or(12) {
        let name = format!("new{number}.c0.example.com");
        let begin = clock.monotonic();
        let mut note = |what| times.push((clock.monotonic().saturating_sub(begin), what));
        match number % 4 {
            0 => {
                let host = hosts::add(&mut api, &name, &one).await;
                note("add");
                assert_eq!(status(&app, &name).await, (200, "one".to_owned()));
                assert!(host["status"]["revision"].as_u64().unwrap() > revision, "{host}");
                revision = host["status"]["revision"].as_u64().unwrap();
                added.push(host);
            }
            1 => {
                let host = added.last().unwrap();
                let changed =
                    api.put(&hosts::path(host), &json!({"forward_port": two.port()})).await.expect(200);
                note("edit");
                let name = host["domain_names"].as_str().unwrap();
                assert_eq!(status(&app, name).await, (200, "two".to_owned()));
                assert_eq!(changed["status"]["state"], "serving");
            }
            2 => {
                let number = number % certificates;
                upload(&mut api, &ca, number, Some(&uuids[number])).await;
                note("certificate");
                let name = format!("x.c{number}.example.com");
                let client =
                    RawClient::connect_tls(app.https(), &name, roots.as_bytes(), &["http/1.1"]).await;
                client.expect("the new certificate is presented");
            }
            _ => {
                let host = added.pop().unwrap();
                api.delete(&hosts::path(&host)).await.expect(204);
                note("delete");
                assert_eq!(status(&app, host["domain_names"].as_str().unwrap()).await.0, 404);
            }
        }
    }
    end.store(true, Ordering::Relaxed);
    asking.join_next().await.expect("a client").expect("no request failed");
    tell(&mut times);
    eprintln!(
        "{count} hosts, {certificates} certificates: start {start:?}; after it {} MiB resident, PSS {} MiB, of it \
         anonymous {} MiB; after the changes {} MiB; {} requests meanwhile, 0 failed",
        memory.0,
        memory.1,
        memory.2,
        resident(&app, "Rss:"),
        answered.load(Ordering::Relaxed)
    );

    // Another program writes: what it wrote is served though nobody has told Charon.
    let moved = domain(1, certificates);
    let statement =
        format!("UPDATE proxy_hosts SET forward_port = {} WHERE domain_names = '{moved}'", two.port());
    crate::sqlite::run(&app.data().join("charon.db"), &[&statement]);
    eventually("what another program wrote is served", Duration::from_secs(60), async || {
        (status(&app, &moved).await == (200, "two".to_owned())).then_some(())
    })
    .await;

    // The power fails right after an answer.
    let kept = hosts::add(&mut api, "kept.c0.example.com", &two).await;
    app.kill();
    app.start_again().await;
    api = api.at(app.ui());
    assert_eq!(status(&app, "kept.c0.example.com").await, (200, "two".to_owned()));
    let listed = clock.monotonic();
    let all = api.get("/proxy-hosts").await.expect(200);
    let listed = clock.monotonic().saturating_sub(listed);
    let all = all.as_array().unwrap();
    assert!(all.iter().all(|host| host["status"]["state"] == "serving"));
    // The seed, the many, those that were added and not removed, and the last one.
    assert_eq!(all.len(), 1 + count + added.len() + 1);
    let begin = clock.monotonic();
    let shown = api.get("/certificates").await.expect(200);
    let listed_certificates = clock.monotonic().saturating_sub(begin);
    let uploaded = shown.as_array().unwrap().iter().filter(|one| one["provider"] == "custom");
    assert_eq!(uploaded.count(), certificates);

    // The history knows every host, and the way back.
    let newest = api.get("/revisions?limit=1").await.expect(200)[0]["revision"].as_u64().unwrap();
    let held = api.get(&format!("/revisions/{newest}")).await.expect(200);
    assert_eq!(held["document"]["hosts"].as_array().unwrap().len(), all.len());
    api.delete(&hosts::path(&kept)).await.expect(204);
    assert_eq!(status(&app, "kept.c0.example.com").await.0, 404);
    let restored = clock.monotonic();
    api.post(&format!("/revisions/{newest}/restore"), &json!({})).await.expect(200);
    let restored = clock.monotonic().saturating_sub(restored);
    assert_eq!(status(&app, "kept.c0.example.com").await, (200, "two".to_owned()));
    let size = |name: &str| std::fs::metadata(app.data().join(name)).unwrap().len() / 1024;
    eprintln!(
        "list of all hosts {listed:?}, of all certificates {listed_certificates:?}, restore of a revision {restored:?}; database {} KiB, last good configuration {} KiB",
        size("charon.db"),
        size("last-good.json")
    );
}

fn tell(times: &mut [(Duration, &str)]) {
    for what in ["add", "edit", "certificate", "delete"] {
        let mut of_kind: Vec<Duration> =
            times.iter().filter(|(_, kind)| *kind == what).map(|(time, _)| *time).collect();
        of_kind.sort();
        if let Some(longest) = of_kind.last() {
            eprintln!("{what}: median {:?}, longest {longest:?}", of_kind[of_kind.len() / 2]);
        }
    }
    times.sort();
    let (median, longest) = (times[times.len() / 2].0, times[times.len() - 1].0);
    eprintln!("{} changes: effective after {median:?} (median), {longest:?} (longest)", times.len());
    if let Some(limit) = setting("CHARON_LIMIT_MS") {
        assert!(median <= Duration::from_millis(limit as u64), "the median is {median:?}");
    }
}
