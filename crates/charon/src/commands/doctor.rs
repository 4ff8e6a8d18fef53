//! `charon doctor`: everything that is wrong, and what mends it.

use crate::boot::Settings;
use crate::{offline, out};
use serde_json::Value;
use std::process::ExitCode;

pub(super) async fn run(settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let session = offline::session(settings).await?;
    let answer = session.api.send("GET", "/api/v1/health", None).await?;
    let problems = answer.body["problems"].as_array().cloned().unwrap_or_default();
    if as_json {
        out::json(&answer.body);
    } else {
        let state = if session.running { "Charon is running" } else { "Charon is not running" };
        let text = |key: &str| answer.body[key].as_str().unwrap_or("unknown").to_owned();
        out::text(format!("{state}; status {}, database {}", text("status"), text("database")));
        if problems.is_empty() {
            out::text("No problems.");
        }
        for problem in &problems {
            print(problem);
        }
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(problem: &Value) {
    let text = |key: &str| problem[key].as_str().unwrap_or_default();
    let subject = match text("subject") {
        "" => String::new(),
        subject => format!(" ({subject})"),
    };
    out::text(format!("\n[{}] {}{subject}", text("severity"), text("message")));
    out::text(format!("  since {}, code {}", text("since"), text("code")));
    out::text(format!("  remedy: {}", text("remedy")));
}
