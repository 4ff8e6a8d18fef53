//! Who may reach a host. A host that was protected is never served unprotected: what this version cannot
//! enforce leaves the host out until a person decides.

use super::{Fault, about};
use base::{Code, Problem};
use ipnet::IpNet;
use proxy::spec::Access;
use serde::Deserialize;
use std::net::IpAddr;
use store::access_lists::AccessList;
use store::proxy_hosts::ProxyHost;

/// Networks that count as local: private use (RFC 1918, RFC 4193), loopback and link-local.
const LOCAL: &[&str] = &[
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
    "::1/128",
];

/// One rule as it is stored.
#[derive(Deserialize)]
struct Rule {
    cidr: String,
}

/// What the access list of a host, `list`, comes to; mentions settings that have no effect.
pub(super) fn compile(
    row: &ProxyHost,
    list: Option<&AccessList>,
    problems: &mut Vec<Problem>,
) -> Result<Option<Access>, Fault> {
    if row.forward_auth_enabled {
        return Err(Fault::new(
            "it asks for a login in front of the application, which this version cannot enforce yet",
            "turn the login off for the host if it may be open to everyone; nothing else opens it",
        ));
    }
    if !row.advanced_config.trim().is_empty() {
        let fault = Fault::new(
            "its advanced configuration was written for Caddy and has no effect here",
            "set the same with headers and locations of the host, then clear the advanced configuration",
        );
        problems.push(about(row, Code::HostSettingIgnored, &fault));
    }
    if row.access_list_id.is_none() {
        return Ok(None);
    }
    let Some(list) = list else {
        return Err(Fault::new(
            "its access list does not exist",
            "choose another access list for the host, or none",
        ));
    };
    if !list.enabled {
        let message = format!("its access list {} is switched off, so everybody may reach it", list.name);
        let fault = Fault::new(message, "remove the access list from the host, or switch the list on");
        problems.push(about(row, Code::HostSettingIgnored, &fault));
        return Ok(None);
    }
    let access = |allow, networks| Ok(Some(Access { name: list.name.clone(), allow, networks }));
    if list.local_network_only {
        return access(true, LOCAL.iter().filter_map(|text| text.parse().ok()).collect());
    }
    match list.kind.as_str() {
        "whitelist" => access(true, networks(list)?),
        "blacklist" => access(false, networks(list)?),
        "geo_whitelist" | "geo_blacklist" => Err(Fault::new(
            format!("its access list {} goes by country, which this version cannot enforce yet", list.name),
            "give the host an access list of addresses, or none if it may be open to everyone",
        )),
        other => Err(Fault::new(
            format!("its access list {} has the type '{other}', which is not known", list.name),
            "give the host another access list, or none if it may be open to everyone",
        )),
    }
}

fn networks(list: &AccessList) -> Result<Vec<IpNet>, Fault> {
    let fault = |reason: String| {
        let message = format!("its access list {} cannot be read: {reason}", list.name);
        Fault::new(message, "correct the rules of the access list")
    };
    let text = if list.ip_rules.trim().is_empty() { "[]" } else { &list.ip_rules };
    let rules: Vec<Rule> = serde_json::from_str(text).map_err(|error| fault(error.to_string()))?;
    rules
        .iter()
        .map(|rule| {
            let text = rule.cidr.trim();
            let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| fault(format!("'{text}' is neither an address nor a network")))
        })
        .collect()
}
