//! HAProxy: connections to the origin shared, no log.

use super::{Certificates, Contestant, Program, folder, free_ports, peer, version_of, words_of};
use crate::Settings;

pub(super) fn start(
    settings: &Settings,
    program: &Program,
    origin: u16,
    certificates: &Certificates,
) -> anyhow::Result<Contestant> {
    let version = version_of(program.command(), "-v")?;
    let version = version.split(' ').nth(2).unwrap_or("unknown").to_owned();
    let (work, workers) = (folder(settings, "haproxy", &version)?, settings.workers);
    let ports = free_ports()?;
    let (http, https) = ports;
    let (both, rsa) = (certificates.ecdsa.both.display(), certificates.rsa.both.display());
    let quic = words_of(program.command(), "-vv")?.contains("USE_QUIC=1");
    // Debian links an OpenSSL for which HAProxy has QUIC without early data.
    let (allow, listen) = if quic {
        ("  limited-quic\n", format!("  bind quic4@127.0.0.1:{https} ssl crt {both} alpn h3\n"))
    } else {
        ("", String::new())
    };
    let config = format!(
        "global
  nbthread {workers}
  maxconn 8192
{allow}defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  http-reuse always
frontend clients
  bind 127.0.0.1:{http}
  bind 127.0.0.1:{https} ssl crt {both} crt {rsa} alpn h2,http/1.1
{listen}  option forwardfor
  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
  default_backend origin
backend origin
  server origin 127.0.0.1:{origin}
"
    );
    let file = work.join("haproxy.cfg");
    std::fs::write(&file, config)?;
    peer("haproxy", version, ports, quic, program.command().arg("-db").arg("-f").arg(&file), &work)
}
