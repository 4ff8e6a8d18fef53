//! Protections that a host carries and that this version cannot enforce. A host that was protected is never
//! served unprotected: it is left out until a person decides.

use super::{Fault, about};
use base::{Code, Problem};
use store::proxy_hosts::ProxyHost;

/// Refuses a host with a protection that would be missing; mentions settings that have no effect.
pub(super) fn check(row: &ProxyHost, problems: &mut Vec<Problem>) -> Result<(), Fault> {
    if row.access_list_id.is_some() {
        return Err(Fault::new(
            "it is protected by an access list, which this version cannot enforce yet",
            "remove the access list from the host if it may be open to everyone; nothing else opens it",
        ));
    }
    if row.forward_auth_enabled {
        return Err(Fault::new(
            "it asks for a login in front of the application, which this version cannot enforce yet",
            "turn the login off for the host if it may be open to everyone; nothing else opens it",
        ));
    }
    if !row.advanced_config.trim().is_empty() {
        let fault = Fault::new(
            "its advanced configuration was written for Caddy and has no effect here",
            "set the same with headers and locations of the host, then clear the advanced configuration",
        );
        problems.push(about(row, Code::HostSettingIgnored, &fault));
    }
    Ok(())
}
