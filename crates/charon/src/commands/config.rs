//! `charon config check|show|diff`

use crate::boot::Settings;
use crate::cli::ConfigAction;
use crate::{offline, out};
use anyhow::Context;
use serde_json::Value;
use std::process::ExitCode;

pub(super) async fn run(
    settings: &Settings,
    as_json: bool,
    action: ConfigAction,
) -> anyhow::Result<ExitCode> {
    let session = offline::session(settings).await?;
    match action {
        ConfigAction::Check => {
            let hosts = session.api.call("GET", "/api/v1/proxy-hosts", None).await?;
            let hosts = hosts.as_array().map(Vec::as_slice).unwrap_or_default();
            let bad: Vec<&Value> =
                hosts.iter().filter(|host| host["status"]["state"] == "left_out").collect();
            if as_json {
                out::json(&serde_json::json!({ "hosts": hosts.len(), "left_out": bad }));
            } else {
                for host in &bad {
                    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                    let status = &host["status"];
                    out::text(format!("{}: {}", text(&host["domain_names"]), text(&status["message"])));
                    out::text(format!("  remedy: {}", text(&status["remedy"])));
                }
                out::text(format!("{} hosts, {} left out", hosts.len(), bad.len()));
            }
            return Ok(if bad.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        ConfigAction::Show => {
            let latest = latest(&session.api).await?;
            out::json(&session.api.call("GET", &format!("/api/v1/revisions/{latest}"), None).await?);
        }
        ConfigAction::Diff => {
            let latest = latest(&session.api).await?;
            let diff = session.api.call("GET", &format!("/api/v1/revisions/{latest}/diff"), None).await?;
            if as_json {
                out::json(&diff);
                return Ok(ExitCode::SUCCESS);
            }
            out::text(format!("revision {} -> {}", diff["from"], diff["to"]));
            for change in diff["changes"].as_array().into_iter().flatten() {
                let text = |key: &str| change[key].as_str().unwrap_or_default();
                out::text(format!("{} {}", text("kind"), text("host")));
                for field in change["fields"].as_array().into_iter().flatten() {
                    let name = field["field"].as_str().unwrap_or_default();
                    out::text(format!("  {name}: {} -> {}", field["before"], field["after"]));
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn latest(api: &crate::local_api::LocalApi) -> anyhow::Result<u64> {
    let list = api.call("GET", "/api/v1/revisions?limit=1", None).await?;
    list[0]["revision"].as_u64().context("no configuration was applied yet; start Charon once")
}
