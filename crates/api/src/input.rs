//! What handlers take from a request: JSON bodies that are checked by their schema, path segments and queries.
//! Each refuses with an answer in the API's own form.

use crate::error::{Error, Result};
use crate::schema;
use crate::state::State;
use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

/// Largest body, in bytes.
pub(crate) const BODY_LIMIT: usize = 1024 * 1024;

/// What can be sent as a body.
pub(crate) trait Input: DeserializeOwned + ToSchema {
    /// Fields of the answer that may be sent back and mean nothing.
    const IGNORED: &'static [&'static str] = &[];
}

/// A JSON body that fits its schema.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: Input> FromRequest<State> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &State) -> Result<Self> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
        if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
            return Err(Error::UnsupportedMediaType);
        }
        let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        if announced.and_then(|text| text.parse::<usize>().ok()).is_some_and(|length| length > BODY_LIMIT) {
            return Err(Error::TooLarge);
        }
        let bytes = to_bytes(request.into_body(), BODY_LIMIT).await.map_err(|error| {
            // The limit and a client that goes away are the same kind of error; the text tells them apart.
            if error.to_string().contains("length limit") {
                Error::TooLarge
            } else {
                Error::Malformed("the request's body ended early; send it again".to_owned())
            }
        })?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Error::Malformed(format!("the body is not valid JSON at {place}; correct it there"))
        })?;
        read(&state.document, value).map(Self)
    }
}

fn read<T: Input>(document: &Value, mut value: Value) -> Result<T> {
    if let Value::Object(fields) = &mut value {
        fields.retain(|name, _| !T::IGNORED.contains(&name.as_str()));
    }
    let errors = schema::check(document, &T::name(), &value);
    if !errors.is_empty() {
        return Err(Error::Validation(errors));
    }
    serde_json::from_value(value).map_err(|error| Error::field("", error.to_string()))
}

/// One variable segment of the path.
#[derive(Debug)]
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(text)) => Ok(Self(text)),
            Err(_) => Err(Error::Malformed("the address holds characters that are not UTF-8".to_owned())),
        }
    }
}

impl Segment {
    /// The segment as a number; what is no number names nothing.
    pub(crate) fn number(&self, what: &'static str) -> Result<i64> {
        self.0.parse().map_err(|_| Error::NotFound(what))
    }
}

/// The query, as `T`.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(error) => Err(Error::Malformed(format!("the query cannot be read: {}", error.body_text()))),
        }
    }
}

/// A page size from the query.
pub(crate) fn limit(given: Option<u64>, default: u64, most: u64) -> Result<u64> {
    match given.unwrap_or(default) {
        limit if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(Error::field("limit", format!("write a number from 1 to {most}"))),
    }
}

/// An optional text of the query of at most `most` characters; blank counts as none.
pub(crate) fn wanted(field: &str, text: Option<String>, most: usize) -> Result<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    if text.chars().count() > most {
        return Err(Error::field(field, format!("must have at most {most} characters")));
    }
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}
