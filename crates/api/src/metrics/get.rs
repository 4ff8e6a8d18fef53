//! `GET /metrics`.

use crate::access::{Anyone, Via};
use crate::engines::MetricsForm;
use crate::error::{Error, Result};
use crate::meta::Meta;
use crate::state::State;
use axum::extract::State as Ax;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use std::net::IpAddr;

/// The metrics, for API tokens, administrators, and the networks of the setting `metrics.open_to`.
pub(crate) async fn get(
    Ax(state): Ax<State>,
    facts: Meta,
    Anyone(caller): Anyone,
    headers: HeaderMap,
) -> Result<impl IntoResponse> {
    let known = match caller {
        Some(caller) if matches!(caller.via, Via::Token(_)) || caller.is_admin() => true,
        Some(_) => {
            return Err(Error::Forbidden("metrics are for API tokens and administrators".to_owned()));
        }
        None => false,
    };
    if !known && !is_open_to(&state, facts.client).await {
        return Err(Error::Unauthenticated);
    }
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (form, kind) = if accept.contains("application/openmetrics-text") {
        (MetricsForm::OpenMetrics, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    } else {
        (MetricsForm::Prometheus, "text/plain; version=0.0.4; charset=utf-8")
    };
    Ok(([(header::CONTENT_TYPE, kind)], state.engines.metrics(form)))
}

async fn is_open_to(state: &State, client: Option<IpAddr>) -> bool {
    let Some(client) = client else { return false };
    // Without the database, nobody is let in.
    let Ok(Some(setting)) = store::settings::get(&state.store, "metrics.open_to").await else { return false };
    let networks: Vec<String> = serde_json::from_str(&setting.value).unwrap_or_default();
    networks.iter().any(|entry| {
        let network = entry.parse().or_else(|_| entry.parse::<IpAddr>().map(ipnet::IpNet::from));
        network.is_ok_and(|network| network.contains(&client))
    })
}
