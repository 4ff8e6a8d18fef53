//! `POST /proxy-hosts/test`.

use super::input::SchemeName;
use crate::access::Admin;
use crate::engines::{TestResult, TestTarget};
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::{FieldError, Port, UpstreamHost};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use utoipa::ToSchema;

/// An upstream to try.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestInput {
    /// Default http.
    #[serde(default)]
    #[schema(nullable = false)]
    forward_scheme: Option<SchemeName>,
    /// Name or address, without scheme and port.
    #[schema(min_length = 1, max_length = 253, pattern = "UPSTREAM", example = "192.168.1.20")]
    forward_host: String,
    /// TCP port.
    #[schema(minimum = 1, maximum = 65535, example = 3000)]
    forward_port: i64,
}

impl Input for TestInput {}

/// Try an upstream
///
/// Connects within three seconds. Charon's own interface and link-local addresses (where clouds keep secrets of
/// the machine) are refused.
#[utoipa::path(
    post, path = "/proxy-hosts/test", operation_id = "testUpstream", tag = "proxy-hosts",
    extensions(("x-charon-role" = json!("admin"))), request_body = TestInput,
    responses((status = 200, description = "What came of it.", body = TestResult))
)]
pub(crate) async fn test(
    Ax(state): Ax<State>,
    _: Admin,
    Body(input): Body<TestInput>,
) -> Result<Json<TestResult>> {
    let mut errors = Vec::new();
    let host = UpstreamHost::parse(&input.forward_host)
        .map_err(|message| errors.push(FieldError::new("forward_host", message)));
    let port = Port::new(input.forward_port)
        .map_err(|message| errors.push(FieldError::new("forward_port", message)));
    let (Ok(host), Ok(port)) = (host, port) else { return Err(Error::Validation(errors)) };
    let nothing =
        |message: String| TestResult { reachable: false, message, milliseconds: None, status: None };

    let look_up = tokio::net::lookup_host((host.as_str(), port.get()));
    let addresses: Vec<IpAddr> = match tokio::time::timeout(Duration::from_secs(3), look_up).await {
        Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
        Ok(Err(_)) => {
            return Ok(Json(nothing(format!(
                "the name {host} is not known; check its spelling and your DNS"
            ))));
        }
        Err(_) => {
            return Ok(Json(nothing(format!("nobody says within 3 s where {host} is; check your DNS"))));
        }
    };
    if let Some(message) =
        addresses.iter().find_map(|address| refusal(*address, port.get(), &state.own_ports))
    {
        return Err(Error::field("forward_host", message));
    }
    let Some(address) = addresses.first() else { return Ok(Json(nothing(format!("{host} has no address")))) };
    // The address that was checked is the one that is tried: a name could say another one the next time.
    let https = matches!(input.forward_scheme, Some(SchemeName::Https));
    let address = SocketAddr::new(*address, port.get());
    Ok(Json(state.engines.test_upstream(TestTarget { https, host, port, address }).await))
}

/// Why an address is not tried.
fn refusal(address: IpAddr, port: u16, own_ports: &[u16]) -> Option<String> {
    let address = address.to_canonical();
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        // fe80::/10, and the address of cloud metadata in IPv6.
        IpAddr::V6(address) => {
            address.is_unicast_link_local() || address.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
        }
    };
    if link_local {
        return Some(format!("{address} is a link-local address, where clouds keep secrets; use another"));
    }
    if address.is_multicast() {
        return Some(format!("{address} is a multicast address; use that of one machine"));
    }
    if (address.is_loopback() || address.is_unspecified()) && own_ports.contains(&port) {
        return Some(format!("port {port} of this machine is Charon's own interface; use another"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::refusal;

    #[test]
    fn metadata_and_the_own_interface_are_not_tried_in_any_spelling() {
        for (address, port, refused) in [
            ("169.254.169.254", 80, true),
            ("::ffff:169.254.169.254", 80, true),
            ("fe80::1", 80, true),
            ("fd00:ec2::254", 80, true),
            ("127.0.0.1", 8080, true),
            ("::1", 8080, true),
            ("::ffff:127.0.0.1", 8080, true),
            ("0.0.0.0", 8080, true),
            ("127.0.0.1", 3000, false),
            ("192.168.1.20", 8080, false),
            ("10.0.0.1", 80, false),
            ("2001:db8::1", 443, false),
        ] {
            assert_eq!(
                refusal(address.parse().unwrap(), port, &[8080]).is_some(),
                refused,
                "{address} {port}"
            );
        }
    }
}
