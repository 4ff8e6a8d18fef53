//! `GET /docs` and its two files.

use crate::error::{Error, Result};
use crate::input::Segment;
use axum::http::{HeaderName, header};

const PAGE: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("script.js");
const STYLE: &str = include_str!("style.css");

/// A page to read this document
#[utoipa::path(
    get, path = "/docs", operation_id = "getDocs", tag = "documentation",
    extensions(("x-charon-role" = json!("public"))),
    responses((status = 200, description = "HTML.", body = String, content_type = "text/html"))
)]
pub(crate) async fn page() -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], PAGE)
}

/// A file of the page
#[utoipa::path(
    get, path = "/docs/{file}", operation_id = "getDocsFile", tag = "documentation",
    extensions(("x-charon-role" = json!("public"))),
    params(("file" = String, Path, description = "`script.js` or `style.css`.", example = "style.css")),
    responses((status = 200, description = "The file.", content(
        (String = "text/javascript"), (String = "text/css"))))
)]
pub(crate) async fn file(file: Segment) -> Result<([(HeaderName, &'static str); 1], &'static str)> {
    let (kind, text) = match file.0.as_str() {
        "script.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "style.css" => ("text/css; charset=utf-8", STYLE),
        _ => return Err(Error::NotFound("file")),
    };
    Ok(([(header::CONTENT_TYPE, kind)], text))
}
