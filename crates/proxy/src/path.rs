//! The one path of a request: what every check decides on is what the origin gets.
//!
//! The rule, applied once when the head is read:
//! - the path starts with `/`; raw control characters, spaces, `#` and `\` and broken escapes are refused (400);
//! - escapes of unreserved characters are decoded (`%61` is `a`), all others are written in upper case, and
//!   raw bytes above ASCII are escaped (RFC 3986, section 6.2.2);
//! - `%00` is refused;
//! - `.` and `..` are resolved, also when escaped; `..` above the root is refused;
//! - a dot segment that only some origins would see (`..%2f`, `..%5c`, `..;x`) is refused;
//! - `//`, `%2F` and `;` are left as they are, since applications use them, but [`takes`] reads them as the
//!   most trusting origin would: runs of slashes as one, `%2F` and `%5C` as slashes, `;x` as absent.

use std::borrow::Cow;

/// Why a path is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Refused(pub(crate) &'static str);

/// Brings `path` into its normal form. `None`: it already is.
///
/// # Errors
/// When origins could disagree about what the path means.
pub(crate) fn normalise(path: &[u8]) -> Result<Option<Vec<u8>>, Refused> {
    if path.first() != Some(&b'/') {
        return Err(Refused("the path does not start with a slash"));
    }
    let mut previous = 0;
    let plain = path.iter().all(|&byte| {
        let plain = match byte {
            b'.' => previous != b'/',
            b'%' | b'\\' | b'#' | b';' => false,
            byte => (0x21..0x7f).contains(&byte),
        };
        previous = byte;
        plain
    });
    if plain {
        return Ok(None);
    }
    let mut normal = Vec::with_capacity(path.len() + 8);
    rewrite(path, &mut normal)?;
    Ok((normal != path).then_some(normal))
}

/// Brings a path that was made by rules into normal form. A dot segment in it is refused instead of resolved: it
/// was put together from pieces of which none was one. Slashes at the beginning become one.
///
/// # Errors
/// As [`normalise`].
pub(crate) fn renormalise(mut path: Vec<u8>) -> Result<Vec<u8>, Refused> {
    let slashes = path.iter().take_while(|byte| **byte == b'/').count();
    if slashes > 1 {
        path.drain(1..slashes);
    }
    let normal = normalise(&path)?;
    let mut text = Vec::new();
    for segment in path.split(|byte| *byte == b'/') {
        text.clear();
        decode(segment, &mut text)?;
        if text == b"." || text == b".." {
            return Err(Refused("the path holds a dot segment"));
        }
    }
    Ok(normal.unwrap_or(path))
}

fn rewrite(path: &[u8], out: &mut Vec<u8>) -> Result<(), Refused> {
    let mut segments = path[1..].split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let start = out.len();
        out.push(b'/');
        decode(segment, out)?;
        let text = &out[start + 1..];
        match text {
            b"." | b".." => {
                let up = text.len() == 2;
                out.truncate(start);
                if up {
                    let Some(slash) = out.iter().rposition(|byte| *byte == b'/') else {
                        return Err(Refused("the path leads above the root"));
                    };
                    out.truncate(slash);
                }
                // A dot segment at the end stands for a folder.
                if segments.peek().is_none() {
                    out.push(b'/');
                }
            }
            text if hides_dots(text) => return Err(Refused("the path hides a dot segment")),
            _ => {}
        }
    }
    Ok(())
}

fn decode(segment: &[u8], out: &mut Vec<u8>) -> Result<(), Refused> {
    let mut rest = segment;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' => {
                let (Some(high), Some(low)) =
                    (rest.first().copied().and_then(hex), rest.get(1).copied().and_then(hex))
                else {
                    return Err(Refused("the path holds a broken escape"));
                };
                rest = &rest[2..];
                match high << 4 | low {
                    0 => return Err(Refused("the path holds an escaped NUL")),
                    byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => out.push(byte),
                    byte => escape(byte, out),
                }
            }
            b'\\' => return Err(Refused("the path holds a backslash")),
            b'#' => return Err(Refused("the target holds a fragment")),
            0x80.. => escape(byte, out),
            ..=0x20 | 0x7f => return Err(Refused("the path holds a control character")),
            byte => out.push(byte),
        }
    }
    Ok(())
}

/// Whether an origin that cuts `;x` or decodes `%2F` and `%5C` would find a dot segment here.
fn hides_dots(segment: &[u8]) -> bool {
    let mut rest = segment;
    loop {
        let end = (0..rest.len()).find(|&at| is_escaped_slash(&rest[at..])).unwrap_or(rest.len());
        let name = rest[..end].split(|byte| *byte == b';').next().unwrap_or_default();
        if (name == b"." || name == b"..") && name.len() < segment.len() {
            return true;
        }
        if end == rest.len() {
            return false;
        }
        rest = &rest[end + 3..];
    }
}

fn is_escaped_slash(text: &[u8]) -> bool {
    text.starts_with(b"%2F") || text.starts_with(b"%5C")
}

pub(crate) fn escape(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Whether the location `prefix` takes `path`: the same path, or one below it. Both are in normal form;
/// `prefix` has no slash at its end (the root is empty).
pub(crate) fn takes(prefix: &[u8], path: &[u8]) -> bool {
    if let Some(rest) = path.strip_prefix(prefix)
        && (rest.is_empty() || matches!(rest[0], b'/' | b';') || is_escaped_slash(rest))
    {
        return true;
    }
    let mut parts = Segments(path);
    // The prefix is read in the same way: it may hold an escaped slash itself.
    Segments(prefix).all(|part| parts.next() == Some(part))
}

/// What follows `prefix` in a path that it [takes]: nothing, or a path with one slash at its beginning.
pub(crate) fn below<'a>(prefix: &[u8], path: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    if let Some(rest) = path.strip_prefix(prefix)
        && (rest.is_empty() || rest[0] == b'/')
    {
        let slashes = rest.iter().take_while(|byte| **byte == b'/').count();
        return Some(Cow::Borrowed(&rest[slashes.saturating_sub(1)..]));
    }
    if !takes(prefix, path) {
        return None;
    }
    let mut parts = Segments(path);
    let names = Segments(prefix).count();
    parts.by_ref().take(names).for_each(drop);
    let rest = parts.0;
    let folder = path[..path.len() - rest.len()].ends_with(b"/");
    if rest.is_empty() && !folder {
        return Some(Cow::Borrowed(b""));
    }
    let rest = rest.iter().position(|byte| *byte != b'/').map_or(&rest[..0], |at| &rest[at..]);
    Some(Cow::Owned([b"/", rest].concat()))
}

/// The names of a path as the most trusting origin reads them.
struct Segments<'a>(&'a [u8]);

impl<'a> Iterator for Segments<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.0.is_empty() {
            let text = self.0;
            let end = (0..text.len())
                .find(|&at| text[at] == b'/' || is_escaped_slash(&text[at..]))
                .unwrap_or(text.len());
            let width = text.get(end).map_or(0, |byte| if *byte == b'/' { 1 } else { 3 });
            self.0 = &text[end + width..];
            let name = text[..end].split(|byte| *byte == b';').next().unwrap_or_default();
            if !name.is_empty() {
                return Some(name);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(path: &str) -> Result<String, Refused> {
        let normal = normalise(path.as_bytes())?;
        Ok(normal.map_or_else(|| path.to_owned(), |normal| String::from_utf8(normal).unwrap()))
    }

    #[test]
    fn each_path_has_one_normal_form() {
        for (path, expected) in [
            ("/", "/"),
            ("/a/b.css", "/a/b.css"),
            ("/.well-known/x", "/.well-known/x"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/%2e%2E/b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("/%61dmin", "/admin"),
            ("/a%2fb", "/a%2Fb"),
            ("/a%20b", "/a%20b"),
            ("/ä", "/%C3%A4"),
            ("//admin", "//admin"),
            ("/a//../b", "/a/b"),
            ("/proxy/https://x/y", "/proxy/https://x/y"),
            ("/%252e%252e/x", "/%252e%252e/x"),
            ("/a;v=1/b", "/a;v=1/b"),
            ("/...", "/..."),
            ("/a..b/..c", "/a..b/..c"),
        ] {
            assert_eq!(normal(path).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn paths_that_origins_could_read_differently_are_refused() {
        for path in [
            "a",
            "",
            "/../x",
            "/a/../../x",
            "/%00",
            "/a%",
            "/a%4",
            "/a%zz",
            "/a\\b",
            "/a#b",
            "/a/..%2fadmin",
            "/a/..%5cadmin",
            "/a/..;/admin",
            "/a/..;x=1",
            "/a%2f..%2fadmin",
            "/a%2f.%2fadmin",
            "/a/%2e%2e;/x",
            "/a/%2e%2e%2fx",
            "/a\u{1}",
        ] {
            assert!(normal(path).is_err(), "{path}");
        }
    }

    #[test]
    fn what_stands_below_a_prefix_begins_with_one_slash() {
        for (prefix, path, expected) in [
            ("/api", "/api", Some("")),
            ("/api", "/api/", Some("/")),
            ("/api", "/api/x/y", Some("/x/y")),
            ("/api", "/api//x", Some("/x")),
            ("/api", "//api/x", Some("/x")),
            ("/api", "/api;v=1/x", Some("/x")),
            ("/api", "/api;v=1", Some("")),
            ("/api", "/api%2Fx", Some("/x")),
            ("/api", "/apix", None),
            ("/api", "/api../x", None),
            ("", "/x", Some("/x")),
            ("", "//x", Some("/x")),
            ("/a/b", "/a//b///c/", Some("/c/")),
        ] {
            let rest = below(prefix.as_bytes(), path.as_bytes());
            assert_eq!(rest.as_deref(), expected.map(str::as_bytes), "{prefix} {path}");
        }
    }

    #[test]
    fn a_path_made_by_rules_has_no_dot_segments() {
        for (path, expected) in [
            ("/a/b", Some("/a/b")),
            ("//a", Some("/a")),
            ("/a/%61", Some("/a/a")),
            ("/a..b/c", Some("/a..b/c")),
            ("/files/../x", None),
            ("/files/%2e%2E/x", None),
            ("/a/.", None),
            ("/a/..%2Fx", None),
            ("/a/..;x", None),
            ("a", None),
            ("", None),
            ("/a b", None),
            ("/a%", None),
        ] {
            let made = renormalise(path.as_bytes().to_vec()).ok();
            assert_eq!(made.as_deref(), expected.map(str::as_bytes), "{path}");
        }
    }

    #[test]
    fn a_location_takes_its_path_and_what_is_below_however_it_is_written() {
        for (prefix, path, expected) in [
            ("/admin", "/admin", true),
            ("/admin", "/admin/x", true),
            ("/admin", "/adminx", false),
            ("/admin", "/Admin", false),
            ("/admin", "//admin", true),
            ("/admin", "//admin//x", true),
            ("/admin", "/admin%2Fx", true),
            ("/admin", "/admin;v=1/x", true),
            ("/admin", "/x/admin", false),
            ("/a/b", "/a//b/c", true),
            ("/a/b", "/a%2Fb", true),
            ("/a%2Fb", "//a%2Fb/c", true),
            ("/a%2Fb", "/a/b", true),
            ("/a%2Fb", "/a%2Fc", false),
            ("/a/b", "/a", false),
            ("", "/anything", true),
        ] {
            assert_eq!(takes(prefix.as_bytes(), path.as_bytes()), expected, "{prefix} {path}");
        }
    }
}
