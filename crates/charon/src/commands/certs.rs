//! `charon certs list|order|check|renew|import|export`

use crate::boot::Settings;
use crate::cli::{CertsAction, ExportFormat, RevocationReason};
use crate::offline::Session;
use crate::{offline, out};
use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

pub(super) async fn run(settings: &Settings, as_json: bool, action: CertsAction) -> anyhow::Result<ExitCode> {
    let session = offline::session(settings).await?;
    let orders = session.api.call("GET", "/api/v1/acme/orders", None).await?;
    match action {
        CertsAction::List => {
            let certificates = session.api.call("GET", "/api/v1/certificates", None).await?;
            if as_json {
                out::json(&json!({"certificates": certificates, "automatic": orders}));
            } else {
                let rows: Vec<_> = certificates.as_array().into_iter().flatten().map(row).collect();
                out::table(&["NAME", "DOMAINS", "ISSUER", "UNTIL", "STATE"], &rows);
                let rows: Vec<_> = orders.as_array().into_iter().flatten().map(order_row).collect();
                if !rows.is_empty() {
                    out::text(String::new());
                    out::table(&["AUTOMATIC", "STATE", "NEXT", "WHY"], &rows);
                }
            }
        }
        CertsAction::Order { host } => {
            let hosts = session.api.call("GET", "/api/v1/proxy-hosts", None).await?;
            let found: Vec<&Value> = hosts
                .as_array()
                .into_iter()
                .flatten()
                .filter(|one| super::hosts::is_called(one, &host))
                .collect();
            let [one] = found.as_slice() else {
                bail!("{} hosts are called '{host}'; `charon hosts list` shows them", found.len());
            };
            let uuid = one["uuid"].as_str().context("the host has no id")?;
            let wish = json!({"automatic_certificate": true, "certificate_uuid": null});
            let host = session.api.call("PUT", &format!("/api/v1/proxy-hosts/{uuid}"), Some(&wish)).await?;
            if as_json {
                out::json(&host);
            } else {
                let domains = host["domain_names"].as_str().unwrap_or_default();
                out::text(format!(
                    "a certificate for {domains} is asked for while Charon runs; `charon certs list` shows how it goes"
                ));
            }
        }
        CertsAction::Import { certificate, key, name } => {
            let stored = import(&session, &certificate, key.as_deref(), name).await?;
            if as_json {
                out::json(&stored);
            } else {
                let name = stored["name"].as_str().unwrap_or_default();
                out::text(format!("{name} is stored, for {}", names(&stored["domains"])));
            }
        }
        CertsAction::Export { name, file, format, password_file } => {
            let written = export(&session, &name, &file, format, password_file.as_deref()).await?;
            if as_json {
                out::json(&json!({ "file": file, "certificate": written }));
            } else {
                out::text(format!("{} is written to {}", names(&written["domains"]), file.display()));
            }
        }
        CertsAction::Check { names } => {
            let reports = check(&session, &orders, names).await?;
            let would_fail = reports.iter().any(|report| report["verdict"] == "would_fail");
            if as_json {
                out::json(&Value::Array(reports));
            } else if reports.is_empty() {
                out::text("no host wants an automatic certificate; give a name to look at");
            } else {
                reports.iter().for_each(print);
            }
            if would_fail {
                return Ok(ExitCode::FAILURE);
            }
        }
        CertsAction::Revoke { name, reason } => {
            let uuid = one(&orders, &name)?;
            let reason = match reason {
                RevocationReason::KeyCompromise => "key_compromise",
                RevocationReason::Superseded => "superseded",
            };
            let path = format!("/api/v1/acme/orders/{uuid}/revoke");
            let order = session.api.call("POST", &path, Some(&json!({ "reason": reason }))).await?;
            if as_json {
                out::json(&order);
            } else {
                let names = names(&order["domains"]);
                out::text(format!(
                    "the certificate for {names} is revoked while Charon runs, and another one ordered; `charon certs \
                     list` shows how it goes, the audit log what the authority said"
                ));
            }
        }
        CertsAction::Renew { name } => {
            let uuid = one(&orders, &name)?;
            let order = session
                .api
                .call("POST", &format!("/api/v1/acme/orders/{uuid}/renew"), Some(&json!({})))
                .await?;
            if as_json {
                out::json(&order);
            } else {
                let names = names(&order["domains"]);
                out::text(format!(
                    "{names} is ordered anew while Charon runs; `charon certs list` shows how it goes"
                ));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The id of the one automatic certificate for this name.
fn one<'a>(orders: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    let all = orders.as_array().into_iter().flatten();
    let found: Vec<&Value> = all.filter(|order| is_for(order, name)).collect();
    let [one] = found.as_slice() else {
        bail!("{} automatic certificates are for '{name}'; `charon certs list` shows them", found.len());
    };
    one["uuid"].as_str().context("it has no id")
}

/// Has names looked at, a few at a time: those that were given, or all that are wanted.
async fn check(session: &Session, orders: &Value, names: Vec<String>) -> anyhow::Result<Vec<Value>> {
    let wanted = || {
        let orders = orders.as_array().into_iter().flatten();
        let names = orders.flat_map(|order| order["domains"].as_array().into_iter().flatten());
        names.filter_map(Value::as_str).map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let names: Vec<String> = if names.is_empty() { wanted() } else { names };
    let mut reports = Vec::new();
    for some in names.chunks(8) {
        let found = session.api.call("POST", "/api/v1/acme/checks", Some(&json!({ "names": some }))).await?;
        reports.extend(found.as_array().into_iter().flatten().cloned());
    }
    Ok(reports)
}

/// Writes a report for a person.
fn print(report: &Value) {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let verdict = match report["verdict"].as_str() {
        Some("ready") => "the next certificate would be issued",
        Some("at_risk") => "the next certificate may not be issued",
        _ => "the next certificate would NOT be issued",
    };
    out::text(format!("{} ({}): {verdict}", text(report, "name"), text(report, "challenge")));
    for finding in report["findings"].as_array().into_iter().flatten() {
        let mark = if finding["prevents"] == true { "x" } else { "!" };
        out::text(format!("  {mark} {}", text(finding, "message")));
        out::text(format!("    -> {}", text(finding, "remedy")));
    }
    for line in report["in_order"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        out::text(format!("  ok {line}"));
    }
}

/// Stores a certificate under a name, in the place of the one that is called so.
async fn import(
    session: &Session,
    certificate: &Path,
    key: Option<&Path>,
    name: Option<String>,
) -> anyhow::Result<Value> {
    let chain = read(certificate)?;
    let text = key.map_or_else(|| Ok(chain.clone()), read)?;
    let key = key_of(&text).with_context(|| {
        let place = key.unwrap_or(certificate).display();
        format!("{place} holds no private key as PEM; an encrypted one must be decrypted first")
    })?;
    let from_file = || certificate.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = name.or_else(from_file).context("the file has no name; give one with --name")?;
    let all = session.api.call("GET", "/api/v1/certificates", None).await?;
    let mut same = all.as_array().into_iter().flatten().filter(|one| one["name"] == name.as_str());
    let body = json!({"name": name, "certificate": chain, "private_key": key});
    match (same.next(), same.next()) {
        (None, _) => session.api.call("POST", "/api/v1/certificates", Some(&body)).await,
        (Some(one), None) => {
            let uuid = one["uuid"].as_str().context("it has no id")?;
            session.api.call("PUT", &format!("/api/v1/certificates/{uuid}"), Some(&body)).await
        }
        _ => bail!("several certificates are called '{name}'; choose another name with --name"),
    }
}

/// Writes a certificate into a new file and tells which one it was.
async fn export(
    session: &Session,
    name: &str,
    file: &Path,
    format: ExportFormat,
    password_file: Option<&Path>,
) -> anyhow::Result<Value> {
    let all = session.api.call("GET", "/api/v1/certificates", None).await?;
    let found: Vec<&Value> = all.as_array().into_iter().flatten().filter(|one| is_of(one, name)).collect();
    let [one] = found.as_slice() else {
        bail!("{} certificates are called '{name}'; `charon certs list` shows them", found.len());
    };
    let mut body = json!({"format": match format {
        ExportFormat::Pem => "pem",
        ExportFormat::Pfx => "pfx",
        ExportFormat::Chain => "chain",
    }});
    if let Some(path) = password_file.filter(|_| format == ExportFormat::Pfx) {
        let text = if path == Path::new("-") {
            std::io::read_to_string(std::io::stdin()).context("the password cannot be read")?
        } else {
            read(path)?
        };
        body["password"] = text.trim_end_matches(['\r', '\n']).into();
    }
    // Before anything is asked for, so that no key is taken along that then is nowhere.
    let mut options = std::fs::OpenOptions::new();
    let mut target = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("{} cannot be made", file.display()))?;
    let uuid = one["uuid"].as_str().context("it has no id")?;
    let written = async {
        let path = format!("/api/v1/certificates/{uuid}/export");
        let answer = session.api.call("POST", &path, Some(&body)).await?;
        let content = STANDARD.decode(answer["content"].as_str().unwrap_or_default())?;
        target.write_all(&content)?;
        anyhow::Ok(target.sync_all()?)
    };
    if let Err(error) = written.await {
        // Nobody takes an empty file for a certificate.
        _ = std::fs::remove_file(file);
        return Err(error);
    }
    Ok((*one).clone())
}

/// The first private key of a text that may hold certificates too.
fn key_of(text: &str) -> Option<&str> {
    let blocks = text.match_indices("-----BEGIN ").map(|(start, _)| &text[start..]);
    let mut keys = blocks.filter(|block| {
        let label = block.lines().next().unwrap_or_default();
        label.ends_with("PRIVATE KEY-----") && !label.contains("ENCRYPTED")
    });
    let block = keys.next()?;
    let last = block.find("-----END ")?;
    let end = block[last..].find('\n').map_or(block.len(), |length| last + length + 1);
    block.get(..end)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Whether a certificate is called so, by its id, its name or a domain of its own.
fn is_of(certificate: &Value, name: &str) -> bool {
    let text = |value: &Value| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(name));
    text(&certificate["uuid"])
        || text(&certificate["name"])
        || certificate["domains"].as_array().into_iter().flatten().any(text)
}

fn names(list: &Value) -> String {
    let names: Vec<&str> = list.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    names.join(", ")
}

fn row(certificate: &Value) -> Vec<String> {
    let text = |key: &str| certificate[key].as_str().unwrap_or_default().to_owned();
    let status = match text("message") {
        why if why.is_empty() => text("status"),
        why => format!("{}: {why}", text("status")),
    };
    vec![text("name"), names(&certificate["domains"]), text("issuer"), text("expires_at"), status]
}

fn order_row(order: &Value) -> Vec<String> {
    let text = |key: &str| order[key].as_str().unwrap_or_default().to_owned();
    let steps = order["steps"].as_array().into_iter().flatten();
    let now =
        steps.filter(|step| step["done"] != true).filter_map(|step| step["message"].as_str()).next_back();
    let why = match text("message") {
        why if why.is_empty() => now.unwrap_or_default().to_owned(),
        why => format!("{why}; {}", text("remedy")),
    };
    vec![names(&order["domains"]), text("phase"), text("next_at"), why]
}

fn is_for(order: &Value, name: &str) -> bool {
    let text = |value: &Value| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(name));
    text(&order["uuid"])
        || order["domains"].as_array().into_iter().flatten().any(&text)
        || order["hosts"].as_array().into_iter().flatten().any(|host| text(&host["name"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_beside_certificates() {
        let key = "-----BEGIN EC PRIVATE KEY-----\nAAA\n-----END EC PRIVATE KEY-----\n";
        let certificate = "-----BEGIN CERTIFICATE-----\nBBB\n-----END CERTIFICATE-----\n";
        assert_eq!(key_of(&format!("{certificate}{key}{certificate}")), Some(key));
        assert_eq!(key_of(key.trim_end()), Some(key.trim_end()));
        let hidden = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert_eq!((key_of(certificate), key_of(hidden)), (None, None));
    }

    #[test]
    fn an_order_says_at_which_step_it_is_or_why_it_failed() {
        let mut order = json!({"uuid": "u", "domains": ["a.lan", "b.lan"], "phase": "ordering", "next_at": null,
            "message": "", "remedy": "", "hosts": [{"name": "Shop"}],
            "steps": [{"done": true, "message": "opens"}, {"done": false, "message": "looks"}]});
        assert_eq!(order_row(&order), ["a.lan, b.lan", "ordering", "", "looks"]);
        assert!(
            is_for(&order, "B.lan")
                && is_for(&order, "shop")
                && is_for(&order, "u")
                && !is_for(&order, "c.lan")
        );
        order["message"] = "no".into();
        order["remedy"] = "do".into();
        assert_eq!(order_row(&order)[3], "no; do");
    }
}
