//! Caddy: as many processors for the Go runtime as the others have workers, no access log.

use super::{Certificates, Contestant, folder, free_ports, peer, version_of};
use crate::Settings;
use std::process::Command;

pub(super) fn start(
    settings: &Settings,
    origin: u16,
    certificates: &Certificates,
) -> anyhow::Result<Contestant> {
    let program = &settings.caddy;
    let version = version_of(Command::new(program), "version")?;
    let version = version.split(' ').next().unwrap_or_default().to_owned();
    let work = folder(settings, "caddy", &version)?;
    let ports = free_ports()?;
    let (http, https) = ports;
    let (chain, key) = (certificates.ecdsa.chain.display(), certificates.ecdsa.key.display());
    let (rsa_chain, rsa_key) = (certificates.rsa.chain.display(), certificates.rsa.key.display());
    let config = format!(
        "{{
  admin off
  auto_https off
  persist_config off
  servers {{
    protocols h1 h2 h3
  }}
}}
http://localhost:{http} {{
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:{origin}
}}
https://localhost:{https} {{
  bind 127.0.0.1
  tls {chain} {key}
  reverse_proxy 127.0.0.1:{origin}
}}
https://rsa.localhost:{https} {{
  bind 127.0.0.1
  tls {rsa_chain} {rsa_key}
  reverse_proxy 127.0.0.1:{origin}
}}
"
    );
    let file = work.join("Caddyfile");
    std::fs::write(&file, config)?;
    let mut command = Command::new(program);
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file);
    command.env("GOMAXPROCS", settings.workers.to_string());
    command.env("HOME", &work).env("XDG_DATA_HOME", &work).env("XDG_CONFIG_HOME", &work);
    peer("caddy", version, ports, true, &mut command, &work)
}
