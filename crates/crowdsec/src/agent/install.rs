//! What is installed of CrowdSec on this machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// The parts that were found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Installed {
    /// The agent.
    pub crowdsec: PathBuf,
    /// Its command.
    pub cscli: PathBuf,
    /// The folder with `.index.json` and all parsers and scenarios.
    pub hub: PathBuf,
    /// The folder with the lists that scenarios read.
    pub data: PathBuf,
    /// The folder with grok patterns.
    pub patterns: PathBuf,
    /// Ends the agent when Charon ends, and takes its privileges away.
    pub setpriv: PathBuf,
    /// As the agent writes it: `v1.4.6-6~deb12u1+b1-debian`.
    pub version: String,
}

/// What lacks, and the command that mends it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}")]
pub struct NotInstalled {
    /// What lacks, as a sentence.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// The command for Debian. Without the file, its installation asks for an account at crowdsec.net, which fails
/// without a way to the internet.
const INSTALL: &str = "on Debian and Ubuntu install it with  apt-get install crowdsec  and switch its own service off \
                       with  systemctl disable --now crowdsec ; Charon runs the agent by itself and tries again every 30 seconds";

/// Looks for everything; `program` is where the agent lies when it is not in one of the usual folders. Blocks for as
/// long as the agent takes to say its version.
///
/// # Errors
/// What lacks.
pub fn find(program: Option<&Path>) -> Result<Installed, NotInstalled> {
    let lacks = |what: String| NotInstalled { what, remedy: INSTALL.to_owned() };
    let folders = ["/usr/bin", "/usr/local/bin", "/usr/sbin", "/usr/local/sbin", "/opt/crowdsec/bin"];
    let look =
        |name: &str| folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    let crowdsec = match program {
        Some(path) if path.is_file() => path.to_owned(),
        Some(path) => {
            return Err(NotInstalled {
                what: format!("there is no program {}, which CHARON_CROWDSEC_BIN names", path.display()),
                remedy: "correct or remove CHARON_CROWDSEC_BIN and restart Charon".to_owned(),
            });
        }
        None => look("crowdsec").ok_or_else(|| lacks("the program crowdsec is not installed".to_owned()))?,
    };
    let beside = crowdsec.with_file_name("cscli");
    let cscli = Some(beside).filter(|path| path.is_file()).or_else(|| look("cscli"));
    let cscli = cscli.ok_or_else(|| lacks("the program cscli is not installed".to_owned()))?;
    let setpriv = look("setpriv").ok_or_else(|| NotInstalled {
        what: "the program setpriv is not installed".to_owned(),
        remedy: "install the package util-linux".to_owned(),
    })?;
    let first = |candidates: &[&str], holds: &str, what: &str| {
        let there = candidates.iter().map(PathBuf::from).find(|folder| folder.join(holds).exists());
        there.ok_or_else(|| lacks(format!("{what} of CrowdSec are in none of {}", candidates.join(", "))))
    };
    let hubs = ["/usr/share/crowdsec/hub", "/var/lib/crowdsec/hub", "/etc/crowdsec/hub"];
    let hub = first(&hubs, ".index.json", "the parsers and scenarios (the hub)")?;
    let data = first(&["/usr/share/crowdsec/data", "/var/lib/crowdsec/data"], ".", "the data lists")?;
    let patterns =
        first(&["/etc/crowdsec/patterns", "/usr/share/crowdsec/config/patterns"], ".", "the patterns")?;
    let version = super::run::run(&crowdsec, &["-version"], Duration::from_secs(10))
        .map_err(|error| lacks(format!("{} does not run: {error}", crowdsec.display())))?;
    let version = version.text.lines().find_map(|line| line.split("version: ").nth(1)).unwrap_or("unknown");
    Ok(Installed { crowdsec, cscli, hub, data, patterns, setpriv, version: version.trim().to_owned() })
}
