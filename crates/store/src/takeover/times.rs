//! Moments as the original product and people wrote them into text columns.

use base::Timestamp;
use serde_json::Value;

/// What a stored moment turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Moment {
    /// A moment, in milliseconds since the Unix epoch.
    At(i64),
    /// Nothing, or Go's zero time, which means never.
    Never,
    /// It cannot be read.
    Unreadable,
}

/// Numbers above this are milliseconds, below it seconds: 1e11 s is the year 5138, 1e11 ms is 1973.
const SECONDS_BELOW: i64 = 100_000_000_000;

/// Reads GORM's `2025-12-05 14:03:02.123456789-05:00`, SQLite's `2025-12-05 14:03:02` (UTC), a plain date, RFC 3339,
/// Go's `2025-12-05 14:03:02 -0500 EST m=+1.2`, and numbers of seconds or milliseconds.
pub(super) fn read(value: &Value) -> Moment {
    let text = match value {
        Value::Null => return Moment::Never,
        Value::Number(number) => return from_number(number),
        Value::String(text) => text.trim(),
        _ => return Moment::Unreadable,
    };
    if text.is_empty() || text.starts_with("0001-01-01") || text.starts_with("0000-00-00") {
        return Moment::Never;
    }
    if let Ok(number) = text.parse::<serde_json::Number>() {
        return from_number(&number);
    }
    match forms(text).iter().find_map(|form| Timestamp::parse(form).ok()) {
        Some(time) => Moment::At(time.millis()),
        None => Moment::Unreadable,
    }
}

fn from_number(number: &serde_json::Number) -> Moment {
    match number.as_i64() {
        Some(0) => Moment::Never,
        Some(whole) if whole.abs() < SECONDS_BELOW => Moment::At(whole * 1000),
        Some(whole) => Moment::At(whole),
        None => Moment::Unreadable,
    }
}

/// The text in the forms of RFC 3339 that it may mean, the likeliest first.
fn forms(text: &str) -> Vec<String> {
    // Go's monotonic clock reading and zone name mean nothing to others.
    let mut parts = text.split_whitespace();
    let (date, rest): (&str, Vec<&str>) = (parts.next().unwrap_or_default(), parts.collect());
    match rest.as_slice() {
        [] if date.contains(['T', 't']) => vec![date.to_owned(), format!("{date}Z")],
        [] => vec![format!("{date}T00:00:00Z")],
        [time] => vec![format!("{date}T{time}"), format!("{date}T{time}Z")],
        [time, "UTC" | "Z", ..] => vec![format!("{date}T{time}Z")],
        [time, zone, ..] => vec![format!("{date}T{time}{zone}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_every_form_that_occurs() {
        let at = Moment::At;
        for (stored, moment) in [
            (serde_json::json!("2025-12-05 14:03:02.123456789-05:00"), at(1_764_961_382_123)),
            (serde_json::json!("2025-12-05 19:03:02.5+00:00"), at(1_764_961_382_500)),
            (serde_json::json!("2025-12-05 19:03:02"), at(1_764_961_382_000)),
            (serde_json::json!("2025-12-05T19:03:02Z"), at(1_764_961_382_000)),
            (serde_json::json!("2025-12-05T14:03:02-05:00"), at(1_764_961_382_000)),
            (serde_json::json!("2025-12-05T19:03:02"), at(1_764_961_382_000)),
            (serde_json::json!("2025-12-05 14:03:02.1 -0500 EST m=+0.01"), at(1_764_961_382_100)),
            (serde_json::json!("2025-12-05 19:03:02 +0000 UTC"), at(1_764_961_382_000)),
            (serde_json::json!("2025-12-05"), at(1_764_892_800_000)),
            (serde_json::json!(1_764_961_382), at(1_764_961_382_000)),
            (serde_json::json!("1764961382123"), at(1_764_961_382_123)),
            (serde_json::json!("0001-01-01 00:00:00+00:00"), Moment::Never),
            (serde_json::json!(null), Moment::Never),
            (serde_json::json!(" "), Moment::Never),
            (serde_json::json!("yesterday"), Moment::Unreadable),
            (serde_json::json!("2025-13-05 00:00:00"), Moment::Unreadable),
            (serde_json::json!(true), Moment::Unreadable),
        ] {
            assert_eq!(read(&stored), moment, "{stored}");
        }
    }
}
