//! Boot configuration: the environment is read here, once, and nowhere else.
//!
//! The names of the original product keep working (`CHARON_*`, then `CPM_*`); its insecure defaults are gone.
//! A wrong value ends with the variable's name and exit status 64 (EX_USAGE of sysexits.h).

use base::Secret;
use control::rehearsal::Ports;
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything that is known before the database is opened.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) db_path: PathBuf,
    pub(crate) database_url: Option<Secret<String>>,
    pub(crate) ui: SocketAddr,
    pub(crate) proxy_http: SocketAddr,
    pub(crate) proxy_https: SocketAddr,
    pub(crate) workers: usize,
    /// Load balancers that speak PROXY protocol to the proxy's listeners; empty for none.
    pub(crate) balancers: Vec<IpNet>,
    /// Hosts may lead to link-local addresses.
    pub(crate) link_local: bool,
    /// Who looks names up for DNS-01, and which programs may write records.
    pub(crate) dns: Dns,
    /// The ports on which authorities look.
    pub(crate) acme_ports: Ports,
    /// How long requests that are under way may take after the first signal.
    pub(crate) stop_grace: Duration,
    /// How long connections may go on after another process has taken over.
    pub(crate) upgrade_grace: Duration,
    /// How CrowdSec is found and where it listens.
    pub(crate) crowdsec: Agent,
    /// What the service manager passes.
    pub(crate) activation: Activation,
    pub(crate) debug: bool,
    /// JSON log lines instead of text.
    pub(crate) log_json: bool,
    /// More names under which the UI may be called.
    pub(crate) allowed_hosts: Vec<String>,
    /// Variables of the original that are set and mean nothing any more, with the reason.
    pub(crate) ignored: Vec<(String, &'static str)>,
}

/// What the environment says about proofs by DNS.
#[derive(Debug, Clone)]
pub(crate) struct Dns {
    /// Who looks names up; empty: whom the system asks.
    pub(crate) resolvers: Vec<SocketAddr>,
    /// Where the servers of zones listen.
    pub(crate) port: u16,
    /// The folder whose programs may write records.
    pub(crate) programs: Option<PathBuf>,
}

/// What the environment says about CrowdSec.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    /// The agent's program, when it is not in one of the usual folders.
    pub(crate) program: Option<PathBuf>,
    /// The port of its API on loopback; that of its metrics is the next one.
    pub(crate) port: u16,
    pub(crate) metrics_port: u16,
    /// How often the way from a decision to a refused request is tried out.
    pub(crate) pace: Duration,
    /// A variable of the original that says whether it shall run, with its value.
    pub(crate) wish: Option<(String, String)>,
    /// Stands for every provider of captchas: scheme, host and port. For tests alone.
    pub(crate) captcha_stand_in: Option<String>,
}

/// What the service manager says by its variables; see the module `systemd`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Activation {
    /// Names of the sockets that it passes, in their order.
    pub(crate) names: Vec<String>,
    /// Where it wants to be told.
    pub(crate) notify: Option<String>,
}

/// A variable with a value that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrongSetting {
    name: String,
    message: String,
}

impl fmt::Display for WrongSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the environment variable {} cannot be used: {}", self.name, self.message)
    }
}

impl std::error::Error for WrongSetting {}

/// Variables of the original without a meaning here.
const IGNORED: &[(&str, &str)] = &[
    ("FRONTEND_DIR", "the user interface is inside the binary"),
    ("CADDY_ADMIN_API", "Charon has its own data plane; there is no Caddy"),
    ("CADDY_CONFIG_DIR", "Charon has its own data plane; there is no Caddy"),
    ("CADDY_BINARY", "Charon has its own data plane; there is no Caddy"),
    ("JWT_SECRET", "sessions are random tokens; there is no signing key to set"),
];

impl Settings {
    /// Reads the environment of this process.
    pub(crate) fn from_env() -> Result<Self, WrongSetting> {
        #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
        Self::read(&|name| std::env::var(name).ok(), &may_bind_low_ports)
    }

    fn read(
        get: &dyn Fn(&str) -> Option<String>,
        may_bind_low_ports: &dyn Fn(IpAddr) -> bool,
    ) -> Result<Self, WrongSetting> {
        let find = |name: &str| -> Option<(String, String)> {
            ["CHARON_", "CPM_"].iter().find_map(|prefix| {
                let full = format!("{prefix}{name}");
                get(&full)
                    .filter(|value| !value.trim().is_empty())
                    .map(|value| (full, value.trim().to_owned()))
            })
        };
        let text = |name: &str| find(name).map(|(_, value)| value);
        let parse_port = |name: &str, default: u16| match find(name) {
            None => Ok(default),
            Some((full, value)) => value
                .parse::<u16>()
                .map_err(|_| wrong(full, format!("'{value}' is not a port; write a number from 0 to 65535"))),
        };
        let address = |name: &str, default: IpAddr| match find(name) {
            None => Ok(default),
            Some((full, value)) => value.trim_matches(['[', ']']).parse::<IpAddr>().map_err(|_| {
                wrong(full, format!("'{value}' is not an address; write one like 127.0.0.1, 0.0.0.0 or ::"))
            }),
        };
        let seconds = |name: &str, default: u64| match find(name) {
            None => Ok(Duration::from_secs(default)),
            Some((full, value)) => match value.parse::<u64>() {
                Ok(count @ 0..=86_400) => Ok(Duration::from_secs(count)),
                _ => Err(wrong(full, format!("'{value}' is not a number of seconds from 0 to 86400"))),
            },
        };
        let flag =
            |name: &str| text(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1");

        let db_path = text("DB_PATH").map(PathBuf::from);
        let data_dir = match (text("DATA_DIR"), &db_path) {
            (Some(dir), _) => PathBuf::from(dir),
            (None, Some(path)) => path
                .parent()
                .filter(|dir| !dir.as_os_str().is_empty())
                .map_or_else(|| PathBuf::from("."), Path::to_path_buf),
            (None, None) => PathBuf::from("data"),
        };
        let database_url = match find("DATABASE_URL") {
            None => None,
            Some((_, url)) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Some(Secret::new(url))
            }
            Some((full, _)) => {
                let message =
                    "only postgres://user:password@host/database is possible; for SQLite set CHARON_DB_PATH";
                return Err(wrong(full, message.to_owned()));
            }
        };
        let proxy_ip = address("PROXY_BIND", IpAddr::V4(Ipv4Addr::UNSPECIFIED))?;
        let low = (find("PROXY_HTTP_PORT").is_none() || find("PROXY_HTTPS_PORT").is_none())
            && may_bind_low_ports(proxy_ip);
        let workers = match find("WORKERS") {
            None => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            Some((full, value)) => match value.parse::<usize>() {
                Ok(count @ 1..=256) => count,
                _ => return Err(wrong(full, format!("'{value}' is not a number from 1 to 256"))),
            },
        };
        let balancers = match find("PROXY_PROTOCOL_FROM") {
            None => Vec::new(),
            Some((full, list)) => networks(&list).map_err(|message| wrong(full, message))?,
        };
        let crowdsec = match find("CROWDSEC_PORT") {
            None => 8085,
            Some((full, value)) => match value.parse::<u16>() {
                Ok(port @ 1..=65_534) => port,
                _ => return Err(wrong(full, format!("'{value}' is not a number from 1 to 65534"))),
            },
        };
        let pace = match find("CROWDSEC_PROOF_INTERVAL") {
            None => Duration::from_secs(60),
            Some((full, value)) => match value.parse::<u64>() {
                Ok(seconds @ 5..=3_600) => Duration::from_secs(seconds),
                _ => return Err(wrong(full, format!("'{value}' is not a number of seconds from 5 to 3600"))),
            },
        };
        let crowdsec = Agent {
            pace,
            program: text("CROWDSEC_BIN").map(PathBuf::from),
            port: crowdsec,
            metrics_port: crowdsec + 1,
            captcha_stand_in: text("CAPTCHA_STAND_IN"),
            wish: find("SECURITY_CROWDSEC_MODE").or_else(|| {
                let name = "CERBERUS_SECURITY_CROWDSEC_MODE";
                get(name).map(|value| (name.to_owned(), value.trim().to_owned()))
            }),
        };
        let dns = Dns {
            resolvers: match find("DNS_RESOLVERS") {
                None => Vec::new(),
                Some((full, list)) => servers(&list).map_err(|message| wrong(full, message))?,
            },
            port: parse_port("DNS_PORT", 53)?,
            programs: match find("DNS_PROGRAMS") {
                None => None,
                Some((_, path)) if Path::new(&path).is_absolute() => Some(PathBuf::from(path)),
                Some((full, path)) => {
                    return Err(wrong(full, format!("'{path}' is not an absolute path; begin it with /")));
                }
            },
        };
        Ok(Self {
            crowdsec,
            dns,
            acme_ports: Ports {
                http: parse_port("ACME_HTTP_PORT", 80)?,
                https: parse_port("ACME_HTTPS_PORT", 443)?,
            },
            db_path: db_path.unwrap_or_else(|| data_dir.join("charon.db")),
            data_dir,
            database_url,
            ui: SocketAddr::new(
                address("BIND", IpAddr::V4(Ipv4Addr::LOCALHOST))?,
                parse_port("HTTP_PORT", 8080)?,
            ),
            proxy_http: SocketAddr::new(
                proxy_ip,
                parse_port("PROXY_HTTP_PORT", if low { 80 } else { 8000 })?,
            ),
            proxy_https: SocketAddr::new(
                proxy_ip,
                parse_port("PROXY_HTTPS_PORT", if low { 443 } else { 8443 })?,
            ),
            workers,
            balancers,
            stop_grace: seconds("STOP_GRACE", 10)?,
            upgrade_grace: seconds("UPGRADE_GRACE", 300)?,
            activation: Activation {
                names: get("LISTEN_FDNAMES")
                    .iter()
                    .flat_map(|names| names.split(':'))
                    .map(str::to_owned)
                    .collect(),
                notify: get("NOTIFY_SOCKET").filter(|path| !path.is_empty()),
            },
            debug: flag("DEBUG"),
            link_local: flag("ALLOW_LINK_LOCAL"),
            log_json: text("LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json")),
            allowed_hosts: text("ALLOWED_HOSTS")
                .map(|list| list.split(',').map(|name| name.trim().to_ascii_lowercase()).collect())
                .unwrap_or_default(),
            ignored: IGNORED
                .iter()
                .filter_map(|(name, reason)| find(name).map(|(full, _)| (full, *reason)))
                .collect(),
        })
    }
}

/// Networks and addresses, separated by commas.
fn networks(list: &str) -> Result<Vec<IpNet>, String> {
    let network = |text: &str| {
        let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        parsed.map_err(|_| format!("'{text}' is not a network; write one like 10.0.0.0/24, or an address"))
    };
    list.split(',').map(str::trim).filter(|text| !text.is_empty()).map(network).collect()
}

/// Addresses of name servers, separated by commas; port 53 where none is named.
fn servers(list: &str) -> Result<Vec<SocketAddr>, String> {
    let server = |text: &str| {
        let address = text.parse::<SocketAddr>().ok();
        let address = address.or_else(|| Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, 53)));
        address.ok_or_else(|| {
            format!("'{text}' is not the address of a name server; write one like 9.9.9.9 or 10.0.0.1:5353")
        })
    };
    list.split(',').map(str::trim).filter(|text| !text.is_empty()).map(server).collect()
}

fn wrong(name: String, message: String) -> WrongSetting {
    WrongSetting { name, message }
}

/// Whether this process may listen on ports below 1024: asked of the kernel by trying port 80. A port that
/// somebody else holds counts as allowed, so that the start names its holder instead of moving elsewhere.
fn may_bind_low_ports(address: IpAddr) -> bool {
    match TcpListener::bind(SocketAddr::new(address, 80)) {
        Ok(_) => true,
        Err(error) => error.kind() != std::io::ErrorKind::PermissionDenied,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)], root: bool) -> Result<Settings, WrongSetting> {
        let pairs: Vec<(String, String)> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let get = move |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        Settings::read(&get, &|_| root)
    }

    #[test]
    fn without_variables_the_interface_is_on_loopback_and_the_ports_fit_the_rights() {
        let user = read(&[], false).unwrap();
        assert_eq!(user.ui.to_string(), "127.0.0.1:8080");
        assert_eq!((user.proxy_http.port(), user.proxy_https.port()), (8000, 8443));
        assert_eq!(user.db_path, Path::new("data/charon.db"));
        let root = read(&[], true).unwrap();
        assert_eq!((root.proxy_http.port(), root.proxy_https.port()), (80, 443));
    }

    #[test]
    fn names_of_the_original_work_and_its_dead_ones_are_named() {
        let settings = read(
            &[
                ("CPM_DB_PATH", "/app/data/cpm.db"),
                ("CPM_HTTP_PORT", "9090"),
                ("CHARON_HTTP_PORT", ""),
                ("CHARON_JWT_SECRET", "x"),
            ],
            false,
        )
        .unwrap();
        assert_eq!(settings.data_dir, Path::new("/app/data"));
        assert_eq!(settings.ui.port(), 9090);
        assert_eq!(settings.ignored.len(), 1);
    }

    #[test]
    fn a_wrong_value_names_its_variable_and_the_remedy() {
        for (name, value, part) in [
            ("CHARON_HTTP_PORT", "web", "number from 0 to 65535"),
            ("CHARON_BIND", "everywhere", "write one like 127.0.0.1"),
            ("CHARON_WORKERS", "0", "from 1 to 256"),
            ("CHARON_PROXY_PROTOCOL_FROM", "10.0.0.1, all", "'all' is not a network"),
            ("CHARON_STOP_GRACE", "long", "number of seconds"),
            ("CHARON_DNS_RESOLVERS", "9.9.9.9, quad", "'quad' is not the address of a name server"),
            ("CHARON_DNS_PROGRAMS", "hooks", "not an absolute path"),
            ("CHARON_DATABASE_URL", "mysql://x", "only postgres://"),
        ] {
            let message = read(&[(name, value)], false).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_password_in_the_database_url_is_not_shown() {
        let settings = read(&[("CHARON_DATABASE_URL", "postgres://u:canary@h/d")], false).unwrap();
        assert!(!format!("{settings:?}").contains("canary"));
    }
}
