//! A host as it is sent, and what of it becomes a row. Every fault is named at once.

use super::carried::Carried;
use super::features::{HEADERS, TrafficRulesInput};
use super::tls::{self, TlsInput};
use super::upstream::UpstreamInput;
use super::view::ActionName;
use crate::input::Input;
use base::{AddressPart, DomainPattern, FieldError, Port, UpstreamAddress};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Map;
use store::locations::Location;
use store::proxy_hosts::{HeaderEdit, HostValues};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

/// A change of a host. What is left out stays as it is; `locations`, `upstream`, `traffic`, `tls` and header lists are
/// replaced as a whole. A location leaves its own `upstream`, `traffic` and header lists out to keep those that
/// its path has.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HostChangeInput {
    /// Display name.
    #[schema(nullable = false, max_length = 100, example = "Shop")]
    pub(super) name: Option<String>,
    /// Domains and wildcards, separated by commas. A wildcard `*.example.com` stands for one label.
    #[schema(
        nullable = false,
        min_length = 1,
        max_length = 4000,
        pattern = "DOMAINS",
        example = "shop.example.com,www.shop.example.com"
    )]
    pub(super) domain_names: Option<String>,
    /// Towards the upstream.
    #[schema(nullable = false)]
    pub(super) forward_scheme: Option<SchemeName>,
    /// Name or address of the upstream, without scheme and port; or `unix:/path` (http only), or `srv:name` for a
    /// name with SRV records.
    #[schema(
        nullable = false,
        min_length = 1,
        max_length = 253,
        pattern = "FORWARD_HOST",
        example = "192.168.1.20"
    )]
    pub(super) forward_host: Option<String>,
    /// Port of the upstream; 0 with `unix:` and `srv:`, which have none.
    #[schema(nullable = false, minimum = 0, maximum = 65535, example = 3000)]
    pub(super) forward_port: Option<i64>,
    /// Check the certificate of an https upstream. Default true.
    #[schema(nullable = false)]
    pub(super) verify_upstream_tls: Option<bool>,
    /// Redirect HTTP to HTTPS. Default false.
    #[schema(nullable = false)]
    pub(super) ssl_forced: Option<bool>,
    /// Offer HTTP/2. Default true.
    #[schema(nullable = false)]
    pub(super) http2_support: Option<bool>,
    /// Send Strict-Transport-Security on HTTPS. Default false.
    #[schema(nullable = false)]
    pub(super) hsts_enabled: Option<bool>,
    /// It holds for subdomains too. Default false.
    #[schema(nullable = false)]
    pub(super) hsts_subdomains: Option<bool>,
    /// Its `max-age` in seconds. Default one year.
    #[schema(nullable = false, minimum = 0, maximum = 63072000, example = 31536000)]
    pub(super) hsts_max_age: Option<i64>,
    /// Serve the host. Default true.
    #[schema(nullable = false)]
    pub(super) enabled: Option<bool>,
    /// Ask a public authority for a certificate, and renew it; an uploaded one that is chosen goes before it.
    /// Default false.
    #[serde(default)]
    #[schema(nullable = false)]
    pub(super) automatic_certificate: Option<bool>,
    /// The uploaded certificate to present; null picks by name.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 36)]
    pub(super) certificate_uuid: Option<Option<String>>,
    /// Labels for searching and grouping.
    #[schema(nullable = false, max_items = 20)]
    pub(super) tags: Option<Vec<TagInput>>,
    /// Paths with upstreams of their own.
    #[schema(nullable = false, max_items = 50)]
    pub(super) locations: Option<Vec<LocationInput>>,
    /// Edits of the request on its way to the upstream.
    #[schema(nullable = false, max_items = 50)]
    pub(super) request_headers: Option<Vec<HeaderInput>>,
    /// Edits of the answer on its way to the client.
    #[schema(nullable = false, max_items = 50)]
    pub(super) response_headers: Option<Vec<HeaderInput>>,
    /// Further servers, and how all of them are used. Replaced as a whole; `{}` is one server with defaults.
    #[schema(nullable = false)]
    pub(super) upstream: Option<UpstreamInput>,
    /// What is done to requests and answers. Replaced as a whole; `{}` is nothing.
    #[schema(nullable = false)]
    pub(super) traffic: Option<TrafficRulesInput>,
    /// How TLS is spoken with clients. Replaced as a whole; `{}` is the usual way.
    #[schema(nullable = false)]
    pub(super) tls: Option<TlsInput>,
    /// Settings carried from the original product that the host is to lose.
    #[schema(nullable = false, max_items = 3)]
    pub(super) give_up: Option<Vec<Carried>>,
}

impl Input for HostChangeInput {
    const IGNORED: &'static [&'static str] = READ_ONLY;
}

/// Fields of the answer that may be sent back.
const READ_ONLY: &[&str] = &[
    "uuid",
    "domains",
    "websocket_support",
    "advanced_config",
    "carried",
    "access_list",
    "created_at",
    "updated_at",
    "created_by",
    "servers",
    "status",
];

/// A new host: as a change, but domains and upstream must be there.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct HostInput(pub(super) HostChangeInput);

impl Input for HostInput {
    const IGNORED: &'static [&'static str] = READ_ONLY;
}

impl PartialSchema for HostInput {
    fn schema() -> RefOr<Schema> {
        let mut schema = HostChangeInput::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.required = ["domain_names", "forward_host", "forward_port"].map(str::to_owned).to_vec();
            object.description = Some("A new host. Three fields are enough.".to_owned());
        }
        schema
    }
}

impl ToSchema for HostInput {
    fn name() -> std::borrow::Cow<'static, str> {
        "HostInput".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        HostChangeInput::schemas(schemas);
    }
}

/// Scheme towards an upstream.
#[derive(Clone, Copy, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SchemeName {
    #[default]
    Http,
    Https,
}

impl SchemeName {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A label.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 40, pattern = "TAG", example = "home")]
pub(super) struct TagInput(pub(super) String);

/// A path with an upstream of its own.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LocationInput {
    /// Ignored: a location is known by its path.
    #[serde(default, rename = "uuid")]
    #[schema(max_length = 36)]
    _uuid: Option<String>,
    /// Starts with `/`; takes this path and everything below it.
    #[schema(min_length = 1, max_length = 500, pattern = "PATH", example = "/api")]
    path: String,
    /// Default http.
    #[serde(default)]
    #[schema(nullable = false)]
    forward_scheme: Option<SchemeName>,
    /// As in a host.
    #[schema(min_length = 1, max_length = 253, pattern = "FORWARD_HOST", example = "192.168.1.20")]
    forward_host: String,
    /// As in a host.
    #[schema(minimum = 0, maximum = 65535, example = 3001)]
    forward_port: i64,
    /// Check the certificate of an https upstream. Default true.
    #[serde(default)]
    #[schema(nullable = false)]
    verify_upstream_tls: Option<bool>,
    /// Further servers, and how all of them are used.
    #[serde(default)]
    #[schema(nullable = false)]
    upstream: Option<UpstreamInput>,
    /// What is different from the host.
    #[serde(default)]
    #[schema(nullable = false)]
    traffic: Option<TrafficRulesInput>,
    /// Edits of the request, instead of the host's; null takes the host's.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<HeaderInput>>, max_items = 50)]
    request_headers: Option<Option<Vec<HeaderInput>>>,
    /// Edits of the answer, instead of the host's; null takes the host's.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<HeaderInput>>, max_items = 50)]
    response_headers: Option<Option<Vec<HeaderInput>>>,
}

/// One edit of headers.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HeaderInput {
    action: ActionName,
    /// The header's name.
    #[schema(min_length = 1, max_length = 200, pattern = "HEADER_NAME", example = "X-Robots-Tag")]
    name: String,
    /// Its value; not used for `remove`.
    #[serde(default)]
    #[schema(nullable = false, max_length = 4000, pattern = "HEADER_VALUE", example = "noindex")]
    value: Option<String>,
}

/// Tells a field that is null from one that is left out.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

impl HostChangeInput {
    /// Puts what was sent into `values`. Faults are added to `errors`; the certificate is left to the caller.
    pub(super) fn apply(self, values: &mut HostValues, errors: &mut Vec<FieldError>) {
        let mut fault = |field: &str, message: String| errors.push(FieldError::new(field, message));
        if let Some(name) = self.name {
            values.name = name.trim().to_owned();
        }
        if let Some(text) = self.domain_names {
            match domains(&text) {
                Ok(domains) => values.domain_names = domains,
                Err(message) => fault("domain_names", message),
            }
        }
        if let Some(scheme) = self.forward_scheme {
            values.forward_scheme = scheme.as_str().to_owned();
        }
        if self.forward_host.is_some() || self.forward_port.is_some() || self.forward_scheme.is_some() {
            let host = self.forward_host.as_deref().unwrap_or(&values.forward_host);
            let port = self.forward_port.unwrap_or(values.forward_port);
            match first_server(&values.forward_scheme, host, port) {
                Ok((host, port)) => (values.forward_host, values.forward_port) = (host, port),
                Err((field, message)) => {
                    if field != "forward_host" || self.forward_host.is_some() {
                        fault(field, message);
                    }
                    // A fault in the name hides none in the number.
                    match self
                        .forward_port
                        .filter(|port| field == "forward_host" && *port != 0)
                        .map(Port::new)
                    {
                        Some(Ok(port)) => values.forward_port = port.get().into(),
                        Some(Err(message)) => fault("forward_port", message),
                        None => {}
                    }
                }
            }
        }
        let set = |value: &mut bool, sent: Option<bool>| *value = sent.unwrap_or(*value);
        set(&mut values.verify_upstream_tls, self.verify_upstream_tls);
        set(&mut values.ssl_forced, self.ssl_forced);
        set(&mut values.http2_support, self.http2_support);
        set(&mut values.hsts_enabled, self.hsts_enabled);
        set(&mut values.hsts_subdomains, self.hsts_subdomains);
        set(&mut values.enabled, self.enabled);
        set(&mut values.automatic_certificate, self.automatic_certificate);
        values.hsts_max_age = self.hsts_max_age.unwrap_or(values.hsts_max_age);
        if let Some(sent) = self.tags {
            values.tags = tags(sent.into_iter().map(|tag| tag.0), errors);
        }
        if let Some(sent) = self.locations {
            values.locations = locations(sent, &values.locations, errors);
        }
        if let Some(mut sent) = self.upstream {
            sent.check("upstream", errors);
            values.upstream = sent.stored();
        }
        if let Some(mut sent) = self.traffic {
            sent.check("traffic", errors);
            values.traffic = sent.stored();
        }
        if let Some(sent) = self.tls {
            values.tls = sent.stored();
        }
        tls::check(values, errors);
        if let Some(sent) = self.request_headers {
            values.request_headers = headers("request_headers", sent, errors);
        }
        if let Some(sent) = self.response_headers {
            values.response_headers = headers("response_headers", sent, errors);
        }
        for carried in self.give_up.into_iter().flatten() {
            carried.give_up(values);
        }
    }
}

/// A list of domains as people type it. Every wrong one is named.
fn domains(text: &str) -> Result<Vec<String>, String> {
    let mut domains: Vec<String> = Vec::new();
    let mut faults = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match DomainPattern::parse(part) {
            Ok(domain) if domains.iter().any(|known| known == domain.as_str()) => {}
            Ok(domain) => domains.push(domain.as_str().to_owned()),
            Err(message) => faults.push(message),
        }
    }
    match (faults.is_empty(), domains.len()) {
        (false, _) => Err(faults.join("; ")),
        (true, 0) => Err("a domain is missing; write one like app.example.com".to_owned()),
        (true, 101..) => Err("a host has at most 100 domains; make a second host".to_owned()),
        (true, _) => Ok(domains),
    }
}

/// Labels without repetitions.
pub(super) fn tags(sent: impl Iterator<Item = String>, errors: &mut Vec<FieldError>) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for (at, tag) in sent.enumerate() {
        let tag = tag.trim().to_owned();
        if tag.contains(',') || tag.is_empty() {
            errors.push(FieldError::new(
                format!("tags.{at}"),
                "a tag is not empty and has no comma; correct it",
            ));
        } else if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

/// The stored form of the first server, or which field is wrong.
fn first_server(scheme: &str, host: &str, port: i64) -> Result<(String, i64), (&'static str, String)> {
    match UpstreamAddress::of(host, port) {
        Ok(UpstreamAddress::Tcp { host, port }) => Ok((host.as_str().to_owned(), port.get().into())),
        Ok(UpstreamAddress::Unix(_)) if scheme == "https" => {
            let message = "a Unix socket speaks plain HTTP; choose the scheme http";
            Err(("forward_scheme", message.to_owned()))
        }
        Ok(address) => Ok((address.to_string(), 0)),
        Err((AddressPart::Host, message)) => Err(("forward_host", message)),
        Err((AddressPart::Port, message)) => Err(("forward_port", message)),
    }
}

fn locations(sent: Vec<LocationInput>, before: &[Location], errors: &mut Vec<FieldError>) -> Vec<Location> {
    let mut locations: Vec<Location> = Vec::new();
    for (at, location) in sent.into_iter().enumerate() {
        let mut fault = |field: &str, message: String| {
            errors.push(FieldError::new(format!("locations.{at}.{field}"), message));
        };
        let path = location.path.trim().to_owned();
        if let Some(message) = path_fault(&path) {
            fault("path", message);
        } else if locations.iter().any(|known| known.path.trim_end_matches('/') == path.trim_end_matches('/'))
        {
            fault("path", format!("the path {path} stands twice; remove one of the two locations"));
        }
        let scheme = location.forward_scheme.unwrap_or_default().as_str();
        let first = first_server(scheme, &location.forward_host, location.forward_port);
        let (forward_host, forward_port) =
            first.map_err(|(field, message)| fault(field, message)).unwrap_or_default();
        let kept = before.iter().find(|known| known.path == path);
        let mut upstream = kept.map(|kept| kept.upstream.clone()).unwrap_or_default();
        if let Some(mut sent) = location.upstream {
            sent.check(&format!("locations.{at}.upstream"), errors);
            upstream = sent.stored();
        }
        let kept = kept.map(|kept| kept.traffic.clone()).unwrap_or_default();
        let (mut traffic, mut edits): (Map<_, _>, Map<_, _>) =
            kept.into_iter().partition(|(name, _)| !HEADERS.contains(&name.as_str()));
        if let Some(mut sent) = location.traffic {
            sent.check(&format!("locations.{at}.traffic"), errors);
            traffic = sent.stored();
        }
        for (name, sent) in HEADERS.into_iter().zip([location.request_headers, location.response_headers]) {
            match sent {
                None => {}
                Some(None) => _ = edits.remove(name),
                Some(Some(sent)) => {
                    let sent = headers(&format!("locations.{at}.{name}"), sent, errors);
                    edits.insert(name.to_owned(), serde_json::to_value(sent).unwrap_or_default());
                }
            }
        }
        traffic.extend(edits);
        locations.push(Location {
            uuid: String::new(),
            path,
            forward_scheme: scheme.to_owned(),
            forward_host,
            forward_port,
            verify_upstream_tls: location.verify_upstream_tls.unwrap_or(true),
            upstream,
            traffic,
        });
    }
    locations
}

/// What is wrong with the path of a location.
fn path_fault(path: &str) -> Option<String> {
    let wrong = |reason: &str| Some(format!("'{path}' {reason}"));
    if !path.starts_with('/') {
        return wrong("does not start with /; write it like /api");
    }
    if path.contains(['?', '#']) {
        return wrong("has a ? or #; write the path only, without query and fragment");
    }
    if path.contains('\\') || path.contains(|char: char| char.is_whitespace() || char.is_control()) {
        return wrong("has a space or a backslash; write it percent-encoded, as in /a%20b");
    }
    if !path.is_ascii() {
        return wrong("has letters outside ASCII; write it percent-encoded");
    }
    if path.split('/').any(|part| part == ".." || part == ".") {
        return wrong("has a . or .. part; write the path that is meant");
    }
    if path.contains("//") {
        return wrong("has an empty part; write a single /");
    }
    None
}

/// Headers that belong to a single connection (RFC 9110, section 7.6.1) or that frame and route a message; the
/// data plane owns them.
const OWNED: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn headers(list: &str, sent: Vec<HeaderInput>, errors: &mut Vec<FieldError>) -> Vec<HeaderEdit> {
    let mut edits = Vec::with_capacity(sent.len());
    for (at, edit) in sent.into_iter().enumerate() {
        let mut fault = |field: &str, message: String| {
            errors.push(FieldError::new(format!("{list}.{at}.{field}"), message));
        };
        let name = edit.name.trim().to_owned();
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            fault("name", format!("'{name}' is not a header name; use letters, digits and -"));
        } else if OWNED.contains(&name.to_ascii_lowercase().as_str()) {
            fault("name", format!("{name} belongs to the connection and is set by Charon; remove this edit"));
        }
        let value = edit.value.unwrap_or_default().trim().to_owned();
        if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            fault("value", "a header value has letters, digits and signs of ASCII on one line".to_owned());
        }
        edits.push(HeaderEdit { action: edit.action.into(), name, value });
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(sent: serde_json::Value) -> Vec<String> {
        let input: HostChangeInput = serde_json::from_value(sent).unwrap();
        let (mut values, mut errors) = (HostValues::default(), Vec::new());
        input.apply(&mut values, &mut errors);
        errors.into_iter().map(|error| format!("{}: {}", error.field, error.message)).collect()
    }

    #[test]
    fn every_fault_of_a_host_is_named_with_its_path() {
        let location = |path: &str| json!({"path": path, "forward_host": "a", "forward_port": 1});
        for (sent, field, part) in [
            (json!({"domain_names": "a..b"}), "domain_names", "empty part"),
            (json!({"domain_names": " , "}), "domain_names", "missing"),
            (json!({"domain_names": "https://a.b/c"}), "domain_names", "write only the domain"),
            (json!({"forward_host": "nas:80"}), "forward_host", "port field"),
            (json!({"forward_port": 70000}), "forward_port", "1 to 65535"),
            (json!({"tags": ["a,b"]}), "tags.0", "comma"),
            (json!({"locations": [location("api")]}), "locations.0.path", "start with /"),
            (json!({"locations": [location("/a?b")]}), "locations.0.path", "? or #"),
            (json!({"locations": [location("/a#b")]}), "locations.0.path", "? or #"),
            (json!({"locations": [location("/a/../b")]}), "locations.0.path", ".. part"),
            (json!({"locations": [location("/a"), location("/a/")]}), "locations.1.path", "stands twice"),
            (json!({"locations": [location("/a b")]}), "locations.0.path", "percent-encoded"),
            (
                json!({"request_headers": [{"action": "set", "name": "Host", "value": "x"}]}),
                "request_headers.0.name",
                "belongs to the connection",
            ),
            (
                json!({"request_headers": [{"action": "set", "name": "a b", "value": "x"}]}),
                "request_headers.0.name",
                "not a header name",
            ),
            (
                json!({"response_headers": [{"action": "add", "name": "X", "value": "a\r\nb: c"}]}),
                "response_headers.0.value",
                "one line",
            ),
            (
                json!({"response_headers": [{"action": "remove", "name": "Transfer-Encoding"}]}),
                "response_headers.0.name",
                "belongs to the connection",
            ),
        ] {
            let found = faults(sent.clone());
            assert!(
                found.len() == 1 && found[0].starts_with(&format!("{field}: ")) && found[0].contains(part),
                "{sent}: {found:?}"
            );
        }
    }

    #[test]
    fn what_is_fine_is_stored_in_its_normal_form() {
        let input: HostChangeInput = serde_json::from_value(json!({
            "domain_names": "Shop.Example.com, *.shop.example.com ,shop.example.com", "forward_host": "NAS",
            "forward_port": 80, "tags": [" a ", "a"], "hsts_enabled": true, "certificate_uuid": null
        }))
        .unwrap();
        assert_eq!(input.certificate_uuid, Some(None));
        let (mut values, mut errors) = (HostValues::default(), Vec::new());
        input.apply(&mut values, &mut errors);
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(values.domain_names, ["shop.example.com", "*.shop.example.com"]);
        assert_eq!(
            (values.forward_host.as_str(), values.tags.as_slice()),
            ("nas", ["a".to_owned()].as_slice())
        );
        assert!(values.http2_support && values.hsts_enabled && values.verify_upstream_tls);
    }
}
