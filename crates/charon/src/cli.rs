//! The command line. One variant here and one file in `commands/` make a command.

use clap::{Parser, Subcommand};
use std::path::PathBuf;

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
    /// CrowdSec: how it stands, who is banned, and what it looks for.
    Crowdsec {
        #[command(subcommand)]
        action: CrowdSecAction,
    },
    /// List certificates, and order and renew automatic ones.
    Certs {
        #[command(subcommand)]
        action: CertsAction,
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
pub(crate) enum CertsAction {
    /// List all certificates, and how it goes with those that are automatic.
    List,
    /// Ask a public authority for a certificate for a host, by a domain, its name or its id, and renew it from then on.
    Order {
        /// A domain, the name or the id of the host.
        host: String,
    },
    /// Add a certificate from PEM files; it replaces the one with this name, if there is one.
    Import {
        /// The server's certificate and its issuers, in any order.
        certificate: PathBuf,
        /// Its private key, not encrypted; left out when it stands in the same file.
        key: Option<PathBuf>,
        /// How it is called in lists; the file's name when not given.
        #[arg(long)]
        name: Option<String>,
    },
    /// Write a certificate into a file: with its key as PEM or PKCS #12, or the chain alone.
    Export {
        /// A domain, the name or the id of the certificate.
        name: String,
        /// The file; it must not exist yet. Only its owner may read it.
        file: PathBuf,
        /// What the file holds.
        #[arg(long, value_enum, default_value_t)]
        format: ExportFormat,
        /// For `pfx`: a file with the password that encrypts it (`-`: standard input).
        #[arg(long, required_if_eq("format", "pfx"))]
        password_file: Option<PathBuf>,
    },
    /// Look whether the next certificates would be issued: DNS, ports, CAA, providers, the authority, limits, the clock.
    /// Exit status 1 when one would not be.
    Check {
        /// Names, `*.` for wildcards, which need not be a host's yet; without any, all that hosts want certificates for.
        names: Vec<String>,
    },
    /// Have the authority revoke an automatic certificate, and order another one with a new key.
    Revoke {
        /// A domain, the name of a host, or the id.
        name: String,
        /// What the authority is told.
        #[arg(long, value_enum)]
        reason: RevocationReason,
    },
    /// Order the next certificate now, by a domain, the host's name or the id of the automatic certificate.
    Renew {
        /// A domain, the name of a host, or the id.
        name: String,
    },
}

/// Why a certificate is revoked (RFC 5280, section 5.3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum RevocationReason {
    /// Somebody else may have its key.
    KeyCompromise,
    /// It is not needed any more.
    Superseded,
}

/// What an exported file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub(crate) enum ExportFormat {
    /// The chain and then its key, both as PEM.
    #[default]
    Pem,
    /// Chain and key as PKCS #12, encrypted.
    Pfx,
    /// The chain as PEM, without the key.
    Chain,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CrowdSecAction {
    /// What is wished, what is the case, and what was proven. Exit status 1 when CrowdSec shall run and does not, or
    /// does not protect.
    Status,
    /// List who is banned, by people and by CrowdSec.
    Decisions {
        /// Only those about this: a part of it, or an address, which also finds the networks around it.
        #[arg(long)]
        value: Option<String>,
        /// Only those by this one: `manual`, `crowdsec`, `cscli`, `CAPI` ...
        #[arg(long)]
        origin: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Ban an address or a network, for a day unless said otherwise.
    Ban {
        /// `203.0.113.7` or `203.0.113.0/24`.
        value: String,
        /// Why, for the list and the log.
        #[arg(long, default_value = "")]
        reason: String,
        /// How many hours.
        #[arg(long, default_value_t = 24, conflicts_with = "ever")]
        hours: u32,
        /// Until somebody ends it.
        #[arg(long)]
        ever: bool,
        /// It is meant, although it hits this machine, a trusted proxy or a gateway.
        #[arg(long)]
        yes: bool,
    },
    /// End the bans of an address or a network, or one decision.
    Unban {
        /// The address or the network, exactly as it is banned.
        #[arg(required_unless_present = "id")]
        value: Option<String>,
        /// Number of one decision, as `decisions` shows it.
        #[arg(long, conflicts_with = "value")]
        id: Option<i64>,
    },
    /// What the agent looks for: collections, parsers and scenarios.
    Hub {
        #[command(subcommand)]
        action: HubAction,
    },
    /// Files of the agent's configuration.
    Files {
        #[command(subcommand)]
        action: FilesAction,
    },
    /// This machine in the console of crowdsec.net.
    Console {
        #[command(subcommand)]
        action: ConsoleAction,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum HubAction {
    /// List what is on.
    List {
        /// Also what is off.
        #[arg(long)]
        all: bool,
    },
    /// Switch an item or a preset on: `charon crowdsec hub install wordpress`.
    Install {
        /// Kind and name (`collections:crowdsecurity/wordpress`), or a preset.
        item: String,
    },
    /// Switch an item or a preset off.
    Remove {
        /// As for `install`.
        item: String,
    },
    /// Bring an item, or all of them, to the newest version.
    Upgrade {
        /// Kind and name; all without it.
        item: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum FilesAction {
    /// List all files.
    List,
    /// Print a file.
    Show {
        /// Its path as `list` shows it.
        path: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConsoleAction {
    /// How the enrolment stands.
    Status,
    /// Enrol this machine.
    Enroll {
        /// The enrolment key of your console. Without it, the one that is kept since the last attempt failed.
        key: Option<String>,
        /// Name of this machine in the console.
        #[arg(long)]
        name: String,
        /// In the place of an earlier enrolment.
        #[arg(long)]
        overwrite: bool,
    },
    /// Forget the enrolment.
    Leave,
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
