//! `charon hosts list|add|rm`

use crate::boot::Settings;
use crate::cli::HostsAction;
use crate::{offline, out};
use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::process::ExitCode;

pub(super) async fn run(settings: &Settings, as_json: bool, action: HostsAction) -> anyhow::Result<ExitCode> {
    let session = offline::session(settings).await?;
    match action {
        HostsAction::List => {
            let hosts = session.api.call("GET", "/api/v1/proxy-hosts", None).await?;
            if as_json {
                out::json(&hosts);
            } else {
                let rows: Vec<_> = hosts.as_array().into_iter().flatten().map(row).collect();
                out::table(&["NAME", "DOMAINS", "TARGET", "STATE"], &rows);
            }
        }
        HostsAction::Add { domains, target, name, force_https } => {
            let (scheme, host, port) = split_target(&target)?;
            let body = json!({
                "name": name.unwrap_or_default(), "domain_names": domains, "forward_scheme": scheme,
                "forward_host": host, "forward_port": port, "ssl_forced": force_https,
            });
            let host = session.api.call("POST", "/api/v1/proxy-hosts", Some(&body)).await?;
            show(&host, as_json, "added");
        }
        HostsAction::Rm { host } => {
            let hosts = session.api.call("GET", "/api/v1/proxy-hosts", None).await?;
            let found: Vec<&Value> =
                hosts.as_array().into_iter().flatten().filter(|known| is_called(known, &host)).collect();
            let [one] = found.as_slice() else {
                bail!("{} hosts are called '{host}'; `charon hosts list` shows them", found.len());
            };
            let uuid = one["uuid"].as_str().context("the host has no id")?;
            session.api.call("DELETE", &format!("/api/v1/proxy-hosts/{uuid}"), None).await?;
            show(one, as_json, "removed");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(host: &Value) -> Vec<String> {
    let text = |key: &str| host[key].as_str().unwrap_or_default().to_owned();
    let target = target(host);
    let status = &host["status"];
    let state = status["state"].as_str().unwrap_or("unknown");
    let reason = status["message"].as_str().filter(|_| state == "left_out").map(|why| format!(": {why}"));
    vec![text("name"), text("domain_names"), target, format!("{state}{}", reason.unwrap_or_default())]
}

/// The first server, and how many more there are.
fn target(host: &Value) -> String {
    let text = |key: &str| host[key].as_str().unwrap_or_default();
    let (scheme, name) = (text("forward_scheme"), text("forward_host"));
    let port = host["forward_port"].as_i64().unwrap_or_default();
    let first = match port {
        // `unix:` and `srv:` have none.
        0 => format!("{scheme}://{name}"),
        port if name.contains(':') => format!("{scheme}://[{name}]:{port}"),
        port => format!("{scheme}://{name}:{port}"),
    };
    let servers = host["servers"].as_array().into_iter().flatten();
    let unwell =
        servers.filter(|server| ["failing", "aside"].iter().any(|bad| server["health"] == *bad)).count();
    let unwell = if unwell == 0 { String::new() } else { format!(", {unwell} not well") };
    match host["upstream"]["servers"].as_array().map_or(0, Vec::len) {
        0 => format!("{first}{unwell}"),
        more => format!("{first} and {more} more{unwell}"),
    }
}

fn show(host: &Value, as_json: bool, verb: &str) {
    if as_json {
        out::json(host);
    } else {
        let row = row(host);
        out::text(format!("{verb} {} -> {} ({})", row[1], row[2], row[3]));
    }
}

pub(super) fn is_called(host: &Value, name: &str) -> bool {
    let text = |key: &str| host[key].as_str().unwrap_or_default();
    text("uuid") == name
        || text("name").eq_ignore_ascii_case(name)
        || text("domain_names").split(',').any(|domain| domain.trim().eq_ignore_ascii_case(name))
}

/// `http://192.168.1.20:8080` in its parts. Without a port, the scheme's own.
fn split_target(target: &str) -> anyhow::Result<(&str, &str, u16)> {
    let (scheme, rest) = target
        .split_once("://")
        .with_context(|| format!("'{target}' has no scheme; write it like http://192.168.1.20:8080"))?;
    let rest = rest.trim_end_matches('/');
    let default = if scheme == "https" { 443 } else { 80 };
    match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            let port = port.parse().with_context(|| format!("'{port}' is not a port from 1 to 65535"))?;
            Ok((scheme, host, port))
        }
        _ => Ok((scheme, rest, default)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_its_first_server_and_the_number_of_the_others() {
        let host = |name: &str, port: i64, more: usize| {
            json!({"forward_scheme": "http", "forward_host": name, "forward_port": port,
                "upstream": {"servers": vec![json!({}); more]}, "servers": [{"health": "aside"}, {"health": "healthy"}]})
        };
        assert_eq!(target(&host("nas", 80, 2)), "http://nas:80 and 2 more, 1 not well");
        assert_eq!(target(&host("2001:db8::1", 80, 0)), "http://[2001:db8::1]:80, 1 not well");
        assert_eq!(target(&host("unix:/run/app.sock", 0, 0)), "http://unix:/run/app.sock, 1 not well");
    }

    #[test]
    fn targets_are_split_as_people_write_them() {
        assert_eq!(split_target("http://nas:8080").unwrap(), ("http", "nas", 8080));
        assert_eq!(split_target("https://nas/").unwrap(), ("https", "nas", 443));
        assert_eq!(split_target("http://[::1]:81").unwrap(), ("http", "[::1]", 81));
        assert_eq!(split_target("http://[::1]").unwrap(), ("http", "[::1]", 80));
        assert!(split_target("nas:8080").is_err());
        assert!(split_target("http://nas:x").is_err());
    }
}
