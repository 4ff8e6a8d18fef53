//! Rehearsals of automatic certificates: one row for each name, with what was found when it was last looked at. What a
//! report says is none of the store's business: it is kept as JSON.

use crate::{Error, Store};
use base::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

/// One row of `certificate_checks`.
#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "certificate_checks")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub name: String,
    #[sea_orm(default_value = 0)]
    pub checked_at: i64,
    #[sea_orm(default_value = "")]
    pub basis: String,
    #[sea_orm(default_value = 0)]
    pub failures: i64,
    #[sea_orm(default_value = 0)]
    pub warnings: i64,
    #[sea_orm(default_value = "")]
    pub report: String,
}

/// Names stand for themselves: a host may go and come back.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What was found when a name was last looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateCheck {
    /// The name, in lower case, with `*.` for a wildcard.
    pub name: String,
    /// When it was looked at.
    pub checked_at: Timestamp,
    /// What it was judged by: another text means that settings have changed since.
    pub basis: String,
    /// How many things prevent the next certificate.
    pub failures: u32,
    /// How many may.
    pub warnings: u32,
    /// The report, as JSON.
    pub report: String,
}

impl From<Model> for CertificateCheck {
    fn from(row: Model) -> Self {
        Self {
            name: row.name,
            checked_at: Timestamp::from_millis(row.checked_at),
            basis: row.basis,
            failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
            warnings: u32::try_from(row.warnings).unwrap_or(u32::MAX),
            report: row.report,
        }
    }
}

/// All of them, by name.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(store: &Store) -> Result<Vec<CertificateCheck>, Error> {
    let rows = Entity::find().order_by_asc(Column::Name).all(store.read()).await?;
    Ok(rows.into_iter().map(CertificateCheck::from).collect())
}

/// Keeps what was found, in the place of what was found before. All in one write.
///
/// # Errors
/// When the database cannot be written.
pub async fn put(store: &Store, checks: &[CertificateCheck]) -> Result<(), Error> {
    let write = store.write().await?;
    for check in checks {
        let row = ActiveModel {
            id: NotSet,
            name: Set(check.name.clone()),
            checked_at: Set(check.checked_at.millis()),
            basis: Set(check.basis.clone()),
            failures: Set(check.failures.into()),
            warnings: Set(check.warnings.into()),
            report: Set(check.report.clone()),
        };
        let columns = [Column::CheckedAt, Column::Basis, Column::Failures, Column::Warnings, Column::Report];
        let replace = OnConflict::column(Column::Name).update_columns(columns).to_owned();
        Entity::insert(row).on_conflict(replace).exec_without_returning(&*write).await?;
    }
    write.commit().await
}

/// Forgets these names: nobody wants a certificate for them any more.
///
/// # Errors
/// When the database cannot be written.
pub async fn forget(store: &Store, names: &[String]) -> Result<(), Error> {
    let write = store.write().await?;
    for some in names.chunks(500) {
        Entity::delete_many().filter(Column::Name.is_in(some)).exec(&*write).await?;
    }
    write.commit().await
}
