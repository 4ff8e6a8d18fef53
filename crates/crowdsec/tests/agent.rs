//! The real agent, from its private configuration to a decision made of requests.

#![expect(clippy::unwrap_used, reason = "a test's helper fails the test")]

use base::{Clock, SystemClock};
use crowdsec::{
    Access, Feeder, Installed, Lapi, NewDecision, Place, Prepared, Process, ProcessState, check, find,
    prepare,
};
use std::fmt::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

/// As long as a busy machine may take.
const LIMIT: Duration = Duration::from_secs(60);

fn place(folder: &tempfile::TempDir) -> Place {
    let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [port, metrics_port] = sockets.each_ref().map(|socket| socket.local_addr().unwrap().port());
    Place { folder: folder.path().join("crowdsec"), port, metrics_port }
}

fn start(place: &Place, installed: &Installed) -> (Process, Lapi) {
    let prepared = prepare(place, installed, &["192.0.2.200/32".parse().unwrap()]).unwrap();
    assert!(prepared.missing.is_empty(), "{:?}", prepared.missing);
    check(place, installed).unwrap();
    let process = Process::start(place, installed, Arc::new(SystemClock)).unwrap();
    let access = Access {
        url: format!("http://{}", place.lapi()),
        key: Some(prepared.key),
        machine: Some((Prepared::MACHINE.to_owned(), prepared.password)),
        ..Access::default()
    };
    let lapi = Lapi::new(access).unwrap();
    (process, lapi)
}

async fn reads(process: &Process) {
    let mut state = process.state();
    let ready = state.wait_for(|state| *state != ProcessState::Starting);
    let state = tokio::time::timeout(LIMIT, ready).await.unwrap().unwrap().clone();
    assert_eq!(state, ProcessState::Running, "{:#?}", process.log());
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = SystemClock.monotonic() + LIMIT;
    while !holds().await {
        assert!(SystemClock.monotonic() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn probes(client: &str, agent: &str) -> String {
    let now = SystemClock.now();
    (0..15).fold(String::new(), |mut lines, number| {
        let line = serde_json::json!({
            "time": now, "request_id": "x", "client_ip": client, "host": format!("h{number}.test"), "method": "GET",
            "uri": format!("/nope{number}?x=\"1\""), "status": 404, "user_agent": agent,
        });
        _ = writeln!(lines, "{line}");
        lines
    })
}

#[tokio::test]
async fn requests_become_decisions_whatever_the_user_agent_is_and_nothing_is_lost_while_the_agent_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let (place, installed) = (place(&folder), find(None).unwrap());
    let feeder = Feeder::start(&place, Arc::new(SystemClock)).unwrap();
    let (process, lapi) = start(&place, &installed);
    // Written before it reads: as what comes while it is down.
    let lines = probes("192.0.2.1", "") + &probes("192.0.2.2", "a \" quote\\") + &probes("192.0.2.200", "x");
    std::fs::write(place.feed(), lines).unwrap();
    reads(&process).await;
    lapi.health().await.unwrap();
    feeder.agent_reads(true);
    let mut banned = Vec::new();
    eventually("both attackers are banned", async || {
        let stream = lapi.pull(true).await.unwrap();
        banned = stream.new.iter().map(|decision| decision.value.clone()).collect();
        banned.sort();
        banned.len() == 2
    })
    .await;
    assert_eq!(banned, ["192.0.2.1", "192.0.2.2"]);
    eventually("each line was read and understood", async || {
        let counts = lapi.read_counts(place.metrics_port).await.unwrap();
        (counts.read, counts.parsed, counts.unparsed) == (45, 45, 0)
    })
    .await;
    assert_eq!(feeder.status().handed, 45);

    // A network around an address outlives the address.
    let ban = |scope, value: &str| NewDecision {
        scope,
        value: value.to_owned(),
        duration: LIMIT * 10,
        scenario: "by hand".to_owned(),
    };
    let now = SystemClock.now();
    let mut decided = process.decided();
    decided.mark_unchanged();
    lapi.add(&ban("Range", "192.0.2.0/24"), now).await.unwrap();
    tokio::time::timeout(LIMIT, decided.changed()).await.expect("a decision is told at once").unwrap();
    assert_eq!(lapi.delete("Ip", "192.0.2.1").await.unwrap(), 1);
    assert_eq!(lapi.delete("Ip", "192.0.2.1").await.unwrap(), 0);
    assert_eq!(lapi.delete("Range", "192.0.2.0/24").await.unwrap(), 1);
    let left = lapi.pull(true).await.unwrap();
    assert_eq!(left.new.iter().map(|decision| &decision.value).collect::<Vec<_>>(), ["192.0.2.2"]);

    // A wrong key is named, and the right one holds after a restart.
    let wrong = Access { key: Some(base::Secret::new("wrong".to_owned())), ..lapi.access().clone() };
    let wrong = Lapi::new(wrong).unwrap();
    assert!(matches!(wrong.pull(true).await, Err(crowdsec::LapiError::Credentials { .. })));
    let pid = process.pid();
    process.stop(LIMIT).await;
    feeder.agent_reads(false);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    let (process, lapi) = start(&place, &installed);
    reads(&process).await;
    assert_eq!(lapi.pull(true).await.unwrap().new.len(), 1);

    // A taken port is found before the agent ends about it.
    let taken = Process::start(&place, &installed, Arc::new(SystemClock)).unwrap_err();
    assert!(taken.to_string().contains(&format!("the port {} for its API (LAPI) is in use", place.port)));
}
