//! The command line, with and without a running Charon.

use crate::hosts;
use crate::sqlite;
use serde_json::Value;
use testkit::{ADMIN, Answer, App, Origin};

#[test]
fn migrate_command_succeeds() {
    let app = App::builder();
    for name in ["full-2025-12-05.db", "pre-security.db"] {
        let fixture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/db").join(name);
        let database = app.data().join("charon.db");
        std::fs::copy(fixture, &database).unwrap();
        let first = app.run(&["migrate"]);
        assert_eq!(first.code, 0, "{name}: {}{}", first.stdout, first.stderr);
        assert!(first.stdout.contains("required tables are in place"), "{}", first.stdout);
        let second = app.run(&["migrate", "--json"]);
        assert_eq!(second.code, 0, "{name}, second time: {}{}", second.stdout, second.stderr);
        let said: Value = serde_json::from_str(&second.stdout).unwrap();
        let migrations = said["migrations"].as_object().unwrap();
        for table in ["security_configs", "security_decisions", "security_audits", "security_rule_sets"] {
            assert_eq!(migrations[table], true, "{name}: {table}");
            assert!(sqlite::tables(&database).contains(&table.to_owned()), "{name}: {table}");
        }
        assert!(migrations.values().all(|there| *there == true), "{name}: {migrations:?}");
        for leftover in std::fs::read_dir(app.data()).unwrap() {
            let path = leftover.unwrap().path();
            if path.is_file() {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_replaced_on_the_command_line_while_charon_runs() {
    let app = App::start().await;
    let mut before = app.admin().await;
    let run = app.run(&["reset-password", "ADMIN@example.com", "a-new-password-1"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert_eq!(before.get("/auth/me").await.status, 401, "the session before goes on");
    let mut api = app.anonymous();
    let login = |password: &str| serde_json::json!({ "email": ADMIN, "password": password });
    api.post("/auth/login", &login(testkit::PASSWORD)).await.expect(401);
    api.post("/auth/login", &login("a-new-password-1")).await.expect(200);
    let nobody = app.run(&["reset-password", "nobody@example.com"]);
    assert_ne!(nobody.code, 0);
    assert!(nobody.stderr.contains("nobody@example.com"), "{}", nobody.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_are_added_listed_and_removed_on_the_command_line() {
    let app = App::start().await;
    let origin = Origin::start(Answer::text("hello")).await;
    let target = format!("http://127.0.0.1:{}", origin.port());
    let added = app.run(&["hosts", "add", "cli.example.com", &target]);
    assert_eq!(added.code, 0, "{}{}", added.stdout, added.stderr);
    assert_eq!(hosts::get(app.http(), "cli.example.com", "/").await.text(), "hello");
    let listed = app.run(&["hosts", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed[0]["domain_names"], "cli.example.com");
    assert_eq!(app.run(&["config", "check"]).code, 0);
    let diff = app.run(&["config", "diff"]);
    assert!(diff.stdout.contains("cli.example.com"), "{}{}", diff.stdout, diff.stderr);
    assert_eq!(app.run(&["hosts", "rm", "cli.example.com"]).code, 0);
    assert_eq!(hosts::get(app.http(), "cli.example.com", "/").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_command_follows_the_process() {
    let mut app = App::start().await;
    assert_eq!(app.run(&["health"]).code, 0);
    app.stop().await;
    assert_eq!(app.run(&["health"]).code, 1);
}

#[test]
fn the_version_and_the_completions_are_printed() {
    let app = App::builder();
    let version = app.run(&["version", "--json"]);
    let version: Value = serde_json::from_str(&version.stdout).unwrap();
    assert!(version["version"].is_string(), "{version}");
    for shell in ["bash", "zsh", "fish"] {
        let run = app.run(&["completions", shell]);
        assert!(run.code == 0 && run.stdout.contains("reset-password"), "{shell}: {}", run.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bans_are_made_listed_and_ended_on_the_command_line_and_crowdsec_is_looked_at() {
    let mut app = App::start().await;
    let run = |app: &App, line: &str| app.run(&line.split(' ').collect::<Vec<_>>());
    let status = run(&app, "crowdsec status");
    assert!(status.code == 0 && status.stdout.contains("wished   off"), "{}{}", status.stdout, status.stderr);

    let made = run(&app, "crowdsec ban 203.0.113.0/24 --reason curious --hours 2");
    assert!(
        made.code == 0 && made.stdout.starts_with("banned 203.0.113.0/24 until "),
        "{}{}",
        made.stdout,
        made.stderr
    );
    let listed = run(&app, "crowdsec decisions --value 203.0.113.7");
    let row = listed.stdout.lines().nth(1).unwrap_or_else(|| panic!("{}{}", listed.stdout, listed.stderr));
    assert!(row.starts_with("203.0.113.0/24  ban   manual  ") && row.ends_with("curious"), "{row}");
    let listed: Value =
        serde_json::from_str(&run(&app, "crowdsec decisions --json --origin manual").stdout).unwrap();
    assert_eq!(listed["total"], 1);
    let ended = run(&app, "crowdsec unban 203.0.113.7");
    assert!(
        ended.stdout.contains("still banned by what holds it: 203.0.113.0/24 (curious)"),
        "{}",
        ended.stdout
    );
    assert_eq!(run(&app, "crowdsec unban 203.0.113.0/24").code, 0);
    assert_eq!(run(&app, "crowdsec decisions").stdout.lines().count(), 1);

    let asked = run(&app, "crowdsec ban 127.0.0.1");
    assert!(asked.code != 0 && asked.stderr.contains("Add --yes if that is meant"), "{}", asked.stderr);
    assert_eq!(run(&app, "crowdsec ban 127.0.0.1 --yes --ever").code, 0);
    assert!(run(&app, "crowdsec decisions").stdout.contains("for ever"));
    assert_eq!(run(&app, "crowdsec unban 127.0.0.1").code, 0);
    let wrong = run(&app, "crowdsec unban nobody");
    assert!(wrong.code != 0 && wrong.stderr.contains("neither an address nor a network"), "{}", wrong.stderr);

    let console = run(&app, "crowdsec console status");
    assert_eq!(console.stdout.trim(), "not enrolled", "{}", console.stderr);
    let hub = run(&app, "crowdsec hub list --all");
    assert!(hub.stdout.contains("crowdsecurity/base-http-scenarios"), "{}{}", hub.stdout, hub.stderr);
    let files = run(&app, "crowdsec files list");
    assert!(files.code == 0 && files.stdout.contains("acquis.yaml"), "{}{}", files.stdout, files.stderr);
    let file = run(&app, "crowdsec files show acquis.yaml");
    assert!(file.stdout.contains("labels:"), "{}{}", file.stdout, file.stderr);

    // What only a running Charon can do is refused without one, and reading goes on.
    assert_eq!(app.stop().await.code(), Some(0));
    let refused = run(&app, "crowdsec ban 203.0.113.1");
    assert!(refused.code != 0 && refused.stderr.contains("no Charon runs"), "{}", refused.stderr);
    assert!(run(&app, "crowdsec hub list --all").stdout.contains("crowdsecurity/base-http-scenarios"));
}
