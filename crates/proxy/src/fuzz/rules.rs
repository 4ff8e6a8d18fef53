//! Rules that people write: header edits and rewrites. Whatever they hold, what is built from them breaks no head
//! and leads to no other folder.

use super::strict;
use crate::config::{Edits, Template, rules};
use crate::path;
use crate::phases::rewrite;
use crate::spec::{HeaderEdit, Rewrite};

const LONGEST: usize = 1024;

pub(super) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(&data[..data.len().min(LONGEST)]) else { return };
    let mut parts = text.split('\u{1f}');
    let mut part = || parts.next().unwrap_or_default().to_owned();
    let (name, value, pattern, replacement, asked) = (part(), part(), part(), part(), part());
    for of_request in [false, true] {
        edits(&name, &value, of_request);
    }
    let steps = [
        Rewrite::StripPrefix { prefix: name.clone() },
        Rewrite::AddPrefix { prefix: name.clone() },
        Rewrite::ReplacePath { path: name },
        Rewrite::Regex { pattern: pattern.clone(), replacement: replacement.clone() },
    ];
    for step in steps {
        let Ok(built) = rewrite::build(&[step]) else { continue };
        if let Some(rewrite::Step::Strip(made) | rewrite::Step::Add(made) | rewrite::Step::Replace(made)) =
            built.first()
        {
            assert!(made.is_empty() || path::normalise(made) == Ok(None), "{}", made.escape_ascii());
        }
    }
    let Ok(pattern) = rules::pattern(&pattern) else { return };
    if Template::parse(&replacement, Some(&pattern)).is_err() {
        return;
    }
    let Ok(normal) = path::normalise(asked.as_bytes()) else { return };
    let asked = normal.unwrap_or_else(|| asked.into_bytes());
    // Each group in place of what was found, which no rule can be kept from asking for.
    let Some(found) = pattern.captures(&asked) else { return };
    let whole = found.get_match();
    for group in found.iter().flatten() {
        let made = [&asked[..whole.start()], group.as_bytes(), &asked[whole.end()..]].concat();
        if let Ok(made) = path::renormalise(made) {
            assert_eq!(path::normalise(&made), Ok(None));
        }
    }
}

/// The lines that edits add are as many as were asked for, under the names that were asked for.
fn edits(name: &str, value: &str, of_request: bool) {
    let (name, value) = (name.to_owned(), value.to_owned());
    let edits = [
        HeaderEdit::Add { name: name.clone(), value: value.clone() },
        HeaderEdit::Set { name: name.clone(), value: value.clone() },
        HeaderEdit::Add { name: name.clone(), value },
        HeaderEdit::Remove { name: "x-other".to_owned() },
    ];
    let Ok(built) = Edits::build(&edits, of_request) else { return };
    assert!(built.host.as_ref().is_none_or(|host| !host.iter().any(u8::is_ascii_control)));
    let lines: Vec<_> = built.lines.split_inclusive(|byte| *byte == b'\n').collect();
    let lines: Vec<_> = lines.iter().map(|line| line.strip_suffix(b"\r\n").expect("a whole line")).collect();
    let read = strict::fields(&lines).expect("lines that can be read");
    assert_eq!(read.len(), built.fields.len());
    assert!(read.len() + built.dynamic.len() <= 2, "the first was replaced");
    for (known, _) in &read {
        assert!(known.eq_ignore_ascii_case(name.as_bytes()));
        let frames = [b"content-length".as_slice(), b"transfer-encoding", b"connection", b"upgrade", b"host"];
        assert!(!frames.contains(&known.as_slice()));
    }
}
