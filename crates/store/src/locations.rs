//! Paths of a proxy host that go to an upstream of their own.

use crate::proxy_hosts::{json, stored};
use base::FieldError;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One row of `locations`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "locations")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub uuid: String,
    #[sea_orm(indexed)]
    pub proxy_host_id: i64,
    pub path: String,
    #[sea_orm(default_value = "http")]
    pub forward_scheme: String,
    pub forward_host: String,
    pub forward_port: i64,
    #[sea_orm(default_value = true)]
    pub verify_upstream_tls: bool,
    #[sea_orm(default_value = "{}")]
    pub upstream: String,
    #[sea_orm(default_value = "{}")]
    pub traffic: String,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
    #[sea_orm(default_value = 0)]
    pub updated_at: i64,
}

/// A location belongs to a host and goes with it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::proxy_hosts::Entity",
        from = "Column::ProxyHostId",
        to = "super::proxy_hosts::Column::Id",
        on_delete = "Cascade"
    )]
    ProxyHost,
}

impl ActiveModelBehavior for ActiveModel {}

/// A path with an upstream of its own. Values are as stored; whether they make sense is for the compiler to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Location {
    /// Public id. On write: empty, or that of the location which this one replaces.
    pub uuid: String,
    /// Path prefix, such as `/api`.
    pub path: String,
    /// `http` or `https`.
    pub forward_scheme: String,
    /// Name or address of the upstream.
    pub forward_host: String,
    /// Port of the upstream.
    pub forward_port: i64,
    /// Check the certificate of an https upstream.
    pub verify_upstream_tls: bool,
    /// As in a host.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub upstream: Map<String, Value>,
    /// What is different from the host, with `request_headers` and `response_headers`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub traffic: Map<String, Value>,
}

impl Default for Location {
    fn default() -> Self {
        Self {
            uuid: String::new(),
            path: String::new(),
            forward_scheme: "http".to_owned(),
            forward_host: String::new(),
            forward_port: 0,
            verify_upstream_tls: true,
            upstream: Map::new(),
            traffic: Map::new(),
        }
    }
}

impl Location {
    pub(crate) fn from_row(row: Model, faults: &mut Vec<FieldError>) -> Self {
        let mut json =
            |text: &str, column: &str| stored(text, &format!("location {} {column}", row.path), faults);
        let (upstream, traffic) = (json(&row.upstream, "upstream"), json(&row.traffic, "traffic"));
        Self {
            uuid: row.uuid,
            path: row.path,
            forward_scheme: row.forward_scheme,
            forward_host: row.forward_host,
            forward_port: row.forward_port,
            verify_upstream_tls: row.verify_upstream_tls,
            upstream,
            traffic,
        }
    }

    pub(crate) fn to_row(&self, host: i64, now: i64) -> ActiveModel {
        let uuid = if self.uuid.is_empty() { base::random::uuid() } else { self.uuid.clone() };
        ActiveModel {
            id: NotSet,
            uuid: Set(uuid),
            proxy_host_id: Set(host),
            path: Set(self.path.clone()),
            forward_scheme: Set(self.forward_scheme.clone()),
            forward_host: Set(self.forward_host.clone()),
            forward_port: Set(self.forward_port),
            verify_upstream_tls: Set(self.verify_upstream_tls),
            upstream: Set(json(&self.upstream)),
            traffic: Set(json(&self.traffic)),
            created_at: Set(now),
            updated_at: Set(now),
        }
    }
}
