//! Puts back what the live schema lacks: tables, columns, indexes, keys. Says each thing that it did.

use crate::error::Error;
use crate::live::{self, Difference, LiveTable};
use crate::schema::{Kind, Table};
use crate::sqlite::{number, quote, run, texts};
use sea_orm::{ConnectionTrait, DbBackend};

/// Why the schema cannot be repaired. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// A sentence that names the table, the column and what stands in the way.
    #[error(
        "{0}; restore a backup from before the damage (charon doctor lists them), or put the missing thing back by hand"
    )]
    Impossible(String),
    /// The database refused.
    #[error(transparent)]
    Database(#[from] Error),
}

/// Repairs everything that differs, within the transaction of `connection`. Returns a sentence for each repair.
///
/// # Errors
/// [`RepairError::Impossible`] when rows stand in the way; the caller takes the transaction back.
pub(crate) async fn repair(connection: &impl ConnectionTrait) -> Result<Vec<String>, RepairError> {
    let mut done = Vec::new();
    let live = live::read(connection).await?;
    for (table, found) in live::differences(connection).await? {
        let name = &table.name;
        let there = live.get(name);
        match (there, connection.get_database_backend()) {
            (None, backend) => {
                run(connection, [table.create(backend)]).await?;
                run(connection, table.create_indexes()).await?;
            }
            (Some(there), DbBackend::Postgres) => alter(connection, &table, there, &found).await?,
            (Some(there), _) => {
                if found.iter().any(|difference| !matches!(difference, Difference::Index(_))) {
                    rebuild(connection, &table, there).await?;
                }
                indexes(connection, &table).await?;
            }
        }
        done.extend(found.iter().map(|difference| sentence(name, difference)));
        crate::step::step("repair-table");
    }
    // What was repaired must be right now; if it is not, better refuse than run on half a schema.
    match live::differences(connection).await?.first() {
        None => Ok(done),
        Some((table, left)) => {
            let left: Vec<String> = left.iter().map(ToString::to_string).collect();
            Err(RepairError::Impossible(format!(
                "table {}: {}, and it cannot be repaired",
                table.name,
                left.join(", ")
            )))
        }
    }
}

fn sentence(table: &str, difference: &Difference) -> String {
    let what = match difference {
        Difference::Table => "it was made anew and is empty; rows that it held are only in backups",
        Difference::Column(_) => "it was added with its default; values that it held are only in backups",
        Difference::Index(_) => "it was made anew",
        _ => "the table was rebuilt with all its rows",
    };
    format!("table {table}: {difference}; {what}")
}

/// Makes a table anew under its definition and moves the rows over. Unknown columns move along and may then be empty.
async fn rebuild(
    connection: &impl ConnectionTrait,
    table: &Table,
    live: &LiveTable,
) -> Result<(), RepairError> {
    let name = &table.name;
    let rows = number(connection, &live::count(name)).await?;
    let mut targets = Vec::new();
    let mut sources = Vec::new();
    for column in &table.columns {
        let quoted = quote(&column.name);
        let there = live.columns.iter().any(|there| there.name == column.name);
        let source = match (there, &column.default, column.nullable) {
            (true, Some(default), false) => {
                format!("COALESCE({}, {default})", converted(column.kind, &quoted))
            }
            (true, ..) => converted(column.kind, &quoted),
            (false, Some(default), _) => default.clone(),
            (false, None, true) => "NULL".to_owned(),
            (false, None, false) if column.name == "uuid" => NEW_UUID.to_owned(),
            (false, None, false) if rows == 0 => "''".to_owned(),
            (false, None, false) => {
                return Err(RepairError::Impossible(format!(
                    "table {name}: the required column {} is missing, and its values for the {rows} rows are unknown",
                    column.name
                )));
            }
        };
        if there && !column.nullable && column.default.is_none() {
            let empty = number(connection, &format!("{} WHERE {quoted} IS NULL", live::count(name))).await?;
            if empty > 0 {
                return Err(RepairError::Impossible(format!(
                    "table {name}: the required column {} is empty in {empty} rows",
                    column.name
                )));
            }
        }
        targets.push(quoted);
        sources.push(source);
    }
    let mut create = table.create(DbBackend::Sqlite);
    let extras =
        live.columns.iter().filter(|extra| !table.columns.iter().any(|column| column.name == extra.name));
    let mut added = String::new();
    for extra in extras {
        added.push_str(&format!("{} {}, ", quote(&extra.name), extra.kind));
        targets.push(quote(&extra.name));
        sources.push(quote(&extra.name));
    }
    // Unknown columns go first: table constraints must stand last in a definition.
    if let Some(at) = create.find('(') {
        create.insert_str(at + 1, &added);
    }
    let new = quote(&format!("charon_rebuild_{name}"));
    let create = create.replacen(&quote(name), &new, 1);
    let old = quote(name);
    run(connection, [create]).await?;
    let copy = format!("INSERT INTO {new} ({}) SELECT {} FROM {old}", targets.join(", "), sources.join(", "));
    connection.execute_unprepared(&copy).await.map_err(|error| duplicates(name, error.into()))?;
    run(connection, [format!("DROP TABLE {old}"), format!("ALTER TABLE {new} RENAME TO {old}")]).await?;
    Ok(())
}

/// A new UUID (version 4) for each row, in SQLite's own words.
const NEW_UUID: &str = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || \
     substr(hex(randomblob(2)), 2) || '-' || substr('89ab', 1 + (abs(random()) % 4), 1) || \
     substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))";

/// The stored value as the kind that the column must have.
fn converted(kind: Kind, column: &str) -> String {
    match kind {
        Kind::Boolean => format!(
            "CASE WHEN {column} IS NULL THEN NULL WHEN lower(CAST({column} AS text)) IN ('1', 'true', 'yes', 'on') \
             THEN 1 ELSE 0 END"
        ),
        Kind::Integer => format!("CASE WHEN {column} IS NULL THEN NULL ELSE CAST({column} AS integer) END"),
        Kind::Text => column.to_owned(),
    }
}

/// Makes the indexes of a table that are not there or not as defined.
async fn indexes(connection: &impl ConnectionTrait, table: &Table) -> Result<(), RepairError> {
    let live = live::read(connection).await?;
    let found = live::compare(table, live.get(&table.name), connection.get_database_backend());
    for index in &table.indexes {
        if !found.contains(&Difference::Index(index.name.clone())) {
            continue;
        }
        run(connection, [format!("DROP INDEX IF EXISTS {}", quote(&index.name))]).await?;
        if index.unique {
            let column = quote(&index.column);
            let sql = format!(
                "SELECT CAST({column} AS text) FROM {} WHERE {column} IS NOT NULL \
                 GROUP BY {column} HAVING count(*) > 1 LIMIT 3",
                quote(&table.name)
            );
            let twice = texts(connection, &sql).await?;
            if !twice.is_empty() {
                return Err(RepairError::Impossible(format!(
                    "table {}: the values of {} must be unique, and these stand there more than once: {}",
                    table.name,
                    index.column,
                    if index.column.contains("hash") { "***".to_owned() } else { twice.join(", ") }
                )));
            }
        }
        run(connection, [index.create(&table.name)]).await?;
    }
    Ok(())
}

/// PostgreSQL changes tables in place.
async fn alter(
    connection: &impl ConnectionTrait,
    table: &Table,
    live: &LiveTable,
    found: &[Difference],
) -> Result<(), RepairError> {
    let name = quote(&table.name);
    let impossible = |what: String| RepairError::Impossible(format!("table {}: {what}", table.name));
    let rows = number(connection, &live::count(&table.name)).await?;
    for difference in found {
        let sql = match difference {
            Difference::Table | Difference::Index(_) => continue,
            Difference::Column(missing) => {
                let Some(column) = table.columns.iter().find(|column| column.name == *missing) else {
                    continue;
                };
                let required = !column.nullable && column.default.is_none();
                let numbered = table.numbered && table.primary_key.contains(missing);
                if required && missing == "uuid" && rows > 0 {
                    format!(
                        "ALTER TABLE {name} ADD COLUMN \"uuid\" text NOT NULL DEFAULT gen_random_uuid()::text; \
                         ALTER TABLE {name} ALTER COLUMN \"uuid\" DROP DEFAULT"
                    )
                } else if required && !numbered && rows > 0 {
                    return Err(impossible(format!(
                        "the required column {missing} is missing, and its values for the {rows} rows are unknown"
                    )));
                } else {
                    format!("ALTER TABLE {name} ADD COLUMN {}", table.column(column, DbBackend::Postgres))
                }
            }
            Difference::Nullable(column, true) => {
                format!("ALTER TABLE {name} ALTER COLUMN {} DROP NOT NULL", quote(column))
            }
            Difference::Nullable(column, false) => {
                let default = table.columns.iter().find(|known| known.name == *column);
                let fill =
                    default.and_then(|known| known.default.clone()).map_or_else(String::new, |default| {
                        let column = quote(column);
                        format!("UPDATE {name} SET {column} = {default} WHERE {column} IS NULL; ")
                    });
                format!("{fill}ALTER TABLE {name} ALTER COLUMN {} SET NOT NULL", quote(column))
            }
            Difference::Foreign(column) => {
                format!("ALTER TABLE {name} ALTER COLUMN {} DROP NOT NULL", quote(column))
            }
            Difference::ForeignKey(column) => {
                let Some(key) = table.foreign_keys.iter().find(|key| key.column == *column) else { continue };
                format!(
                    "ALTER TABLE {name} ADD FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {}",
                    quote(&key.column),
                    quote(&key.table),
                    quote(&key.to),
                    key.on_delete
                )
            }
            Difference::Kind(column, is, must) => {
                return Err(impossible(format!("the column {column} has the type {is} and must be {must}")));
            }
            Difference::PrimaryKey => {
                let keys: Vec<String> = table.primary_key.iter().map(|key| quote(key)).collect();
                if live.columns.iter().any(|column| column.in_key) {
                    return Err(impossible("the primary key is not as required".to_owned()));
                }
                format!("ALTER TABLE {name} ADD PRIMARY KEY ({})", keys.join(", "))
            }
        };
        connection.execute_unprepared(&sql).await.map_err(|error| duplicates(&table.name, error.into()))?;
    }
    indexes(connection, table).await
}

fn duplicates(table: &str, error: Error) -> RepairError {
    match error {
        Error::Conflict { message, .. } => RepairError::Impossible(format!("table {table}: {message}")),
        other => RepairError::Database(other),
    }
}
