//! Where requests go: the first server from its own columns, the others and all settings from the stored options.

use super::Fault;
use super::stored;
use base::{Domain, UpstreamAddress};
use proxy::spec::{
    AllDown, Balance, ConnectionLimits, HealthCheck, OriginProtocol, OriginTls, Passive, ProxyProtocol,
    Scheme, Server, Sticky, Timeouts, Upstream,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use store::locations::Location;
use store::proxy_hosts::HostValues;

/// The columns that say where requests of a host or a location go.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    pub(super) scheme: &'a str,
    pub(super) host: &'a str,
    pub(super) port: i64,
    pub(super) verify_tls: bool,
    pub(super) options: &'a Map<String, Value>,
}

impl<'a> From<&'a HostValues> for Columns<'a> {
    fn from(row: &'a HostValues) -> Self {
        Self {
            scheme: &row.forward_scheme,
            host: &row.forward_host,
            port: row.forward_port,
            verify_tls: row.verify_upstream_tls,
            options: &row.upstream,
        }
    }
}

impl<'a> From<&'a Location> for Columns<'a> {
    fn from(row: &'a Location) -> Self {
        Self {
            scheme: &row.forward_scheme,
            host: &row.forward_host,
            port: row.forward_port,
            verify_tls: row.verify_upstream_tls,
            options: &row.upstream,
        }
    }
}

/// The stored options. What is left out is at its default.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    weight: Option<u16>,
    servers: Vec<Server>,
    balance: Balance,
    sticky: Option<Sticky>,
    health: Option<HealthCheck>,
    passive: Passive,
    all_down: AllDown,
    limits: ConnectionLimits,
    timeouts: Timeouts,
    protocol: OriginProtocol,
    tls: Tls,
    send_proxy_protocol: Option<ProxyProtocol>,
}

/// [`OriginTls`] without what has a column of its own.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Tls {
    ca_pem: Option<String>,
    client_certificate_uuid: Option<String>,
    server_name: Option<Domain>,
}

/// Whether what comes of these options depends on other rows: certificates, or the key of cookies.
pub(super) fn depends(options: &Map<String, Value>) -> bool {
    options.contains_key("sticky")
        || options.get("tls").is_some_and(|tls| !tls["client_certificate_uuid"].is_null())
}

/// What upstreams have in common.
pub(super) struct Shared<'a> {
    /// Whether the certificate with this id can be shown.
    pub(super) is_usable: &'a dyn Fn(&str) -> bool,
    /// Ids of those that are shown to servers.
    pub(super) shown: BTreeSet<String>,
    /// Why cookies cannot be signed.
    pub(super) cookie_fault: Option<&'a str>,
}

pub(super) fn compile(columns: Columns<'_>, shared: &mut Shared<'_>) -> Result<Upstream, Fault> {
    let scheme = match columns.scheme.trim().to_ascii_lowercase().as_str() {
        "" | "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => {
            let message = format!("its target has the scheme '{other}'; only http and https are possible");
            return Err(Fault::new(message, "choose http or https for the target of the host"));
        }
    };
    let address = UpstreamAddress::of(columns.host, columns.port)
        .map_err(|(_, message)| Fault::new(message, "correct the target of the host"))?;
    let options: Options = stored(columns.options, "upstream")?;
    if let Some(uuid) = &options.tls.client_certificate_uuid {
        if !(shared.is_usable)(uuid) {
            return Err(Fault::new(
                "the certificate that it is to show to its servers is gone or cannot be used",
                "choose another client certificate for the host, or none",
            ));
        }
        shared.shown.insert(uuid.clone());
    }
    if let (Some(reason), Some(_)) = (shared.cookie_fault, &options.sticky) {
        let message = format!("its cookies cannot be signed: {reason}");
        return Err(Fault::new(
            message,
            "mend what the message names, or switch the cookie off for the host",
        ));
    }
    let first = Server { scheme, address, weight: options.weight.unwrap_or(1), backup: false };
    Ok(Upstream {
        servers: std::iter::once(first).chain(options.servers).collect(),
        balance: options.balance,
        sticky: options.sticky,
        health: options.health,
        passive: options.passive,
        all_down: options.all_down,
        limits: options.limits,
        timeouts: options.timeouts,
        protocol: options.protocol,
        tls: OriginTls {
            verify: columns.verify_tls,
            ca_pem: options.tls.ca_pem,
            client_certificate: options.tls.client_certificate_uuid,
            server_name: options.tls.server_name,
        },
        send_proxy_protocol: options.send_proxy_protocol,
    })
}
