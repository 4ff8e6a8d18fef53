//! `charon completions SHELL`

use crate::cli::Cli;
use crate::out;
use clap::CommandFactory;
use std::process::ExitCode;

pub(super) fn run(shell: clap_complete::Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "charon", &mut script);
    out::text(String::from_utf8(script)?);
    Ok(ExitCode::SUCCESS)
}
