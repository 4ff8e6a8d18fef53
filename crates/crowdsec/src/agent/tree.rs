//! The private configuration of the agent, made from what is installed and from the edition that counts. Written anew
//! at each start; only editions, the database, the credentials and the read log are kept.

use super::console::{account_line, is_registered};
use super::editions::{Edition, current, private_folder, remove};
use super::escalation::Escalation;
use super::files::overlay;
use super::hub::Hub;
use super::install::Installed;
use super::items::Item;
use super::run::run;
use base::Secret;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
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
    /// The edition that it was made of.
    pub edition: u64,
    /// The agent talks to crowdsec.net.
    pub online: bool,
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
    /// An edition is not what it should be.
    #[error("{} cannot be read: {reason}", path.display())]
    Edition {
        /// Which file.
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

/// No scenario is on trial.
pub(super) const SIMULATION: &str = "simulation: false\n";
/// How long a command of CrowdSec may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
/// Lists whose names differ between Debian's package and the scenarios that read them.
const RENAMED: &[(&str, &str)] =
    &[("http_path_traversal.txt", "path_traversal.txt"), ("rdns_seo_bots.regex", "rnds_seo_bots.regex")];

/// Makes the configuration of the edition that counts. `never` are addresses whose requests the agent overlooks.
/// Blocks.
///
/// # Errors
/// When a file cannot be written, or a command of CrowdSec fails.
pub fn prepare(place: &Place, installed: &Installed, never: &[IpNet]) -> Result<Prepared, PrepareError> {
    let (edition, online) = (current(place), is_registered(place));
    let Laid { items, missing } = lay(place, &place.folder, installed, &edition, never)?;
    for folder in ["log", "feed"] {
        private_folder(&place.folder.join(folder))?;
    }
    // A file that is not there at the start is not read.
    let log = place.read_log();
    fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&log).map_err(at(&log))?;
    let password = kept(&place.folder.join("machine.password"))?;
    let key = kept(&bouncer_key(place))?;
    register(place, installed, &key, &password)?;
    Ok(Prepared { key, password, items: items.len(), missing, edition: edition.number, online })
}

/// What was laid out.
#[derive(Debug)]
pub(super) struct Laid {
    pub(super) items: BTreeSet<Item>,
    pub(super) missing: Vec<String>,
}

/// Lays out in `folder` everything that the agent reads, as an edition wants it. What was there before stays whole
/// until the new one is.
pub(super) fn lay(
    place: &Place,
    folder: &Path,
    installed: &Installed,
    edition: &Edition,
    never: &[IpNet],
) -> Result<Laid, PrepareError> {
    for name in ["", "data", "notifications"] {
        private_folder(&folder.join(name))?;
    }
    let new = folder.join("config-new");
    // What is on follows from the edition alone. Old links would be kept else.
    remove(&new)?;
    for name in ["patterns", "parsers/s01-parse", "parsers/s02-enrich"] {
        private_folder(&new.join(name))?;
    }
    copy_all(&installed.patterns, &new.join("patterns"))?;
    let hub = Hub::open(installed, edition)?;
    let mut laid = Laid { items: BTreeSet::new(), missing: Vec::new() };
    let sources = [edition.lists(), installed.data.clone()];
    for item in edition.wanted()?.all(&hub.index).into_keys() {
        match switch_on(&hub, &item, &new, &sources, &folder.join("data"))? {
            Ok(missing) => {
                laid.items.insert(item);
                laid.missing.extend(missing);
            }
            Err(reason) => laid.missing.push(reason),
        }
    }
    private(&new.join("parsers/s01-parse/charon-logs.yaml"), include_str!("charon-logs.yaml"))?;
    if !never.is_empty() {
        private(&new.join("parsers/s02-enrich/charon-whitelist.yaml"), &whitelist(never))?;
    }
    write_made(place, folder, installed, edition)?;
    overlay(edition, folder, &new)?;
    let (config, old) = (folder.join("config"), folder.join("config-old"));
    remove(&old)?;
    if config.exists() {
        fs::rename(&config, &old).map_err(at(&old))?;
    }
    fs::rename(&new, &config).map_err(at(&config))?;
    remove(&old)?;
    Ok(laid)
}

/// What Charon makes by itself, besides the folder `config`.
fn write_made(
    place: &Place,
    folder: &Path,
    installed: &Installed,
    edition: &Edition,
) -> Result<(), PrepareError> {
    // What was a file of one's own in another edition goes.
    let more = folder.join("acquis.d");
    remove(&more)?;
    private_folder(&more)?;
    let write = |name: &str, content: &str| private(&folder.join(name), content);
    write("config.yaml", &main_of(place, folder, installed, edition))?;
    write("profiles.yaml", &Escalation::of(place).profiles())?;
    write("simulation.yaml", SIMULATION)?;
    write("acquis.yaml", &acquisition(place))
}

/// Switches an item on, as `cscli` does without a network: by a link into the hub. Returns what it lacks, or why it
/// stays off.
fn switch_on(
    hub: &Hub,
    item: &Item,
    config: &Path,
    sources: &[PathBuf],
    data: &Path,
) -> Result<Result<Vec<String>, String>, PrepareError> {
    if hub.index.entry(item).is_none() {
        return Ok(Err(format!("the hub has no {item}")));
    }
    let (Some(source), Some(place)) = (hub.file(item), hub.place(item)) else {
        return Ok(Err(format!("the hub does not say where {item} lies")));
    };
    let Ok(content) = fs::read_to_string(&source) else {
        return Ok(Err(format!("{} cannot be read, so {item} is off", source.display())));
    };
    let link = config.join(place);
    if let Some(folder) = link.parent() {
        private_folder(folder)?;
    }
    if fs::symlink_metadata(&link).is_err() {
        std::os::unix::fs::symlink(&source, &link).map_err(at(&link))?;
    }
    let lists = content.lines().filter_map(|line| line.split_once("dest_file:"));
    let mut missing = Vec::new();
    for (_, list) in lists {
        let list = list.trim().trim_matches(['"', '\'']);
        if !bring(list, sources, data)? {
            missing.push(format!("the list {list} is not installed, so {item} does not work"));
        }
    }
    Ok(Ok(missing))
}

/// Brings a list that an item reads; says whether there is one.
fn bring(list: &str, sources: &[PathBuf], data: &Path) -> Result<bool, PrepareError> {
    if !Path::new(list).components().all(|part| matches!(part, Component::Normal(_))) {
        return Ok(false);
    }
    let old = RENAMED.iter().find(|(new, _)| *new == list).map_or(list, |(_, old)| old);
    let named = sources.iter().flat_map(|folder| [folder.join(list), folder.join(old)]);
    let Some(source) = named.into_iter().find(|path| path.is_file()) else { return Ok(false) };
    let target = data.join(list);
    if let Some(folder) = target.parent() {
        private_folder(folder)?;
    }
    fs::copy(&source, &target).map_err(at(&target))?;
    Ok(true)
}

/// Lets the agent read a configuration that was laid out beside the one in use.
pub(super) fn test(folder: &Path, installed: &Installed) -> Result<(), PrepareError> {
    // Without such a file it does not even begin.
    let credentials = "url: http://127.0.0.1:1\nlogin: trial\npassword: trial\n";
    private(&folder.join("local_api_credentials.yaml"), credentials)?;
    check_at(&folder.join("config.yaml"), installed)
}

/// Lets the agent check its own configuration (`crowdsec -t`). Blocks for about a second.
///
/// # Errors
/// What it finds wrong.
pub fn check(place: &Place, installed: &Installed) -> Result<(), PrepareError> {
    check_at(&place.config(), installed)
}

pub(super) fn check_at(config: &Path, installed: &Installed) -> Result<(), PrepareError> {
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
    let cscli = |arguments: &[&str]| cscli(place, installed, arguments);
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
    enter(place, installed, key)
}

/// Makes a key known as Charon's, and no other.
fn enter(place: &Place, installed: &Installed, key: &Secret<String>) -> Result<(), PrepareError> {
    _ = cscli(place, installed, &["bouncers", "delete", Prepared::BOUNCER]);
    cscli(place, installed, &["bouncers", "add", Prepared::BOUNCER, "-k", key.expose(), "-o", "raw"])
}

/// Makes another key for Charon as a bouncer and makes it known; LAPI takes it from the next call on. Blocks.
///
/// # Errors
/// When `cscli` fails, or the key cannot be written down.
pub fn renew_key(place: &Place, installed: &Installed) -> Result<Secret<String>, PrepareError> {
    let key = Secret::new(base::random::hex_token::<32>());
    enter(place, installed, &key)?;
    private(&bouncer_key(place), key.expose())?;
    Ok(key)
}

fn bouncer_key(place: &Place) -> PathBuf {
    place.folder.join("bouncer.key")
}

fn cscli(place: &Place, installed: &Installed, arguments: &[&str]) -> Result<(), PrepareError> {
    let config = place.config();
    let config = config.to_string_lossy();
    let all = [&["-c", &*config], arguments].concat();
    let command = format!("cscli {} {}", arguments[0], arguments[1]);
    let said = run(&installed.cscli, &all, LIMIT);
    let said = said.map_err(|reason| PrepareError::Command { command: command.clone(), reason })?;
    if said.success { Ok(()) } else { Err(PrepareError::Command { command, reason: said.reason() }) }
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
pub(super) fn private(path: &Path, content: &str) -> Result<(), PrepareError> {
    private_bytes(path, content.as_bytes())
}

pub(super) fn private_bytes(path: &Path, content: &[u8]) -> Result<(), PrepareError> {
    use io::Write;
    let new = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file =
        options.write(true).create(true).truncate(true).mode(0o600).open(&new).map_err(at(&new))?;
    file.write_all(content).map_err(at(&new))?;
    fs::rename(&new, path).map_err(at(path))
}

pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> PrepareError {
    move |error| PrepareError::File { path: path.to_owned(), error }
}

/// The main file of a configuration that is laid out in `folder`.
pub(super) fn main_of(place: &Place, folder: &Path, installed: &Installed, edition: &Edition) -> String {
    let hub = edition.hub().unwrap_or_else(|| installed.hub.clone());
    // What is only tried out does not talk to crowdsec.net.
    let account = match folder == place.folder && is_registered(place) {
        true => account_line(&place.online_credentials()),
        false => String::new(),
    };
    let folder = folder.display();
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
crowdsec_service: {{acquisition_path: '{folder}/acquis.yaml', acquisition_dir: '{folder}/acquis.d', parser_routines: 1}}
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
{account}prometheus: {{enabled: true, level: full, listen_addr: 127.0.0.1, listen_port: {metrics}}}
",
        hub = hub.display(),
        lapi = place.lapi(),
        metrics = place.metrics_port,
    )
}

pub(super) fn acquisition(place: &Place) -> String {
    format!("filenames: ['{}']\nforce_inotify: true\nlabels: {{type: charon}}\n", place.read_log().display())
}

fn whitelist(never: &[IpNet]) -> String {
    let list = never.iter().map(|network| format!("'{network}'")).collect::<Vec<_>>().join(", ");
    format!(
        "name: charon/whitelist\ndescription: \"Addresses that Charon never bans\"\nwhitelist:\n  \
         reason: \"never banned by Charon\"\n  cidr: [{list}]\n"
    )
}
