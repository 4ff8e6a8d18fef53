//! A real certificate authority for tests: Let's Encrypt's `pebble`, strict, with its DNS test server
//! (Debian: `pebble`), on free ports of loopback.

use crate::raw::{RawClient, Response};
use crate::wait::eventually;
use base::{Clock, SystemClock};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);

/// How the authority behaves.
#[derive(Clone, Debug, Default)]
pub struct Habits {
    /// Seconds that its certificates are good for; five years when there are none.
    pub validity: Option<u32>,
    /// Its environment, such as `PEBBLE_WFE_NONCEREJECT`.
    pub environment: Vec<(&'static str, String)>,
    /// It wants an external account binding with [`Pebble::EAB_KEY_ID`] and [`Pebble::EAB_KEY`].
    pub external_accounts: bool,
    /// Whom it asks in place of its own name server.
    pub resolver: Option<SocketAddr>,
}

/// See the module. Dropping it ends both programs.
#[derive(Debug)]
pub struct Pebble {
    folder: TempDir,
    habits: Habits,
    ports: [u16; 4],
    proxy: (u16, u16),
    dns: Option<Child>,
    authority: Option<Child>,
    root_pem: String,
}

/// A port below the range from which the system takes ports by itself, so that it stays free until it is used.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(37);
    let free = |port: u16| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
            && UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    };
    let one = || {
        let number = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 7_900;
        u16::try_from(12_000 + number).ok().filter(|port| free(*port))
    };
    std::iter::repeat_with(one).take(5_000).flatten().next().expect("a free port")
}

impl Pebble {
    /// Name of the key of external accounts.
    pub const EAB_KEY_ID: &str = "kid-1";
    /// The key of external accounts, base64url.
    pub const EAB_KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

    /// Whether both programs are there. Says so when they are not.
    #[expect(clippy::disallowed_methods, reason = "a test looks where programs are")]
    pub fn is_installed() -> bool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let there = |name: &str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
        let both = there("pebble") && there("pebble-challtestsrv");
        if !both {
            eprintln!("SKIPPED: pebble is not installed (apt-get install pebble)");
        }
        both
    }

    /// Starts it. It validates names on these ports of loopback: HTTP-01 and TLS-ALPN-01. Every name leads to
    /// 127.0.0.1 until [`Pebble::dns`] says otherwise.
    ///
    /// # Panics
    /// When it does not start within a minute.
    pub async fn start(habits: Habits, proxy: (u16, u16)) -> Self {
        let folder = tempfile::Builder::new().prefix("pebble-").tempdir().expect("a temporary folder");
        let now = SystemClock.now();
        let root = certs::InternalCa::create(now).expect("a root");
        let ca = certs::InternalCa::from_pem(&root.chain_pem, &root.key_pem).expect("an authority");
        let leaf = ca.issue(&["localhost".to_owned(), "127.0.0.1".to_owned()], now).expect("a certificate");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
        write("server.pem", &leaf.chain_pem);
        write("server.key", leaf.key_pem.expose());
        let ports = [free_port(), free_port(), free_port(), free_port()];
        let root_pem = root.chain_pem;
        let mut pebble = Self { folder, habits, ports, proxy, dns: None, authority: None, root_pem };
        let [_, _, dns, management] = ports;
        let no = String::new();
        pebble.dns = Some(pebble.spawn(
            "pebble-challtestsrv",
            &[
                "-defaultIPv6",
                &no,
                "-defaultIPv4",
                "127.0.0.1",
                "-http01",
                &no,
                "-https01",
                &no,
                "-tlsalpn01",
                &no,
                "-dns01",
                &format!("127.0.0.1:{dns}"),
                "-management",
                &format!("127.0.0.1:{management}"),
            ],
        ));
        pebble.begin().await;
        pebble
    }

    /// Starts the authority, after [`Pebble::stop`] too: it has forgotten everything then.
    ///
    /// # Panics
    /// When it does not start within a minute.
    pub async fn begin(&mut self) {
        let [main, side, dns, management] = self.ports;
        let keys = json!({ Self::EAB_KEY_ID: Self::EAB_KEY });
        let mut settings = json!({
            "listenAddress": format!("127.0.0.1:{main}"), "managementListenAddress": format!("127.0.0.1:{side}"),
            "certificate": "server.pem", "privateKey": "server.key", "httpPort": self.proxy.0,
            "tlsPort": self.proxy.1, "ocspResponderURL": "",
            "externalAccountBindingRequired": self.habits.external_accounts,
        });
        if let Some(validity) = self.habits.validity {
            settings["certificateValidityPeriod"] = validity.into();
        }
        if self.habits.external_accounts {
            settings["externalAccountMACKeys"] = keys;
        }
        let text = json!({ "pebble": settings }).to_string();
        fs::write(self.folder.path().join("pebble.json"), text).expect("the configuration");
        let dns = self.habits.resolver.unwrap_or(local(dns)).to_string();
        self.authority =
            Some(self.spawn("pebble", &["-config", "pebble.json", "-dnsserver", &dns, "-strict", "true"]));
        for port in [main, side, management] {
            eventually("the authority listens", LIMIT, async || {
                RawClient::connect(local(port)).await.is_ok().then_some(())
            })
            .await;
        }
    }

    fn spawn(&self, program: &str, arguments: &[&str]) -> Child {
        let output = || {
            let path = self.folder.path().join(format!("{program}.log"));
            File::options().create(true).append(true).open(path).expect("a file for the output")
        };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_AUTHZREUSE", "0")
            .env("PEBBLE_WFE_NONCEREJECT", "0");
        command.envs(self.habits.environment.iter().map(|(name, value)| (name, value)));
        command.stdout(output()).stderr(output()).spawn().expect("the program starts")
    }

    /// The name server that it asks when no other is given: every name leads to this machine.
    pub fn name_server(&self) -> SocketAddr {
        local(self.ports[2])
    }

    /// Ends the authority, and leaves its name server.
    pub fn stop(&mut self) {
        end(&mut self.authority);
    }

    /// The address of its directory.
    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.ports[0])
    }

    /// By which its address is trusted.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// What its output says.
    pub fn output(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn log(&self) -> std::path::PathBuf {
        Path::join(self.folder.path(), "pebble.log")
    }

    /// By which its certificates are trusted: another root at each start.
    ///
    /// # Panics
    /// When it cannot be asked.
    pub async fn issuer_pem(&self) -> Vec<u8> {
        self.root(0).await
    }

    /// One of its roots, when it has several (`PEBBLE_ALTERNATE_ROOTS`): each ends a chain of its own.
    ///
    /// # Panics
    /// When it cannot be asked.
    pub async fn root(&self, number: usize) -> Vec<u8> {
        let side = local(self.ports[1]);
        let mut client = RawClient::connect_tls(side, "localhost", self.root_pem.as_bytes(), &[])
            .await
            .expect("its other address");
        client.get("localhost", &format!("/roots/{number}")).await.expect("its root").body
    }

    /// Says something to its name server, such as `add-a` with `{"host": "a.example.com.", "addresses": []}`.
    ///
    /// # Panics
    /// When it does not take it.
    pub async fn dns(&self, what: &str, body: &Value) -> Response {
        let mut client =
            RawClient::connect(local(self.ports[3])).await.expect("the name server's other address");
        let body = body.to_string();
        let head = format!(
            "POST /{what} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        client.send(head).await.expect("a request");
        let answer = client.read_response().await.expect("an answer");
        assert_eq!(answer.status, 200, "{what} {body}: {}", answer.text());
        answer
    }
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn end(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        _ = child.kill();
        _ = child.wait();
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let output = self.output();
            let lines: Vec<_> = output.lines().collect();
            eprintln!(
                "--- the end of the authority's output\n{}",
                lines[lines.len().saturating_sub(25)..].join("\n")
            );
        }
        end(&mut self.authority);
        end(&mut self.dns);
    }
}
