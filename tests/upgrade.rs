//! Upgrades and starts on databases of the original product, and on those in which something is missing.

use crate::sqlite;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use testkit::{App, AppBuilder};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/db")
}

/// Lays a fixture with everything that belongs to it into a folder, as `charon.db`.
pub(crate) fn lay(name: &str, folder: &Path) -> PathBuf {
    for ending in ["", "-wal", "-shm"] {
        let from = fixtures().join(format!("{name}.db{ending}"));
        if from.exists() {
            fs::copy(from, folder.join(format!("charon.db{ending}"))).unwrap();
        }
    }
    let key = fixtures().join(format!("{name}.key"));
    if key.exists() {
        fs::copy(key, folder.join("secrets.key")).unwrap();
    }
    folder.join("charon.db")
}

fn tables_in_health(health: &Value) -> Vec<(String, bool)> {
    let tables = health["migrations"].as_object().unwrap();
    tables.iter().map(|(name, there)| (name.clone(), *there == true)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn startup_verification_missing_tables() {
    let security = ["security_configs", "security_decisions", "security_audits", "security_rule_sets"];
    let app = App::builder();
    let database = lay("pre-security", &app.data());
    assert!(!sqlite::tables(&database).contains(&security[0].to_owned()), "the fixture is another one");
    let mut app = app.start().await;
    let health = app.anonymous().get("/health").await;
    for (table, there) in tables_in_health(&health.json) {
        assert!(there, "{table} is missing after the takeover");
    }
    for round in 0..2 {
        app.stop().await;
        let drops: Vec<String> = security.iter().map(|table| format!("DROP TABLE {table}")).collect();
        sqlite::run(&database, &drops.iter().map(String::as_str).collect::<Vec<_>>());
        let before = app.output().len();
        app.start_again().await;
        let said = app.output()[before..].to_owned();
        for table in security {
            let line = said.lines().find(|line| line.contains(table) && line.contains("WARN"));
            assert!(line.is_some(), "round {round}: no warning names {table}:\n{said}");
            assert!(sqlite::tables(&database).contains(&table.to_owned()), "round {round}: {table}");
        }
        let health = app.anonymous().get("/health").await.json;
        assert!(tables_in_health(&health).iter().all(|(_, there)| *there), "round {round}: {health}");
        let told = health["problems"].as_array().unwrap().iter().any(|p| p["code"] == "database-repaired");
        assert!(told, "round {round}: the repair is not among the problems: {health}");
    }
}

/// Every row of the file before is accounted for, three starts long.
async fn every_row_is_kept(name: &str) {
    // What another program counts in a copy: opening the file itself would fold in its write-ahead log.
    let copy: AppBuilder = App::builder();
    let before = sqlite::counts(&lay(name, &copy.data()));
    let app = App::builder();
    let database = lay(name, &app.data());
    let mut app = app.start().await;
    let mut seen = None;
    for start in 0..3 {
        let run = app.run(&["migrate", "--json"]);
        assert_eq!(run.code, 0, "{name}: {}", run.stderr);
        let said: Value = serde_json::from_str(&run.stdout).unwrap();
        let report = &said["reports"][0]["tables"];
        for (table, rows) in before.iter().filter(|(_, rows)| **rows > 0) {
            let entry = report.as_array().unwrap().iter().find(|entry| entry["table"] == *table);
            let entry =
                entry.unwrap_or_else(|| panic!("{name}: the report does not account for {table}: {report}"));
            let number = |key: &str| entry[key].as_u64().unwrap();
            assert_eq!(number("rows_in"), *rows, "{name}: {table}: {entry}");
            let kept = number("carried") + number("changed") + number("set_aside");
            assert_eq!(kept, *rows, "{name}: rows of {table} have vanished: {entry}");
        }
        app.stop().await;
        let after = sqlite::counts(&database);
        // What goes by age does so whenever this test runs.
        let by_age = ["security_audits", "sessions"];
        let lasting = |entry: &&Value| !by_age.iter().any(|table| entry["table"] == *table);
        for entry in report.as_array().unwrap().iter().filter(lasting) {
            let table = entry["table"].as_str().unwrap();
            let kept = entry["carried"].as_u64().unwrap() + entry["changed"].as_u64().unwrap();
            let there = after.get(table).copied().unwrap_or_default();
            assert!(there >= kept, "{name}: start {start}: {table} has {there} rows of {kept}");
        }
        let stable: Vec<_> = ["proxy_hosts", "locations", "users", "ssl_certificates", "access_lists"]
            .map(|table| after.get(table).copied())
            .to_vec();
        assert_eq!(*seen.get_or_insert(stable.clone()), stable, "{name}: start {start} changed rows");
        app.start_again().await;
    }
    // Users log in with the passwords that they had.
    let login = json!({ "email": "admin@example.com", "password": "Correct-Horse-9" });
    let mut api = app.anonymous();
    api.post("/auth/login", &login).await.expect(200);
    let hosts = api.get("/proxy-hosts").await.expect(200);
    assert_eq!(hosts.as_array().unwrap().len() as u64, before["proxy_hosts"], "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_after_upgrade_keeps_every_row() {
    let mut names: Vec<String> = fs::read_dir(fixtures())
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".db").map(str::to_owned))
        .filter(|name| !name.starts_with("damaged"))
        .collect();
    names.sort();
    assert!(names.len() >= 5, "fixtures are missing: {names:?}");
    for name in names {
        every_row_is_kept(&name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_answer_after_a_takeover_comes_from_a_host_of_the_original() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let app = App::builder().set("CHARON_PROXY_HTTP_PORT", port.port().to_string());
    lay("full-2025-12-05", &app.data());
    let mut app = app.spawn();
    let first = testkit::eventually("the proxy answers", std::time::Duration::from_secs(60), async || {
        testkit::RawClient::connect(port).await.ok()?.get("cloud.example.com", "/").await.ok()
    })
    .await;
    let redirect = first.header("location").unwrap_or_default();
    assert!(redirect.starts_with("https://cloud.example.com"), "{}: {}", first.status, first.text());
    app.wait_until_ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_the_first_schema_is_backed_up_migrated_and_served() {
    let app = App::builder();
    let database = lay("charon-schema-1", &app.data());
    let before = sqlite::counts(&database);
    let app = app.start().await;
    let health = app.anonymous().get("/health").await;
    assert_eq!(health.status, 200, "{}", health.json);
    let told = health.json["problems"].as_array().unwrap().iter().any(|p| p["code"] == "database-repaired");
    assert!(!told, "a migration is no repair: {}", health.json);
    let mut api = app.anonymous();
    let login = json!({ "email": "admin@example.com", "password": "Correct-Horse-9" });
    api.post("/auth/login", &login).await.expect(200);
    let hosts = api.get("/proxy-hosts").await.expect(200);
    assert_eq!(hosts.as_array().unwrap().len() as u64, before["proxy_hosts"]);
    for host in hosts.as_array().unwrap() {
        let expected = if host["enabled"] == true { "serving" } else { "disabled" };
        assert_eq!(host["status"]["state"], expected, "{host}");
        assert_eq!(host["upstream"]["servers"], json!([]), "{host}");
    }
    let report = api.get("/system/migration-report").await.expect(200);
    let backup = report["reports"][0]["backup_path"].as_str().unwrap();
    assert_eq!(report["reports"][0]["kind"], "migration", "{report}");
    // The copy is the file as it was.
    assert_eq!(sqlite::run(Path::new(backup), &["PRAGMA user_version"])[0][0], 1);
    assert_eq!(sqlite::counts(Path::new(backup)), before);
    assert_eq!(sqlite::run(&database, &["PRAGMA user_version"])[0][0], 4);
    let redirect = crate::hosts::get(app.http(), "shop.example.com", "/").await;
    assert!(redirect.header("location").is_some_and(|to| to.starts_with("https://shop.example.com")));
}
