//! When the database cannot be opened: the data plane serves the last good configuration, the user interface
//! and the health check say what is wrong and what mends it, and nothing pretends to be well.

use crate::boot::Settings;
use crate::console::{Console, Doors};
use crate::lifecycle::Stop;
use crate::run_file::{self, RunFile};
use crate::{build_info, data_dir, out, ui};
use axum::Json;
use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{any, get};
use base::{Clock, Code, Problem, Problems};
use control::LastGood;
use proxy::spec::Spec;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::Arc;
use store::{OpenError, Vault};

/// Whether serving the last good configuration is better than ending. A second process and a wrong setting are
/// no emergencies: they end with their sentence.
pub(crate) fn can_help(error: &OpenError) -> bool {
    !matches!(
        error,
        OpenError::Locked { .. } | OpenError::Newer { .. } | OpenError::Foreign { .. } | OpenError::Url(_)
    )
}

/// Serves until a signal comes.
pub(crate) async fn run(
    settings: Settings,
    clock: Arc<dyn Clock>,
    problems: Problems,
    cause: OpenError,
    stop: Stop,
) -> anyhow::Result<ExitCode> {
    tell(&problems, &cause);
    let (spec, found) = last_good(&settings);
    problems.report("rescue", vec![found]);
    let proxy = data_dir::start_proxy(&settings, Arc::new(data_dir::config_of(&spec)), clock.clone())?;
    let proxy = Arc::new(proxy);
    // Whoever was banned stays so, from the first request on.
    let bans = data_dir::crowdsec(&settings, &proxy, &clock)?;
    bans.enforce_kept().await;
    let bans = tasks::spawn("bans of the last run", bans.let_end());
    for (address, tls) in [(settings.proxy_http, false), (settings.proxy_https, true)] {
        proxy.listen(proxy::Listening::bind(address, tls, proxy.workers())?)?;
    }
    let (http, https) = (data_dir::first(&proxy.http())?, data_dir::first(&proxy.https())?);
    let doors = Doors::open(settings.ui, &settings.data_dir, None, None)?;
    let ui_address = doors.address()?;
    let console = serve(&doors, problems, clock, &stop)?;
    let running = run_file::Running {
        pid: std::process::id(),
        version: build_info::VERSION.to_owned(),
        ui: ui_address,
        http,
        https,
    };
    // A folder that cannot be written may be the very reason for being here.
    let run_file =
        RunFile::write(&settings.data_dir, &running).map_err(|error| tracing::warn!("{error:#}")).ok();
    out::text(format!("UI: http://{ui_address}"));
    out::text(format!("The database cannot be opened: {cause}"));
    out::text(format!("Serving {} hosts of the last good configuration.", spec.hosts.len()));
    stop.wanted().await;
    bans.abort();
    proxy.drain(settings.stop_grace).await;
    console.end().await;
    drop(run_file);
    Ok(ExitCode::SUCCESS)
}

/// Tells people what is wrong, until a signal comes.
pub(crate) fn serve(
    doors: &Doors,
    problems: Problems,
    clock: Arc<dyn Clock>,
    stop: &Stop,
) -> anyhow::Result<Console> {
    let began = clock.monotonic();
    let health = move || body(&problems, clock.monotonic().saturating_sub(began).as_secs());
    doors.serve(router(health), stop.signal())
}

/// Puts on the board why the database is gone.
pub(crate) fn tell(problems: &Problems, cause: &OpenError) {
    tracing::error!("the database cannot be opened: {cause}");
    problems.report("database", vec![database_problem(cause)]);
}

fn last_good(settings: &Settings) -> (Spec, Problem) {
    let read = Vault::open(&settings.data_dir, false)
        .map_err(|error| error.to_string())
        .and_then(|vault| LastGood::new(&settings.data_dir, vault).read().map_err(|error| error.to_string()));
    let remedy = "mend the problem of the database, then restart Charon";
    let (spec, message) = match read {
        Ok(Some(spec)) => {
            let message = format!(
                "Charon runs without its database and serves revision {}, the last good configuration, with {} hosts",
                spec.revision,
                spec.hosts.len()
            );
            (spec, message)
        }
        Ok(None) => (
            Spec::default(),
            "Charon runs without its database, and no configuration was ever applied: no host is served"
                .to_owned(),
        ),
        Err(reason) => {
            (Spec::default(), format!("Charon runs without its database, and no host is served: {reason}"))
        }
    };
    (spec, Problem::new(Code::ServingLastGood, message, remedy))
}

fn database_problem(cause: &OpenError) -> Problem {
    let code = match cause {
        OpenError::Corrupt { .. } => Code::DatabaseCorrupt,
        _ => Code::DatabaseUnavailable,
    };
    // The sentence of most causes ends with the remedy, which has a place of its own here.
    let (sentence, remedy) = (cause.to_string(), cause.remedy());
    let sentence =
        sentence.strip_suffix(&remedy).map_or(sentence.as_str(), |rest| rest.trim_end_matches([';', ' ']));
    Problem::new(code, format!("the database cannot be opened: {sentence}"), remedy)
}

fn router(health: impl Fn() -> Value + Clone + Send + Sync + 'static) -> Router {
    Router::new()
        .route(
            "/api/v1/health",
            get(move || async move { (StatusCode::SERVICE_UNAVAILABLE, Json(health())) }),
        )
        .route("/api", any(refused))
        .route("/api/{*path}", any(refused))
        .fallback(ui::serve)
        .layer(axum::middleware::map_response(|mut response: axum::response::Response| async {
            let policy = HeaderValue::from_static(api::CSP);
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
            response
                .headers_mut()
                .insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            response
        }))
}

/// The health answer in the form of the API. Without the database nobody can sign in, so everybody sees what is
/// wrong; paths and rows are not named beyond the file itself.
fn body(problems: &Problems, uptime_seconds: u64) -> Value {
    json!({
        "status": "failing",
        "service": "Charon",
        "version": build_info::VERSION,
        "git_commit": build_info::GIT_COMMIT,
        "build_time": build_info::BUILD_TIME,
        "uptime_seconds": uptime_seconds,
        "database": "failing",
        "migrations": {},
        "problems": problems.standing(),
    })
}

async fn refused() -> impl IntoResponse {
    let body = json!({
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "code": "database-unavailable",
        "detail": "the database cannot be opened; the problems of the health check say why and what mends it",
        "error": "the database cannot be opened; the problems of the health check say why and what mends it",
    });
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    (StatusCode::SERVICE_UNAVAILABLE, kind, body.to_string())
}
