//! What a person enters about the LAPI of another machine, and what is wrong with it.

use crate::error::{Error, Result};
use crate::input::Input;
use axum::http::Uri;
use base::{FieldError, Secret};
use serde::Deserialize;
use store::crowdsec_external::External;
use utoipa::ToSchema;

/// The LAPI of another machine. It knows Charon by a key or by a client certificate. What is left out or null stays as
/// it is stored; an empty text takes it away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExternalInput {
    /// Its address: `http://` or `https://`, a name or an address, perhaps a port and the beginning of a path.
    #[schema(min_length = 8, max_length = 500, pattern = "LAPI_URL", example = "https://crowdsec.lan:8080")]
    url: String,
    /// The key of a bouncer, as `cscli bouncers add charon` prints it.
    #[serde(default)]
    #[schema(max_length = 500, pattern = "HEADER_VALUE", write_only, example = "")]
    api_key: Option<String>,
    /// In place of a key: a client certificate, then each issuer in turn, as PEM.
    #[serde(default)]
    #[schema(max_length = 200000, format = "pem")]
    certificate: Option<String>,
    /// The client certificate's private key as PEM, not encrypted.
    #[serde(default)]
    #[schema(max_length = 50000, format = "pem", write_only)]
    private_key: Option<String>,
    /// Certificates of authorities as PEM, which are trusted beside the system's.
    #[serde(default)]
    #[schema(max_length = 200000, format = "pem")]
    authorities: Option<String>,
    /// The name of a machine, as `cscli machines add` sets it: for alerts, for ends of bans, and for whole trials.
    #[serde(default)]
    #[schema(max_length = 200, pattern = "HEADER_VALUE", example = "")]
    machine: Option<String>,
    /// Its password.
    #[serde(default)]
    #[schema(max_length = 500, pattern = "HEADER_VALUE", write_only, example = "")]
    password: Option<String>,
}

impl Input for ExternalInput {}

impl ExternalInput {
    /// What is to be stored, where `before` is. All faults at once.
    pub(super) fn over(self, before: &External) -> Result<External> {
        let mut faults = Faults(Vec::new());
        let url = address(&self.url).unwrap_or_else(|message| {
            faults.add("url", message);
            String::new()
        });
        let moved = origin(&url) != origin(&before.url);
        let text = |new: Option<String>, old: &str| new.map_or(old.to_owned(), |new| new.trim().to_owned());
        let mut secret = |field, new: Option<String>, old: &Secret<String>, what| match new {
            Some(new) => Secret::new(new.trim().to_owned()),
            // Else a wrong address would get it.
            None if moved && !old.expose().is_empty() => {
                faults.add(
                    field,
                    format!("enter the {what} again: the one that is stored belongs to another address"),
                );
                Secret::default()
            }
            None => old.clone(),
        };
        let password = secret("password", self.password, &before.password, "password");
        let api_key = secret("api_key", self.api_key, &before.api_key, "key");
        let after = External {
            url,
            api_key,
            certificate: text(self.certificate, &before.certificate),
            private_key: self.private_key.map_or_else(|| before.private_key.clone(), Secret::new),
            authorities: text(self.authorities, &before.authorities),
            machine: text(self.machine, &before.machine),
            password,
        };
        let after = if after.certificate.is_empty() {
            External { private_key: Secret::default(), ..after }
        } else {
            after
        };
        faults.of(&after);
        if faults.0.is_empty() { Ok(after) } else { Err(Error::Validation(faults.0)) }
    }
}

struct Faults(Vec<FieldError>);

impl Faults {
    /// One for each field: the first says most.
    fn add(&mut self, field: &str, message: impl Into<String>) {
        if self.0.iter().all(|known| known.field != field) {
            self.0.push(FieldError::new(field, message));
        }
    }

    fn of(&mut self, external: &External) {
        let External { url, api_key, certificate, private_key, authorities, machine, password } = external;
        match (api_key.expose().is_empty(), certificate.is_empty()) {
            (true, true) => {
                self.add(
                    "api_key",
                    "enter the key that `cscli bouncers add charon` prints there, or a client certificate",
                );
            }
            (false, false) => {
                self.add(
                    "certificate",
                    "enter either a key or a client certificate, and leave the other empty",
                );
            }
            (true, false) => match certs::client(certificate, private_key) {
                Ok(_) if url.starts_with("http://") => {
                    self.add("url", "a client certificate needs an address with https://");
                }
                Ok(_) => {}
                Err(error) => self.add(error.field(), error.to_string()),
            },
            (false, true) => {}
        }
        let printable = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        for (field, text) in
            [("api_key", api_key.expose()), ("machine", machine), ("password", password.expose())]
        {
            if !printable(text) {
                self.add(
                    field,
                    "it has characters that no key, name or password of CrowdSec has; copy it anew",
                );
            }
        }
        if !authorities.is_empty()
            && let Err(error) = certs::bundle(authorities)
        {
            self.add("authorities", error.to_string());
        }
        match (machine.is_empty(), password.expose().is_empty()) {
            (false, true) => self.add("password", "enter the password of the machine, or leave both empty"),
            (true, false) => self.add("machine", "enter the name of the machine, or leave both empty"),
            _ => {}
        }
    }
}

/// The address without what does not belong to it.
fn address(text: &str) -> std::result::Result<String, String> {
    const FORM: &str = "write it like https://crowdsec.lan:8080, with http:// or https:// in front";
    let text = text.trim();
    let uri: Uri = text.parse().map_err(|_| format!("this is no address; {FORM}"))?;
    if !uri.scheme_str().is_some_and(|scheme| ["http", "https"].contains(&scheme)) {
        return Err(format!("it does not begin with http:// or https://; {FORM}"));
    }
    let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    if authority.contains('@') {
        return Err("leave name and password out of the address; the key has a field of its own".to_owned());
    }
    if uri.host().is_none_or(str::is_empty) || authority.ends_with(':') || uri.port_u16() == Some(0) {
        return Err(format!("host or port is missing; {FORM}"));
    }
    if authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
        && uri.port_u16().is_none()
    {
        return Err("the port is larger than 65535".to_owned());
    }
    if uri.query().is_some() || text.contains('#') {
        return Err("leave out what stands behind '?' or '#'".to_owned());
    }
    let text = text.trim_end_matches('/');
    Ok(text.strip_suffix("/v1").unwrap_or(text).trim_end_matches('/').to_owned())
}

/// Scheme, host and port.
fn origin(url: &str) -> Option<(String, String)> {
    let uri: Uri = url.parse().ok()?;
    Some((uri.scheme_str()?.to_ascii_lowercase(), uri.authority()?.as_str().to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(input: serde_json::Value, before: &External) -> Vec<String> {
        let input: ExternalInput = serde_json::from_value(input).unwrap();
        match input.over(before) {
            Ok(_) => Vec::new(),
            Err(Error::Validation(faults)) => faults.into_iter().map(|fault| fault.field).collect(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn an_address_is_taken_in_its_plain_form_or_refused_with_the_reason() {
        for (text, expected) in [
            ("https://crowdsec.lan:8080/", Ok("https://crowdsec.lan:8080")),
            (" http://10.0.0.5:8080/v1/ ", Ok("http://10.0.0.5:8080")),
            ("http://[fd00::1]:8080/crowdsec", Ok("http://[fd00::1]:8080/crowdsec")),
            ("crowdsec.lan:8080", Err("http:// or https://")),
            ("ftp://crowdsec.lan", Err("http:// or https://")),
            ("http://u:p@crowdsec.lan", Err("leave name and password out")),
            ("http://crowdsec.lan:99999", Err("")),
            ("http://crowdsec.lan/?a=b", Err("'?'")),
            ("http://", Err("")),
        ] {
            match (address(text), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(message), Err(part)) => assert!(message.contains(part), "{text}: {message}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }

    #[test]
    fn each_fault_names_its_field_and_a_stored_key_goes_to_no_other_address() {
        let empty = External::default();
        let stored = External {
            url: "https://a.lan:8080".to_owned(),
            api_key: Secret::new("k".to_owned()),
            machine: "m".to_owned(),
            password: Secret::new("p".to_owned()),
            ..External::default()
        };
        for (input, before, expected) in [
            (serde_json::json!({ "url": "http://a.lan" }), &empty, vec!["api_key"]),
            (serde_json::json!({ "url": "http://a.lan", "api_key": "k" }), &empty, vec![]),
            (
                serde_json::json!({ "url": "http://a.lan", "api_key": "k", "certificate": "x" }),
                &empty,
                vec!["certificate"],
            ),
            (serde_json::json!({ "url": "https://a.lan", "certificate": "x" }), &empty, vec!["certificate"]),
            (
                serde_json::json!({ "url": "a.lan", "api_key": "k", "machine": "m" }),
                &empty,
                vec!["url", "password"],
            ),
            (
                serde_json::json!({ "url": "http://a.lan", "api_key": "k", "authorities": "x" }),
                &empty,
                vec!["authorities"],
            ),
            (serde_json::json!({ "url": "http://a.lan", "api_key": "ä" }), &empty, vec!["api_key"]),
            (serde_json::json!({ "url": "https://a.lan:8080/prefix" }), &stored, vec![]),
            (serde_json::json!({ "url": "https://b.lan:8080" }), &stored, vec!["password", "api_key"]),
            (
                serde_json::json!({ "url": "https://b.lan:8080", "api_key": "n", "machine": "", "password": "" }),
                &stored,
                vec![],
            ),
            (serde_json::json!({ "url": "https://a.lan:8080", "api_key": "" }), &stored, vec!["api_key"]),
        ] {
            assert_eq!(faults(input.clone(), before), expected, "{input}");
        }
    }
}
