//! How TLS is spoken with clients: settings `tls.policy` and `tls.unknown_name`, and what a host says differently. The
//! stored form of a host is that of `proxy::spec::HostTls`, and `hsts_preload` beside it.

use super::Fault;
use base::{Code, Problem};
use proxy::spec::{HostTls, Hsts, TlsPolicy, UnknownName};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use store::proxy_hosts::HostValues;

const PRELOAD: &str = "hsts_preload";

pub(super) fn policy(settings: &BTreeMap<String, String>, problems: &mut Vec<Problem>) -> TlsPolicy {
    setting(settings, problems, "tls.policy", "intermediate and modern")
}

pub(super) fn unknown_name(settings: &BTreeMap<String, String>, problems: &mut Vec<Problem>) -> UnknownName {
    setting(settings, problems, "tls.unknown_name", "default_certificate and refuse")
}

fn setting<T: DeserializeOwned + Default>(
    settings: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
    name: &str,
    known: &str,
) -> T {
    let Some(text) = settings.get(name).filter(|text| !text.is_empty()) else { return T::default() };
    serde_json::from_value(Value::from(text.as_str())).unwrap_or_else(|_| {
        problems.push(
            Problem::new(
                Code::HostSettingIgnored,
                format!("the setting {name} is '{text}', which is none of {known}; its default holds"),
                "choose one in the settings",
            )
            .about(name)
            .link("/settings"),
        );
        T::default()
    })
}

pub(super) fn of_host(row: &HostValues) -> Result<HostTls, Fault> {
    let mut fields = row.tls.clone();
    fields.remove(PRELOAD);
    super::stored(&fields, "tls")
}

pub(super) fn hsts(row: &HostValues) -> Result<Option<Hsts>, Fault> {
    let preload = row.tls.get(PRELOAD).map_or(Ok(false), |value| super::read(value, "tls.hsts_preload"))?;
    Ok(row.hsts_enabled.then(|| Hsts {
        max_age: u32::try_from(row.hsts_max_age).unwrap_or(31_536_000),
        include_subdomains: row.hsts_subdomains,
        preload,
    }))
}
