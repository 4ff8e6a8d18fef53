//! Where requests go: scheme, name and port as stored, or what is wrong with them.

use super::Fault;
use base::{Port, UpstreamAddress, UpstreamHost};
use proxy::spec::{OriginTls, Scheme, Upstream};

pub(super) fn compile(scheme: &str, host: &str, port: i64, verify_tls: bool) -> Result<Upstream, Fault> {
    let scheme = match scheme.trim().to_ascii_lowercase().as_str() {
        "" | "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => {
            let message = format!("its target has the scheme '{other}'; only http and https are possible");
            return Err(Fault::new(message, "choose http or https for the target of the host"));
        }
    };
    let remedy = "correct the target of the host";
    let host = UpstreamHost::parse(host).map_err(|message| Fault::new(message, remedy))?;
    let port = Port::new(port).map_err(|message| Fault::new(message, remedy))?;
    let upstream = Upstream::one(scheme, UpstreamAddress::Tcp { host, port });
    Ok(Upstream { tls: OriginTls { verify: verify_tls, ..OriginTls::default() }, ..upstream })
}
