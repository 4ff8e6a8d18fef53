//! Data folders for tests, with copies of the frozen databases.

#![allow(dead_code, reason = "each test file uses some of these")]

use base::{Clock, Problems, SystemClock};
use sea_orm::sqlx::{self, Connection, Row, sqlite::SqliteConnectOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{OpenError, OpenReport, Options, Store};

/// The frozen database that is read at runtime, found from the crate's own folder.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/db").join(name)
}

/// A data folder with a copy of a frozen database and what lies beside it.
pub(crate) fn folder_with(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let from = fixture(&format!("{name}{suffix}"));
        if from.exists() {
            std::fs::copy(from, folder.path().join(format!("charon.db{suffix}"))).unwrap();
        }
    }
    folder
}

pub(crate) fn options(folder: &Path) -> Options {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Options::new(folder, clock.clone(), Problems::new(clock))
}

pub(crate) async fn try_open(folder: &Path) -> Result<(Store, OpenReport), OpenError> {
    Store::open(options(folder)).await
}

pub(crate) async fn open(folder: &Path) -> (Store, OpenReport) {
    try_open(folder).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Runs statements on the file of a data folder while no store has it open. Foreign keys are off.
pub(crate) async fn sql(folder: &Path, statements: &[&str]) {
    let mut connection = raw(folder).await;
    for statement in statements {
        let statement = sqlx::AssertSqlSafe((*statement).to_owned());
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap_or_else(|error| panic!("{error}"));
    }
    connection.close().await.unwrap();
}

/// The first column of all rows as text.
pub(crate) async fn texts(folder: &Path, statement: &str) -> Vec<String> {
    let mut connection = raw(folder).await;
    let statement = sqlx::AssertSqlSafe(statement.to_owned());
    let rows = sqlx::query(statement).fetch_all(&mut connection).await.unwrap();
    let texts =
        rows.iter().map(|row| row.try_get_unchecked::<Option<String>, _>(0).unwrap().unwrap_or_default());
    let texts = texts.collect();
    connection.close().await.unwrap();
    texts
}

async fn raw(folder: &Path) -> sqlx::SqliteConnection {
    let options = SqliteConnectOptions::new().filename(folder.join("charon.db")).foreign_keys(false);
    sqlx::SqliteConnection::connect_with(&options).await.unwrap()
}

/// Bytes of the database file.
pub(crate) fn bytes(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("charon.db")).unwrap()
}

/// Holds a part of `docs/qa/migration-report.md` to what a test has found: writes it when the variable
/// `CHARON_WRITE_REPORT` is set, compares it otherwise.
#[expect(clippy::disallowed_methods, reason = "a switch for the person who runs the tests")]
pub(crate) fn report(part: &str, found: &str) {
    static WRITING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = WRITING.lock().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/qa/migration-report.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- begin {part} -->\n"), format!("<!-- end {part} -->\n"));
    let (head, rest) = document.split_once(&begin).unwrap();
    let (written, tail) = rest.split_once(&end).unwrap();
    if std::env::var("CHARON_WRITE_REPORT").is_ok() {
        std::fs::write(&path, format!("{head}{begin}{found}{end}{tail}")).unwrap();
    } else {
        assert!(
            written == found,
            "docs/qa/migration-report.md is out of date: run CHARON_WRITE_REPORT=1 cargo test -p store"
        );
    }
}
