//! The store through its public functions: the same tests on SQLite and, where it is installed, on PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails by panic")]
#![allow(clippy::print_stderr, reason = "a failing test says on which database")]

mod support;

use base::{Secret, Timestamp, clock::ManualClock};
use std::sync::Arc;
use std::time::Duration;
use store::{
    Audit, Error, Options, Store, api_tokens, caddy_configs, locations::Location, proxy_hosts,
    security_audits, sessions, settings, ssl_certificates, users,
};
use testkit::postgres::Postgres;

/// One database to test on, with all that keeps it alive.
struct Database {
    name: &'static str,
    store: Store,
    clock: Arc<ManualClock>,
    options: Options,
    _folder: tempfile::TempDir,
}

async fn database(name: &'static str, url: Option<String>) -> Database {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_764_961_382_000)));
    let options = Options {
        database_url: url.map(Secret::new),
        ..Options::new(folder.path(), clock.clone(), base::Problems::new(clock.clone()))
    };
    let (store, report) = Store::open(options.clone()).await.unwrap();
    assert!(report.created && report.repaired.is_empty(), "{report:?}");
    Database { name, store, clock, options, _folder: folder }
}

/// SQLite, and PostgreSQL if it is installed.
async fn databases() -> (Vec<Database>, Option<Postgres>) {
    let mut all = vec![database("SQLite", None).await];
    let server = Postgres::start().unwrap();
    if let Some(server) = &server {
        all.push(database("PostgreSQL", Some(server.database().unwrap())).await);
    }
    (all, server)
}

fn host(domain: &str) -> proxy_hosts::HostValues {
    proxy_hosts::HostValues {
        domain_names: vec![domain.into()],
        forward_host: "10.0.0.1".into(),
        forward_port: 80,
        ..Default::default()
    }
}

async fn admin(store: &Store, email: &str) -> Result<users::User, Error> {
    let user = users::NewUser {
        email: email.into(),
        name: String::new(),
        role: users::Role::Admin,
        enabled: true,
        password_hash: Secret::new("old".into()),
    };
    users::insert(store, &user, Audit::default()).await
}

#[tokio::test]
async fn hosts_are_written_with_their_locations_and_every_write_is_counted_audited_and_called() {
    let (all, _server) = databases().await;
    for Database { name, store, .. } in &all {
        eprintln!("on {name}");
        let wake = tasks::Wake::new();
        store.on_change(wake.clone());
        let mut values = host("a.example");
        values.domain_names.push("b.example".into());
        values.tags = vec!["home".into()];
        values.request_headers = vec![proxy_hosts::HeaderEdit {
            action: proxy_hosts::HeaderAction::Set,
            name: "X".into(),
            value: "1".into(),
        }];
        let location = |path: &str| Location {
            path: path.into(),
            forward_host: "x".into(),
            forward_port: 1,
            ..Default::default()
        };
        values.locations = vec![location("/api"), location("/b")];
        let first = proxy_hosts::insert(store, &values, Audit::default()).await.unwrap();
        wake.called().await;
        assert_eq!(store.change_number().await.unwrap(), 1);
        assert_eq!(proxy_hosts::list(store).await.unwrap(), std::slice::from_ref(&first));

        let mut changed = first.values.clone();
        changed.forward_port = 81;
        changed.locations.remove(1);
        let after = proxy_hosts::update(store, &first.uuid, &changed, Audit::default()).await.unwrap();
        assert_eq!((after.id, after.forward_port, &after.locations[0]), (first.id, 81, &first.locations[0]));
        let owners = proxy_hosts::owners(store, &["B.Example".into(), "c".into()], None).await.unwrap();
        assert_eq!((owners.len(), owners[0].uuid.as_str()), (1, first.uuid.as_str()));
        assert!(
            proxy_hosts::owners(store, &["b.example".into()], Some(&first.uuid)).await.unwrap().is_empty()
        );

        let second = proxy_hosts::insert(store, &host("c.example"), Audit::default()).await.unwrap();
        let both = [first.uuid.clone(), second.uuid.clone()];
        let disable = proxy_hosts::Bulk::Enabled(false);
        assert_eq!(proxy_hosts::bulk(store, &both, &disable, Audit::default()).await.unwrap(), 2);
        assert!(proxy_hosts::list(store).await.unwrap().iter().all(|host| !host.enabled));
        let one_missing = [second.uuid.clone(), "nobody".to_owned()];
        let refused =
            proxy_hosts::bulk(store, &one_missing, &proxy_hosts::Bulk::Delete, Audit::default()).await;
        assert_eq!(refused, Err(Error::NotFound("proxy host")));
        assert_eq!(proxy_hosts::list(store).await.unwrap().len(), 2);

        // Back to the first state: the second host goes, the first keeps its row and public id.
        proxy_hosts::restore(store, std::slice::from_ref(&first), Audit::default()).await.unwrap();
        let restored = proxy_hosts::list(store).await.unwrap();
        assert_eq!((restored.len(), &restored[0].values, restored[0].id), (1, &first.values, first.id));
        proxy_hosts::delete(store, &first.uuid, Audit::default()).await.unwrap();
        assert_eq!(proxy_hosts::get(store, &first.uuid).await.unwrap_err(), Error::NotFound("proxy host"));
        proxy_hosts::restore(store, std::slice::from_ref(&first), Audit::default()).await.unwrap();
        assert_eq!(proxy_hosts::get(store, &first.uuid).await.unwrap().values, first.values);
        assert_eq!(store.change_number().await.unwrap(), 7);

        let filter = security_audits::Filter { resource_id: Some(first.uuid.clone()), ..Default::default() };
        let entries = security_audits::list(store, &filter, 10).await.unwrap();
        assert_eq!(entries.len(), 4);
        assert_eq!(entries[2].before.as_ref().unwrap()["forward_port"], 80);
        assert_eq!(entries[2].after.as_ref().unwrap()["forward_port"], 81);
        let older = security_audits::Filter { before_id: Some(entries[2].id), ..filter };
        assert_eq!(security_audits::list(store, &older, 10).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn the_last_admin_stays_addresses_are_unique_and_changes_end_sessions() {
    let (all, _server) = databases().await;
    for Database { name, store, clock, .. } in &all {
        eprintln!("on {name}");
        let first = admin(store, "Admin@Example.com").await.unwrap();
        assert!(users::find_by_email(store, " admin@EXAMPLE.com").await.unwrap().is_some());
        let twice = admin(store, "ADMIN@example.com").await.unwrap_err();
        assert!(matches!(&twice, Error::Conflict { field, .. } if field == "email"), "{twice:?}");
        let demote = users::UserChange { role: Some(users::Role::Viewer), ..Default::default() };
        let refused = users::update(store, &first.uuid, &demote, Audit::default()).await.unwrap_err();
        assert!(matches!(&refused, Error::Conflict { field, .. } if field == "role"), "{refused:?}");
        let disable = users::UserChange { enabled: Some(false), ..Default::default() };
        let refused = users::update(store, &first.uuid, &disable, Audit::default()).await.unwrap_err();
        assert!(matches!(&refused, Error::Conflict { field, .. } if field == "enabled"), "{refused:?}");
        assert!(users::delete(store, &first.uuid, Audit::default()).await.is_err());

        let session = async |user: &users::User, hash: &str| {
            let new = sessions::NewSession {
                token_hash: hash.into(),
                user_id: user.id,
                expires_at: Timestamp::from_millis(1_764_961_382_000 + 60_000),
                ip_address: "127.0.0.1".into(),
                user_agent: "test".into(),
            };
            sessions::insert(store, &new).await.unwrap()
        };
        let second = admin(store, "b@example.com").await.unwrap();
        let kept = session(&second, "kept").await;
        session(&second, "other").await;
        assert_eq!(sessions::find_by_token_hash(store, "kept").await.unwrap().unwrap().1.uuid, second.uuid);
        let new = Secret::new("new".to_owned());
        users::set_password_hash(store, &second.uuid, &new, Some(kept.id), Audit::default()).await.unwrap();
        assert!(sessions::find_by_token_hash(store, "other").await.unwrap().is_none());
        assert!(sessions::find_by_token_hash(store, "kept").await.unwrap().is_some());
        users::rehash(store, second.id, &Secret::new("stale".into()), &Secret::new("wrong".into()))
            .await
            .unwrap();
        assert_eq!(users::get(store, &second.uuid).await.unwrap().password_hash, new);
        users::update(store, &second.uuid, &demote, Audit::default()).await.unwrap();
        assert!(sessions::find_by_token_hash(store, "kept").await.unwrap().is_none());

        session(&first, "short").await;
        clock.advance(Duration::from_secs(61));
        assert!(sessions::find_by_token_hash(store, "short").await.unwrap().is_none());
        assert_eq!(sessions::prune(store).await.unwrap(), 1);

        for attempt in 1..=3 {
            let lock = Duration::from_secs(900);
            let until =
                users::record_login_failure(store, second.id, 3, lock, Audit::default()).await.unwrap();
            assert_eq!(until.is_some(), attempt == 3);
        }
        users::unlock(store, &second.uuid, Audit::default()).await.unwrap();
        users::record_login_success(store, second.id, Audit::default()).await.unwrap();
        let user = users::get(store, &second.uuid).await.unwrap();
        assert!(user.locked_until.is_none() && user.last_login.is_some() && user.failed_login_attempts == 0);

        let token = api_tokens::NewToken {
            user_id: second.id,
            name: "ci".into(),
            token_hash: "hash".into(),
            prefix: "ch_".into(),
            scopes: vec!["read".into()],
            expires_at: None,
        };
        let token = api_tokens::insert(store, &token, Audit::default()).await.unwrap();
        api_tokens::touch(store, token.id).await.unwrap();
        let (found, owner) = api_tokens::find_by_hash(store, "hash").await.unwrap().unwrap();
        assert_eq!(
            (found.scopes.as_slice(), owner.id, found.last_used_at.is_some()),
            (&["read".to_owned()][..], second.id, true)
        );
        users::delete(store, &second.uuid, Audit::default()).await.unwrap();
        assert!(api_tokens::list(store, None).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn secrets_are_sealed_in_rows_and_revisions_keep_their_newest_documents() {
    let (all, _server) = databases().await;
    for Database { name, store, .. } in &all {
        eprintln!("on {name}");
        let set = |key: &str, value: &str| settings::NewSetting {
            key: key.into(),
            value: value.into(),
            ..Default::default()
        };
        let both = [set("smtp_password", "hunter2"), set("app_name", "Charon")];
        settings::set(store, &both, Audit::default()).await.unwrap();
        settings::set(store, &[set("app_name", "Styx")], Audit::default()).await.unwrap();
        let shown = settings::get(store, "smtp_password").await.unwrap().unwrap();
        assert!(shown.value.is_empty() && shown.is_set && shown.secret);
        assert_eq!(
            settings::secret_value(store, "smtp_password").await.unwrap().unwrap().expose(),
            "hunter2"
        );
        let entries = security_audits::list(store, &Default::default(), 10).await.unwrap();
        assert!(!format!("{entries:?}").contains("hunter2"));
        assert_eq!(entries[0].before.as_ref().unwrap()["app_name"], "Charon");

        let values = ssl_certificates::CertificateValues {
            name: "CA".into(),
            provider: ssl_certificates::INTERNAL_CA.into(),
            domains: vec!["a".into(), "b".into()],
            certificate: "PEM".into(),
            private_key: Some(Secret::new("KEY".into())),
            fingerprint: "f".into(),
            issuer: "i".into(),
            not_before: None,
            expires_at: Some(Timestamp::from_millis(5)),
            auto_renew: false,
        };
        let made = ssl_certificates::insert(store, &values, Audit::default()).await.unwrap();
        assert_eq!(ssl_certificates::internal_ca(store).await.unwrap(), Some(made.clone()));
        let carried = ssl_certificates::CertificateValues {
            name: "of the original".into(),
            provider: "letsencrypt".into(),
            auto_renew: true,
            ..values.clone()
        };
        let carried = ssl_certificates::insert(store, &carried, Audit::default()).await.unwrap();
        let unattended = ssl_certificates::unattended(store, None).await.unwrap();
        let names: Vec<_> = unattended.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["of the original"], "nobody renews it here, whatever its row says");
        ssl_certificates::delete(store, &carried.uuid, Audit::default()).await.unwrap();
        let without_key =
            ssl_certificates::CertificateValues { private_key: None, name: "CA 2".into(), ..values };
        ssl_certificates::update(store, &made.uuid, &without_key, Audit::default()).await.unwrap();
        assert_eq!(ssl_certificates::private_key(store, &made.uuid).await.unwrap().expose(), "KEY");
        let mut with = host("tls.example");
        with.certificate_id = Some(made.id);
        let with = proxy_hosts::insert(store, &with, Audit::default()).await.unwrap();
        ssl_certificates::delete(store, &made.uuid, Audit::default()).await.unwrap();
        assert_eq!(proxy_hosts::get(store, &with.uuid).await.unwrap().certificate_id, None);

        let part = |name: &str, value: i64| (name.to_owned(), format!("{{\"id\":{value},\"uuid\":\"u\"}}"));
        for number in 1..=203 {
            let revision = caddy_configs::NewRevision {
                config_hash: format!("h{number}"),
                // Two hosts, of which one changes each time and one goes with number 100.
                parts: match number {
                    1 => vec![part("hosts/a", 1), part("hosts/b", 1), part("settings", 1)],
                    100 => vec![part("hosts/a", 100), ("hosts/b".into(), String::new())],
                    number => vec![part("hosts/a", number)],
                },
                summary: "s".into(),
                actor: "a".into(),
                success: number != 203,
                error_msg: String::new(),
                problems: serde_json::json!([]),
            };
            assert_eq!(caddy_configs::record(store, &revision).await.unwrap().revision, Some(number));
        }
        assert_eq!(caddy_configs::latest(store).await.unwrap().unwrap().revision, Some(202));
        assert_eq!(caddy_configs::get(store, 3).await.unwrap().document, "");
        let held = async |revision: i64| -> (serde_json::Value, Vec<i64>) {
            let document: serde_json::Value =
                serde_json::from_str(&caddy_configs::get(store, revision).await.unwrap().document).unwrap();
            let hosts = document["hosts"].as_array().unwrap().iter().map(|host| host["id"].as_i64().unwrap());
            (document["settings"]["id"].clone(), hosts.collect())
        };
        assert_eq!(held(4).await, (1.into(), vec![1, 4]));
        assert_eq!(held(99).await, (1.into(), vec![1, 99]));
        assert_eq!(held(100).await, (1.into(), vec![100]));
        assert_eq!(held(203).await, (1.into(), vec![203]));
        let of_a = caddy_configs::of_host(store, "a").await.unwrap();
        assert_eq!((of_a.len(), &of_a[1].1.as_ref().unwrap()["id"]), (200, &202.into()));
        let of_b = caddy_configs::of_host(store, "b").await.unwrap();
        let there = of_b.iter().filter(|(_, host)| host.is_some()).count();
        assert_eq!(there, 96, "from 4 to 99");
        let page = caddy_configs::list(store, None, 2).await.unwrap();
        assert_eq!((page.len(), page[0].revision, page[0].document.as_str()), (2, Some(203), ""));
    }
}

#[tokio::test]
async fn the_schema_on_postgresql_is_verified_and_repaired_like_that_on_sqlite() {
    use sea_orm::sqlx::{self, Connection, PgConnection};
    let Some(server) = Postgres::start().unwrap() else { return };
    let url = server.database().unwrap();
    let database = database("PostgreSQL", Some(url.clone())).await;
    admin(&database.store, "a@example.com").await.unwrap();
    proxy_hosts::insert(&database.store, &host("a.example"), Audit::default()).await.unwrap();
    let tables: Vec<String> = database.store.health().await.migrations.into_keys().collect();
    database.store.clone().close().await;
    let Database { options, store, .. } = database;
    drop(store);
    let sql = async |statement: &str| {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap_or_else(|error| panic!("{error}"));
        connection.close().await.unwrap();
    };
    let mut damages: Vec<(String, String)> = tables
        .iter()
        .map(|table| (format!("DROP TABLE {table} CASCADE"), format!("table {table}: the table was missing")))
        .collect();
    for (statement, part) in [
        ("ALTER TABLE settings DROP COLUMN secret", "table settings: the column secret was missing"),
        ("ALTER TABLE proxy_hosts DROP COLUMN uuid", "table proxy_hosts: the column uuid was missing"),
        ("DROP INDEX idx_users_email", "the index idx_users_email was missing"),
        ("ALTER TABLE users ALTER COLUMN role DROP NOT NULL", "the column role allowed NULL"),
        ("ALTER TABLE domains ADD COLUMN odd text NOT NULL", "unknown column odd was NOT NULL"),
        ("DELETE FROM schema_migrations", "the list of migrations was missing"),
    ] {
        damages.push((statement.to_owned(), part.to_owned()));
    }
    for (statement, part) in damages {
        sql(&statement).await;
        let (store, report) =
            Store::open(options.clone()).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
        assert!(
            report.repaired.iter().any(|what| what.contains(&part)),
            "{statement}: {:?}",
            report.repaired
        );
        assert_eq!(store.health().await.database, "ok", "{statement}");
        store.close().await;
        let (store, again) = Store::open(options.clone()).await.unwrap();
        assert_eq!(again, store::OpenReport::default(), "{statement}");
        store.close().await;
    }
    sql("INSERT INTO schema_migrations (number, name) VALUES (99, 'future')").await;
    let refused = Store::open(options).await.unwrap_err();
    assert!(matches!(refused, store::OpenError::Newer { found: 99, .. }), "{refused}");
}

#[tokio::test]
async fn old_audit_entries_and_a_flood_of_refused_logins_go_and_the_rest_stays() {
    let (all, _server) = databases().await;
    for Database { name, store, .. } in &all {
        eprintln!("on {name}");
        for number in 0..5 {
            for action in [security_audits::LOGIN_FAILED, "update"] {
                let audit = Audit {
                    action: action.to_owned(),
                    details: format!("{action} {number}"),
                    ..Audit::default()
                };
                security_audits::insert(store, audit).await.unwrap();
            }
        }
        let ever = Timestamp::default();
        let keep = security_audits::Keep { refused_logins_since: ever, most_refused_logins: 2, since: ever };
        let prune = async |keep| security_audits::prune(store, &keep).await.unwrap();
        assert_eq!(prune(keep).await, 3);
        let left = security_audits::list(store, &security_audits::Filter::default(), 100).await.unwrap();
        let left: Vec<&str> = left.iter().map(|entry| entry.details.as_str()).collect();
        assert_eq!(left.len(), 7, "{left:?}");
        assert!(left.contains(&"login_failed 4") && !left.contains(&"login_failed 2"), "{left:?}");
        let later = Timestamp::from_millis(i64::MAX);
        assert_eq!(prune(security_audits::Keep { refused_logins_since: later, ..keep }).await, 2);
        assert_eq!(prune(security_audits::Keep { since: later, ..keep }).await, 5);
    }
}
