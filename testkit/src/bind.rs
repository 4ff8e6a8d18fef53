//! A BIND name server of Debian's package for tests: primary for zones of its own, on a free port of loopback,
//! ended when dropped.

use crate::eventually_blocking;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const PROGRAM: &str = "/usr/sbin/named";

/// A running server.
#[derive(Debug)]
pub struct Bind {
    process: Child,
    folder: tempfile::TempDir,
    /// Where it answers, by UDP and TCP.
    pub address: SocketAddr,
}

impl Bind {
    /// The key that may change TXT records: its name.
    pub const KEY: &str = "charon-key";
    /// A key that the server knows and that may change nothing.
    pub const POWERLESS: &str = "powerless-key";
    /// The secret of both, in base64.
    pub const SECRET: &str = "Y2hhcm9uIHRlc3RzIHVwZGF0ZXMgb2YgdGhlIEROUyE=";

    /// Starts a primary of `zones`: names, and lines of zone files besides SOA and NS. `None`, with a sentence on
    /// standard output, when BIND is not installed.
    ///
    /// # Panics
    /// When it is installed and does not start.
    pub fn start(zones: &[(&str, &str)]) -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            eprintln!("skipped: BIND is not installed (apt-get install bind9)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        // Another program may take the port in between; then it is another's turn.
        for _ in 0..5 {
            let address = free_port();
            let mut process = launch(&folder, address, zones);
            let started = eventually_blocking("BIND listens or ends", Duration::from_secs(60), || {
                if process.try_wait().unwrap().is_some() {
                    return Some(false);
                }
                let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
                (log.contains("all zones loaded") && TcpStream::connect(address).is_ok()).then_some(true)
            });
            if started {
                return Some(Self { process, folder, address });
            }
        }
        panic!(
            "BIND does not start: {}",
            std::fs::read_to_string(folder.path().join("log")).unwrap_or_default()
        );
    }

    /// How many TXT records it holds at a name.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn count(&self, name: &str) -> usize {
        // An id, no recursion, one question (RFC 1035, section 4.1).
        let mut question = vec![7, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            question.push(u8::try_from(label.len()).unwrap());
            question.extend(label.bytes());
        }
        question.extend([0, 0, 16, 0, 1]);
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut answer = [0; 4096];
        for _ in 0..5 {
            socket.send_to(&question, self.address).unwrap();
            if socket.recv(&mut answer).is_ok() {
                return usize::from(u16::from_be_bytes([answer[6], answer[7]]));
            }
        }
        panic!("BIND does not answer");
    }

    /// What it has written to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

fn free_port() -> SocketAddr {
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

fn launch(folder: &tempfile::TempDir, address: SocketAddr, zones: &[(&str, &str)]) -> Child {
    let path = folder.path().display();
    let mut config = format!(
        "options {{ directory \"{path}\"; pid-file none; session-keyfile none; listen-on-v6 {{ none; }};
  listen-on port {} {{ 127.0.0.1; }}; recursion no; dnssec-validation no; notify no; allow-transfer {{ none; }}; }};
controls {{ }};
",
        address.port()
    );
    for key in [Bind::KEY, Bind::POWERLESS] {
        let _ = writeln!(config, "key \"{key}\" {{ algorithm hmac-sha256; secret \"{}\"; }};", Bind::SECRET);
    }
    for (zone, lines) in zones {
        let file = format!("{path}/{zone}.zone");
        let text = format!(
            "$TTL 60\n@ IN SOA ns1.{zone}. root.{zone}. 1 60 60 600 60\n@ IN NS ns1.{zone}.\nns1 IN A 127.0.0.1\n{lines}\n"
        );
        std::fs::write(&file, text).unwrap();
        let _ = writeln!(
            config,
            "zone \"{zone}\" {{ type primary; file \"{file}\"; update-policy {{ grant {} zonesub TXT; }}; }};",
            Bind::KEY
        );
    }
    std::fs::write(folder.path().join("named.conf"), config).unwrap();
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    Command::new(program(folder.path()))
        .args(["-g", "-4", "-n", "1", "-c"])
        .arg(folder.path().join("named.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// The program, or a copy of it where AppArmor would keep the packaged one from reading a temporary folder: its profile
/// belongs to the path.
fn program(folder: &Path) -> PathBuf {
    let confines = std::fs::read_to_string("/sys/module/apparmor/parameters/enabled");
    if !confines.is_ok_and(|text| text.starts_with('Y')) {
        return PathBuf::from(PROGRAM);
    }
    let copy = folder.join("named");
    if !copy.exists() {
        std::fs::copy(PROGRAM, &copy).unwrap();
    }
    copy
}

impl Drop for Bind {
    fn drop(&mut self) {
        // Both do nothing to one that has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
