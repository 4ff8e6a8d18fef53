//! Cross-origin resource sharing (Fetch standard, section 3.2): preflights are answered here, and answers say
//! which other site's pages may read them. An origin that is not listed is never reflected.

use crate::config::Edits;
use crate::log::Fault;
use crate::pipeline::{Call, Flow, Stop};
use crate::spec;
use ahash::AHashSet;
use base::FieldError;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderName,
    HeaderValue, VARY,
};
use http::{Method, Uri};

const PHASE: &str = "cors";

/// What the origin's own word about sharing is; it is replaced by ours.
const OURS: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

/// What an origin of a subdomain begins and ends with: `https://` and `.example.com:8443`.
type Below = (Box<[u8]>, Box<[u8]>);

/// Who may read answers.
#[derive(Debug)]
pub(crate) struct Cors {
    /// Every site.
    any: bool,
    exact: AHashSet<Box<[u8]>>,
    below: Vec<Below>,
    credentials: bool,
    /// Headers of an allowed preflight's answer, without the origin.
    preflight: Vec<(HeaderName, HeaderValue)>,
    expose: Option<HeaderValue>,
}

/// Compiles the rules; `None` when they are off.
///
/// # Errors
/// The first fault, below `cors`.
pub(crate) fn build(spec: &spec::Cors) -> Result<Option<Cors>, FieldError> {
    let mut cors = Cors {
        any: false,
        exact: AHashSet::default(),
        below: Vec::new(),
        credentials: spec.credentials,
        preflight: Vec::new(),
        expose: None,
    };
    crate::config::rules::count("cors.origins", spec.origins.len())?;
    for (at, origin) in spec.origins.iter().enumerate() {
        cors.add_origin(origin).map_err(|message| FieldError::new(format!("cors.origins.{at}"), message))?;
    }
    let names = |field: &str, list: &[String], is_name: fn(&str) -> bool| {
        for (at, name) in list.iter().enumerate() {
            let message = if name == "*" && spec.credentials {
                "'*' does not go together with credentials; list what is needed".to_owned()
            } else if name == "*" || is_name(name) {
                continue;
            } else {
                format!("'{name}' is no name; write letters, digits and hyphens")
            };
            return Err(FieldError::new(format!("cors.{field}.{at}"), message));
        }
        let text = list.join(", ");
        HeaderValue::from_str(&text)
            .map_err(|_| FieldError::new(format!("cors.{field}"), "a name is malformed"))
    };
    let is_header = |name: &str| HeaderName::from_bytes(name.as_bytes()).is_ok();
    let is_method = |name: &str| Method::from_bytes(name.as_bytes()).is_ok();
    for (field, name, list, is_name) in [
        ("methods", ACCESS_CONTROL_ALLOW_METHODS, &spec.methods, is_method as fn(&str) -> bool),
        ("headers", ACCESS_CONTROL_ALLOW_HEADERS, &spec.headers, is_header),
    ] {
        if !list.is_empty() {
            cors.preflight.push((name, names(field, list, is_name)?));
        }
    }
    cors.preflight.push((ACCESS_CONTROL_MAX_AGE, spec.max_age.into()));
    if !spec.expose.is_empty() {
        cors.expose = Some(names("expose", &spec.expose, is_header)?);
    }
    // Only now: what is wrong is told while the rules are off, too.
    Ok((!spec.origins.is_empty()).then_some(cors))
}

impl Cors {
    fn add_origin(&mut self, text: &str) -> Result<(), String> {
        if text == "*" {
            if self.credentials {
                return Err(
                    "every site together with credentials would open logins to every site; list the \
                            origins"
                        .to_owned(),
                );
            }
            self.any = true;
            return Ok(());
        }
        let wrong = || {
            format!(
                "'{text}' is no origin; write it like https://app.example.com, or https://*.example.com for all \
                 subdomains"
            )
        };
        let lower = text.to_ascii_lowercase();
        let (scheme, rest) = lower.split_once("://").ok_or_else(wrong)?;
        let (wildcard, authority) = rest.strip_prefix("*.").map_or((false, rest), |rest| (true, rest));
        let parsed: Uri = format!("{scheme}://{authority}/").parse().map_err(|_| wrong())?;
        let is_plain = parsed.host().is_some_and(|host| !host.is_empty() && !host.contains('*'))
            && !authority.contains(['/', '@', '?', '#'])
            && !authority.ends_with(':');
        if !is_plain || !matches!(scheme, "http" | "https") {
            return Err(wrong());
        }
        // Browsers leave the usual port out.
        let usual = if scheme == "https" { ":443" } else { ":80" };
        let authority = authority.strip_suffix(usual).unwrap_or(authority);
        let scheme = format!("{scheme}://");
        if wildcard {
            let end = format!(".{authority}");
            self.below.push((scheme.into_bytes().into(), end.into_bytes().into()));
        } else {
            self.exact.insert([scheme, authority.to_owned()].concat().into_bytes().into());
        }
        Ok(())
    }

    /// Whether pages of this origin may read answers.
    fn allows(&self, origin: &[u8]) -> bool {
        self.any
            || self.exact.contains(origin)
            || self.below.iter().any(|(scheme, end)| {
                let name = origin.strip_prefix(&**scheme).and_then(|rest| rest.strip_suffix(&**end));
                let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
                name.is_some_and(|name| !name.is_empty() && name[0] != b'.' && name.iter().all(in_name))
            })
    }

    /// Whether answers differ by the page that asks.
    pub(crate) fn by_origin(&self) -> bool {
        !self.any
    }

    /// Takes the origin's own word out of its answers.
    pub(crate) fn silence(edits: &mut Edits) {
        for name in OURS {
            edits.drop_only(&name);
        }
    }

    /// What all answers have in common, put in once.
    pub(crate) fn prepare(&self, edits: &mut Edits) {
        if self.any {
            edits.push(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            if let Some(expose) = &self.expose {
                edits.push(ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
            }
        } else {
            // Also where nothing is allowed, since a cache must not give this answer to another page.
            edits.push(VARY, HeaderValue::from_static("Origin"));
        }
    }

    /// What an answer says to the page that asks.
    pub(crate) fn answer(&self, call: &Call<'_>, edits: &mut Edits) {
        let Some(origin) = asking(call).filter(|origin| self.by_origin() && self.allows(origin)) else {
            return;
        };
        let Ok(origin) = HeaderValue::from_bytes(origin) else { return };
        edits.push(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.credentials {
            edits.push(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        if let Some(expose) = &self.expose {
            edits.push(ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
    }
}

/// The one origin that a request names.
fn asking<'a>(call: &Call<'a>) -> Option<&'a [u8]> {
    let mut origins = call.request.headers("origin");
    origins.next().filter(|_| origins.next().is_none())
}

/// Answers preflights. Other requests go on: browsers enforce sharing, not we.
pub(crate) fn run(call: &mut Call<'_>) -> Flow {
    let Some(cors) = call.extra().and_then(|extra| extra.cors.as_ref()) else { return Flow::Continue(()) };
    let is_preflight = call.request.method() == b"OPTIONS"
        && call.request.headers("access-control-request-method").next().is_some();
    let Some(origin) = asking(call).filter(|_| is_preflight) else { return Flow::Continue(()) };
    if !cors.allows(origin) {
        let reason = "Pages of this origin may not ask this host.";
        let rule = String::from_utf8_lossy(origin).into_owned();
        return Flow::Break(Stop { rule: Some(rule), ..Stop::new(PHASE, 403, Fault::Client, reason) });
    }
    let mut headers = cors.preflight.clone();
    headers.push((
        VARY,
        HeaderValue::from_static("Access-Control-Request-Method, Access-Control-Request-Headers"),
    ));
    Flow::Break(Stop { headers, ..Stop::new(PHASE, 204, Fault::None, "A preflight, answered here.") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str], credentials: bool) -> Result<Cors, FieldError> {
        let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        build(&spec::Cors { origins, credentials, ..spec::Cors::default() }).map(Option::unwrap)
    }

    #[test]
    fn what_is_malformed_is_told_while_the_rules_are_off_too() {
        let off = |methods: &[&str]| {
            let methods = methods.iter().map(|method| (*method).to_owned()).collect();
            build(&spec::Cors { methods, ..spec::Cors::default() }).map(|cors| cors.is_some())
        };
        assert!(!off(&["PATCH", "*"]).unwrap());
        assert_eq!(off(&["PATCH", "\u{d7}\u{f8}"]).unwrap_err().field, "cors.methods.1");
    }

    #[test]
    fn only_listed_origins_are_allowed() {
        let listed = [
            "https://app.example.com",
            "http://localhost:3000",
            "https://*.Example.org",
            "https://b.test:443",
        ];
        let cors = cors(&listed, true).unwrap();
        for (origin, allowed) in [
            ("https://app.example.com", true),
            ("https://app.example.com:8443", false),
            ("http://app.example.com", false),
            ("https://app.example.com.evil.test", false),
            ("https://evilapp.example.com", false),
            ("http://localhost:3000", true),
            ("http://localhost", false),
            ("https://a.example.org", true),
            ("https://a.b.example.org", true),
            ("https://example.org", false),
            ("https://evilexample.org", false),
            ("https://.example.org", false),
            ("https://evil.test/.example.org", false),
            ("https://evil.test?.example.org", false),
            ("https://evil.test:1@a.example.org", false),
            ("https://b.test", true),
            ("null", false),
            ("", false),
            ("*", false),
        ] {
            assert_eq!(cors.allows(origin.as_bytes()), allowed, "{origin}");
        }
    }

    #[test]
    fn what_would_open_a_host_too_far_is_refused_with_its_field() {
        assert_eq!(cors(&["https://a.test", "*"], true).unwrap_err().field, "cors.origins.1");
        for origin in [
            "null",
            "a.test",
            "https://",
            "https://a.test/x",
            "ftp://a.test",
            "https://a.*.test",
            "https://*",
        ] {
            assert_eq!(cors(&[origin], false).unwrap_err().field, "cors.origins.0", "{origin}");
        }
        let spec = spec::Cors {
            origins: vec!["https://a.test".to_owned()],
            headers: vec!["X-A".to_owned(), "*".to_owned()],
            credentials: true,
            ..spec::Cors::default()
        };
        assert_eq!(build(&spec).unwrap_err().field, "cors.headers.1");
        assert!(build(&spec::Cors { credentials: false, ..spec }).is_ok());
    }
}
