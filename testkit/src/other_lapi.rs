//! Another machine with CrowdSec: Debian's real LAPI with a folder, a database and a port of its own, without an agent.

use crate::eventually_blocking;
use std::fmt::Write;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// As long as a busy machine may take.
const LIMIT: Duration = Duration::from_secs(60);
/// The organisational unit that its certificates of bouncers have.
pub const BOUNCERS: &str = "bouncers";

/// PEM texts for TLS.
#[derive(Clone, Debug)]
pub struct LapiTls {
    /// Its certificate, for `localhost`.
    pub certificate: String,
    /// Its key.
    pub key: String,
    /// Who has signed it, and signs those of clients.
    pub authority: String,
}

/// See the module. Dropping it ends the process and removes the folder.
#[derive(Debug)]
pub struct OtherLapi {
    folder: TempDir,
    port: u16,
    tls: bool,
    child: Option<Child>,
}

impl OtherLapi {
    /// Starts it and waits until it answers.
    ///
    /// # Panics
    /// When it does not, with its output.
    pub fn start(tls: Option<&LapiTls>) -> Self {
        let folder = tempfile::Builder::new().prefix("charon-lapi-").tempdir().expect("a temporary folder");
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let mut this = Self { folder, port, tls: tls.is_some(), child: None };
        this.configure(tls);
        let login = ["machines", "add", "person", "--password", "of-the-person", "--file"];
        let scratch = this.path("scratch.yaml");
        this.cscli(&[&login[..], &[&scratch.display().to_string()]].concat());
        this.start_again();
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file of the other machine");
    }

    fn configure(&self, tls: Option<&LapiTls>) {
        let root = self.folder.path().display();
        for folder in ["config/patterns", "data", "notifications"] {
            fs::create_dir_all(self.path(folder)).expect("a folder of the other machine");
        }
        self.write("simulation.yaml", "simulation: false\n");
        self.write("acquis.yaml", "filenames: [/nonexistent]\nlabels: {type: none}\n");
        self.write(
            "profiles.yaml",
            "name: none\nfilters: ['false']\ndecisions: [{type: ban, duration: 4h}]\non_success: break\n",
        );
        let mut login = format!("url: {}\nlogin: person\npassword: of-the-person\n", self.url());
        let mut server = String::new();
        if let Some(tls) = tls {
            self.write("lapi.crt", &tls.certificate);
            self.write("lapi.key", &tls.key);
            self.write("ca.crt", &tls.authority);
            _ = writeln!(login, "ca_cert_path: {root}/ca.crt");
            server = format!(
                "    tls:\n      cert_file: {root}/lapi.crt\n      key_file: {root}/lapi.key\n      ca_cert_path: {root}/ca.crt\n      \
                 client_verification: VerifyClientCertIfGiven\n      agents_allowed_ou: [agents]\n      bouncers_allowed_ou: [{BOUNCERS}]\n"
            );
        }
        self.write("login.yaml", &login);
        self.write(
            "config.yaml",
            &format!(
                "common: {{daemonize: true, log_media: stdout, log_level: info}}\n\
                 config_paths:\n  config_dir: {root}/config\n  data_dir: {root}/data\n  \
                 simulation_path: {root}/simulation.yaml\n  hub_dir: /usr/share/crowdsec/hub\n  \
                 index_path: /usr/share/crowdsec/hub/.index.json\n  notification_dir: {root}/notifications\n  \
                 plugin_dir: /usr/lib/crowdsec/plugins\n\
                 crowdsec_service: {{acquisition_path: {root}/acquis.yaml, parser_routines: 1}}\n\
                 cscli: {{output: json, color: \"no\", hub_branch: master}}\n\
                 db_config: {{type: sqlite, db_path: {root}/data/crowdsec.db, use_wal: true, log_level: info}}\n\
                 api:\n  client: {{insecure_skip_verify: false, credentials_path: {root}/login.yaml}}\n  \
                 server:\n    log_level: info\n    listen_uri: 127.0.0.1:{port}\n    profiles_path: {root}/profiles.yaml\n    \
                 console_path: {root}/console.yaml\n{server}\
                 prometheus: {{enabled: false}}\n",
                port = self.port,
            ),
        );
    }

    /// Its address, as Charon is told it.
    pub fn url(&self) -> String {
        match self.tls {
            true => format!("https://localhost:{}", self.port),
            false => format!("http://127.0.0.1:{}", self.port),
        }
    }

    /// Its port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it at once.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            _ = child.kill();
            _ = child.wait();
        }
    }

    /// Starts it with everything that it had.
    ///
    /// # Panics
    /// When it does not answer, with its output.
    pub fn start_again(&mut self) {
        self.stop();
        let output = self.path("output.log");
        let file = fs::File::create(&output).expect("a file for its output");
        let mut command = Command::new("crowdsec");
        command.arg("-c").arg(self.path("config.yaml")).args(["-no-cs", "-no-capi"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        let mut child = command.spawn().expect("Debian's crowdsec is installed");
        eventually_blocking("the other LAPI listens", LIMIT, || {
            if let Ok(Some(status)) = child.try_wait() {
                panic!("the other LAPI ended with {status}: {}", read(&output));
            }
            TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
        self.child = Some(child);
    }

    /// Runs `cscli` there, and returns what it says.
    ///
    /// # Panics
    /// When it fails.
    pub fn cscli(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("cscli");
        command.arg("-c").arg(self.path("config.yaml")).args(arguments);
        let output = command.output().expect("Debian's cscli is installed");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cscli {arguments:?}: {complaint}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Bans an address there for an hour.
    pub fn ban(&self, address: &str) {
        self.cscli(&["decisions", "add", "--ip", address, "-d", "1h", "-R", "of the other machine"]);
    }

    /// Ends its bans there.
    pub fn unban(&self, address: &str) {
        self.cscli(&["decisions", "delete", "--ip", address]);
    }
}

impl Drop for OtherLapi {
    fn drop(&mut self) {
        self.stop();
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
