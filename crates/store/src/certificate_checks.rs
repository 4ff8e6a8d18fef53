//! Rehearsals of automatic certificates: one row for each name, with what was found when it was last looked at. What a
//! report says is none of the store's business: it is kept as JSON.

use crate::{Error, Store};
use base::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder, QuerySelect};

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

/// How it stood with a name when it was last looked at.
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
}

/// How it stands with all names, by name.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(store: &Store) -> Result<Vec<CertificateCheck>, Error> {
    let columns = [Column::Name, Column::CheckedAt, Column::Basis, Column::Failures, Column::Warnings];
    let find = Entity::find().select_only().columns(columns).order_by_asc(Column::Name);
    let rows: Vec<(String, i64, String, i64, i64)> = find.into_tuple().all(store.read()).await?;
    let check = |(name, checked_at, basis, failures, warnings)| CertificateCheck {
        name,
        checked_at: Timestamp::from_millis(checked_at),
        basis,
        failures: u32::try_from(failures).unwrap_or(u32::MAX),
        warnings: u32::try_from(warnings).unwrap_or(u32::MAX),
    };
    Ok(rows.into_iter().map(check).collect())
}

/// The reports (JSON) about all names, or about those that something prevents, by name.
///
/// # Errors
/// When the database cannot be read.
pub async fn reports(store: &Store, only_failing: bool) -> Result<Vec<String>, Error> {
    let find = Entity::find().select_only().column(Column::Report).order_by_asc(Column::Name);
    let find = if only_failing { find.filter(Column::Failures.gt(0)) } else { find };
    Ok(find.into_tuple().all(store.read()).await?)
}

/// Keeps what was found, with the reports as JSON, in the place of what was found before. All in one write.
///
/// # Errors
/// When the database cannot be written.
pub async fn put(store: &Store, checks: &[(CertificateCheck, String)]) -> Result<(), Error> {
    let write = store.write().await?;
    for (check, report) in checks {
        let row = ActiveModel {
            id: NotSet,
            name: Set(check.name.clone()),
            checked_at: Set(check.checked_at.millis()),
            basis: Set(check.basis.clone()),
            failures: Set(check.failures.into()),
            warnings: Set(check.warnings.into()),
            report: Set(report.clone()),
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
