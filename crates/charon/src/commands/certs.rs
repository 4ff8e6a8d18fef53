//! `charon certs list|order|renew`

use crate::boot::Settings;
use crate::cli::CertsAction;
use crate::{offline, out};
use anyhow::{Context, bail};
use serde_json::{Value, json};
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
        CertsAction::Renew { name } => {
            let all = orders.as_array().into_iter().flatten();
            let found: Vec<&Value> = all.filter(|order| is_for(order, &name)).collect();
            let [one] = found.as_slice() else {
                bail!(
                    "{} automatic certificates are for '{name}'; `charon certs list` shows them",
                    found.len()
                );
            };
            let uuid = one["uuid"].as_str().context("it has no id")?;
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
