//! The account at crowdsec.net: this machine is registered there, and enrolled in a person's console.

use super::editions::current;
use super::install::Installed;
use super::run::run;
use super::tree::{Place, PrepareError, at, main_of, private};
use base::Secret;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How long a command may take that talks to crowdsec.net.
const LIMIT: Duration = Duration::from_secs(45);

/// How an enrolment was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Enrolled {
    /// It was sent; somebody has to accept it in the console.
    Pending,
    /// crowdsec.net says that this machine is enrolled already.
    Already,
}

impl Place {
    /// Name and password of this machine at crowdsec.net.
    pub(super) fn online_credentials(&self) -> PathBuf {
        self.folder.join("online_api_credentials.yaml")
    }
}

/// Whether this machine has an account at crowdsec.net.
pub fn is_registered(place: &Place) -> bool {
    let text = fs::read_to_string(place.online_credentials()).unwrap_or_default();
    text.lines().any(|line| line.strip_prefix("login:").is_some_and(|login| !login.trim().is_empty()))
}

/// Makes an account for this machine at crowdsec.net. Blocks.
///
/// # Errors
/// Why there is none, in the words of `cscli`.
pub fn register(place: &Place, installed: &Installed) -> Result<(), String> {
    let new = place.folder.join("online_api_credentials.new");
    // The command wants a file to be there.
    private(&new, "# not registered yet\n").map_err(|error| error.to_string())?;
    let config = with_account(place, installed, &new)?;
    let said = run(
        &installed.cscli,
        &["-c", &config.to_string_lossy(), "capi", "register", "--file", &new.to_string_lossy()],
        LIMIT,
    );
    _ = fs::remove_file(&config);
    let said = said?;
    if !said.success {
        _ = fs::remove_file(&new);
        return Err(said.reason());
    }
    let content = fs::read_to_string(&new).map_err(|error| error.to_string())?;
    private(&place.online_credentials(), &content).map_err(|error| error.to_string())?;
    _ = fs::remove_file(&new);
    if is_registered(place) { Ok(()) } else { Err("cscli reported success and wrote no account".to_owned()) }
}

/// Asks for this machine to be enrolled in the console whose key this is. Blocks.
///
/// # Errors
/// Why not, in the words of `cscli`; the key does not stand in it.
pub fn enroll(
    place: &Place,
    installed: &Installed,
    key: &Secret<String>,
    name: &str,
    overwrite: bool,
) -> Result<Enrolled, String> {
    let config = with_account(place, installed, &place.online_credentials())?;
    let file = config.to_string_lossy().into_owned();
    let mut arguments = vec!["-c", &file, "-o", "human", "console", "enroll", "--name", name];
    if overwrite {
        arguments.push("--overwrite");
    }
    arguments.push(key.expose());
    let said = run(&installed.cscli, &arguments, LIMIT);
    _ = fs::remove_file(&config);
    let said = said?;
    if !said.success {
        return Err(said.reason().replace(key.expose().as_str(), "***"));
    }
    Ok(if said.text.contains("already enrolled") { Enrolled::Already } else { Enrolled::Pending })
}

/// Forgets the account: the agent talks to crowdsec.net no longer. The entry in the console stays; a person removes it
/// there.
///
/// # Errors
/// When a file cannot be removed.
pub fn leave(place: &Place) -> Result<(), PrepareError> {
    for path in [place.online_credentials(), place.folder.join("console.yaml")] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&path)(error)),
            _ => {}
        }
    }
    Ok(())
}

/// The main configuration with an account, for one command.
fn with_account(
    place: &Place,
    installed: &Installed,
    credentials: &std::path::Path,
) -> Result<PathBuf, String> {
    let path = place.folder.join("config.console.yaml");
    let mut text = main_of(place, &place.folder, installed, &current(place));
    let line = account_line(credentials);
    if !text.contains("online_client:") {
        text = text.replace("    console_path:", &format!("{line}    console_path:"));
    }
    private(&path, &text).map_err(|error| error.to_string())?;
    Ok(path)
}

pub(super) fn account_line(credentials: &std::path::Path) -> String {
    format!("    online_client: {{credentials_path: '{}'}}\n", credentials.display())
}
