//! `charon migrate`: brings the database up to date and accounts for every row. While Charon runs, it has done
//! that at its start; then the command shows the report and the state of every table.

use crate::boot::Settings;
use crate::{offline, out};
use anyhow::Context;
use serde_json::json;
use std::process::ExitCode;

pub(super) async fn run(settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let session = offline::session(settings).await.context("the database was not migrated")?;
    let report = session.api.call("GET", "/api/v1/system/migration-report", None).await?;
    let health = session.api.send("GET", "/api/v1/health", None).await?.body;
    let tables = health["migrations"].as_object().cloned().unwrap_or_default();
    let missing: Vec<&String> =
        tables.iter().filter(|(_, there)| *there != true).map(|(name, _)| name).collect();
    if as_json {
        out::json(&json!({
            "running": session.running, "opened": session.opened, "reports": report["reports"], "migrations": tables,
        }));
    } else {
        if session.running {
            out::text(
                "Charon is running on this data folder; it brought the database up to date at its start.",
            );
        }
        for line in &session.opened {
            out::text(line);
        }
        for entry in report["reports"].as_array().into_iter().flatten().take(1) {
            out::text(entry["text"].as_str().unwrap_or_default());
        }
        out::text(format!(
            "{} of {} required tables are in place.",
            tables.len() - missing.len(),
            tables.len()
        ));
    }
    if missing.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let names: Vec<&str> = missing.into_iter().map(String::as_str).collect();
    anyhow::bail!("tables are missing: {}; restart Charon to repair the database", names.join(", "))
}
