//! Paths and hosts: one normal form, which the most trusting origin cannot read as leading elsewhere.

use crate::{authority, path};

pub(super) fn run(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == 0);
    let (first, second) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    host(first);
    host(second);
    let normal = normal(first);
    if let (Some(asked), Some(prefix)) = (&normal, self::normal(second)) {
        below(prefix.strip_suffix(b"/").unwrap_or(&prefix), asked);
        // What rules make of two paths: one behind the other, and one in place of a part of the other.
        made([prefix.as_slice(), asked].concat());
        made([&asked[..asked.len() / 2], &prefix, &asked[asked.len() / 2..]].concat());
    }
    made(first.to_vec());
}

/// The normal form, which is its own normal form.
fn normal(text: &[u8]) -> Option<Vec<u8>> {
    let normal = path::normalise(text).ok()?.unwrap_or_else(|| text.to_vec());
    assert_eq!(path::normalise(&normal), Ok(None), "{}", normal.escape_ascii());
    assert!(normal.iter().all(u8::is_ascii_graphic) && normal.starts_with(b"/"));
    stays(&normal);
    Some(normal)
}

/// No origin finds a dot segment in it: not after decoding once, nor by cutting parameters, nor with backslashes.
fn stays(normal: &[u8]) {
    let mut decoded = Vec::new();
    let mut rest = normal;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped =
            if byte == b'%' { after.get(..2).and_then(|two| std::str::from_utf8(two).ok()) } else { None };
        match escaped.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(value) => {
                decoded.push(value);
                rest = &after[2..];
            }
            None => {
                assert_ne!(byte, b'%', "a broken escape in {}", normal.escape_ascii());
                decoded.push(byte);
                rest = after;
            }
        }
    }
    assert!(!decoded.contains(&0));
    for segment in decoded.split(|byte| matches!(byte, b'/' | b'\\')) {
        // An escaped ';' is data to every origin; the raw one begins a parameter to some.
        assert!(!matches!(segment, b"." | b".."), "{}", normal.escape_ascii());
    }
    for segment in normal.split(|byte| *byte == b'/') {
        let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        assert!(!matches!(name, b"." | b".."), "{}", normal.escape_ascii());
    }
}

/// A path below a prefix keeps to the rules without it.
fn below(prefix: &[u8], asked: &[u8]) {
    let rest = path::below(prefix, asked);
    assert_eq!(rest.is_some(), path::takes(prefix, asked), "{}", asked.escape_ascii());
    // Whoever is asked for the same folder by runs of slashes is asked for the same.
    let doubled = asked.iter().flat_map(|byte| std::iter::repeat_n(*byte, 1 + usize::from(*byte == b'/')));
    assert_eq!(path::takes(prefix, &doubled.collect::<Vec<_>>()), path::takes(prefix, asked));
    let Some(rest) = rest else { return };
    assert!(
        rest.is_empty() || (rest.starts_with(b"/") && !rest.starts_with(b"//")),
        "{}",
        rest.escape_ascii()
    );
    if !rest.is_empty() {
        assert!(
            path::renormalise(rest.to_vec()).is_ok_and(|normal| normal == *rest),
            "{}",
            rest.escape_ascii()
        );
    }
}

/// What rules put together is in normal form, or refused.
fn made(text: Vec<u8>) {
    if let Ok(made) = path::renormalise(text) {
        assert_eq!(path::normalise(&made), Ok(None));
        assert!(!made.starts_with(b"//"));
        stays(&made);
    }
}

/// A host is its own normal form, and holds nothing that means something elsewhere in a head or a URL.
fn host(text: &[u8]) {
    let Ok(normal) = authority::normalise(text) else { return };
    let name = normal.unwrap_or_else(|| text.to_vec());
    let plain = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':');
    assert!(!name.is_empty() && name.len() <= 253 && name.iter().all(plain), "{}", name.escape_ascii());
    let again = if name.contains(&b':') { [b"[", name.as_slice(), b"]"].concat() } else { name.clone() };
    assert_eq!(authority::normalise(&again).map(|again| again.unwrap_or_else(|| name.clone())), Ok(name));
}
