//! Credentials of DNS providers, each with the zones that it writes to. `secrets` are encrypted, as one JSON object.

use crate::{Audit, Error, Store, dns_records};
use base::{Secret, Timestamp};
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

/// One row of `dns_credentials`.
#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "dns_credentials")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub uuid: String,
    #[sea_orm(default_value = "")]
    pub name: String,
    #[sea_orm(default_value = "")]
    pub kind: String,
    #[sea_orm(default_value = "")]
    pub zones: String,
    #[sea_orm(default_value = "")]
    pub settings: String,
    #[sea_orm(default_value = "")]
    pub secrets: String,
    #[sea_orm(default_value = "")]
    pub secret_fields: String,
    #[sea_orm(default_value = false)]
    pub every_name: bool,
    #[sea_orm(default_value = 120)]
    pub wait_seconds: i64,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
    #[sea_orm(default_value = 0)]
    pub updated_at: i64,
}

/// Credentials point at nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Column that holds the secrets, for the vault.
const PLACE: &str = "dns_credentials.secrets";

/// Secrets by the names of their fields.
pub type Secrets = BTreeMap<String, Secret<String>>;

/// Credentials, without their secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DnsCredential {
    /// Public id.
    pub uuid: String,
    /// What is known of it, besides secrets.
    pub values: DnsCredentialValues,
    /// Which secrets are stored.
    pub secret_fields: Vec<String>,
    /// When the row was made.
    pub created_at: Timestamp,
    /// When the row was last written.
    pub updated_at: Timestamp,
}

/// What is stored of credentials, besides secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DnsCredentialValues {
    /// Display name.
    pub name: String,
    /// Kind of provider.
    pub kind: String,
    /// The zones, in lower case; each stands in one row only.
    pub zones: Vec<String>,
    /// What was typed in the fields that are no secrets.
    pub settings: BTreeMap<String, String>,
    /// Every name of the zones is proven by DNS, not only wildcards and what stands beside them.
    pub every_name: bool,
    /// How long a record may take until all servers of its zone show it.
    pub wait: Duration,
}

impl From<Model> for DnsCredential {
    fn from(row: Model) -> Self {
        Self {
            uuid: row.uuid,
            values: DnsCredentialValues {
                name: row.name,
                kind: row.kind,
                zones: list_of(&row.zones),
                // A row that somebody has edited counts as empty: its provider says what is missing.
                settings: serde_json::from_str(&row.settings).unwrap_or_default(),
                every_name: row.every_name,
                wait: Duration::from_secs(u64::try_from(row.wait_seconds).unwrap_or(0)),
            },
            secret_fields: list_of(&row.secret_fields),
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        }
    }
}

fn list_of(text: &str) -> Vec<String> {
    text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

impl DnsCredential {
    /// The longest of its zones that holds `name`, which may be a wildcard.
    pub fn zone_of(&self, name: &str) -> Option<&str> {
        let name = name.trim_start_matches("*.");
        let holds = |zone: &&String| {
            name.strip_suffix(zone.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        self.values.zones.iter().filter(holds).max_by_key(|zone| zone.len()).map(String::as_str)
    }
}

/// The credentials with the longest zone that holds `name`, which may be a wildcard.
pub fn holder<'a>(all: &'a [DnsCredential], name: &str) -> Option<&'a DnsCredential> {
    let holding = all.iter().filter_map(|one| Some((one.zone_of(name)?.len(), one)));
    holding.max_by_key(|(length, _)| *length).map(|(_, one)| one)
}

/// All of them, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(store: &Store) -> Result<Vec<DnsCredential>, Error> {
    let rows = Entity::find().order_by_asc(Column::Id).all(store.read()).await?;
    Ok(rows.into_iter().map(DnsCredential::from).collect())
}

/// The one with this public id.
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be read.
pub async fn get(store: &Store, uuid: &str) -> Result<DnsCredential, Error> {
    row(store.read(), uuid).await.map(DnsCredential::from)
}

/// Its secrets.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Secret`] when they cannot be opened.
pub async fn secrets(store: &Store, uuid: &str) -> Result<Secrets, Error> {
    let row = row(store.read(), uuid).await?;
    let opened = store.vault().open_sealed(PLACE, &row.secrets)?;
    if opened.expose().is_empty() {
        return Ok(Secrets::new());
    }
    let texts: BTreeMap<String, String> = serde_json::from_str(opened.expose())
        .map_err(|_| Error::Secret(format!("what is stored in {PLACE} is broken; enter the secrets anew")))?;
    Ok(texts.into_iter().map(|(name, text)| (name, Secret::new(text))).collect())
}

/// Adds credentials.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(
    store: &Store,
    values: &DnsCredentialValues,
    secrets: &Secrets,
    audit: Audit,
) -> Result<DnsCredential, Error> {
    let mut write = store.write().await?;
    let row = ActiveModel {
        uuid: Set(base::random::uuid()),
        created_at: Set(store.now().millis()),
        ..to_row(store, values, secrets)?
    };
    let row = row.insert(&*write).await?;
    write.audit(audit.about(&row.uuid)).await?;
    // Calls who orders certificates.
    write.serves();
    write.commit().await?;
    Ok(row.into())
}

/// Writes credentials anew, with all of their secrets.
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be written.
pub async fn update(
    store: &Store,
    uuid: &str,
    values: &DnsCredentialValues,
    secrets: &Secrets,
    audit: Audit,
) -> Result<DnsCredential, Error> {
    let mut write = store.write().await?;
    let id = row(&*write, uuid).await?.id;
    let row = ActiveModel { id: Unchanged(id), ..to_row(store, values, secrets)? };
    let row = row.update(&*write).await?;
    write.audit(audit.about(uuid)).await?;
    write.serves();
    write.commit().await?;
    Ok(row.into())
}

/// Forgets credentials, and the records that were written with them and not removed yet.
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be written.
pub async fn delete(store: &Store, uuid: &str, audit: Audit) -> Result<(), Error> {
    let mut write = store.write().await?;
    let id = row(&*write, uuid).await?.id;
    dns_records::Entity::delete_many()
        .filter(dns_records::Column::CredentialUuid.eq(uuid))
        .exec(&*write)
        .await?;
    Entity::delete_by_id(id).exec(&*write).await?;
    write.audit(audit.about(uuid)).await?;
    write.serves();
    write.commit().await
}

async fn row(connection: &impl ConnectionTrait, uuid: &str) -> Result<Model, Error> {
    let row = Entity::find().filter(Column::Uuid.eq(uuid)).one(connection).await?;
    row.ok_or(Error::NotFound("DNS provider"))
}

fn to_row(store: &Store, values: &DnsCredentialValues, secrets: &Secrets) -> Result<ActiveModel, Error> {
    let texts: BTreeMap<&str, &str> =
        secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose().as_str())).collect();
    let text = if texts.is_empty() { String::new() } else { crate::proxy_hosts::json(&texts) };
    let fields: Vec<&str> = texts.keys().copied().collect();
    Ok(ActiveModel {
        id: NotSet,
        uuid: NotSet,
        name: Set(values.name.clone()),
        kind: Set(values.kind.clone()),
        zones: Set(values.zones.join(",")),
        settings: Set(crate::proxy_hosts::json(&values.settings)),
        secrets: Set(store.vault().seal(PLACE, &text)?),
        secret_fields: Set(fields.join(",")),
        every_name: Set(values.every_name),
        wait_seconds: Set(i64::try_from(values.wait.as_secs()).unwrap_or(i64::MAX)),
        created_at: NotSet,
        updated_at: Set(store.now().millis()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(uuid: &str, zones: &[&str]) -> DnsCredential {
        DnsCredential {
            uuid: uuid.to_owned(),
            values: DnsCredentialValues {
                name: uuid.to_owned(),
                kind: "webhook".to_owned(),
                zones: zones.iter().map(|zone| (*zone).to_owned()).collect(),
                settings: BTreeMap::new(),
                every_name: false,
                wait: Duration::from_secs(120),
            },
            secret_fields: Vec::new(),
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn the_longest_zone_that_holds_a_name_decides_who_writes_its_record() {
        let all = [with("a", &["example.com", "example.org"]), with("b", &["home.example.com"])];
        for (name, expected) in [
            ("example.com", Some("a")),
            ("*.example.com", Some("a")),
            ("www.example.org", Some("a")),
            ("*.home.example.com", Some("b")),
            ("nas.home.example.com", Some("b")),
            ("myhome.example.com", Some("a")),
            ("notexample.com", None),
            ("com", None),
        ] {
            assert_eq!(holder(&all, name).map(|one| one.uuid.as_str()), expected, "{name}");
        }
    }
}
