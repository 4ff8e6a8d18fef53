//! `charon`: read the settings once, run one command, say in one sentence what went wrong.

mod access_log;
mod agent;
mod alerts;
mod boot;
mod build_info;
mod captcha;
mod cli;
mod commands;
mod console;
mod control_side;
mod crowdsec_metrics;
mod data_dir;
mod engines;
mod handover;
mod lifecycle;
mod local_api;
mod logging;
mod metrics;
mod offline;
mod out;
mod people;

mod rescue;
mod run_file;
mod security;
mod security_events;
mod spare;
mod systemd;
mod traffic;
mod trial;
mod ui;

use clap::Parser;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A wrong setting (EX_USAGE of sysexits.h).
const WRONG_SETTING: u8 = 64;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let settings = match boot::Settings::from_env() {
        Ok(settings) => settings,
        Err(error) => return fail(&error.to_string(), WRONG_SETTING),
    };
    logging::install(&settings);
    // The control side is idle most of the time: two threads serve API, reconcilers and database.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("the system gives no threads: {error}"), 1),
    };
    let result = runtime.block_on(commands::run(cli, settings));
    // Threads that hash a password or write a file are not waited for without end.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match result {
        Ok(code) => code,
        Err(error) => fail(&format!("{error:#}"), 1),
    }
}

fn fail(message: &str, code: u8) -> ExitCode {
    use std::io::Write;
    // Where standard error is closed there is nobody to tell; the exit status still tells.
    _ = writeln!(std::io::stderr(), "charon: {message}");
    ExitCode::from(code)
}
