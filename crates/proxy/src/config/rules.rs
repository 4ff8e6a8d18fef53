//! What rules about paths are made of: paths, prefixes and regular expressions. Matching takes time linear in
//! the path, whatever the pattern; the size of what a pattern compiles to is limited.

use crate::path;
use crate::spec::{MAX_PATTERN, MAX_RULES};
use base::FieldError;
use regex::bytes::{Regex, RegexBuilder};

/// Largest compiled program and largest cache of a pattern, in bytes.
const SIZE: usize = 256 * 1024;

/// Compiles a pattern. Paths in normal form are ASCII, and so are patterns.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(crate) fn pattern(pattern: &str) -> Result<Regex, String> {
    if pattern.is_empty() || pattern.len() > MAX_PATTERN {
        return Err(format!(
            "a pattern has from 1 to {MAX_PATTERN} characters; this one has {}",
            pattern.len()
        ));
    }
    RegexBuilder::new(pattern).unicode(false).size_limit(SIZE).dfa_size_limit(SIZE).build().map_err(|error| {
        match error {
            regex::Error::CompiledTooBig(_) => {
                "the pattern is too large once compiled; write smaller repetitions".to_owned()
            }
            // The library draws the pattern over several lines; what is wrong stands in the last one.
            error => {
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                format!("the pattern is no regular expression: {reason}")
            }
        }
    })
}

/// What a rule is told that asks for the server before one is chosen.
pub(crate) const UPSTREAM_TOO_EARLY: &str =
    "{upstream} is known only once the origin was asked; it can stand in headers of answers";

/// # Errors
/// When there are more rules than are looked at for each request.
pub(crate) fn count(field: &str, count: usize) -> Result<(), FieldError> {
    if count <= MAX_RULES {
        return Ok(());
    }
    Err(FieldError::new(field, format!("{count} rules are too many; at most {MAX_RULES} are possible")))
}

/// A path in normal form.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(crate) fn normal(path: &str) -> Result<Vec<u8>, String> {
    if path.contains('?') {
        return Err("a path has no '?'; the query does not belong to it".to_owned());
    }
    path::renormalise(path.as_bytes().to_vec())
        .map_err(|path::Refused(reason)| format!("{reason}; write a path like /api"))
}

/// A prefix of paths: in normal form, without a slash at its end.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(crate) fn prefix(prefix: &str) -> Result<Vec<u8>, String> {
    let mut normal = normal(prefix)?;
    if normal.last() == Some(&b'/') {
        normal.pop();
    }
    Ok(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_pattern_is_refused_in_one_line() {
        for (text, part) in [
            ("", "from 1 to"),
            ("(", "unclosed group"),
            ("a{1,1000}{1,1000}{1,1000}", "too large"),
            (&"x".repeat(2000), "from 1 to"),
        ] {
            let message = pattern(text).unwrap_err();
            assert!(message.contains(part) && !message.contains('\n'), "{message}");
        }
        assert!(pattern(r"^/(\w+)/(\d{4})$").unwrap().is_match(b"/a/2026"));
    }
}
