//! Databases of the original product, taken over in place: genuine files and damaged variants of them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails by panic")]

mod support;

use store::{MigrationReport, proxy_hosts, set_aside_rows, settings, ssl_certificates, users};
use support::{folder_with, open, sql, texts};

const FILES: &[&str] = &[
    "full-2025-12-05.db",
    "pre-security.db",
    "pre-security-2025-11-29.db",
    "hand-repaired.db",
    "wal-unclean.db",
];

/// Opens a folder and checks what must hold after every takeover.
async fn take_over(folder: &std::path::Path) -> MigrationReport {
    let (store, report) = open(folder).await;
    let account = report.takeover.expect("a takeover");
    for table in &account.tables {
        assert_eq!(table.rows_in, table.carried + table.changed + table.set_aside, "{}", table.table);
    }
    let backup = account.backup_path.clone().expect("a backup");
    assert!(backup.exists());
    let health = store.health().await;
    assert_eq!(health.database, "ok", "{:?}", health.problems);
    assert!(health.migrations.len() >= 30 && health.migrations.values().all(|there| *there));
    assert!(store.newest_good_backup().await.is_some());
    let latest = store::migration_reports::latest(&store).await.unwrap().unwrap();
    assert_eq!(latest["tables"].as_array().unwrap().len(), account.tables.len());
    store.close().await;
    // Once more: nothing to do.
    let (store, again) = open(folder).await;
    assert_eq!(again, store::OpenReport::default());
    store.close().await;
    account
}

fn table<'a>(report: &'a MigrationReport, name: &str) -> &'a store::TableReport {
    report.tables.iter().find(|table| table.table == name).unwrap_or_else(|| panic!("no table {name}"))
}

#[tokio::test]
async fn restart_after_upgrade_keeps_every_row() {
    for file in FILES {
        let folder = folder_with(file);
        let before = count_rows(folder.path()).await;
        let account = take_over(folder.path()).await;
        for (name, rows) in &before {
            assert_eq!(table(&account, name).rows_in, *rows, "{file} {name}");
        }
        assert_eq!(account.tables.len(), before.len(), "{file}");
        let after = count_rows(folder.path()).await;
        for (name, rows) in &before {
            let kept = after.iter().find(|(table, _)| table == name).unwrap().1;
            assert_eq!(kept + table(&account, name).set_aside, *rows, "{file} {name}");
        }
    }
}

async fn count_rows(folder: &std::path::Path) -> Vec<(String, u64)> {
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT IN \
        ('sessions','api_tokens','counters','set_aside_rows','migration_reports','schema_migrations') ORDER BY name";
    let mut counted = Vec::new();
    for name in texts(folder, names).await {
        let rows = texts(folder, &format!("SELECT CAST(count(*) AS text) FROM \"{name}\"")).await;
        counted.push((name, rows[0].parse().unwrap()));
    }
    counted
}

#[tokio::test]
async fn the_full_database_keeps_accounts_hosts_and_secrets_and_encrypts_what_was_plain() {
    let folder = folder_with("full-2025-12-05.db");
    take_over(folder.path()).await;
    let (store, _) = open(folder.path()).await;
    let admin = users::find_by_email(&store, "Admin@Example.com").await.unwrap().unwrap();
    assert!(admin.password_hash.expose().starts_with("$2a$10$") && admin.role == users::Role::Admin);
    let hosts = proxy_hosts::list(&store).await.unwrap();
    assert_eq!(hosts.len(), 6);
    let nextcloud = hosts.iter().find(|host| host.name == "Nextcloud").unwrap();
    assert_eq!((nextcloud.domain_names.len(), nextcloud.forward_scheme.as_str()), (2, "https"));
    assert!(nextcloud.advanced_config.starts_with('{') && nextcloud.hsts_max_age == 31_536_000);
    assert_eq!(hosts.iter().find(|host| host.name == "API").unwrap().locations.len(), 3);
    assert!(!hosts.iter().find(|host| host.name == "Old wiki").unwrap().enabled);
    assert_eq!(hosts[0].certificate_id, Some(1));
    assert!(hosts.iter().all(|host| host.created_at.to_string().starts_with("2025-12-0")));
    let certificate = &ssl_certificates::list(&store).await.unwrap()[0];
    let key = ssl_certificates::private_key(&store, &certificate.uuid).await.unwrap();
    assert!(key.expose().contains("PRIVATE KEY"));
    let password = settings::secret_value(&store, "smtp_password").await.unwrap().unwrap();
    assert_eq!(password.expose(), "smtp-fixture-password");
    assert_eq!(settings::get(&store, "security.crowdsec.enabled").await.unwrap().unwrap().value, "true");
    let deleted = &set_aside_rows::list(&store, 0, 10).await.unwrap()[0];
    assert_eq!(deleted.table, "domains");
    assert!(set_aside_rows::data(&store, deleted.id).await.unwrap().expose().contains("gone.example.net"));
    let file = std::fs::read(folder.path().join("charon.db")).unwrap();
    store.close().await;
    for plain in ["PRIVATE KEY-----", "smtp-fixture-password", "not-a-real-token", "fixturetoken"] {
        assert!(
            !file.windows(plain.len()).any(|part| part == plain.as_bytes()),
            "{plain} stands in the file"
        );
    }
}

#[tokio::test]
async fn the_log_left_behind_is_honoured_and_what_never_committed_does_not_appear() {
    let folder = folder_with("wal-unclean.db");
    let account = take_over(folder.path()).await;
    assert_eq!(table(&account, "uptime_heartbeats").rows_in, 500);
    let (store, _) = open(folder.path()).await;
    assert!(proxy_hosts::list(&store).await.unwrap().iter().any(|host| host.name == "Only in WAL"));
    assert_eq!(settings::get(&store, "app_name").await.unwrap().unwrap().value, "Charon after WAL");
    assert!(settings::get(&store, "ui.uncommitted").await.unwrap().is_none());
    assert_eq!(table(&account, "remote_servers").rows_in, 2);
    store.close().await;
    assert_eq!(texts(folder.path(), "SELECT waf_mode FROM security_configs").await, ["block"]);
}

#[tokio::test]
async fn the_hand_repaired_database_reads_both_spellings_and_encrypts_the_enrolment_key() {
    let folder = folder_with("hand-repaired.db");
    let plain = texts(folder.path(), "SELECT enrollment_key FROM crowdsec_console_enrollments").await;
    take_over(folder.path()).await;
    assert_eq!(texts(folder.path(), "SELECT crowdsec_mode FROM security_configs").await, ["local"]);
    let sealed = texts(folder.path(), "SELECT enroll_key FROM crowdsec_console_enrollments").await;
    assert!(sealed[0].starts_with("v1:") && !plain[0].is_empty() && sealed != plain);
    assert!(!texts(folder.path(), "SELECT slug FROM crowdsec_preset_events").await[0].is_empty());
    // The columns that nobody fills are gone from our table, so that rows can be added.
    sql(folder.path(), &["INSERT INTO crowdsec_preset_events (slug) VALUES ('x')"]).await;
}

/// One way to damage a database, and what must be in the report.
struct Damage {
    name: &'static str,
    file: &'static str,
    sql: &'static [&'static str],
    says: &'static [&'static str],
}

const DAMAGES: &[Damage] = &[
    Damage {
        name: "bad ports",
        file: "full-2025-12-05.db",
        sql: &[
            "UPDATE proxy_hosts SET forward_port = 0 WHERE id = 1",
            "UPDATE proxy_hosts SET forward_port = 70000 WHERE id = 2",
            "UPDATE proxy_hosts SET forward_port = 'eighty' WHERE id = 3",
            "UPDATE proxy_hosts SET forward_port = '8096' WHERE id = 4",
        ],
        says: &[
            "set aside: proxy_hosts id 1: forward_port '0'",
            "forward_port '70000'",
            "forward_port 'eighty'",
            "set aside: user_permitted_hosts",
        ],
    },
    Damage {
        name: "locations of a host that is not there",
        file: "full-2025-12-05.db",
        sql: &["PRAGMA foreign_keys = OFF", "DELETE FROM proxy_hosts WHERE id = 5"],
        says: &["set aside: locations id 1: proxy_host_id 5 points at a row that proxy_hosts does not have"],
    },
    Damage {
        name: "references to nothing",
        file: "full-2025-12-05.db",
        sql: &[
            "PRAGMA foreign_keys = OFF",
            "UPDATE proxy_hosts SET certificate_id = 99, access_list_id = 98 WHERE id = 2",
        ],
        says: &[
            "certificate_id pointed at a row that ssl_certificates does not have: none now",
            "access_list_id pointed",
        ],
    },
    Damage {
        name: "booleans as text",
        file: "full-2025-12-05.db",
        sql: &[
            "UPDATE proxy_hosts SET enabled = 'true', ssl_forced = 'FALSE' WHERE id = 1",
            "UPDATE proxy_hosts SET enabled = 'perhaps' WHERE id = 2",
            "UPDATE users SET enabled = 'TRUE'",
        ],
        says: &[
            "enabled was a text: true now",
            "ssl_forced was a text: false now",
            "enabled was neither true nor false",
        ],
    },
    Damage {
        name: "zero and unreadable times",
        file: "full-2025-12-05.db",
        sql: &[
            "UPDATE users SET created_at = '0001-01-01 00:00:00+00:00', last_login = 'yesterday' WHERE id = 1",
            "UPDATE proxy_hosts SET created_at = NULL, updated_at = '2025-13-45' WHERE id = 1",
        ],
        says: &[
            "created_at was empty: the moment of the takeover now",
            "last_login was no moment",
            "updated_at was no moment",
        ],
    },
    Damage {
        name: "broken JSON",
        file: "full-2025-12-05.db",
        sql: &[
            "UPDATE access_lists SET ip_rules = '[{' WHERE id = 1",
            "UPDATE uptime_notification_events SET monitor_ids = 'not json'",
            "UPDATE proxy_hosts SET advanced_config = '{\"a\":' WHERE id = 1",
        ],
        says: &[
            "ip_rules is broken JSON; it was carried as it is",
            "monitor_ids was broken JSON",
            "advanced_config is broken JSON",
        ],
    },
    Damage {
        name: "duplicate and empty uuids",
        file: "full-2025-12-05.db",
        sql: &[
            "DROP INDEX idx_proxy_hosts_uuid",
            "UPDATE proxy_hosts SET uuid = (SELECT uuid FROM proxy_hosts WHERE id = 1) WHERE id IN (2, 3)",
            "UPDATE proxy_hosts SET uuid = '' WHERE id = 4",
        ],
        says: &["uuid stood in another row too: a new one was given", "uuid was empty: a new one was given"],
    },
    Damage {
        name: "two accounts with one address",
        file: "full-2025-12-05.db",
        sql: &[
            "UPDATE users SET email = ' ADMIN@example.com' WHERE id = 2",
            "UPDATE users SET role = 'emperor' WHERE id = 1",
        ],
        says: &[
            "set aside: users id 2: email 'admin@example.com' stands in an earlier row",
            "role 'emperor' is unknown here: 'viewer' now",
            "no enabled admin has a password",
        ],
    },
    Damage {
        name: "several rows of security settings",
        file: "full-2025-12-05.db",
        sql: &[
            "INSERT INTO security_configs (uuid, name, waf_mode) VALUES ('u2', 'Default Security Config', 'block')",
            "UPDATE security_configs SET id = 50 WHERE id = 1",
        ],
        says: &[
            "set aside: security_configs id 2: only one row of security settings counts: the one with rowid 50",
        ],
    },
    Damage {
        name: "tables and columns of 2026, and a table with one of our names",
        file: "full-2025-12-05.db",
        sql: &[
            "CREATE TABLE dns_providers (id integer PRIMARY KEY, name text NOT NULL, credentials_encrypted text)",
            "INSERT INTO dns_providers (name) VALUES ('cloudflare')",
            "CREATE TABLE sessions (id text PRIMARY KEY, data blob)",
            "INSERT INTO sessions VALUES ('a', x'00ff')",
            "ALTER TABLE proxy_hosts ADD COLUMN security_headers_custom text",
            "UPDATE proxy_hosts SET security_headers_custom = '{\"x\":1}' WHERE id = 1",
            "UPDATE users SET role = 'passthrough' WHERE id = 2",
            "CREATE VIEW v AS SELECT name FROM proxy_hosts",
        ],
        says: &[
            "left as it was, since Charon does not know it: dns_providers (1 rows)",
            "left as it was, since Charon does not know it: original_sessions (1 rows)",
            "values without a place here are set aside: security_headers_custom",
            "role 'passthrough' is unknown here: 'viewer' now",
        ],
    },
    Damage {
        name: "bad domains and hosts that share one",
        file: "full-2025-12-05.db",
        sql: &[
            "UPDATE proxy_hosts SET domain_names = 'https://shop.example.com/x, ok.example.com' WHERE id = 1",
            "UPDATE proxy_hosts SET domain_names = 'ok.example.com' WHERE id = 2",
            "UPDATE proxy_hosts SET domain_names = ' , ' WHERE id = 3",
        ],
        says: &[
            "write only the domain, shop.example.com",
            "set aside: proxy_hosts id 3: domain_names is empty",
        ],
    },
    Damage {
        name: "text that is no UTF-8, and blobs",
        file: "full-2025-12-05.db",
        sql: &[
            "UPDATE proxy_hosts SET name = CAST(x'41ff42' AS text) WHERE id = 1",
            "UPDATE domains SET name = x'612e62' WHERE id = 1",
        ],
        says: &[],
    },
    Damage {
        name: "the security tables made by hand and never opened by the original since",
        file: "pre-security.db",
        sql: &[
            "CREATE TABLE security_configs (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT UNIQUE NOT NULL, name TEXT, \
             enabled BOOLEAN DEFAULT false, crowdsec_mode TEXT DEFAULT 'disabled', crowdsec_api_url TEXT, \
             waf_mode TEXT DEFAULT 'disabled', waf_paranoia_level INTEGER DEFAULT 1, waf_exclusions TEXT, \
             rate_limit_mode TEXT DEFAULT 'disabled', rate_limit_burst INTEGER DEFAULT 10, \
             created_at DATETIME DEFAULT CURRENT_TIMESTAMP, updated_at DATETIME DEFAULT CURRENT_TIMESTAMP)",
            "CREATE TABLE security_decisions (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT UNIQUE NOT NULL, \
             ip TEXT NOT NULL, reason TEXT, action TEXT DEFAULT 'ban', duration INTEGER, expires_at DATETIME)",
            "CREATE TABLE crowdsec_preset_events (id INTEGER PRIMARY KEY, uuid TEXT UNIQUE NOT NULL, name TEXT NOT NULL)",
            "CREATE TABLE crowdsec_console_enrollments (id INTEGER PRIMARY KEY, uuid TEXT UNIQUE NOT NULL, \
             enrollment_key TEXT, organization_id TEXT, status TEXT DEFAULT 'pending')",
            "INSERT INTO security_configs (uuid, name, crowdsec_mode, waf_exclusions, created_at, updated_at) \
             VALUES ('c', 'default', 'local', '[', '2025-12-15 02:10:11', '2025-12-15 02:10:11')",
            "INSERT INTO security_decisions (uuid, ip, reason, expires_at) VALUES ('d', '203.0.113.1', 'scan', '2026-01-01 00:00:00')",
            "INSERT INTO crowdsec_preset_events (uuid, name) VALUES ('p', 'base-http')",
            "INSERT INTO crowdsec_console_enrollments (uuid, enrollment_key, organization_id) VALUES ('e', 'plain-key', 'org')",
        ],
        says: &[
            "waf_exclusions was broken JSON",
            "enroll_key is encrypted now",
            "made, since it was missing: security_audits",
        ],
    },
    Damage {
        name: "a table with a column less",
        file: "pre-security.db",
        sql: &[
            "ALTER TABLE users DROP COLUMN permission_mode",
            "ALTER TABLE proxy_hosts DROP COLUMN websocket_support",
        ],
        says: &[],
    },
];

#[tokio::test]
async fn damaged_rows_are_carried_with_a_change_or_set_aside_with_a_reason() {
    let mut found = String::new();
    for file in FILES {
        let folder = folder_with(file);
        chapter(&mut found, file, &[], take_over(folder.path()).await);
    }
    for damage in DAMAGES {
        let folder = folder_with(damage.file);
        sql(folder.path(), damage.sql).await;
        let before: u64 = count_rows(folder.path()).await.iter().map(|(_, rows)| rows).sum();
        let account = take_over(folder.path()).await;
        let text = account.to_string();
        let extra = account.extra_tables.iter().filter(|extra| extra.table != "original_sessions");
        assert_eq!(
            account.totals().0 + extra.map(|extra| extra.rows).sum::<u64>(),
            before,
            "{}",
            damage.name
        );
        for part in damage.says {
            assert!(text.contains(part), "{}: '{part}' is not in\n{text}", damage.name);
        }
        chapter(&mut found, &format!("{} with {}", damage.file, damage.name), damage.sql, account);
    }
    support::report("takeover", &found);
}

/// One chapter of the report, without what differs from run to run.
fn chapter(found: &mut String, title: &str, damage: &[&str], mut account: MigrationReport) {
    use std::fmt::Write;
    account.backup_path = Some("backups/charon-TIME-before-takeover.db".into());
    writeln!(found, "### {title}\n").unwrap();
    if !damage.is_empty() {
        writeln!(found, "```sql\n{};\n```\n", damage.join(";\n")).unwrap();
    }
    writeln!(found, "```text\n{account}```\n").unwrap();
}
