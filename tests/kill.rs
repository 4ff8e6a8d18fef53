//! kill -9 in the middle of writes, again and again: what was acknowledged is there after the next start.
//!
//! `CHARON_KILL_ROUNDS` sets the number of rounds (15); the figures of a release come from 200.

use crate::sqlite;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::{Api, App};

/// Writers at the same time; some of their requests are under way when the process dies.
const WRITERS: usize = 3;
/// Hosts of one writer that are kept; older ones are removed again.
const KEPT: usize = 10;

/// What is known to be so: uuid to domain, for hosts whose creation was acknowledged and whose removal was
/// not asked for.
type Acknowledged = BTreeMap<String, String>;

#[expect(clippy::disallowed_methods, reason = "the number of rounds is a setting of this test")]
fn rounds() -> usize {
    std::env::var("CHARON_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(15)
}

#[derive(Default)]
struct Ledger {
    there: Acknowledged,
    gone: Vec<String>,
    changes: usize,
}

/// Writes until the process is gone.
async fn write(mut api: Api, prefix: String, ledger: Arc<Mutex<Ledger>>) {
    let mut own = Vec::new();
    for number in 0.. {
        let domain = format!("{prefix}-{number}.example.com");
        let host = json!({
            "domain_names": domain, "forward_scheme": "http", "forward_host": "127.0.0.1", "forward_port": 9,
        });
        let Ok(reply) = api.send("POST", "/proxy-hosts", Some(&host)).await else { return };
        let uuid = reply.expect(201)["uuid"].as_str().unwrap().to_owned();
        own.push(uuid.clone());
        {
            let mut ledger = ledger.lock().unwrap();
            ledger.there.insert(uuid, domain);
            ledger.changes += 1;
        }
        if own.len() > KEPT {
            let oldest = own.remove(0);
            ledger.lock().unwrap().there.remove(&oldest);
            let Ok(reply) = api.send("DELETE", &format!("/proxy-hosts/{oldest}"), None).await else { return };
            reply.expect(204);
            let mut ledger = ledger.lock().unwrap();
            ledger.gone.push(oldest);
            ledger.changes += 1;
        }
    }
}

async fn compare(api: &mut Api, there: &Acknowledged, gone: &[String], round: usize) {
    let listed = api.get("/proxy-hosts").await.expect(200);
    let listed: BTreeMap<&str, &Value> =
        listed.as_array().unwrap().iter().map(|host| (host["uuid"].as_str().unwrap(), host)).collect();
    for (uuid, domain) in there {
        let host = listed.get(uuid.as_str()).unwrap_or_else(|| panic!("round {round}: {domain} is lost"));
        assert_eq!(host["domain_names"], *domain, "round {round}");
        assert_eq!(host["status"]["state"], "serving", "round {round}: {host}");
    }
    for uuid in gone {
        assert!(!listed.contains_key(uuid.as_str()), "round {round}: a removed host is back: {uuid}");
    }
}

/// What another program says of the file as the kill has left it. It looks at a copy: opening the file itself
/// would fold in the write-ahead log, which is Charon's to do.
fn sound_from_outside(data: &std::path::Path, round: usize) {
    let copy = tempfile::tempdir().unwrap();
    for name in ["charon.db", "charon.db-wal"] {
        if data.join(name).exists() {
            std::fs::copy(data.join(name), copy.path().join(name)).unwrap();
        }
    }
    let said = sqlite::run(&copy.path().join("charon.db"), &["PRAGMA integrity_check"]);
    assert_eq!(said, [json!(["ok"])], "round {round}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_during_writes_loses_no_acknowledged_change() {
    let mut app = App::start().await;
    let mut admin = app.admin().await;
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let mut starts = Vec::new();
    for round in 0..rounds() {
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            writers.spawn(write(admin.clone(), format!("r{round}-w{writer}"), ledger.clone()));
        }
        // Another moment in each round.
        let enough = ledger.lock().unwrap().changes + 1 + round * 7 % 40;
        testkit::eventually("enough changes were acknowledged", Duration::from_secs(60), async || {
            (ledger.lock().unwrap().changes >= enough).then_some(())
        })
        .await;
        app.kill();
        while let Some(writer) = writers.join_next().await {
            writer.unwrap();
        }
        let begin = base::Clock::monotonic(&base::SystemClock);
        sound_from_outside(&app.data(), round);
        app.start_again().await;
        starts.push(base::Clock::monotonic(&base::SystemClock).saturating_sub(begin));
        admin = admin.at(app.ui());
        let health = admin.get("/health").await;
        assert_eq!(health.json["database"], "ok", "round {round}: {}", health.json);
        let (there, gone) = {
            let mut ledger = ledger.lock().unwrap();
            (std::mem::take(&mut ledger.there), std::mem::take(&mut ledger.gone))
        };
        compare(&mut admin, &there, &gone, round).await;
        // The next round starts without hosts again, those included whose creation nobody was told of.
        let left = admin.get("/proxy-hosts").await.expect(200);
        let left: Vec<&Value> = left.as_array().unwrap().iter().map(|host| &host["uuid"]).collect();
        let removal = json!({ "uuids": left, "action": "delete" });
        admin.post("/proxy-hosts/bulk", &removal).await.expect(200);
        ledger.lock().unwrap().gone = there.into_keys().collect();
    }
    starts.sort();
    let changes = ledger.lock().unwrap().changes;
    eprintln!(
        "{} rounds, {changes} acknowledged changes, 0 lost; start after kill -9: median {:?}, longest {:?}",
        starts.len(),
        starts[starts.len() / 2],
        starts[starts.len() - 1]
    );
}
