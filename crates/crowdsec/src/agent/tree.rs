//! The private configuration of the agent, made from what is installed. Written anew at each start; only the
//! database, the credentials and the read log are kept.

use super::install::Installed;
use super::run::run;
use base::Secret;
use ipnet::IpNet;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the agent lives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The folder for everything of the agent; absolute.
    pub folder: PathBuf,
    /// The port of LAPI on loopback.
    pub port: u16,
    /// The port of the agent's metrics on loopback.
    pub metrics_port: u16,
}

impl Place {
    /// Where LAPI listens.
    pub fn lapi(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The agent's main configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.join("config.yaml")
    }

    /// The log that the agent reads.
    pub fn read_log(&self) -> PathBuf {
        self.folder.join("log").join("requests.log")
    }

    /// The log that the data plane writes.
    pub fn feed(&self) -> PathBuf {
        self.folder.join("feed").join("requests.log")
    }
}

/// What was made.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Charon's key as a bouncer.
    pub key: Secret<String>,
    /// Charon's password as a machine; its name is [`Prepared::MACHINE`].
    pub password: Secret<String>,
    /// Parsers and scenarios that are on.
    pub items: usize,
    /// What could not be switched on, as sentences; the agent runs without it.
    pub missing: Vec<String>,
}

impl Prepared {
    /// Charon's name as a machine.
    pub const MACHINE: &str = "charon";
    /// Charon's name as a bouncer.
    pub const BOUNCER: &str = "charon-proxy";
}

/// Why the configuration could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A file cannot be written or read.
    #[error("{} cannot be written or read: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The hub's index is not what it should be.
    #[error("the index of parsers and scenarios {} cannot be read: {reason}", path.display())]
    Index {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// `cscli` or `crowdsec -t` has failed.
    #[error("{command} has failed: {reason}")]
    Command {
        /// Which.
        command: String,
        /// What it said.
        reason: String,
    },
}

/// How long a command of CrowdSec may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
/// What is switched on, as far as the hub has it.
const WANTED: &[(&str, &str)] = &[
    ("parsers", "crowdsecurity/syslog-logs"),
    ("parsers", "crowdsecurity/dateparse-enrich"),
    ("collections", "crowdsecurity/base-http-scenarios"),
];
/// Lists whose names differ between Debian's package and the scenarios that read them.
const RENAMED: &[(&str, &str)] =
    &[("http_path_traversal.txt", "path_traversal.txt"), ("rdns_seo_bots.regex", "rnds_seo_bots.regex")];

/// Makes the configuration. `never` are addresses whose requests the agent overlooks. Blocks.
///
/// # Errors
/// When a file cannot be written, or a command of CrowdSec fails.
pub fn prepare(place: &Place, installed: &Installed, never: &[IpNet]) -> Result<Prepared, PrepareError> {
    let config = place.folder.join("config");
    if config.exists() {
        // What is on follows from the installed package alone. Old links would be kept else.
        fs::remove_dir_all(&config).map_err(at(&config))?;
    }
    for folder in ["", "config/patterns", "config/parsers", "data", "log", "feed", "notifications"] {
        let folder = place.folder.join(folder);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(at(&folder))?;
    }
    copy_all(&installed.patterns, &config.join("patterns"))?;
    let mut items =
        Items { place, installed, index: index(&installed.hub)?, on: BTreeSet::new(), missing: Vec::new() };
    for (kind, name) in WANTED {
        items.switch_on(kind, name)?;
    }
    let (items, missing) = (items.on.len(), items.missing);
    let write = |name: &str, content: &str| {
        let path = place.folder.join(name);
        private(&path, content)
    };
    fs::create_dir_all(config.join("parsers/s01-parse")).map_err(at(&config))?;
    write("config/parsers/s01-parse/charon-logs.yaml", include_str!("charon-logs.yaml"))?;
    if !never.is_empty() {
        fs::create_dir_all(config.join("parsers/s02-enrich")).map_err(at(&config))?;
        write("config/parsers/s02-enrich/charon-whitelist.yaml", &whitelist(never))?;
    }
    write("config.yaml", &main(place, installed))?;
    write("profiles.yaml", include_str!("profiles.yaml"))?;
    write("simulation.yaml", "simulation: false\n")?;
    write("acquis.yaml", &acquisition(place))?;
    // A file that is not there at the start is not read.
    let log = place.read_log();
    fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&log).map_err(at(&log))?;
    let password = kept(&place.folder.join("machine.password"))?;
    let key = kept(&place.folder.join("bouncer.key"))?;
    register(place, installed, &key, &password)?;
    Ok(Prepared { key, password, items, missing })
}

/// Lets the agent check its own configuration (`crowdsec -t`). Blocks for about a second.
///
/// # Errors
/// What it finds wrong.
pub fn check(place: &Place, installed: &Installed) -> Result<(), PrepareError> {
    let config = place.config();
    let failed = |reason| PrepareError::Command { command: "crowdsec -t".to_owned(), reason };
    let said = run(&installed.crowdsec, &["-c", &config.to_string_lossy(), "-t"], LIMIT).map_err(failed)?;
    if said.success { Ok(()) } else { Err(failed(said.reason())) }
}

/// Makes Charon known as machine and as bouncer, straight in the agent's database: it need not run.
fn register(
    place: &Place,
    installed: &Installed,
    key: &Secret<String>,
    password: &Secret<String>,
) -> Result<(), PrepareError> {
    let config = place.config();
    let config = config.to_string_lossy();
    let cscli = |arguments: &[&str]| {
        let all = [&["-c", &*config], arguments].concat();
        let command = format!("cscli {} {}", arguments[0], arguments[1]);
        let said = run(&installed.cscli, &all, LIMIT);
        let said = said.map_err(|reason| PrepareError::Command { command: command.clone(), reason })?;
        if said.success { Ok(()) } else { Err(PrepareError::Command { command, reason: said.reason() }) }
    };
    let credentials = place.folder.join("local_api_credentials.yaml");
    let url = format!("http://{}", place.lapi());
    let content = format!("url: {url}\nlogin: {}\npassword: {}\n", Prepared::MACHINE, password.expose());
    // It must be there before any command; the command writes it anew, for everybody to read.
    private(&credentials, &content)?;
    let file = credentials.to_string_lossy();
    let add = [
        "machines",
        "add",
        Prepared::MACHINE,
        "--password",
        password.expose(),
        "--file",
        &file,
        "--force",
        "--url",
        &url,
    ];
    // Before version 1.5, an existing name is replaced only when it was deleted.
    _ = cscli(&["machines", "delete", Prepared::MACHINE]);
    cscli(&add)?;
    private(&credentials, &content)?;
    _ = cscli(&["bouncers", "delete", Prepared::BOUNCER]);
    cscli(&["bouncers", "add", Prepared::BOUNCER, "-k", key.expose(), "-o", "raw"])
}

/// A secret that is made once and kept.
fn kept(path: &Path) -> Result<Secret<String>, PrepareError> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().len() >= 32 => Ok(Secret::new(text.trim().to_owned())),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => {
            let secret = base::random::hex_token::<32>();
            private(path, &secret)?;
            Ok(Secret::new(secret))
        }
    }
}

struct Items<'a> {
    place: &'a Place,
    installed: &'a Installed,
    index: Value,
    on: BTreeSet<(String, String)>,
    missing: Vec<String>,
}

impl Items<'_> {
    /// Switches an item on, and everything that it needs, as `cscli` does without a network: by links into the hub.
    fn switch_on(&mut self, kind: &str, name: &str) -> Result<(), PrepareError> {
        if !self.on.insert((kind.to_owned(), name.to_owned())) {
            return Ok(());
        }
        let Some(item) = self.index[kind].get(name).cloned() else {
            self.missing.push(format!("the hub has no {kind} {name}"));
            return Ok(());
        };
        for needed in ["parsers", "postoverflows", "scenarios", "collections", "contexts"] {
            for name in item[needed].as_array().into_iter().flatten().filter_map(Value::as_str) {
                self.switch_on(needed, name)?;
            }
        }
        let Some(path) = item["path"].as_str() else {
            self.missing.push(format!("the hub does not say where {name} lies"));
            return Ok(());
        };
        let source = self.installed.hub.join(path);
        let Ok(content) = fs::read_to_string(&source) else {
            self.missing.push(format!("{} cannot be read, so {name} is off", source.display()));
            return Ok(());
        };
        let mut folder = self.place.folder.join("config").join(kind);
        if let Some(stage) = item["stage"].as_str() {
            folder.push(stage);
        }
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        let link = folder.join(source.file_name().unwrap_or(source.as_os_str()));
        if fs::symlink_metadata(&link).is_err() {
            std::os::unix::fs::symlink(&source, &link).map_err(at(&link))?;
        }
        let lists =
            content.lines().filter_map(|line| line.split_once("dest_file:")).map(|(_, file)| file.trim());
        for list in lists {
            self.bring(list.trim_matches(['"', '\'']), name)?;
        }
        Ok(())
    }

    /// Brings a list that an item reads.
    fn bring(&mut self, list: &str, name: &str) -> Result<(), PrepareError> {
        let target = self.place.folder.join("data").join(list);
        let old = RENAMED.iter().find(|(new, _)| *new == list).map_or(list, |(_, old)| old);
        let found =
            [list, old].map(|file| self.installed.data.join(file)).into_iter().find(|path| path.is_file());
        match found {
            Some(source) => fs::copy(&source, &target).map(drop).map_err(at(&target)),
            None => {
                self.missing.push(format!("the list {list} is not installed, so {name} does not work"));
                Ok(())
            }
        }
    }
}

fn index(hub: &Path) -> Result<Value, PrepareError> {
    let path = hub.join(".index.json");
    let text = fs::read(&path).map_err(at(&path))?;
    serde_json::from_slice(&text).map_err(|error| PrepareError::Index { path, reason: error.to_string() })
}

fn copy_all(from: &Path, to: &Path) -> Result<(), PrepareError> {
    for entry in fs::read_dir(from).map_err(at(from))? {
        let source = entry.map_err(at(from))?.path();
        if let (true, Some(name)) = (source.is_file(), source.file_name()) {
            let target = to.join(name);
            fs::copy(&source, &target).map_err(at(&target))?;
        }
    }
    Ok(())
}

/// Writes a file for its owner alone, so that after a crash there is the old one or the whole new one.
fn private(path: &Path, content: &str) -> Result<(), PrepareError> {
    use io::Write;
    let new = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file =
        options.write(true).create(true).truncate(true).mode(0o600).open(&new).map_err(at(&new))?;
    file.write_all(content.as_bytes()).map_err(at(&new))?;
    fs::rename(&new, path).map_err(at(path))
}

fn at(path: &Path) -> impl Fn(io::Error) -> PrepareError {
    move |error| PrepareError::File { path: path.to_owned(), error }
}

fn main(place: &Place, installed: &Installed) -> String {
    let folder = place.folder.display();
    // `daemonize` does not make a daemon; before version 1.6 signals work with it alone. `hub_branch` keeps cscli
    // from asking the internet for a version.
    format!(
        "common: {{daemonize: true, log_media: stdout, log_level: info}}
config_paths:
  config_dir: '{folder}/config'
  data_dir: '{folder}/data'
  simulation_path: '{folder}/simulation.yaml'
  hub_dir: '{hub}'
  index_path: '{hub}/.index.json'
  notification_dir: '{folder}/notifications'
  plugin_dir: '{folder}/notifications'
crowdsec_service: {{acquisition_path: '{folder}/acquis.yaml', parser_routines: 1}}
cscli: {{output: json, color: 'no', hub_branch: master}}
db_config:
  type: sqlite
  db_path: '{folder}/data/crowdsec.db'
  use_wal: true
  log_level: info
  flush: {{max_items: 20000, max_age: 7d}}
api:
  client: {{insecure_skip_verify: false, credentials_path: '{folder}/local_api_credentials.yaml'}}
  server:
    log_level: info
    listen_uri: {lapi}
    profiles_path: '{folder}/profiles.yaml'
    console_path: '{folder}/console.yaml'
prometheus: {{enabled: true, level: full, listen_addr: 127.0.0.1, listen_port: {metrics}}}
",
        hub = installed.hub.display(),
        lapi = place.lapi(),
        metrics = place.metrics_port,
    )
}

fn acquisition(place: &Place) -> String {
    format!("filenames: ['{}']\nforce_inotify: true\nlabels: {{type: charon}}\n", place.read_log().display())
}

fn whitelist(never: &[IpNet]) -> String {
    let list = never.iter().map(|network| format!("'{network}'")).collect::<Vec<_>>().join(", ");
    format!(
        "name: charon/whitelist\ndescription: \"Addresses that Charon never bans\"\nwhitelist:\n  \
         reason: \"never banned by Charon\"\n  cidr: [{list}]\n"
    )
}
