//! `charon version`

use crate::{build_info, out};
use serde_json::json;
use std::process::ExitCode;

pub(super) fn run(as_json: bool) -> anyhow::Result<ExitCode> {
    let (version, commit, time) = (build_info::VERSION, build_info::GIT_COMMIT, build_info::BUILD_TIME);
    if as_json {
        out::json(&json!({ "version": version, "git_commit": commit, "build_time": time }));
    } else {
        out::text(format!("charon {version} (commit {commit}, built {time})"));
    }
    Ok(ExitCode::SUCCESS)
}
