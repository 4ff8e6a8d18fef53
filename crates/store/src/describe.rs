//! What the database is, for people: kind, version, size.

use crate::{Error, Store};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

/// Kind, version and size of the database.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    /// `sqlite` or `postgresql`.
    pub kind: &'static str,
    /// The version in the database's own words.
    pub version: String,
    /// Size in bytes, without the write-ahead log.
    pub size_bytes: u64,
}

impl Store {
    /// What this database is.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn describe(&self) -> Result<Description, Error> {
        let (kind, sql) = match self.backend() {
            DbBackend::Postgres => (
                "postgresql",
                "SELECT current_setting('server_version') AS version, \
                 CAST(pg_database_size(current_database()) AS bigint) AS size",
            ),
            _ => (
                "sqlite",
                "SELECT sqlite_version() AS version, page_count * page_size AS size \
                 FROM pragma_page_count(), pragma_page_size()",
            ),
        };
        let row = self.read().query_one_raw(Statement::from_string(self.backend(), sql)).await?;
        let row = row.ok_or_else(|| Error::Other("the database does not say what it is".to_owned()))?;
        let size: i64 = row.try_get("", "size")?;
        Ok(Description {
            kind,
            version: row.try_get("", "version")?,
            size_bytes: u64::try_from(size).unwrap_or_default(),
        })
    }
}
