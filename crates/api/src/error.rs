//! Every answer that is not a success, in the form of RFC 9457. An error becomes a status here and nowhere
//! else; what a database or an engine said goes to the log under the request's id, never to the caller.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base::FieldError;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// Why a request was not answered with a success.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One or more fields hold what cannot be accepted. All of them are named at once.
    #[error("{}", sentence(.0))]
    Validation(Vec<FieldError>),
    /// The request cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// Nobody is signed in.
    #[error("sign in first, or send an API token as Authorization: Bearer")]
    Unauthenticated,
    /// E-mail address or password is wrong; which of them is not said.
    #[error("the e-mail address or the password is wrong; try again")]
    InvalidCredentials,
    /// Too many wrong passwords for this account.
    #[error("too many wrong passwords; the account is locked for {} s", .0.as_secs().max(1))]
    AccountLocked(Duration),
    /// Too many tries from this address.
    #[error("too many tries from your address; wait {} s", .0.as_secs().max(1))]
    TooManyAttempts(Duration),
    /// The caller is known and may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// The request may come from another site.
    #[error("{0}")]
    Csrf(String),
    /// The `Host` header names something that this server is not called.
    #[error("{0}")]
    BadHost(String),
    /// There is no such thing.
    #[error("there is no such {0}; it may have been deleted")]
    NotFound(&'static str),
    /// No route has this path.
    #[error("there is no such address in the API; see /api/v1/docs")]
    NoRoute,
    /// The route does not know this method.
    #[error("this address does not take this method; the Allow header names those that it takes")]
    MethodNotAllowed,
    /// The request contradicts what is stored.
    #[error("{}", sentence(.0))]
    Conflict(Vec<FieldError>),
    /// There is an administrator already.
    #[error("the set-up is done; sign in with your account")]
    SetupCompleted,
    /// The body is larger than 1 MiB.
    #[error("the request is larger than 1 MiB; send less at once")]
    TooLarge,
    /// The body is not JSON.
    #[error("send the body as JSON with the header Content-Type: application/json")]
    UnsupportedMediaType,
    /// The request took too long.
    #[error("the request took too long and was given up; look at the state before you try again")]
    Timeout,
    /// The change is stored, but not served.
    #[error("{0}")]
    NotApplied(String),
    /// CrowdSec cannot say.
    #[error(transparent)]
    NoAlerts(#[from] crate::security::NoAlerts),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A fault of Charon. The cause goes to the log only.
    #[error("{0}")]
    Internal(String),
}

/// What handlers return.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// One wrong field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Validation(vec![FieldError::new(field, message)])
    }

    /// A contradiction about one field.
    pub fn conflict(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Conflict(vec![FieldError::new(field, message)])
    }

    fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        use crate::security::NoAlerts;
        use store::Error as Stored;
        match self {
            Self::Validation(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "validation", "Some fields need a correction")
            }
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed", "The request cannot be read"),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated", "Not signed in"),
            Self::InvalidCredentials => {
                (StatusCode::UNAUTHORIZED, "invalid-credentials", "Wrong credentials")
            }
            Self::AccountLocked(_) => (StatusCode::TOO_MANY_REQUESTS, "account-locked", "Account locked"),
            Self::TooManyAttempts(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "too-many-attempts", "Too many tries")
            }
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden", "Not allowed"),
            Self::Csrf(_) => (StatusCode::FORBIDDEN, "csrf", "Refused: it may come from another site"),
            Self::BadHost(_) => (StatusCode::FORBIDDEN, "bad-host", "Unknown host name"),
            Self::NotFound(_) | Self::NoRoute | Self::Store(Stored::NotFound(_)) => {
                (StatusCode::NOT_FOUND, "not-found", "Not found")
            }
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed")
            }
            Self::Conflict(_) | Self::Store(Stored::Conflict { .. }) => {
                (StatusCode::CONFLICT, "conflict", "Conflict")
            }
            Self::SetupCompleted => (StatusCode::CONFLICT, "setup-completed", "Set-up is done"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large"),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Not JSON")
            }
            Self::Timeout => (StatusCode::SERVICE_UNAVAILABLE, "timeout", "Took too long"),
            Self::NotApplied(_) => (StatusCode::SERVICE_UNAVAILABLE, "not-applied", "Stored, but not served"),
            Self::NoAlerts(NoAlerts::NotRunning) => {
                (StatusCode::CONFLICT, "crowdsec-not-running", "CrowdSec does not run")
            }
            Self::NoAlerts(NoAlerts::NoLogin) => {
                (StatusCode::CONFLICT, "crowdsec-no-login", "CrowdSec needs a login")
            }
            Self::NoAlerts(NoAlerts::Failed(_)) => {
                (StatusCode::SERVICE_UNAVAILABLE, "crowdsec-failing", "CrowdSec does not answer")
            }
            Self::Store(Stored::DiskFull) => (StatusCode::INSUFFICIENT_STORAGE, "disk-full", "Disk full"),
            Self::Store(Stored::ReadOnly) => {
                (StatusCode::SERVICE_UNAVAILABLE, "read-only", "Database read-only")
            }
            Self::Store(Stored::Unavailable(_) | Stored::Corrupt(_) | Stored::TableMissing(_)) => {
                (StatusCode::SERVICE_UNAVAILABLE, "database-unavailable", "Database unavailable")
            }
            Self::Store(_) | Self::Internal(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal", "A fault of Charon")
            }
        }
    }

    /// The answer's content, without the request's id.
    pub(crate) fn problem(&self) -> ProblemDetails {
        let (status, code, title) = self.kind();
        let errors = match self {
            Self::Validation(errors) | Self::Conflict(errors) => {
                errors.iter().map(FieldProblem::from).collect()
            }
            Self::Store(store::Error::Conflict { field, message }) if !field.is_empty() => {
                vec![FieldProblem { field: field.clone(), message: message.clone() }]
            }
            _ => Vec::new(),
        };
        let detail = match (code, self) {
            ("internal", _) => {
                "something went wrong inside Charon; the log has the cause under this request id".to_owned()
            }
            ("database-unavailable", _) => {
                "the database does not answer; see /api/v1/health for the cause and the remedy".to_owned()
            }
            (_, Self::Store(store::Error::NotFound(what))) => Self::NotFound(what).to_string(),
            _ => self.to_string(),
        };
        ProblemDetails {
            r#type: "about:blank".to_owned(),
            title: title.to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            error: detail.clone(),
            detail,
            errors,
            request_id: String::new(),
        }
    }

    /// What the log says of it, when the caller is not told everything.
    pub(crate) fn hidden_cause(&self) -> Option<String> {
        match self {
            Self::Internal(cause) => Some(cause.clone()),
            Self::Store(store::Error::NotFound(_) | store::Error::Conflict { .. }) => None,
            Self::Store(error) => Some(error.to_string()),
            _ => None,
        }
    }
}

fn sentence(errors: &[FieldError]) -> String {
    match errors {
        [] => "the request cannot be accepted".to_owned(),
        [one] if one.field.is_empty() => one.message.clone(),
        [one] => format!("{}: {}", one.field, one.message),
        [first, rest @ ..] => format!("{}: {} (and {} more)", first.field, first.message, rest.len()),
    }
}

/// A problem by RFC 9457, with a stable code and the wrong fields.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "about:blank", "title": "Some fields need a correction", "status": 422, "code": "validation",
    "detail": "forward_port: write a number from 1 to 65535", "error": "forward_port: write a number from 1 to 65535",
    "errors": [{"field": "forward_port", "message": "write a number from 1 to 65535"}],
    "request_id": "6f0c3d0e9c1b4a55"
}))]
pub(crate) struct ProblemDetails {
    /// Always `about:blank`; `code` is the stable name.
    pub(crate) r#type: String,
    /// The kind of problem in a few words.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The stable name of the kind of problem.
    pub(crate) code: String,
    /// One sentence: what is wrong, and the remedy.
    pub(crate) detail: String,
    /// The same as `detail`, for clients of the original product.
    pub(crate) error: String,
    /// The wrong fields, all at once; may be empty.
    pub(crate) errors: Vec<FieldProblem>,
    /// The request's id, as in the log.
    pub(crate) request_id: String,
}

/// What is wrong with one field.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct FieldProblem {
    /// Path of the field in the JSON that was sent: `locations.0.path`.
    pub(crate) field: String,
    /// One sentence: what is wrong, and the remedy.
    pub(crate) message: String,
}

impl From<&FieldError> for FieldProblem {
    fn from(error: &FieldError) -> Self {
        Self { field: error.field.clone(), message: error.message.clone() }
    }
}

/// Travels with the answer to the outermost layer, which knows the request's id.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    pub(crate) problem: ProblemDetails,
    pub(crate) hidden_cause: Option<String>,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let carried = Carried { problem: self.problem(), hidden_cause: self.hidden_cause() };
        let mut response = carried.problem.clone().into_response();
        let wait = match &self {
            Self::AccountLocked(wait) | Self::TooManyAttempts(wait) => Some(wait.as_secs().max(1)),
            Self::Store(store::Error::Unavailable(_)) | Self::Timeout => Some(5),
            _ => None,
        };
        if let Some(seconds) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if matches!(self, Self::Unauthenticated) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(carried);
        response
    }
}

impl IntoResponse for ProblemDetails {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_inside_are_for_the_log_and_not_for_the_caller() {
        for error in [
            Error::Internal("canary".to_owned()),
            Error::Store(store::Error::Other("canary".to_owned())),
            Error::Store(store::Error::Unavailable("canary".to_owned())),
            Error::Store(store::Error::Corrupt("canary".to_owned())),
        ] {
            assert!(error.hidden_cause().unwrap().contains("canary"));
            let shown = serde_json::to_string(&error.problem()).unwrap();
            assert!(!shown.contains("canary"), "{shown}");
        }
    }

    #[test]
    fn a_lock_says_when_to_come_back() {
        let response = Error::AccountLocked(Duration::from_secs(42)).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::RETRY_AFTER], "42");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
}
