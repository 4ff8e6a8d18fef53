//! nginx: kept connections to the origin, buffers that hold the largest answer, no access log.

use super::{Certificate, Contestant, Program, folder, free_ports, peer, version_of};
use crate::Settings;

pub(super) fn start(
    settings: &Settings,
    program: &Program,
    origin: u16,
    certificate: &Certificate,
) -> anyhow::Result<Contestant> {
    let version = version_of(program.command(), "-v")?.replace("nginx version: nginx/", "");
    let (work, workers) = (folder(settings, "nginx", &version)?, settings.workers);
    let ports = free_ports()?;
    let (http, https) = ports;
    let folder = work.display();
    let (chain, key) = (certificate.chain.display(), certificate.key.display());
    let config = format!(
        "daemon off; worker_processes {workers}; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/nginx-body; proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-fastcgi; uwsgi_temp_path {folder}/nginx-uwsgi; scgi_temp_path {folder}/nginx-scgi;
  keepalive_requests 1000000000; proxy_buffer_size 16k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k;
  upstream origin {{ server 127.0.0.1:{origin}; keepalive 256; keepalive_requests 1000000000; }}
  ssl_certificate {chain}; ssl_certificate_key {key};
  ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:bench:10m;
  server {{
    listen 127.0.0.1:{http}; listen 127.0.0.1:{https} ssl http2;
    server_name localhost;
    location / {{
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
"
    );
    let file = work.join("nginx.conf");
    // A worker of another user could not write the temporary folders.
    let user =
        if std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0) {
            "user root;\n"
        } else {
            ""
        };
    std::fs::write(&file, format!("{user}{config}"))?;
    peer("nginx", version, ports, program.command().arg("-c").arg(&file), &work)
}
