//! `/logs/access`: the newest requests, from memory.

mod access;

use crate::error::{Error, Result};
use crate::state::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(access::list))
}

/// A class (`5xx`) or a whole status (`502`) of the query.
pub(crate) fn status(text: Option<String>) -> Result<Option<u16>> {
    let Some(text) = text else { return Ok(None) };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let class = text
        .strip_suffix("xx")
        .filter(|class| digits(class))
        .and_then(|class| class.parse().ok())
        .filter(|class| (1..=5).contains(class));
    let whole = text.parse().ok().filter(|_| digits(&text)).filter(|status| (100..=599).contains(status));
    let wrong = || Error::field("status", "write a class like 5xx or a status like 502");
    class.or(whole).ok_or_else(wrong).map(Some)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_status_is_a_class_or_a_number() {
        let read = |text: &str| super::status(Some(text.to_owned()));
        assert_eq!(read("5xx").unwrap(), Some(5));
        assert_eq!(read("404").unwrap(), Some(404));
        assert_eq!(super::status(None).unwrap(), None);
        for wrong in ["", " 5xx", "7xx", "xx", "99", "1000", "+99", "abc", "-5xx", "+5xx"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
