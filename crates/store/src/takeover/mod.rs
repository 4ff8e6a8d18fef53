//! Takes over a database of the original product in place, in one transaction: every row is carried, carried with
//! a change, or set aside, and the report says which.

mod convert;
mod tables;
mod times;

use crate::error::Error;
use crate::report::{ExtraTable, MigrationReport, SetAsideRow, TableReport};
use crate::schema::{self, Table};
use crate::sqlite::{number, quote, run, table_names};
use crate::vault::Vault;
use crate::{live, migrations, set_aside_rows};
use base::Timestamp;
use convert::{Carried, Converter, Outcome, Row};
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value as Sql};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

/// Rows read at once.
const CHUNK: u64 = 500;
/// Progress is told after so many rows of a table.
const PROGRESS: u64 = 100_000;

/// Whether these table names are those of the original product.
pub(crate) fn is_original(names: &[String]) -> bool {
    let known = |name: &str| names.iter().any(|there| there == name);
    ["proxy_hosts", "users", "settings", "remote_servers", "caddy_configs"]
        .iter()
        .filter(|name| known(name))
        .count()
        >= 2
}

/// What the file seems to be, in words.
async fn describe(connection: &impl ConnectionTrait, names: &[String]) -> Result<String, Error> {
    let known = |name: &str| names.iter().any(|there| there == name);
    let hand = number(
        connection,
        "SELECT count(*) FROM pragma_table_info('security_configs') WHERE name = 'crowdsec_mode'",
    )
    .await?;
    let era = if known("dns_providers") || known("emergency_tokens") {
        "of 2026"
    } else if hand > 0 {
        "whose security tables were made by hand"
    } else if known("crowdsec_preset_events") {
        "of the end of December 2025"
    } else if known("security_configs") {
        "of December 2025"
    } else {
        "from before its security tables"
    };
    Ok(format!("a database of the original Charon {era} ({} tables)", names.len()))
}

/// Takes the database over. `connection` is a transaction with foreign keys off; the caller commits.
pub(crate) async fn run_on(
    connection: &impl ConnectionTrait,
    vault: &Vault,
    now: Timestamp,
    backup_path: Option<PathBuf>,
) -> Result<MigrationReport, Error> {
    let names = table_names(connection).await?;
    let mut report = MigrationReport {
        kind: "takeover".to_owned(),
        source: describe(connection, &names).await?,
        backup_path,
        started_at: now,
        tables: Vec::new(),
        extra_tables: Vec::new(),
        missing_tables: Vec::new(),
        notes: Vec::new(),
    };
    let carried_names = tables::TABLES;
    let definition = schema::tables();
    let is_old = |name: &str| carried_names.contains(&name);
    make_room(connection, &names, &definition, &mut report).await?;
    for table in definition.iter().filter(|table| !is_old(&table.name)) {
        run(connection, [table.create(DbBackend::Sqlite)]).await?;
    }
    crate::step::step("takeover-tables-made");

    let mut carried: Carried = HashMap::new();
    for name in carried_names {
        let Some(table) = definition.iter().find(|table| table.name == *name) else { continue };
        run(connection, [table.create(DbBackend::Sqlite).replacen(&quote(name), &quote(&interim(name)), 1)])
            .await?;
        if !names.iter().any(|there| there == name) {
            report.missing_tables.push((*name).to_owned());
            continue;
        }
        let account = carry(connection, table, vault, now, &mut carried, &mut report.notes).await?;
        if !account.adds_up() {
            return Err(Error::Other(format!(
                "the takeover of table {name} does not add up ({} rows found, {} carried, {} changed, {} set aside); \
                 nothing was changed",
                account.rows_in, account.carried, account.changed, account.set_aside
            )));
        }
        tracing::info!(
            table.name = name,
            rows.found = account.rows_in,
            rows.carried = account.carried,
            rows.changed = account.changed,
            rows.set_aside = account.set_aside,
            "took over a table"
        );
        report.tables.push(account);
        crate::step::step("takeover-table-carried");
    }
    replace(connection, &names, &definition).await?;
    crate::step::step("takeover-tables-replaced");
    look_at_admins(connection, &mut report.notes).await?;
    report.notes.push(
        "the backup holds passwords and keys in clear, as the original had them; remove it when all is well"
            .to_owned(),
    );
    migrations::apply(connection, 0, now).await?;
    migrations::keep(connection, &report, now).await?;
    crate::step::step("takeover-before-commit");
    Ok(report)
}

fn interim(name: &str) -> String {
    format!("charon_new_{name}")
}

/// Tables of the file that have the names of ours without being known are renamed; all unknown ones are reported.
async fn make_room(
    connection: &impl ConnectionTrait,
    names: &[String],
    definition: &[Table],
    report: &mut MigrationReport,
) -> Result<(), Error> {
    for name in names.iter().filter(|name| !tables::TABLES.contains(&name.as_str())) {
        let rows = u64::try_from(number(connection, &live::count(name)).await?).unwrap_or(0);
        let mut kept = name.clone();
        if definition.iter().any(|table| table.name == *name) {
            kept = format!("original_{name}");
            run(connection, [format!("ALTER TABLE {} RENAME TO {}", quote(name), quote(&kept))]).await?;
            report.notes.push(format!("the file had a table {name} of its own; it is called {kept} now"));
        }
        report.extra_tables.push(ExtraTable { table: kept, rows });
    }
    Ok(())
}

/// Puts the new tables in the place of the old ones and makes their indexes.
async fn replace(
    connection: &impl ConnectionTrait,
    names: &[String],
    definition: &[Table],
) -> Result<(), Error> {
    for name in tables::TABLES {
        let there = names.iter().any(|there| there == name);
        let sequence = if there { last_number(connection, name).await? } else { 0 };
        if there {
            run(connection, [format!("DROP TABLE {}", quote(name))]).await?;
        }
        run(connection, [format!("ALTER TABLE {} RENAME TO {}", quote(&interim(name)), quote(name))]).await?;
        if sequence > 0 && definition.iter().any(|table| table.name == *name && table.numbered) {
            // A number that a deleted row once had is not given again.
            let statements = [
                format!(
                    "INSERT INTO sqlite_sequence (name, seq) SELECT '{name}', 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = '{name}')"
                ),
                format!("UPDATE sqlite_sequence SET seq = max(seq, {sequence}) WHERE name = '{name}'"),
            ];
            run(connection, statements).await?;
        }
    }
    for table in definition {
        run(connection, table.create_indexes()).await?;
    }
    Ok(())
}

/// The highest number that a numbered table has given, 0 when it does not number.
async fn last_number(connection: &impl ConnectionTrait, name: &str) -> Result<i64, Error> {
    let numbers = "SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_sequence'";
    if number(connection, numbers).await? == 0 {
        return Ok(0);
    }
    number(connection, &format!("SELECT seq FROM sqlite_sequence WHERE name = '{name}'")).await
}

async fn carry(
    connection: &impl ConnectionTrait,
    table: &Table,
    vault: &Vault,
    now: Timestamp,
    carried: &mut Carried,
    notes: &mut Vec<String>,
) -> Result<TableReport, Error> {
    let name = table.name.as_str();
    let found = number(connection, &live::count(name)).await?;
    let mut account = TableReport {
        table: name.to_owned(),
        rows_in: u64::try_from(found).unwrap_or(0),
        ..TableReport::default()
    };
    let mut converter = Converter::new(table, vault, now.millis());
    let chosen = if name == "security_configs" { chosen_security_row(connection).await? } else { None };
    let mut ids = HashSet::new();
    let columns: Vec<String> = table.columns.iter().map(|column| quote(&column.name)).collect();
    let insert = format!(
        "INSERT INTO {} ({}) VALUES ({})",
        quote(&interim(name)),
        columns.join(", "),
        vec!["?"; columns.len()].join(", ")
    );
    let mut after = None;
    loop {
        let rows = chunk(connection, name, after).await?;
        let Some((last, _)) = rows.last() else { break };
        after = Some(*last);
        for (rowid, row) in rows {
            let key = key_of(table, &row, rowid);
            let mut outcome = match chosen {
                Some(chosen) if chosen != rowid => Outcome::SetAside(format!(
                    "only one row of security settings counts: the one with rowid {chosen}"
                )),
                _ => converter.convert(row.clone(), carried)?,
            };
            if let Outcome::Carried { values, .. } = &outcome {
                let statement = Statement::from_sql_and_values(DbBackend::Sqlite, &insert, values.clone());
                match connection.execute_raw(statement).await.map_err(Error::from) {
                    Ok(_) => {}
                    Err(Error::Conflict { message, .. }) => outcome = Outcome::SetAside(message),
                    Err(other) => return Err(other),
                }
            }
            match outcome {
                Outcome::SetAside(reason) => {
                    account.set_aside += 1;
                    set_aside(connection, vault, name, &key, &reason, &row, now).await?;
                    account.set_aside_rows.push(SetAsideRow { key, reason });
                }
                Outcome::Carried { mut changes, notes: of_row, kept, .. } => {
                    ids.extend(row.get("id").and_then(serde_json::Value::as_i64));
                    notes.extend(of_row.into_iter().map(|note| format!("{name} {key}: {note}")));
                    if !kept.is_empty() {
                        let columns: Vec<&str> = kept.keys().map(String::as_str).collect();
                        let what =
                            format!("values without a place here are set aside: {}", columns.join(", "));
                        set_aside(connection, vault, name, &key, &what, &kept, now).await?;
                        changes.push(what);
                    }
                    match changes.is_empty() {
                        true => account.carried += 1,
                        false => account.changed += 1,
                    }
                    changes.sort();
                    changes.dedup();
                    changes.iter().for_each(|change| account.add_change(change));
                }
            }
        }
        let done = account.carried + account.changed + account.set_aside;
        if done % PROGRESS < CHUNK && done >= PROGRESS {
            tracing::info!(table.name = name, "{done} of {} rows taken over", account.rows_in);
        }
        crate::step::step("takeover-chunk");
    }
    if let Some(known) = tables::TABLES.iter().find(|known| **known == name) {
        carried.insert(known, ids);
    }
    Ok(account)
}

/// By what a person finds the row in the old file.
fn key_of(table: &Table, row: &Row, rowid: i64) -> String {
    let parts = table.primary_key.iter().map(|column| match row.get(column) {
        Some(serde_json::Value::Null) | None => format!("rowid {rowid}"),
        Some(serde_json::Value::String(key)) => format!("{column} {key}"),
        Some(key) => format!("{column} {key}"),
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// The next rows of a table after a row number, each with its number and its columns by name. Texts that are not
/// UTF-8 and blobs are read as text, with a sign in the place of what cannot be read.
async fn chunk(
    connection: &impl ConnectionTrait,
    table: &str,
    after: Option<i64>,
) -> Result<Vec<(i64, Row)>, Error> {
    let columns = live::columns(connection).await?.remove(table).unwrap_or_default();
    let parts: Vec<String> = columns
        .iter()
        .map(|column| {
            let (literal, quoted) = (column.name.replace('\'', "''"), quote(&column.name));
            format!(
                "'{literal}', CASE typeof({quoted}) WHEN 'blob' THEN CAST({quoted} AS TEXT) ELSE {quoted} END"
            )
        })
        .collect();
    let from = after.map_or_else(String::new, |after| format!("WHERE rowid > {after} "));
    let sql = format!(
        "SELECT rowid AS charon_row, CAST(json_object({}) AS BLOB) AS charon_json FROM {} {from}ORDER BY rowid LIMIT {CHUNK}",
        parts.join(", "),
        quote(table)
    );
    let found = connection.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await?;
    let mut rows = Vec::with_capacity(found.len());
    for row in found {
        let bytes: Vec<u8> = row.try_get("", "charon_json")?;
        let rowid = row.try_get("", "charon_row")?;
        let columns = serde_json::from_str(&String::from_utf8_lossy(&bytes)).map_err(|error| {
            Error::Other(format!("a row of {table} (rowid {rowid}) cannot be read: {error}"))
        })?;
        rows.push((rowid, columns));
    }
    Ok(rows)
}

async fn set_aside(
    connection: &impl ConnectionTrait,
    vault: &Vault,
    table: &str,
    key: &str,
    reason: &str,
    row: &Row,
    now: Timestamp,
) -> Result<(), Error> {
    let data = serde_json::to_string(row).map_err(|error| Error::Other(error.to_string()))?;
    let values = [
        Sql::from(table),
        Sql::from(key),
        Sql::from(reason),
        Sql::from(vault.seal(set_aside_rows::PLACE, &data)?),
        Sql::from(now.millis()),
    ];
    let sql =
        "INSERT INTO set_aside_rows (table_name, row_key, reason, data, created_at) VALUES (?, ?, ?, ?, ?)";
    connection.execute_raw(Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)).await?;
    Ok(())
}

/// The one row of security settings that counts: `default`, else the later start's own, else the first.
async fn chosen_security_row(connection: &impl ConnectionTrait) -> Result<Option<i64>, Error> {
    let sql = "SELECT rowid FROM security_configs ORDER BY CASE name WHEN 'default' THEN 0 \
         WHEN 'Default Security Config' THEN 1 ELSE 2 END, rowid LIMIT 1";
    match number(connection, "SELECT count(*) FROM security_configs").await? {
        0 => Ok(None),
        _ => number(connection, sql).await.map(Some),
    }
}

/// A database in which nobody can log in as admin is taken over all the same, but says so.
async fn look_at_admins(connection: &impl ConnectionTrait, notes: &mut Vec<String>) -> Result<(), Error> {
    let users = number(connection, "SELECT count(*) FROM users").await?;
    let admins = number(
        connection,
        "SELECT count(*) FROM users WHERE role = 'admin' AND enabled AND password_hash <> ''",
    )
    .await?;
    if users > 0 && admins == 0 {
        notes.push("no enabled admin has a password; set one with charon reset-password EMAIL".to_owned());
    }
    Ok(())
}
