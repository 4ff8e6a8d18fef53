//! The layers around every request, the UI's included: request id and facts, `Host` check, protection against
//! requests of other sites, time-out, security headers, and the log line of hidden causes.

use crate::error::{Carried, Error};
use crate::meta::{self, Meta};
use crate::state::State;
use crate::{access, host_check};
use axum::extract::{Request, State as Ax};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::panic::AssertUnwindSafe;
use std::task::Poll;
use std::time::Duration;

/// Content-Security-Policy of every answer: nothing from other origins, no script in pages, no frames.
pub const CSP: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; frame-src 'none'; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Longer than the slowest honest answer (saving waits 5 s, a test of an upstream 3 s, a backup some more).
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Header that scripts of other sites cannot send without being asked first.
pub(crate) const CSRF_HEADER: &str = "x-charon-csrf";

/// The outermost layer.
pub(crate) async fn guard(Ax(state): Ax<State>, mut request: Request, next: Next) -> Response {
    let facts = Meta::read(request.headers(), request.uri(), meta::peer(request.extensions()));
    let api = is_api(request.uri().path());
    request.extensions_mut().insert(facts.clone());
    let refused = match check_host(&state, &facts).await {
        Ok(()) => check_origin(request.method(), request.headers(), &facts),
        refused => refused,
    };
    let response = match refused {
        Err(error) => error.into_response(),
        Ok(()) => match tokio::time::timeout(TIME_LIMIT, caught(next.run(request))).await {
            Ok(Some(response)) => response,
            Ok(None) => {
                Error::Internal("a handler panicked; its message stands above".to_owned()).into_response()
            }
            Err(_) => Error::Timeout.into_response(),
        },
    };
    finish(response, &facts, api)
}

/// Runs `future`; `None` when it panics. A fault in one request must not look like a server that is gone.
async fn caught<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    std::future::poll_fn(move |context| {
        // The future is dropped after a panic, and what it shared is behind locks that recover.
        match std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

pub(crate) fn is_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

async fn check_host(state: &State, facts: &Meta) -> Result<(), Error> {
    if host_check::is_fine(&facts.host, &state.allowed_hosts) {
        return Ok(());
    }
    let stored = crate::settings::allowed_hosts(state).await;
    if host_check::is_fine(&facts.host, &stored) {
        return Ok(());
    }
    let name = host_check::name_of(&facts.host).unwrap_or_default();
    Err(Error::BadHost(format!(
        "this server is not known as '{}'; open it by its address, or add the name to CHARON_ALLOWED_HOSTS",
        meta::safe(&name, 100)
    )))
}

/// Refuses unsafe requests that a page of another site may have caused. Requests with an API token are free of
/// it: no browser adds that header by itself.
fn check_origin(method: &Method, headers: &HeaderMap, facts: &Meta) -> Result<(), Error> {
    if method.is_safe() || headers.contains_key(header::AUTHORIZATION) {
        return Ok(());
    }
    if let Some(site) = headers.get("sec-fetch-site")
        && !matches!(site.as_bytes(), b"same-origin" | b"none")
    {
        return Err(Error::Csrf("the browser says that another site sent this request".to_owned()));
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or_default();
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        if !authority.is_some_and(|authority| authority.eq_ignore_ascii_case(&facts.host)) {
            return Err(Error::Csrf("the Origin header names another site than the Host header".to_owned()));
        }
    }
    let by_cookie = access::session_cookie(headers).is_some();
    if by_cookie && headers.get(CSRF_HEADER).is_none_or(|value| value.as_bytes() != b"1") {
        return Err(Error::Csrf(
            "send the header X-Charon-CSRF: 1 with requests that change something".to_owned(),
        ));
    }
    Ok(())
}

fn finish(mut response: Response, facts: &Meta, api: bool) -> Response {
    if let Some(Carried { mut problem, hidden_cause }) = response.extensions_mut().remove::<Carried>() {
        if let Some(cause) = hidden_cause {
            tracing::error!(request.id = facts.request_id, problem.code = problem.code, "{cause}");
        }
        problem.request_id.clone_from(&facts.request_id);
        let headers = std::mem::take(response.headers_mut());
        response = problem.into_response();
        for (name, value) in &headers {
            if name != header::CONTENT_LENGTH {
                response.headers_mut().insert(name.clone(), value.clone());
            }
        }
    }
    let headers = response.headers_mut();
    let mut put = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    put(header::CONTENT_SECURITY_POLICY, CSP);
    put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(header::X_FRAME_OPTIONS, "DENY");
    put(header::REFERRER_POLICY, "same-origin");
    put(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    put(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if facts.tls {
        put(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if api {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    if let Ok(id) = HeaderValue::from_str(&facts.request_id) {
        headers.insert("x-request-id", id);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Uri;

    fn check(pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("charon.lan:8080"));
        for (name, value) in pairs {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let facts = Meta::read(&headers, &Uri::from_static("/"), None);
        check_origin(&Method::POST, &headers, &facts).is_ok()
    }

    #[tokio::test]
    async fn a_panic_in_a_handler_is_an_answer_and_not_the_end_of_the_connection() {
        assert_eq!(caught(async { 7 }).await, Some(7));
        let pause = async {
            tokio::task::yield_now().await;
            panic!("canary");
        };
        assert_eq!(caught::<()>(pause).await, None);
    }

    #[test]
    fn only_requests_of_the_own_pages_may_change_something_by_cookie() {
        let cookie = ("cookie", "charon_session=x");
        let csrf = (CSRF_HEADER, "1");
        assert!(check(&[cookie, csrf]));
        assert!(check(&[
            cookie,
            csrf,
            ("origin", "http://charon.lan:8080"),
            ("sec-fetch-site", "same-origin")
        ]));
        assert!(check(&[("authorization", "Bearer chn_x"), ("origin", "https://evil.example")]));
        assert!(check(&[]), "a login of a command line client");
        assert!(!check(&[cookie]));
        assert!(!check(&[cookie, (CSRF_HEADER, "0")]));
        assert!(!check(&[cookie, csrf, ("origin", "http://charon.lan")]));
        assert!(!check(&[cookie, csrf, ("origin", "null")]));
        assert!(!check(&[cookie, csrf, ("sec-fetch-site", "cross-site")]));
        assert!(!check(&[cookie, csrf, ("sec-fetch-site", "same-site")]));
        assert!(!check(&[("origin", "https://evil.example")]), "a login that another site causes");
    }
}
