//! Upgrades of the binary under load: the next process takes over the sockets and the data folder, and no client
//! notices (acceptance G3). Sockets of systemd come the same way.

use crate::hosts;
use crate::load::{HOST, Load, Way, ask, ask_by_http2, ask_by_http3, quic};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use testkit::{Answer, App, Origin, RawClient};
use tokio::sync::RwLock;

/// Upgrades in a row.
const UPGRADES: usize = 10;
/// Of each kind (plain, TLS; kept, new for each request; HTTP/2 and HTTP/3) so many clients ask all the time.
const CLIENTS: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn ten_upgrades_in_a_row_refuse_no_connection_and_reset_none() {
    let mut app = App::builder().set("CHARON_UPGRADE_GRACE", "3").start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("steady")).await;
    hosts::add(&mut admin, HOST, &origin).await;
    let (http, ui) = (app.http(), app.ui());
    let sockets = Origin::start(Answer::WebSocketEcho).await;
    hosts::add(&mut admin, "chat.example.com", &sockets).await;
    let mut chat = RawClient::connect(http).await.unwrap();
    chat.send(
        "GET / HTTP/1.1\r\nhost: chat.example.com\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n",
    )
    .await
    .unwrap();
    assert_eq!(chat.read_head().await.unwrap().status(), 101);

    let roots = Arc::new(app.anonymous().get("/certificates/internal-ca.pem").await.raw.body);
    let (place, tls_place) = (Arc::new(RwLock::new(http)), Arc::new(RwLock::new(app.https())));
    admin.put("/settings", &json!({ "proxy.http3": true })).await.expect(200);
    crate::http3::state(&mut admin, |state| state == "listening").await;
    let quic = Some(quic(&roots, false));
    let way = Way { http: place, https: tls_place, roots, quic };
    let load = Load::default();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        for (tls, fresh) in [(false, false), (false, true), (true, false), (true, true)] {
            clients.spawn(ask(way.clone(), tls, fresh, false, load.clone()));
        }
        clients.spawn(ask_by_http2(way.clone(), false, load.clone()));
        for fresh in [false, true] {
            clients.spawn(ask_by_http3(way.clone(), fresh, load.clone()));
        }
    }
    let mut processes = BTreeSet::from([app.pid()]);
    for round in 0..UPGRADES {
        let run = tokio::task::block_in_place(|| app.run(&["upgrade", "--json"]));
        assert_eq!(run.code, 0, "round {round}: {}{}\n{}", run.stdout, run.stderr, app.output());
        let said: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert!(processes.insert(u32::try_from(said["pid"].as_u64().unwrap()).unwrap()), "{said}");
        // Changes go to the new process, by the same address and session.
        let host = hosts::add(&mut admin, &format!("h{round}.example.com"), &origin).await;
        assert_eq!(hosts::get(http, &format!("h{round}.example.com"), "/").await.status, 200, "{host}");
        if round == 0 {
            // A whole frame, so that another may follow: the old process still carries it.
            chat.send(b"\x81\x02hi").await.unwrap();
            assert_eq!(chat.read_exact(4).await.unwrap(), b"\x81\x02hi");
        }
    }
    load.end();
    let mut told_to_go = 0;
    while let Some(client) = clients.join_next().await {
        told_to_go += client.expect("a client met a refusal or a reset");
    }
    assert_eq!((app.http(), app.ui()), (http, ui));
    let info = admin.get("/system/info").await.expect(200);
    let listeners = info["listeners"].as_array().unwrap();
    assert!(listeners.len() == 4 && listeners.iter().all(|one| one["state"] == "listening"), "{info}");
    assert!(
        told_to_go >= UPGRADES,
        "kept connections were told {told_to_go} times that theirs is the last answer"
    );
    assert_eq!(
        chat.read_to_end().await.unwrap(),
        b"\x88\x02\x03\xe9",
        "goodbye at the end of the grace time"
    );
    // The first process is the test's own child: it has ended well.
    assert_eq!(app.wait_for_end().await.code(), Some(0), "{}", app.output());
    let answered = load.answered();
    eprintln!(
        "{answered} requests by HTTP/1.1, TLS, HTTP/2 and HTTP/3 during {UPGRADES} upgrades: 0 refused, 0 reset, {told_to_go} \
         told to go"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_that_does_not_start_leaves_the_old_one_serving_and_says_why() {
    let folder = std::env::temp_dir().join(format!("charon-upgrade-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let program = folder.join("charon");
    std::fs::copy(testkit::charon_binary(), &program).unwrap();
    let app = App::builder().program(&program).start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("steady")).await;
    hosts::add(&mut admin, HOST, &origin).await;
    // The path holds another program now, as after a broken download.
    std::fs::remove_file(&program).unwrap();
    std::fs::write(&program, "#!/bin/sh\nexit 3\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).unwrap();

    let run = tokio::task::block_in_place(|| app.run(&["upgrade"]));
    assert_ne!(run.code, 0, "{}", run.stdout);
    assert!(
        run.stderr.contains("the upgrade failed") && run.stderr.contains("goes on serving"),
        "{}",
        run.stderr
    );
    assert_eq!(hosts::get(app.http(), HOST, "/").await.status, 200);
    let health = admin.get("/health").await;
    assert!(health.json["problems"].to_string().contains("upgrade-failed"), "{}", health.json);
    hosts::add(&mut admin, "after.example.com", &origin).await;
    assert_eq!(
        hosts::get(app.http(), "after.example.com", "/").await.status,
        200,
        "changes are served as before"
    );
    std::fs::remove_dir_all(&folder).unwrap();
}
