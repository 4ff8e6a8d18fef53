//! nginx: kept connections to the origin, buffers that hold the largest answer, no access log.

use super::{Certificate, Certificates, Contestant, Program, folder, free_ports, peer, version_of, words_of};
use crate::Settings;

pub(super) fn start(
    settings: &Settings,
    program: &Program,
    origin: u16,
    certificates: &Certificates,
) -> anyhow::Result<Contestant> {
    let version = version_of(program.command(), "-v")?.replace("nginx version: nginx/", "");
    let (work, workers) = (folder(settings, "nginx", &version)?, settings.workers);
    let ports = free_ports()?;
    let (http, https) = ports;
    let folder = work.display();
    let quic = words_of(program.command(), "-V")?.contains("--with-http_v3_module");
    // One socket for each worker, and packets of one system call at once.
    let (gso, listen) = if quic {
        ("quic_gso on;", format!("listen 127.0.0.1:{https} quic reuseport;"))
    } else {
        ("", String::new())
    };
    let server = |name: &str, certificate: &Certificate, listen: &str| {
        let (chain, key) = (certificate.chain.display(), certificate.key.display());
        format!(
            "server {{
    listen 127.0.0.1:{http}; listen 127.0.0.1:{https} ssl http2; {listen}
    server_name {name};
    ssl_certificate {chain}; ssl_certificate_key {key};
    location / {{
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}"
        )
    };
    let servers = server("localhost", &certificates.ecdsa, &listen)
        + "\n  "
        + &server("rsa.localhost", &certificates.rsa, "");
    let config = format!(
        "daemon off; worker_processes {workers}; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/nginx-body; proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-fastcgi; uwsgi_temp_path {folder}/nginx-uwsgi; scgi_temp_path {folder}/nginx-scgi;
  keepalive_requests 1000000000; proxy_buffer_size 16k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k;
  upstream origin {{ server 127.0.0.1:{origin}; keepalive 256; keepalive_requests 1000000000; }}
  ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:bench:10m; {gso}
  {servers}
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
    peer("nginx", version, ports, quic, program.command().arg("-c").arg(&file), &work)
}
