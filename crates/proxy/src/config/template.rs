//! Texts with placeholders, read once: `https://{host}/x`, and after a regular expression `$1` and `${name}`.

use crate::pipeline::Call;
use regex::bytes::{Captures, Regex};

/// A text with placeholders.
#[derive(Clone, Debug)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Text(Vec<u8>),
    Value(Value),
    /// A group of the regular expression.
    Group(usize),
}

/// What a placeholder stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Value {
    ClientIp,
    Host,
    Scheme,
    Method,
    Path,
    Query,
    RequestId,
    Upstream,
}

/// All placeholders. To add one: a line here, and its value in [`Template::render`].
const VALUES: [(&str, Value); 8] = [
    ("client_ip", Value::ClientIp),
    ("host", Value::Host),
    ("scheme", Value::Scheme),
    ("method", Value::Method),
    ("path", Value::Path),
    ("query", Value::Query),
    ("request_id", Value::RequestId),
    ("upstream", Value::Upstream),
];

impl Template {
    /// Reads a text. With `groups`, `$` stands for groups of that expression; without, for itself.
    ///
    /// # Errors
    /// A sentence that names the placeholder, and those that there are.
    pub(crate) fn parse(text: &str, groups: Option<&Regex>) -> Result<Self, String> {
        let mut template = Self(Vec::new());
        let mut rest = text;
        while let Some(at) = rest.find(['{', '$']) {
            template.text(&rest[..at]);
            rest = &rest[at..];
            let taken = match (rest.as_bytes()[0], groups) {
                (b'{', _) => template.brace(rest)?,
                (_, Some(groups)) => template.dollar(rest, groups)?,
                _ => {
                    template.text("$");
                    1
                }
            };
            rest = &rest[taken..];
        }
        template.text(rest);
        Ok(template)
    }

    /// The id of the request.
    pub(crate) fn request_id() -> Self {
        Self(vec![Part::Value(Value::RequestId)])
    }

    /// Reads what begins with a brace; returns the length of what it took.
    fn brace(&mut self, rest: &str) -> Result<usize, String> {
        let doubled = rest.starts_with("{{");
        let inner = &rest[if doubled { 2 } else { 1 }..];
        let name = inner.find('}').map(|end| &inner[..end]).filter(|name| is_name(name));
        match name {
            Some(name) if doubled => {
                self.text(&format!("{{{name}}}"));
                Ok(name.len() + 3)
            }
            Some(name) => {
                let value = VALUES.iter().find(|(known, _)| *known == name).ok_or_else(|| {
                    let known = VALUES.map(|(name, _)| format!("{{{name}}}")).join(", ");
                    format!("there is no placeholder {{{name}}}; write one of {known}, or {{{{{name}}} for the text itself")
                })?;
                self.0.push(Part::Value(value.1));
                Ok(name.len() + 2)
            }
            None => {
                self.text("{");
                Ok(1)
            }
        }
    }

    fn dollar(&mut self, rest: &str, groups: &Regex) -> Result<usize, String> {
        let after = &rest[1..];
        if after.starts_with('$') {
            self.text("$");
            return Ok(2);
        }
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}')).map(|(name, _)| name);
        let digits = after.len() - after.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let name = braced.unwrap_or(&after[..digits]);
        let group = name
            .parse()
            .ok()
            .filter(|group| *group < groups.captures_len())
            .or_else(|| groups.capture_names().position(|known| known == Some(name)));
        match group {
            Some(group) => {
                self.0.push(Part::Group(group));
                Ok(1 + name.len() + if braced.is_some() { 2 } else { 0 })
            }
            None => Err(format!(
                "${name} names no group of the pattern; write $0 to ${}, ${{name}} of a named group, or $$ for a \
                 dollar sign",
                groups.captures_len() - 1
            )),
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(Part::Text(before)) = self.0.last_mut() {
            before.extend_from_slice(text.as_bytes());
        } else if !text.is_empty() {
            self.0.push(Part::Text(text.as_bytes().to_vec()));
        }
    }

    /// The text, when it holds no placeholder.
    pub(crate) fn constant(&self) -> Option<&[u8]> {
        match self.0.as_slice() {
            [] => Some(b""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it asks for the server, which is not chosen before the request is sent.
    pub(crate) fn names_upstream(&self) -> bool {
        self.0.contains(&Part::Value(Value::Upstream))
    }

    /// Appends the text with its placeholders filled in. Nothing that a request holds can end a line.
    pub(crate) fn render(&self, call: &Call<'_>, groups: Option<&Captures<'_>>, out: &mut Vec<u8>) {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Group(group) => {
                    let found = groups.and_then(|groups| groups.get(*group));
                    put(found.map_or(b"", |found| found.as_bytes()), out);
                }
                Part::Value(Value::ClientIp) => put(call.client_ip.to_string().as_bytes(), out),
                Part::Value(Value::Host) => {
                    let name = call.request.name();
                    if memchr::memchr(b':', name).is_some() {
                        put(&[b"[", name, b"]"].concat(), out);
                    } else {
                        put(name, out);
                    }
                }
                Part::Value(Value::Scheme) => put(if call.https { b"https" } else { b"http" }, out),
                Part::Value(Value::Method) => put(call.request.method(), out),
                Part::Value(Value::Path) => put(call.request.path(), out),
                Part::Value(Value::Query) => put(call.request.query().unwrap_or_default(), out),
                Part::Value(Value::RequestId) => call.put_id(out),
                Part::Value(Value::Upstream) => {
                    if let Some(upstream) = &call.seen.upstream {
                        put(upstream.to_string().as_bytes(), out);
                    }
                }
            }
        }
    }
}

/// Appends a value from a request. The readers of heads let no control character through; this holds also if
/// one of them should.
fn put(value: &[u8], out: &mut Vec<u8>) {
    out.extend(value.iter().copied().filter(|byte| !byte.is_ascii_control()));
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_that_are_no_names_stay_and_doubled_ones_are_meant() {
        for (text, expected) in [
            ("plain", "plain"),
            ("", ""),
            (r#"{"group":"default","max_age":1}"#, r#"{"group":"default","max_age":1}"#),
            ("a { b } {} {", "a { b } {} {"),
            ("{{client_ip}", "{client_ip}"),
            ("price: $5", "price: $5"),
        ] {
            let template = Template::parse(text, None).unwrap();
            assert_eq!(template.constant(), Some(expected.as_bytes()), "{text}");
        }
        let mixed = Template::parse("a{path}b{query}", None).unwrap();
        assert_eq!(mixed.constant(), None);
    }

    #[test]
    fn unknown_placeholders_and_groups_are_named_with_those_that_there_are() {
        for text in ["{clientip}", "{http.request.host}", "x{remote_host}y"] {
            let message = Template::parse(text, None).unwrap_err();
            assert!(message.contains("no placeholder") && message.contains("{client_ip}"), "{message}");
        }
        let pattern = Regex::new("^/(?<one>a)(b)$").unwrap();
        for text in ["$1$2", "${one}-$2", "$$1", "${2}0"] {
            assert!(Template::parse(text, Some(&pattern)).is_ok(), "{text}");
        }
        for text in ["$3", "${two}", "$x", "$"] {
            assert!(Template::parse(text, Some(&pattern)).unwrap_err().contains("no group"), "{text}");
        }
    }
}
