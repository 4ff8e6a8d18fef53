//! The live schema against its definition: what is missing is put back and named, or refused with the remedy.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails by panic")]

mod support;

use store::{OpenError, Store, proxy_hosts, users};
use support::{open, options, sql, texts, try_open};

/// A data folder with one row in the tables that matter.
async fn seeded() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (store, report) = open(folder.path()).await;
    assert!(report.created && report.repaired.is_empty());
    seed(&store).await;
    store.close().await;
    folder
}

async fn seed(store: &Store) {
    let values = proxy_hosts::HostValues {
        domain_names: vec!["a.example".into()],
        forward_host: "10.0.0.1".into(),
        forward_port: 80,
        locations: vec![store::locations::Location {
            path: "/api".into(),
            forward_host: "10.0.0.2".into(),
            forward_port: 81,
            ..Default::default()
        }],
        ..Default::default()
    };
    proxy_hosts::insert(store, &values, store::Audit::default()).await.unwrap();
    let user = users::NewUser {
        email: "a@b.example".into(),
        name: "A".into(),
        role: users::Role::Admin,
        enabled: true,
        password_hash: base::Secret::new("hash".into()),
    };
    let user = users::insert_first(store, &user, store::Audit::default()).await.unwrap();
    let session = store::sessions::NewSession {
        token_hash: "t".into(),
        user_id: user.id,
        expires_at: base::Timestamp::from_millis(i64::MAX / 2),
        ip_address: String::new(),
        user_agent: String::new(),
    };
    store::sessions::insert(store, &session).await.unwrap();
}

/// A copy in a folder of memory where there is one: hundreds of openings would wait for the disk otherwise.
fn copy_of(folder: &tempfile::TempDir) -> tempfile::TempDir {
    let copy = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    for name in ["charon.db", "secrets.key"] {
        std::fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    copy
}

#[tokio::test]
async fn startup_verification_missing_tables() {
    let origin = seeded().await;
    let names =
        texts(origin.path(), "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite%'")
            .await;
    assert!(names.len() >= 30, "{names:?}");
    let mut found = String::new();
    for name in &names {
        let folder = copy_of(&origin);
        sql(folder.path(), &[&format!("DROP TABLE {name}")]).await;
        let options = options(folder.path());
        let problems = options.problems.clone();
        let (store, report) = Store::open(options).await.unwrap();
        found += &format!("- `{name}`: {}\n", report.repaired.join("; "));
        assert!(
            report.repaired.iter().any(|what| what.contains(&format!("table {name}: the table was missing"))),
            "{name}: {:?}",
            report.repaired
        );
        assert!(report.backup_path.as_ref().is_some_and(|path| path.exists()));
        assert!(
            problems.standing().iter().any(|standing| standing.problem.code == base::Code::DatabaseRepaired)
        );
        let health = store.health().await;
        assert!(health.migrations.values().all(|there| *there) && health.database == "ok");
        store.close().await;
        let (store, again) = open(folder.path()).await;
        assert_eq!(again, store::OpenReport::default(), "{name}");
        store.close().await;
    }
    support::report("tables", &found);
}

#[tokio::test]
async fn each_missing_column_is_put_back_or_refused_by_name() {
    let origin = seeded().await;
    let columns = texts(
        origin.path(),
        "SELECT m.name || '.' || p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p \
         WHERE m.type='table' AND m.name NOT LIKE 'sqlite%' ORDER BY 1",
    )
    .await;
    let (mut repaired, mut refused) = (0, Vec::new());
    for name in &columns {
        let (table, column) = name.split_once('.').unwrap();
        let folder = copy_of(&origin);
        let others = texts(
            folder.path(),
            &format!(
                "SELECT '\"' || name || '\"' FROM pragma_table_info('{table}') WHERE name <> '{column}'"
            ),
        )
        .await;
        let create = format!("CREATE TABLE was AS SELECT {} FROM {table}", others.join(","));
        sql(
            folder.path(),
            &[&create, &format!("DROP TABLE {table}"), &format!("ALTER TABLE was RENAME TO {table}")],
        )
        .await;
        let before = std::fs::read(folder.path().join("charon.db")).unwrap();
        match try_open(folder.path()).await {
            Ok((store, report)) => {
                let part = format!("table {table}: the column {column} was missing");
                assert!(
                    report.repaired.iter().any(|what| what.starts_with(&part)),
                    "{name}: {:?}",
                    report.repaired
                );
                assert_eq!(store.health().await.database, "ok");
                store.close().await;
                repaired += 1;
            }
            Err(error) => {
                let text = error.to_string();
                assert!(
                    text.contains(&format!("table {table}")) && text.contains(&format!(" {column} ")),
                    "{name}: {text}"
                );
                assert!(text.contains("restore a backup"), "{text}");
                assert!(
                    before == std::fs::read(folder.path().join("charon.db")).unwrap(),
                    "{name}: the file was changed"
                );
                refused.push(name.clone());
            }
        }
    }
    let names = refused.iter().map(|name| format!("- `{name}`\n")).collect::<String>();
    let found = format!(
        "{repaired} of {} columns were put back, {} refused:\n\n{names}",
        columns.len(),
        refused.len()
    );
    support::report("columns", &found);
    // Only what cannot be known is refused: keys and required values of tables that hold rows.
    for name in &refused {
        assert!(
            [
                "id",
                "email",
                "token_hash",
                "user_id",
                "proxy_host_id",
                "path",
                "forward_host",
                "forward_port",
                "domain_names",
                "name",
                "number"
            ]
            .contains(&name.split_once('.').unwrap().1),
            "{name}"
        );
    }
    assert!(repaired > 200 && refused.len() < 20);
}

#[tokio::test]
async fn each_missing_index_is_put_back_and_duplicates_are_refused() {
    let origin = seeded().await;
    let names =
        texts(origin.path(), "SELECT name FROM sqlite_master WHERE type='index' AND sql IS NOT NULL").await;
    assert!(names.len() > 30);
    let mut found = String::new();
    for name in &names {
        let folder = copy_of(&origin);
        sql(folder.path(), &[&format!("DROP INDEX {name}")]).await;
        let (store, report) = open(folder.path()).await;
        assert!(
            report.repaired.iter().any(|what| what.contains(&format!("the index {name} was missing"))),
            "{name}"
        );
        found += &format!("- `{name}`: {}\n", report.repaired.join("; "));
        store.close().await;
    }
    support::report("indexes", &found);
    sql(
        origin.path(),
        &["DROP INDEX idx_users_email", "INSERT INTO users (uuid, email) VALUES ('u2', 'a@b.example')"],
    )
    .await;
    let refused = try_open(origin.path()).await.unwrap_err().to_string();
    assert!(refused.contains("table users") && refused.contains("a@b.example"), "{refused}");
}

#[tokio::test]
async fn a_changed_column_a_foreign_column_and_a_lost_key_are_mended_with_all_rows() {
    let folder = seeded().await;
    sql(
        folder.path(),
        &[
            "CREATE TABLE was (id integer PRIMARY KEY AUTOINCREMENT, uuid varchar(36), name text, host text NOT NULL)",
            "INSERT INTO was SELECT id, uuid, name, forward_host FROM proxy_hosts",
            "DROP TABLE domains",
            "ALTER TABLE was RENAME TO domains",
        ],
    )
    .await;
    let (store, report) = open(folder.path()).await;
    assert!(
        report.repaired.iter().any(|what| what.contains("unknown column host was NOT NULL")),
        "{:?}",
        report.repaired
    );
    store.close().await;
    // The unknown column keeps its value and no longer stands in the way.
    assert_eq!(texts(folder.path(), "SELECT host FROM domains").await, ["10.0.0.1"]);
    sql(folder.path(), &["INSERT INTO domains (uuid, name) VALUES ('x', 'y')"]).await;
}

#[tokio::test]
async fn a_lost_list_of_migrations_is_no_new_installation() {
    let wholes: &[&[&str]] = &[
        &["DELETE FROM schema_migrations"],
        &["DROP TABLE schema_migrations"],
        &["PRAGMA user_version = 0"],
        &["PRAGMA application_id = 0"],
        &["PRAGMA application_id = 0", "PRAGMA user_version = 0", "DROP TABLE schema_migrations"],
    ];
    for statements in wholes {
        let folder = seeded().await;
        sql(folder.path(), statements).await;
        let (store, report) = open(folder.path()).await;
        assert!(
            !report.created && report.takeover.is_none() && !report.repaired.is_empty(),
            "{statements:?}: {report:?}"
        );
        assert_eq!(users::count(&store).await.unwrap(), 1);
        store.close().await;
        assert_eq!(texts(folder.path(), "PRAGMA user_version").await.len(), 1);
        let (store, again) = open(folder.path()).await;
        assert_eq!(again, store::OpenReport::default(), "{statements:?}");
        store.close().await;
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_both_numbers_and_the_file_untouched() {
    for statement in
        ["PRAGMA user_version = 99", "INSERT INTO schema_migrations (number, name) VALUES (99, 'future')"]
    {
        let folder = seeded().await;
        let (store, _) = open(folder.path()).await;
        store.backup_now("scheduled").await.unwrap();
        store.close().await;
        sql(folder.path(), &[statement]).await;
        let before = support::bytes(folder.path());
        let error = try_open(folder.path()).await.unwrap_err();
        assert!(matches!(error, OpenError::Newer { found: 99, known: 4, backup: Some(_), .. }), "{error}");
        assert!(error.to_string().contains("schema 99; this one knows 4"), "{error}");
        assert!(error.to_string().contains("charon backups restore charon-"), "{error}");
        assert!(before == support::bytes(folder.path()));
    }
}

#[tokio::test]
async fn another_programs_database_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("charon.db"), b"").unwrap();
    assert!(matches!(try_open(folder.path()).await, Err(OpenError::Corrupt { .. })));
    std::fs::remove_file(folder.path().join("charon.db")).unwrap();
    let other = sea_orm::sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.path().join("charon.db"))
        .create_if_missing(true);
    let mut connection =
        <sea_orm::sqlx::SqliteConnection as sea_orm::sqlx::Connection>::connect_with(&other).await.unwrap();
    sea_orm::sqlx::raw_sql("CREATE TABLE recipes (id integer); CREATE TABLE users (id integer)")
        .execute(&mut connection)
        .await
        .unwrap();
    sea_orm::sqlx::Connection::close(connection).await.unwrap();
    let before = support::bytes(folder.path());
    let error = try_open(folder.path()).await.unwrap_err();
    assert!(matches!(&error, OpenError::Foreign { tables, .. } if tables == "recipes, users"), "{error}");
    assert!(before == support::bytes(folder.path()));
}

#[tokio::test]
async fn a_table_dropped_while_running_shows_at_the_next_look() {
    let folder = seeded().await;
    let (store, _) = open(folder.path()).await;
    assert!(store.health().await.migrations["domains"]);
    sql(
        folder.path(),
        &["DROP TABLE domains", "ALTER TABLE remote_servers DROP COLUMN tags", "DROP TABLE settings"],
    )
    .await;
    let health = store.verify().await;
    assert_eq!(
        (health.database, health.migrations["domains"], health.migrations["remote_servers"]),
        ("incomplete", false, false)
    );
    assert!(health.problems.iter().any(
        |problem| problem.code == base::Code::DatabaseTableMissing && problem.subject == "table domains"
    ));
    let error = store::settings::all(&store).await.unwrap_err();
    assert_eq!(error, store::Error::TableMissing("settings".to_owned()));
    store.close().await;
}

#[tokio::test]
async fn the_bundled_sqlite_is_new_enough_and_the_file_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = seeded().await;
    let version = texts(folder.path(), "SELECT sqlite_version()").await;
    let version: Vec<u32> = version[0].split('.').map(|part| part.parse().unwrap()).collect();
    assert!(version >= vec![3, 51, 3], "{version:?}");
    assert_eq!(texts(folder.path(), "PRAGMA journal_mode").await, ["wal"]);
    let (store, _) = open(folder.path()).await;
    for name in ["charon.db", "charon.db-wal", "secrets.key"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    store.close().await;
}
