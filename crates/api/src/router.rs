//! All resources in one list, and the layers around them.

use crate::error::Error;
use crate::state::State;
use crate::{guard, openapi};
use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get};
use utoipa_axum::router::OpenApiRouter;

/// Every resource, in the order of the documentation.
pub(crate) fn resources() -> OpenApiRouter<State> {
    OpenApiRouter::with_openapi(openapi::frame())
        .merge(crate::health::routes())
        .merge(crate::setup::routes())
        .merge(crate::auth::routes())
        .merge(crate::users::routes())
        .merge(crate::api_tokens::routes())
        .merge(crate::proxy_hosts::routes())
        .merge(crate::certificates::routes())
        .merge(crate::acme::routes())
        .merge(crate::dns_credentials::routes())
        .merge(crate::revisions::routes())
        .merge(crate::security::routes())
        .merge(crate::settings::routes())
        .merge(crate::audit::routes())
        .merge(crate::traffic::routes())
        .merge(crate::logs::routes())
        .merge(crate::live::routes())
        .merge(crate::system::routes())
        .merge(crate::docs::routes())
}

/// The API under `/api/v1`. Serve it with
/// `router(state).into_make_service_with_connect_info::<std::net::SocketAddr>()`: the address of the client is
/// needed against guessing of passwords.
pub fn router(state: State) -> Router {
    let nothing = Router::new().fallback(|| async { StatusCode::NOT_FOUND });
    router_with_ui(state, nothing)
}

/// [`router`], and `ui` for every path outside `/api`. The `Host` check and the security headers hold for it too.
pub fn router_with_ui(state: State, ui: Router) -> Router {
    let (api, _) = resources().split_for_parts();
    let api = api.method_not_allowed_fallback(|| async { Error::MethodNotAllowed });
    Router::new()
        .nest(openapi::ROOT, api)
        .route("/metrics", get(crate::metrics::get))
        .route("/api", any(no_route))
        .route("/api/", any(no_route))
        .route("/api/{*path}", any(no_route))
        .fallback_service(ui)
        .layer(from_fn_with_state(state.clone(), guard::guard))
        .with_state(state)
}

async fn no_route() -> Error {
    Error::NoRoute
}
