//! The commands, one file each. To add one: a file here, a line below and a variant in `cli.rs`.

mod backups;
mod certs;
mod completions;
mod config;
mod crowdsec;
mod doctor;
mod health;
mod hosts;
mod migrate;
mod openapi;
mod reset_password;
mod serve;
mod upgrade;
mod version;

use crate::boot::Settings;
use crate::cli::{Cli, Command};
use std::process::ExitCode;

/// Runs the command that was asked for; `serve` when none was.
pub(crate) async fn run(cli: Cli, settings: Settings) -> anyhow::Result<ExitCode> {
    match cli.command.unwrap_or(Command::Serve { take_over: false }) {
        Command::Serve { take_over } => serve::run(settings, take_over).await,
        Command::Upgrade => upgrade::run(&settings, cli.json).await,
        Command::Migrate => migrate::run(&settings, cli.json).await,
        Command::ResetPassword { email, password } => {
            reset_password::run(&settings, cli.json, &email, password).await
        }
        Command::Config { action } => config::run(&settings, cli.json, action).await,
        Command::Hosts { action } => hosts::run(&settings, cli.json, action).await,
        Command::Crowdsec { action } => crowdsec::run(&settings, cli.json, action).await,
        Command::Certs { action } => certs::run(&settings, cli.json, action).await,
        Command::Backups { action } => backups::run(&settings, cli.json, action).await,
        Command::Doctor => doctor::run(&settings, cli.json).await,
        Command::Health => health::run(&settings, cli.json).await,
        Command::Version => version::run(cli.json),
        Command::Openapi => openapi::run(),
        Command::Completions { shell } => completions::run(shell),
    }
}
