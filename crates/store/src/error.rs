//! What can go wrong with a stored row, in the terms that the API answers in. Database codes end here.

use sea_orm::{DbErr, RuntimeErr};

/// Why a read or a write failed. Each kind is one answer of the API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such row.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The write contradicts what is stored; `field` is a column of the row that was sent.
    #[error("{message}")]
    Conflict {
        /// The column at fault.
        field: String,
        /// One sentence with the remedy.
        message: String,
    },
    /// The database or its folder cannot be written.
    #[error("the database is read-only; make the data folder writable for the user that runs Charon")]
    ReadOnly,
    /// The disk is full. The stored state is as before.
    #[error("the disk is full; nothing was changed; free some space on the volume of the data folder")]
    DiskFull,
    /// The database does not answer (locked by another program, or the server is gone).
    #[error("the database does not answer: {0}")]
    Unavailable(String),
    /// The database file is damaged.
    #[error("the database is damaged: {0}; stop Charon and restore a backup")]
    Corrupt(String),
    /// A table has gone while Charon runs.
    #[error("the table {0} is missing; restart Charon to repair the database")]
    TableMissing(String),
    /// A stored secret cannot be opened with the key of this data folder.
    #[error("{0}")]
    Secret(String),
    /// Anything else, in the database's words.
    #[error("the database refuses: {0}")]
    Other(String),
}

impl Error {
    /// A conflict about one column.
    pub fn conflict(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Conflict { field: field.into(), message: message.into() }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match &error {
            DbErr::Conn(RuntimeErr::SqlxError(inner))
            | DbErr::Exec(RuntimeErr::SqlxError(inner))
            | DbErr::Query(RuntimeErr::SqlxError(inner)) => from_sqlx(inner),
            DbErr::RecordNotFound(_) => Self::NotFound("row"),
            DbErr::ConnectionAcquire(_) => Self::Unavailable(error.to_string()),
            _ => Self::Other(error.to_string()),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        from_sqlx(&error)
    }
}

fn from_sqlx(error: &sqlx::Error) -> Error {
    match error {
        sqlx::Error::Database(inner) => {
            let code = inner.code().unwrap_or_default();
            let message = inner.message();
            match code.parse::<u32>() {
                Ok(number) if code.len() < 5 => from_sqlite(number, message),
                _ => from_postgres(
                    &code,
                    message,
                    inner.table().unwrap_or_default(),
                    inner.constraint().unwrap_or_default(),
                ),
            }
        }
        sqlx::Error::RowNotFound => Error::NotFound("row"),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Error::Unavailable(error.to_string()),
        _ => Error::Other(error.to_string()),
    }
}

/// Result codes of SQLite: <https://www.sqlite.org/rescode.html>. The low byte is the primary code.
fn from_sqlite(code: u32, message: &str) -> Error {
    const FOREIGN_KEY: u32 = 787;
    match (code & 0xff, code) {
        (5 | 6, _) => Error::Unavailable(message.to_owned()),
        (8, _) => Error::ReadOnly,
        (13, _) => Error::DiskFull,
        (10 | 14, _) => Error::Unavailable(message.to_owned()),
        (11 | 26, _) => Error::Corrupt(message.to_owned()),
        (19, FOREIGN_KEY) => {
            Error::conflict("id", "the row points at, or is pointed at by, a row that is missing")
        }
        (19, _) => {
            let column = message.rsplit_once('.').map_or("", |(_, column)| column);
            Error::conflict(column, taken(column))
        }
        _ => match message.split_once("no such table: ") {
            Some((_, table)) => Error::TableMissing(table.trim_start_matches("main.").to_owned()),
            None => Error::Other(message.to_owned()),
        },
    }
}

/// Error codes of PostgreSQL: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn from_postgres(code: &str, message: &str, table: &str, constraint: &str) -> Error {
    match code {
        "42P01" => Error::TableMissing(message.split('"').nth(1).unwrap_or_default().to_owned()),
        "53100" => Error::DiskFull,
        "25006" => Error::ReadOnly,
        "23505" => {
            let column = constraint.strip_prefix(&format!("idx_{table}_")).unwrap_or(constraint);
            Error::conflict(column, taken(column))
        }
        "23503" => Error::conflict("id", "the row points at, or is pointed at by, a row that is missing"),
        "XX001" | "XX002" => Error::Corrupt(message.to_owned()),
        _ if ["08", "53", "57"].contains(&code.get(..2).unwrap_or_default()) => {
            Error::Unavailable(message.to_owned())
        }
        _ => Error::Other(message.to_owned()),
    }
}

fn taken(column: &str) -> String {
    format!("this {} is taken by another row; choose another", column.replace('_', " "))
}
