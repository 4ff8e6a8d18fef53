//! Redirects by path. The first rule that fits answers.

use crate::config::{Template, rules};
use crate::log::Fault;
use crate::pipeline::{Call, Flow, Stop};
use crate::{path, spec};
use base::FieldError;
use regex::bytes::Regex;

const PHASE: &str = "redirects";

/// One rule.
#[derive(Debug)]
pub(crate) struct Redirect {
    matches: Matches,
    to: Template,
    status: u16,
    keep_path: bool,
    keep_query: bool,
}

#[derive(Debug)]
enum Matches {
    Exact(Vec<u8>),
    /// In normal form, without a slash at its end.
    Prefix(Vec<u8>),
    Regex(Regex),
}

/// Compiles the rules.
///
/// # Errors
/// The first fault, below `redirects`.
pub(crate) fn build(rules: &[spec::Redirect]) -> Result<Vec<Redirect>, FieldError> {
    rules::count("redirects", rules.len())?;
    rules.iter().enumerate().map(|(at, rule)| build_one(&format!("redirects.{at}"), rule)).collect()
}

fn build_one(field: &str, rule: &spec::Redirect) -> Result<Redirect, FieldError> {
    let wrong = |name: &str| {
        let field = format!("{field}.{name}");
        move |message: String| FieldError::new(field, message)
    };
    let matches = match &rule.matches {
        spec::PathMatch::Exact(path) => Matches::Exact(rules::normal(path).map_err(wrong("match"))?),
        spec::PathMatch::Prefix(prefix) => Matches::Prefix(rules::prefix(prefix).map_err(wrong("match"))?),
        spec::PathMatch::Regex(regex) => Matches::Regex(rules::pattern(regex).map_err(wrong("match"))?),
    };
    let groups = if let Matches::Regex(regex) = &matches { Some(regex) } else { None };
    let to = Template::parse(&rule.to, groups).map_err(wrong("to"))?;
    if to.names_upstream() {
        return Err(wrong("to")(rules::UPSTREAM_TOO_EARLY.to_owned()));
    }
    if !is_target(&rule.to, groups.is_some()) {
        let message = "write an absolute URL like https://example.com/new, or a path like /new, without spaces; in \
                       the name of the host only {host} can stand";
        return Err(wrong("to")(message.to_owned()));
    }
    if rule.to.contains('#') && (rule.keep_path || rule.keep_query) {
        let message =
            "nothing can be appended behind a '#'; leave out the fragment, or keep neither path nor query";
        return Err(wrong("to")(message.to_owned()));
    }
    if !matches!(rule.status, 301 | 302 | 303 | 307 | 308) {
        let message = format!("{} is no redirect; write 301, 302, 303, 307 or 308", rule.status);
        return Err(wrong("status")(message));
    }
    if rule.keep_path && !matches!(matches, Matches::Prefix(_)) {
        let message = "only a prefix leaves something of the path to keep; use $1 after a regular expression";
        return Err(wrong("keep_path")(message.to_owned()));
    }
    if rule.keep_path && rule.to.contains('?') {
        let message =
            "the path cannot be kept behind a query; write the target without '?', or keep only the query";
        return Err(wrong("keep_path")(message.to_owned()));
    }
    Ok(Redirect { to, status: rule.status, keep_path: rule.keep_path, keep_query: rule.keep_query, matches })
}

/// Whether a target leads to a host that the rule names: nothing that a client writes may become a part of it.
fn is_target(to: &str, has_groups: bool) -> bool {
    if to.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
        return false;
    }
    let Some(rest) = ["http://", "https://", "{scheme}://"].iter().find_map(|scheme| to.strip_prefix(scheme))
    else {
        return to.starts_with('/') && !to.starts_with("//");
    };
    let end = ["/", "?", "#", "{path}"].iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
    let host = rest[..end].replace("{host}", "host");
    let written_by_clients = host.contains(['{', '\\', '@']) || (has_groups && host.contains('$'));
    !host.is_empty() && !written_by_clients
}

pub(crate) fn run(call: &mut Call<'_>) -> Flow {
    let Some(extra) = call.extra() else { return Flow::Continue(()) };
    for (at, rule) in extra.redirects.iter().enumerate() {
        if let Some(location) = target(call, rule) {
            let rule_name = Some(format!("{}", at + 1));
            let stop = if leads_back(call, &location) {
                let reason =
                    "A redirect of this host leads to itself; its administrator can correct the rule.";
                Stop::new(PHASE, 508, Fault::Charon, reason)
            } else {
                Stop::redirect(PHASE, rule.status, "This address has moved.", location)
            };
            return Flow::Break(Stop { rule: rule_name, ..stop });
        }
    }
    Flow::Continue(())
}

/// Where a rule leads; `None` when it does not fit.
fn target(call: &Call<'_>, rule: &Redirect) -> Option<Vec<u8>> {
    let path = call.request.path();
    let mut location = Vec::with_capacity(128);
    match &rule.matches {
        Matches::Exact(exact) if exact == path => rule.to.render(call, None, &mut location),
        Matches::Exact(_) => return None,
        Matches::Prefix(prefix) => {
            let rest = path::below(prefix, path)?;
            rule.to.render(call, None, &mut location);
            if rule.keep_path {
                if location.ends_with(b"/") && rest.starts_with(b"/") {
                    location.pop();
                }
                location.extend_from_slice(&rest);
            }
        }
        Matches::Regex(regex) => rule.to.render(call, Some(&regex.captures(path)?), &mut location),
    }
    if rule.keep_query
        && let Some(query) = call.request.query().filter(|query| !query.is_empty())
    {
        location.push(if location.contains(&b'?') { b'&' } else { b'?' });
        location.extend_from_slice(query);
    }
    // A path must not become the name of another host (`//evil.example`).
    let slashes = location.iter().take_while(|byte| **byte == b'/').count();
    if slashes > 1 {
        location.drain(1..slashes);
    }
    Some(escaped(location))
}

/// Bytes that no URL holds, escaped.
fn escaped(location: Vec<u8>) -> Vec<u8> {
    let plain =
        |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`');
    if location.iter().all(plain) {
        return location;
    }
    let mut out = Vec::with_capacity(location.len() + 16);
    for byte in location {
        if plain(&byte) { out.push(byte) } else { path::escape(byte, &mut out) }
    }
    out
}

/// Whether a client that follows would ask the same again.
fn leads_back(call: &Call<'_>, location: &[u8]) -> bool {
    let request = call.request;
    let mut rest = location;
    if !location.starts_with(b"/") {
        let scheme: &[u8] = if call.https { b"https://" } else { b"http://" };
        let own = [scheme, request.authority()].concat();
        match location.split_at_checked(own.len()) {
            Some((start, behind)) if start.eq_ignore_ascii_case(&own) => rest = behind,
            _ => return false,
        }
    }
    let question = memchr::memchr(b'?', rest);
    let (path, query) = question.map_or((rest, None), |at| (&rest[..at], Some(&rest[at + 1..])));
    (path == request.path() || (path.is_empty() && request.path() == b"/")) && query == request.query()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_client_writes_becomes_the_host_of_a_target() {
        for (to, fits) in [
            ("/new", true),
            ("/$1", true),
            ("https://example.com", true),
            ("https://example.com:8443/$1", true),
            ("https://www.{host}{path}", true),
            ("{scheme}://{host}/x?{query}", true),
            ("//example.com/", false),
            ("example.com", false),
            ("javascript:alert(1)", false),
            ("https://", false),
            ("https://$1/", false),
            ("https://example.com$1", false),
            ("https://example.com{query}", false),
            ("https://{host}{query}", false),
            ("https://user@example.com/", false),
            ("/a b", false),
            ("/a\r\nSet-Cookie: x", false),
        ] {
            assert_eq!(is_target(to, true), fits, "{to}");
        }
    }
}
