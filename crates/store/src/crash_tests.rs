//! Ends a process abruptly at each step of opening, and looks at what the next start makes of it.

use crate::{Audit, Options, Store, migrations, proxy_hosts, settings};
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

/// Not a test by itself either: writes one setting after the other and says which one is committed.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the only way to tell a started test binary what to do")]
async fn writer() {
    use std::io::Write;
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let (store, _) = Store::open(options(Path::new(&folder))).await.unwrap();
    let first: u32 = std::env::var(STEP).unwrap().parse().unwrap();
    for number in first.. {
        let setting =
            settings::NewSetting { key: format!("k{number}"), value: "x".repeat(500), ..Default::default() };
        settings::set(&store, &[setting], Audit::default()).await.unwrap();
        let mut out = std::io::stdout();
        writeln!(out, "done {number}").and_then(|()| out.flush()).unwrap();
    }
}

#[tokio::test]
async fn no_acknowledged_write_is_lost_when_the_process_is_killed_again_and_again() {
    use std::io::BufRead;
    let folder = tempfile::tempdir().unwrap();
    let mut next = 0_u32;
    for round in 0..20 {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash_tests::writer", "--nocapture"])
            .env(FOLDER, folder.path())
            .env(STEP, next.to_string())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let lines = std::io::BufReader::new(process.stdout.take().unwrap()).lines();
        let mut done =
            lines.map_while(Result::ok).filter_map(|line| line.rsplit_once("done ")?.1.parse::<u32>().ok());
        // At different places: in the middle of a write of the process, and with everything said read.
        let last = done.nth(3 + round * 7 % 11).unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
        let last = done.last().unwrap_or(last);
        let (store, report) = Store::open(options(folder.path())).await.unwrap();
        assert_eq!(report, crate::OpenReport::default(), "round {round}");
        let stored = settings::all(&store).await.unwrap().len();
        let acknowledged = usize::try_from(last).unwrap() + 1;
        assert!(
            stored == acknowledged || stored == acknowledged + 1,
            "round {round}: {stored} of {acknowledged}"
        );
        assert_eq!(store.change_number().await.unwrap(), u64::try_from(stored).unwrap());
        store.close().await;
        next = u32::try_from(stored).unwrap();
    }
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

#[tokio::test]
async fn a_migration_killed_at_any_step_is_completed_by_the_next_start() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/db");
    for step in
        ["repair-backed-up", "migration-column", "migration", "repair-before-commit", "repair-committed"]
    {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(fixtures.join("charon-schema-1.db"), folder.path().join("charon.db")).unwrap();
        std::fs::copy(fixtures.join("charon-schema-1.key"), folder.path().join("secrets.key")).unwrap();
        assert!(crash(folder.path(), step), "{step} was not reached");
        let (store, report) = Store::open(options(folder.path())).await.unwrap();
        assert_eq!(report.migration.is_some(), step != "repair-committed", "{step}");
        assert!(report.repaired.is_empty(), "{step}: {:?}", report.repaired);
        let hosts = proxy_hosts::list(&store).await.unwrap();
        assert_eq!(hosts.len(), 3, "{step}");
        assert!(hosts.iter().all(|host| host.faults.is_empty() && host.upstream.is_empty()), "{step}");
        assert_eq!(hosts.iter().map(|host| host.locations.len()).sum::<usize>(), 2, "{step}");
        assert_eq!(store.health().await.database, "ok", "{step}");
        let account = crate::migration_reports::list(&store).await.unwrap();
        assert_eq!(account.len(), 1, "{step}: the account stands once");
        store.close().await;
        let (store, report) = Store::open(options(folder.path())).await.unwrap();
        assert_eq!(report, crate::OpenReport::default(), "{step}: the next start has nothing to do");
        store.close().await;
    }
}
