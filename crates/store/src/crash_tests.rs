//! Ends a process abruptly at each step of opening, and looks at what the next start makes of it.

use crate::{Options, Store, migrations, proxy_hosts};
use base::{Clock, Problems, SystemClock};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// Tells this test binary, started by itself, which folder to open and where to end.
const FOLDER: &str = "CHARON_CRASH_TEST_FOLDER";
const STEP: &str = "CHARON_CRASH_TEST_STEP";

fn options(folder: &Path) -> Options {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Options::new(folder, clock.clone(), Problems::new(clock))
}

/// Not a test by itself: what the started process does.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the only way to tell a started test binary what to do")]
async fn child() {
    let (Ok(folder), Ok(step)) = (std::env::var(FOLDER), std::env::var(STEP)) else { return };
    *crate::step::CRASH_AT.lock().unwrap() = Some(step);
    let (store, _) = Store::open(options(Path::new(&folder))).await.unwrap();
    store.close().await;
}

/// Whether the started process came to the step and ended there.
fn crash(folder: &Path, step: &str) -> bool {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash_tests::child"])
        .env(FOLDER, folder)
        .env(STEP, step)
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap()
        .status;
    std::os::unix::process::ExitStatusExt::signal(&status).is_some()
}

fn original() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/db");
    for suffix in ["", "-wal", "-shm"] {
        std::fs::copy(
            fixtures.join(format!("wal-unclean.db{suffix}")),
            folder.path().join(format!("charon.db{suffix}")),
        )
        .unwrap();
    }
    folder
}

#[tokio::test]
async fn a_takeover_killed_at_any_step_is_completed_by_the_next_start() {
    for step in [
        "takeover-backed-up",
        "takeover-tables-made",
        "takeover-chunk",
        "takeover-table-carried",
        "takeover-tables-replaced",
        "migration",
        "takeover-before-commit",
        "takeover-committed",
    ] {
        let folder = original();
        assert!(crash(folder.path(), step), "{step} was not reached");
        // Twice at the same step does no harm either.
        let again = crash(folder.path(), step);
        assert_eq!(again, step != "takeover-committed", "{step}");
        let (store, report) = Store::open(options(folder.path())).await.unwrap();
        assert_eq!(report.takeover.is_some(), step != "takeover-committed", "{step}");
        assert_eq!(proxy_hosts::list(&store).await.unwrap().len(), 7, "{step}");
        let account = crate::migration_reports::latest(&store).await.unwrap().unwrap();
        let rows: u64 =
            account["tables"].as_array().unwrap().iter().map(|t| t["rows_in"].as_u64().unwrap()).sum();
        assert_eq!(rows, 595, "{step}");
        assert_eq!(store.health().await.database, "ok", "{step}");
        store.close().await;
    }
}

#[tokio::test]
async fn a_first_start_killed_at_any_step_is_completed_by_the_next_start() {
    for step in
        ["create-key-made", "migration", "create-before-commit", "create-before-rename", "create-renamed"]
    {
        let folder = tempfile::tempdir().unwrap();
        assert!(crash(folder.path(), step), "{step} was not reached");
        let (store, report) = Store::open(options(folder.path())).await.unwrap();
        assert_eq!(report.created, step != "create-renamed", "{step}");
        assert_eq!(store.health().await.database, "ok", "{step}");
        store.close().await;
    }
}

#[tokio::test]
async fn a_repair_killed_at_any_step_is_completed_by_the_next_start() {
    for step in ["repair-backed-up", "repair-table", "repair-before-commit", "repair-committed"] {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(options(folder.path())).await.unwrap();
        store.close().await;
        let path = folder.path().join("charon.db");
        let connection = crate::sqlite::migrate(&path).await.unwrap();
        let damage = ["DROP TABLE settings", "DROP INDEX idx_users_email", "DROP TABLE schema_migrations"];
        crate::sqlite::run(&connection, damage).await.unwrap();
        connection.close().await.unwrap();
        assert!(crash(folder.path(), step), "{step} was not reached");
        let (store, report) = Store::open(options(folder.path())).await.unwrap();
        assert_eq!(report.repaired.is_empty(), step == "repair-committed", "{step}: {:?}", report.repaired);
        assert_eq!(store.health().await.database, "ok", "{step}");
        let seen =
            crate::sqlite::number(store.read(), "SELECT max(number) FROM schema_migrations").await.unwrap();
        assert_eq!(seen, migrations::CURRENT, "{step}");
        store.close().await;
    }
}
