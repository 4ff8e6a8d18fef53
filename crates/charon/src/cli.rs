//! The command line. One variant here and one file in `commands/` make a command.

use clap::{Parser, Subcommand};

/// Charon: a reverse proxy that you manage in the browser, and that proves that it protects you.
///
/// Configuration comes from environment variables; `docs/configuration.md` lists them.
#[derive(Debug, Parser)]
#[command(name = "charon", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run Charon: user interface, API and proxy. This is the default.
    Serve {
        /// Take over from the process that started this one; see `charon upgrade`.
        #[arg(long, hide = true)]
        take_over: bool,
    },
    /// Have the running Charon start its binary anew and hand over to it: no connection is refused or cut.
    Upgrade,
    /// Bring the database up to date, repair what is missing, and report every row that was touched.
    Migrate,
    /// Give an account a new password, unlock it, and end its sessions.
    ResetPassword {
        /// E-mail address of the account, in any case.
        email: String,
        /// The new password. Without it a random one is made and printed.
        password: Option<String>,
    },
    /// Look at the configuration that is, or would be, served.
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
    /// List, add and remove proxy hosts.
    Hosts {
        #[command(subcommand)]
        action: HostsAction,
    },
    /// Copies of the database: list, make, and bring one back.
    Backups {
        #[command(subcommand)]
        action: BackupsAction,
    },
    /// Say what is wrong and how to mend it. Exit status 1 when something is.
    Doctor,
    /// Ask the running Charon whether it is well. Exit status 0 (ok or degraded) or 1. For health checks.
    Health,
    /// Print the version and how it was built.
    Version,
    /// Print the OpenAPI description of the API.
    Openapi,
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Compile the stored configuration and name every host that would be left out. Exit status 1 if any.
    Check,
    /// Print the configuration that was applied last.
    Show,
    /// Print what the last change of the configuration changed.
    Diff,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HostsAction {
    /// List all hosts.
    List,
    /// Add a host: `charon hosts add app.example.com http://192.168.1.20:8080`.
    Add {
        /// Its domains, separated by commas.
        domains: String,
        /// Where requests go: scheme, name or address, and port.
        target: String,
        /// Name to show; the first domain without it.
        #[arg(long)]
        name: Option<String>,
        /// Redirect plain HTTP to HTTPS.
        #[arg(long)]
        force_https: bool,
    },
    /// Remove a host, by a domain, its name or its id.
    Rm {
        /// A domain, the name or the id of the host.
        host: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupsAction {
    /// List the copies, the newest first, and whether each is sound.
    List,
    /// Make a copy now.
    Create,
    /// Bring a copy back. The present file is kept beside it. Charon must be stopped.
    Restore {
        /// Name of the copy as `backups list` shows it; the newest sound one without it.
        name: Option<String>,
    },
}
