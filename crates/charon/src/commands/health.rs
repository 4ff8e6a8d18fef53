//! `charon health`: for the health checks of containers. Asks only a running Charon.

use crate::boot::Settings;
use crate::local_api::LocalApi;
use crate::out;
use std::process::ExitCode;

pub(super) async fn run(settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let Some(api) = LocalApi::running(&settings.data_dir).await else {
        out::text("not running");
        return Ok(ExitCode::FAILURE);
    };
    let answer = api.send("GET", "/api/v1/health", None).await?;
    if as_json {
        out::json(&answer.body);
    } else {
        out::text(answer.body["status"].as_str().unwrap_or("unknown"));
    }
    Ok(if answer.status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
