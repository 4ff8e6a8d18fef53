//! HAProxy: one thread, connections to the origin shared, no log.

use super::{Certificate, Contestant, free_ports, peer, sbin, version_of};
use std::path::Path;
use std::process::Command;

pub(super) fn start(work: &Path, origin: u16, certificate: &Certificate) -> anyhow::Result<Contestant> {
    let ports = free_ports()?;
    let (http, https) = ports;
    let both = certificate.both.display();
    let config = format!(
        "global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  http-reuse always
frontend clients
  bind 127.0.0.1:{http}
  bind 127.0.0.1:{https} ssl crt {both} alpn h2,http/1.1
  option forwardfor
  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
  default_backend origin
backend origin
  server origin 127.0.0.1:{origin}
"
    );
    let file = work.join("haproxy.cfg");
    std::fs::write(&file, config)?;
    let program = sbin("haproxy");
    let version = version_of(&program, "-v")?;
    let version = version.split(' ').nth(2).unwrap_or("unknown").to_owned();
    peer("haproxy", version, ports, Command::new(program).arg("-db").arg("-f").arg(&file), work)
}
