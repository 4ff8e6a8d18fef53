//! `charon openapi`

use crate::out;
use std::process::ExitCode;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    out::text(api::openapi().to_pretty_json()?);
    Ok(ExitCode::SUCCESS)
}
