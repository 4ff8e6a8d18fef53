//! Proxy hosts: which domains go to which upstream, and how. Every write changes what the data plane serves.

use crate::locations::{self, Location};
use crate::{Audit, Error, Store, Touched};
use base::{FieldError, Timestamp};
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, Expr, Func, LikeExpr};
use sea_orm::{ConnectionTrait, ExprTrait, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap, HashSet};

/// One row of `proxy_hosts`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "proxy_hosts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub uuid: String,
    #[sea_orm(default_value = "")]
    pub name: String,
    pub domain_names: String,
    #[sea_orm(default_value = "http")]
    pub forward_scheme: String,
    pub forward_host: String,
    pub forward_port: i64,
    #[sea_orm(default_value = false)]
    pub ssl_forced: bool,
    #[sea_orm(default_value = true)]
    pub http2_support: bool,
    #[sea_orm(default_value = false)]
    pub hsts_enabled: bool,
    #[sea_orm(default_value = false)]
    pub hsts_subdomains: bool,
    #[sea_orm(default_value = 31536000)]
    pub hsts_max_age: i64,
    #[sea_orm(default_value = true)]
    pub block_exploits: bool,
    #[sea_orm(default_value = false)]
    pub websocket_support: bool,
    #[sea_orm(default_value = "none")]
    pub application: String,
    #[sea_orm(default_value = true)]
    pub enabled: bool,
    pub certificate_id: Option<i64>,
    #[sea_orm(default_value = false)]
    pub automatic_certificate: bool,
    pub access_list_id: Option<i64>,
    #[sea_orm(default_value = "")]
    pub advanced_config: String,
    #[sea_orm(default_value = "")]
    pub advanced_config_backup: String,
    #[sea_orm(default_value = false)]
    pub forward_auth_enabled: bool,
    #[sea_orm(default_value = true)]
    pub verify_upstream_tls: bool,
    #[sea_orm(default_value = "[]")]
    pub tags: String,
    #[sea_orm(default_value = "[]")]
    pub request_headers: String,
    #[sea_orm(default_value = "[]")]
    pub response_headers: String,
    #[sea_orm(default_value = "{}")]
    pub upstream: String,
    #[sea_orm(default_value = "{}")]
    pub traffic: String,
    #[sea_orm(default_value = "{}")]
    pub tls: String,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
    #[sea_orm(default_value = 0)]
    pub updated_at: i64,
}

/// A host stays when its certificate or access list goes.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::ssl_certificates::Entity",
        from = "Column::CertificateId",
        to = "super::ssl_certificates::Column::Id",
        on_delete = "SetNull"
    )]
    Certificate,
    #[sea_orm(
        belongs_to = "super::access_lists::Entity",
        from = "Column::AccessListId",
        to = "super::access_lists::Column::Id",
        on_delete = "SetNull"
    )]
    AccessList,
}

impl ActiveModelBehavior for ActiveModel {}

/// What is done with a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderAction {
    /// Replaces every header of that name.
    Set,
    /// Adds one more.
    Add,
    /// Takes every header of that name away; the value is not used.
    Remove,
}

/// One edit of a request's or a response's headers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HeaderEdit {
    /// What is done.
    pub action: HeaderAction,
    /// The header's name.
    pub name: String,
    /// The header's value.
    #[serde(default)]
    pub value: String,
}

/// Everything of a host that a person sets. Values are as stored; whether they make sense is for the API (on the
/// way in) and the compiler (on the way out) to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostValues {
    /// Display name; may be empty.
    pub name: String,
    /// Domains and wildcards, in the order in which they were typed.
    pub domain_names: Vec<String>,
    /// `http` or `https`.
    pub forward_scheme: String,
    /// Name or address of the upstream.
    pub forward_host: String,
    /// Port of the upstream.
    pub forward_port: i64,
    /// Redirect HTTP to HTTPS.
    pub ssl_forced: bool,
    /// Offer HTTP/2 to clients.
    pub http2_support: bool,
    /// Send `Strict-Transport-Security`.
    pub hsts_enabled: bool,
    /// With `includeSubDomains`.
    pub hsts_subdomains: bool,
    /// Its `max-age` in seconds.
    pub hsts_max_age: i64,
    /// Block common exploits.
    pub block_exploits: bool,
    /// Kept for clients of the original; WebSocket needs no switch.
    pub websocket_support: bool,
    /// Application preset, `none` for none.
    pub application: String,
    /// The host is served.
    pub enabled: bool,
    /// Row id of an uploaded certificate; none: chosen by name.
    pub certificate_id: Option<i64>,
    /// A public authority is asked for a certificate, and it is renewed; when none is chosen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub automatic_certificate: bool,
    /// Row id of an access list.
    pub access_list_id: Option<i64>,
    /// Configuration fragment of the original product; carried, not used.
    pub advanced_config: String,
    /// The fragment before the last change; carried, not used.
    pub advanced_config_backup: String,
    /// Let the auth gateway decide first.
    pub forward_auth_enabled: bool,
    /// Check the certificate of an https upstream.
    pub verify_upstream_tls: bool,
    /// Labels for searching and grouping.
    pub tags: Vec<String>,
    /// Edits of the request before it goes upstream.
    pub request_headers: Vec<HeaderEdit>,
    /// Edits of the response before it goes to the client.
    pub response_headers: Vec<HeaderEdit>,
    /// Further servers, and how all of them are used: the API's `Upstream` without what is at its default.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub upstream: Map<String, Value>,
    /// What is done to requests and answers: the API's `Traffic` without what is at its default.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub traffic: Map<String, Value>,
    /// How TLS is spoken with clients: the API's `HostTls` without what is at its default.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub tls: Map<String, Value>,
    /// Paths with upstreams of their own.
    pub locations: Vec<Location>,
}

impl Default for HostValues {
    fn default() -> Self {
        Self {
            name: String::new(),
            domain_names: Vec::new(),
            forward_scheme: "http".to_owned(),
            forward_host: String::new(),
            forward_port: 0,
            ssl_forced: false,
            http2_support: true,
            hsts_enabled: false,
            hsts_subdomains: false,
            hsts_max_age: 31_536_000,
            block_exploits: true,
            websocket_support: false,
            application: "none".to_owned(),
            enabled: true,
            certificate_id: None,
            automatic_certificate: false,
            access_list_id: None,
            advanced_config: String::new(),
            advanced_config_backup: String::new(),
            forward_auth_enabled: false,
            verify_upstream_tls: true,
            tags: Vec::new(),
            request_headers: Vec::new(),
            response_headers: Vec::new(),
            upstream: Map::new(),
            traffic: Map::new(),
            tls: Map::new(),
            locations: Vec::new(),
        }
    }
}

/// A stored host. Its values are reached directly: `host.forward_host`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyHost {
    /// Row id.
    #[serde(default)]
    pub id: i64,
    /// Public id.
    pub uuid: String,
    /// What a person has set.
    #[serde(flatten)]
    pub values: HostValues,
    /// Stored values that cannot be read, such as broken JSON in a column. They count as empty.
    #[serde(skip)]
    pub faults: Vec<FieldError>,
    /// When the row was made.
    pub created_at: Timestamp,
    /// When the row was last written.
    pub updated_at: Timestamp,
}

impl std::ops::Deref for ProxyHost {
    type Target = HostValues;

    fn deref(&self) -> &HostValues {
        &self.values
    }
}

/// All hosts with their locations, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(store: &Store) -> Result<Vec<ProxyHost>, Error> {
    list_on(store.read()).await
}

/// The host with this public id.
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be read.
pub async fn get(store: &Store, uuid: &str) -> Result<ProxyHost, Error> {
    get_on(store.read(), uuid).await
}

/// The hosts of these public ids that exist, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn some(store: &Store, uuids: &[String]) -> Result<Vec<ProxyHost>, Error> {
    let mut hosts = Vec::with_capacity(uuids.len());
    for some in uuids.chunks(AT_ONCE) {
        hosts.extend(with_locations(store.read(), Column::Uuid.is_in(some)).await?);
    }
    hosts.sort_by_key(|host| host.id);
    Ok(hosts)
}

/// So many values are bound in one statement.
const AT_ONCE: usize = 500;

async fn with_locations(
    connection: &impl ConnectionTrait,
    which: sea_orm::sea_query::SimpleExpr,
) -> Result<Vec<ProxyHost>, Error> {
    let rows = Entity::find().filter(which).order_by_asc(Column::Id).all(connection).await?;
    let of_hosts = locations::Column::ProxyHostId.is_in(rows.iter().map(|row| row.id));
    let locations = locations::Entity::find().filter(of_hosts).order_by_asc(locations::Column::Id);
    let mut by_host: HashMap<i64, Vec<locations::Model>> = HashMap::new();
    for row in locations.all(connection).await? {
        by_host.entry(row.proxy_host_id).or_default().push(row);
    }
    Ok(rows.into_iter().map(|row| from_row(by_host.remove(&row.id).unwrap_or_default(), row)).collect())
}

/// A new host. `audit.resource_id` and `audit.after` are filled in when empty.
///
/// # Errors
/// When the database cannot be written, or a certificate or access list is missing.
pub async fn insert(store: &Store, values: &HostValues, audit: Audit) -> Result<ProxyHost, Error> {
    let mut write = store.write().await?;
    let uuid = base::random::uuid();
    insert_on(&*write, &uuid, values, store.now(), store.now()).await?;
    let host = get_on(&*write, &uuid).await?;
    write.audit(filled(audit, None, Some(&host))).await?;
    write.touches(&Touched::host(&uuid));
    write.commit().await?;
    Ok(host)
}

/// Replaces all values and locations of a host. Locations keep their id when their path stays.
///
/// # Errors
/// [`Error::NotFound`], or as with [`insert`].
pub async fn update(
    store: &Store,
    uuid: &str,
    values: &HostValues,
    audit: Audit,
) -> Result<ProxyHost, Error> {
    let mut write = store.write().await?;
    let before = get_on(&*write, uuid).await?;
    let now = store.now().millis();
    ActiveModel { id: Unchanged(before.id), ..to_row(uuid, values, before.created_at.millis(), now) }
        .update(&*write)
        .await?;
    locations::Entity::delete_many()
        .filter(locations::Column::ProxyHostId.eq(before.id))
        .exec(&*write)
        .await?;
    for location in &values.locations {
        let mut location = location.clone();
        let known = before.locations.iter().find(|known| known.path == location.path);
        location.uuid = known.map(|known| known.uuid.clone()).unwrap_or_default();
        location.to_row(before.id, now).insert(&*write).await?;
    }
    let after = get_on(&*write, uuid).await?;
    write.audit(filled(audit, Some(&before), Some(&after))).await?;
    write.touches(&Touched::host(uuid));
    write.commit().await?;
    Ok(after)
}

/// Deletes a host and its locations; returns what it was.
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be written.
pub async fn delete(store: &Store, uuid: &str, audit: Audit) -> Result<ProxyHost, Error> {
    let mut write = store.write().await?;
    let before = get_on(&*write, uuid).await?;
    Entity::delete_by_id(before.id).exec(&*write).await?;
    write.audit(filled(audit, Some(&before), None)).await?;
    write.touches(&Touched::host(uuid));
    write.commit().await?;
    Ok(before)
}

/// What is done with many hosts at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bulk {
    /// Serve them, or not.
    Enabled(bool),
    /// Delete them.
    Delete,
    /// Replace their tags.
    Tags(Vec<String>),
}

/// Does the same with many hosts, all or none. One audit entry per host. Returns how many were written.
///
/// # Errors
/// [`Error::NotFound`] when one of them is missing (then none is written), or when the database cannot be written.
pub async fn bulk(store: &Store, uuids: &[String], what: &Bulk, audit: Audit) -> Result<u64, Error> {
    let mut write = store.write().await?;
    let now = store.now().millis();
    let mut done = 0;
    for uuid in uuids {
        let before = get_on(&*write, uuid).await?;
        write.touches(&Touched::host(uuid));
        let mut row = ActiveModel { id: Unchanged(before.id), ..Default::default() };
        row.updated_at = Set(now);
        match what {
            Bulk::Enabled(enabled) => row.enabled = Set(*enabled),
            Bulk::Tags(tags) => row.tags = Set(json(tags)),
            Bulk::Delete => {
                Entity::delete_by_id(before.id).exec(&*write).await?;
                write.audit(filled(audit.clone(), Some(&before), None)).await?;
                done += 1;
                continue;
            }
        }
        row.update(&*write).await?;
        let after = get_on(&*write, uuid).await?;
        write.audit(filled(audit.clone(), Some(&before), Some(&after))).await?;
        done += 1;
    }
    write.commit().await?;
    Ok(done)
}

/// A domain that an enabled host has already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DomainOwner {
    /// The domain, in lower case.
    pub domain: String,
    /// Public id of the host that has it.
    pub uuid: String,
    /// Display name of that host.
    pub name: String,
}

/// Which enabled hosts, other than `except`, have one of these domains. Compared one by one, without case.
///
/// # Errors
/// When the database cannot be read.
pub async fn owners(
    store: &Store,
    domains: &[String],
    except: Option<&str>,
) -> Result<Vec<DomainOwner>, Error> {
    let wanted: Vec<String> = domains.iter().map(|domain| domain.trim().to_ascii_lowercase()).collect();
    let mut rows: BTreeMap<i64, (String, String, String)> = BTreeMap::new();
    // The database leaves out the hosts that cannot be meant: there may be ten thousand.
    for some in wanted.chunks(50) {
        let names = some.iter().fold(Condition::any(), |any, name| {
            let part = LikeExpr::new(format!("%{}%", name.replace(['%', '_', '\\'], "_")));
            any.add(Expr::expr(Func::lower(Expr::col(Column::DomainNames))).like(part))
        });
        let columns = [Column::Id, Column::Uuid, Column::Name, Column::DomainNames];
        let found =
            Entity::find().select_only().columns(columns).filter(Column::Enabled.eq(true)).filter(names);
        let found: Vec<(i64, String, String, String)> = found.into_tuple().all(store.read()).await?;
        rows.extend(found.into_iter().map(|(id, uuid, name, list)| (id, (uuid, name, list))));
    }
    let mut owners = Vec::new();
    for (uuid, name, list) in rows.into_values().filter(|(uuid, ..)| Some(uuid.as_str()) != except) {
        for domain in split(&list).map(|domain| domain.to_ascii_lowercase()) {
            if wanted.contains(&domain) {
                owners.push(DomainOwner { domain, uuid: uuid.clone(), name: name.clone() });
            }
        }
    }
    Ok(owners)
}

/// A host that presents a certificate by choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presenter {
    /// Row id of the certificate.
    pub certificate: i64,
    /// Public id of the host.
    pub uuid: String,
    /// Its display name, or its first domain.
    pub name: String,
}

/// The hosts that present the certificate with this row id, or any, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn presenters(store: &Store, certificate: Option<i64>) -> Result<Vec<Presenter>, Error> {
    presenters_on(store.read(), certificate).await
}

pub(crate) async fn presenters_on(
    connection: &impl ConnectionTrait,
    certificate: Option<i64>,
) -> Result<Vec<Presenter>, Error> {
    let which = match certificate {
        Some(id) => Column::CertificateId.eq(id),
        None => Column::CertificateId.is_not_null(),
    };
    let columns = [Column::CertificateId, Column::Uuid, Column::Name, Column::DomainNames];
    let find = Entity::find().select_only().columns(columns).filter(which).order_by_asc(Column::Id);
    let rows: Vec<(i64, String, String, String)> = find.into_tuple().all(connection).await?;
    let named = |(certificate, uuid, name, domains): (i64, String, String, String)| {
        let name = if name.is_empty() { split(&domains).next().unwrap_or_default().to_owned() } else { name };
        Presenter { certificate, uuid, name }
    };
    Ok(rows.into_iter().map(named).collect())
}

/// A host that wants a certificate of a public authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Public id of the host.
    pub uuid: String,
    /// Its display name, or its first domain.
    pub name: String,
    /// The names that the certificate is to be good for.
    pub domains: Vec<String>,
    /// The host is served.
    pub enabled: bool,
    /// When it was last saved.
    pub updated_at: Timestamp,
}

/// The hosts that want an automatic certificate and have not chosen another one, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn wishes(store: &Store) -> Result<Vec<Wish>, Error> {
    let columns = [Column::Uuid, Column::Name, Column::DomainNames, Column::Enabled, Column::UpdatedAt];
    let find = Entity::find().select_only().columns(columns).order_by_asc(Column::Id);
    let find = find.filter(Column::AutomaticCertificate.eq(true)).filter(Column::CertificateId.is_null());
    type Row = (String, String, String, bool, i64);
    let rows: Vec<Row> = find.into_tuple().all(store.read()).await?;
    let wish = |(uuid, name, domains, enabled, updated_at): Row| {
        let domains: Vec<String> = split(&domains).map(str::to_ascii_lowercase).collect();
        let name = if name.is_empty() { domains.first().cloned().unwrap_or_default() } else { name };
        Wish { uuid, name, domains, enabled, updated_at: Timestamp::from_millis(updated_at) }
    };
    Ok(rows.into_iter().map(wish).collect())
}

/// Replaces all hosts and locations by those of an earlier revision, keeping their public ids. References to
/// certificates and access lists that are gone become none.
///
/// # Errors
/// When the database cannot be written; then nothing was changed.
pub async fn restore(store: &Store, hosts: &[ProxyHost], audit: Audit) -> Result<(), Error> {
    let mut write = store.write().await?;
    let now = store.now();
    let before = list_on(&*write).await?;
    let certificates = ids(&*write, "ssl_certificates").await?;
    let lists = ids(&*write, "access_lists").await?;
    let kept: HashSet<&str> = hosts.iter().map(|host| host.uuid.as_str()).collect();
    for host in before.iter().filter(|host| !kept.contains(host.uuid.as_str())) {
        Entity::delete_by_id(host.id).exec(&*write).await?;
        write.touches(&Touched::host(&host.uuid));
    }
    let known: HashMap<&str, &ProxyHost> = before.iter().map(|host| (host.uuid.as_str(), host)).collect();
    for host in hosts {
        let mut values = host.values.clone();
        values.certificate_id = values.certificate_id.filter(|id| certificates.contains(id));
        values.access_list_id = values.access_list_id.filter(|id| lists.contains(id));
        match known.get(host.uuid.as_str()) {
            Some(known) if known.values == values && known.faults.is_empty() => continue,
            None => insert_on(&*write, &host.uuid, &values, host.created_at, now).await?,
            // Rows that stay keep their row id, so that what points at them (permissions) stays too.
            Some(known) => {
                let row = to_row(&host.uuid, &values, known.created_at.millis(), now.millis());
                ActiveModel { id: Unchanged(known.id), ..row }.update(&*write).await?;
                let old = locations::Column::ProxyHostId.eq(known.id);
                locations::Entity::delete_many().filter(old).exec(&*write).await?;
                for location in &values.locations {
                    location.to_row(known.id, now.millis()).insert(&*write).await?;
                }
            }
        }
        write.touches(&Touched::host(&host.uuid));
    }
    write.audit(audit).await?;
    write.touches(&Touched::default());
    write.commit().await
}

async fn ids(connection: &impl ConnectionTrait, table: &str) -> Result<HashSet<i64>, Error> {
    let sql = format!("SELECT id FROM {table}");
    let rows = connection
        .query_all_raw(sea_orm::Statement::from_string(connection.get_database_backend(), sql))
        .await?;
    rows.iter().map(|row| row.try_get("", "id").map_err(Error::from)).collect()
}

async fn insert_on(
    connection: &impl ConnectionTrait,
    uuid: &str,
    values: &HostValues,
    created: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    let row = to_row(uuid, values, created.millis(), now.millis()).insert(connection).await?;
    for location in &values.locations {
        location.to_row(row.id, now.millis()).insert(connection).await?;
    }
    Ok(())
}

async fn list_on(connection: &impl ConnectionTrait) -> Result<Vec<ProxyHost>, Error> {
    let rows = Entity::find().order_by_asc(Column::Id).all(connection).await?;
    let mut by_host: HashMap<i64, Vec<locations::Model>> = HashMap::new();
    for row in locations::Entity::find().order_by_asc(locations::Column::Id).all(connection).await? {
        by_host.entry(row.proxy_host_id).or_default().push(row);
    }
    Ok(rows.into_iter().map(|row| from_row(by_host.remove(&row.id).unwrap_or_default(), row)).collect())
}

async fn get_on(connection: &impl ConnectionTrait, uuid: &str) -> Result<ProxyHost, Error> {
    let row = Entity::find().filter(Column::Uuid.eq(uuid)).one(connection).await?;
    let row = row.ok_or(Error::NotFound("proxy host"))?;
    let of_host = locations::Column::ProxyHostId.eq(row.id);
    let locations =
        locations::Entity::find().filter(of_host).order_by_asc(locations::Column::Id).all(connection).await?;
    Ok(from_row(locations, row))
}

fn filled(mut audit: Audit, before: Option<&ProxyHost>, after: Option<&ProxyHost>) -> Audit {
    let json = |host: Option<&ProxyHost>| host.and_then(|host| serde_json::to_value(host).ok());
    audit.before = audit.before.or_else(|| json(before));
    audit.after = audit.after.or_else(|| json(after));
    audit.about(after.or(before).map_or("", |host| &host.uuid))
}

fn split(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// The text of a column that holds JSON. What is stored so can always be written as JSON.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn from_row(locations: Vec<locations::Model>, row: Model) -> ProxyHost {
    let mut faults = Vec::new();
    let tags = stored(&row.tags, "tags", &mut faults);
    let request_headers = stored(&row.request_headers, "request_headers", &mut faults);
    let response_headers = stored(&row.response_headers, "response_headers", &mut faults);
    let upstream = stored(&row.upstream, "upstream", &mut faults);
    let traffic = stored(&row.traffic, "traffic", &mut faults);
    let tls = stored(&row.tls, "tls", &mut faults);
    let locations = locations.into_iter().map(|row| Location::from_row(row, &mut faults)).collect();
    ProxyHost {
        id: row.id,
        uuid: row.uuid,
        values: HostValues {
            name: row.name,
            domain_names: split(&row.domain_names).map(str::to_owned).collect(),
            forward_scheme: row.forward_scheme,
            forward_host: row.forward_host,
            forward_port: row.forward_port,
            ssl_forced: row.ssl_forced,
            http2_support: row.http2_support,
            hsts_enabled: row.hsts_enabled,
            hsts_subdomains: row.hsts_subdomains,
            hsts_max_age: row.hsts_max_age,
            block_exploits: row.block_exploits,
            websocket_support: row.websocket_support,
            application: row.application,
            enabled: row.enabled,
            certificate_id: row.certificate_id,
            automatic_certificate: row.automatic_certificate,
            access_list_id: row.access_list_id,
            advanced_config: row.advanced_config,
            advanced_config_backup: row.advanced_config_backup,
            forward_auth_enabled: row.forward_auth_enabled,
            verify_upstream_tls: row.verify_upstream_tls,
            tags,
            request_headers,
            response_headers,
            upstream,
            traffic,
            tls,
            locations,
        },
        faults,
        created_at: Timestamp::from_millis(row.created_at),
        updated_at: Timestamp::from_millis(row.updated_at),
    }
}

/// Reads a column that holds JSON. What cannot be read counts as empty and is named.
pub(crate) fn stored<T: for<'de> Deserialize<'de> + Default>(
    text: &str,
    field: &str,
    faults: &mut Vec<FieldError>,
) -> T {
    if text.trim().is_empty() {
        return T::default();
    }
    serde_json::from_str(text).unwrap_or_else(|error| {
        let message = format!("the stored value is not valid ({error}) and counts as empty; save it anew");
        faults.push(FieldError::new(field, message));
        T::default()
    })
}

fn to_row(uuid: &str, values: &HostValues, created: i64, updated: i64) -> ActiveModel {
    ActiveModel {
        id: NotSet,
        uuid: Set(uuid.to_owned()),
        name: Set(values.name.clone()),
        domain_names: Set(values.domain_names.join(",")),
        forward_scheme: Set(values.forward_scheme.clone()),
        forward_host: Set(values.forward_host.clone()),
        forward_port: Set(values.forward_port),
        ssl_forced: Set(values.ssl_forced),
        http2_support: Set(values.http2_support),
        hsts_enabled: Set(values.hsts_enabled),
        hsts_subdomains: Set(values.hsts_subdomains),
        hsts_max_age: Set(values.hsts_max_age),
        block_exploits: Set(values.block_exploits),
        websocket_support: Set(values.websocket_support),
        application: Set(values.application.clone()),
        enabled: Set(values.enabled),
        certificate_id: Set(values.certificate_id),
        automatic_certificate: Set(values.automatic_certificate),
        access_list_id: Set(values.access_list_id),
        advanced_config: Set(values.advanced_config.clone()),
        advanced_config_backup: Set(values.advanced_config_backup.clone()),
        forward_auth_enabled: Set(values.forward_auth_enabled),
        verify_upstream_tls: Set(values.verify_upstream_tls),
        tags: Set(json(&values.tags)),
        request_headers: Set(json(&values.request_headers)),
        response_headers: Set(json(&values.response_headers)),
        upstream: Set(json(&values.upstream)),
        traffic: Set(json(&values.traffic)),
        tls: Set(json(&values.tls)),
        created_at: Set(created),
        updated_at: Set(updated),
    }
}
