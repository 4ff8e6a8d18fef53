//! Peers whose forwarded headers are believed: setting `trusted_proxies`, a JSON array of addresses and networks.

use base::{Code, Problem};
use std::collections::BTreeMap;
use std::net::IpAddr;

pub(super) fn compile(settings: &BTreeMap<String, String>, problems: &mut Vec<Problem>) -> Vec<ipnet::IpNet> {
    let Some(text) = settings.get("trusted_proxies").filter(|text| !text.trim().is_empty()) else {
        return Vec::new();
    };
    let entries: Vec<String> = serde_json::from_str(text)
        .unwrap_or_else(|_| text.split(',').map(|entry| entry.trim().to_owned()).collect());
    let mut networks = Vec::with_capacity(entries.len());
    for entry in entries {
        match entry.parse::<ipnet::IpNet>().or_else(|_| entry.parse::<IpAddr>().map(ipnet::IpNet::from)) {
            Ok(network) => networks.push(network),
            Err(_) => problems.push(
                Problem::new(
                    Code::HostSettingIgnored,
                    format!(
                        "the trusted proxy '{entry}' is neither an address nor a network; it is not trusted"
                    ),
                    "correct the trusted proxies in the settings",
                )
                .about(format!("trusted proxy {entry}"))
                .link("/settings"),
            ),
        }
    }
    networks
}
