//! Durations as Go writes them: `3h58m35.550385196s`, `-9.649613ms`, `1d` from CrowdSec 1.6.9 on.

use std::time::Duration;

/// Reads a duration; one that is over counts as zero. `None` for what is none.
pub fn parse_go_duration(text: &str) -> Option<Duration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut seconds = 0.0_f64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(rest.len());
        seconds += number
            * match &rest[..end] {
                "ns" => 1e-9,
                "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = &rest[end..];
    }
    if negative { Some(Duration::ZERO) } else { Duration::try_from_secs_f64(seconds).ok() }
}

/// Reads how long something still holds; `None` when it is over, or when that cannot be read.
pub fn go_duration_left(text: &str) -> Option<Duration> {
    parse_go_duration(text).filter(|left| !left.is_zero())
}

/// Writes a duration in seconds, which every version reads.
pub fn go_duration(duration: Duration) -> String {
    format!("{}s", duration.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_all_versions_are_read() {
        for (text, expected) in [
            ("3h58m35.550385196s", Some(14_315_550)),
            ("9m58.975s", Some(598_975)),
            ("4h0m0s", Some(14_400_000)),
            ("1d2h", Some(93_600_000)),
            ("500ms", Some(500)),
            ("-2.036616652s", Some(0)),
            ("-6.25549\u{b5}s", Some(0)),
            ("0s", Some(0)),
            ("0", Some(0)),
            ("", None),
            ("-", None),
            ("5", None),
            ("5 minutes", None),
            ("h", None),
            ("1w", None),
            ("1e400s", None),
        ] {
            let read = parse_go_duration(text).map(|duration| duration.as_millis());
            assert_eq!(read, expected, "{text}");
        }
        assert_eq!(go_duration(Duration::from_secs(7_200)), "7200s");
    }
}
