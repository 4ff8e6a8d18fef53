//! What the database says about itself, to be shown.

use crate::{Error, Store};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

impl Store {
    /// `sqlite` or `postgresql`, and the version of the library or server.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn version(&self) -> Result<(&'static str, String), Error> {
        let (kind, sql) = match self.backend() {
            DbBackend::Postgres => ("postgresql", "SELECT current_setting('server_version') AS version"),
            _ => ("sqlite", "SELECT sqlite_version() AS version"),
        };
        let row = self.read().query_one_raw(Statement::from_string(self.backend(), sql)).await?;
        let version = row.map(|row| row.try_get("", "version")).transpose()?;
        Ok((kind, version.unwrap_or_default()))
    }
}
