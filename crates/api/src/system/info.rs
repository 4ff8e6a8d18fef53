//! `GET /system/info`.

use crate::access::Viewer;
use crate::engines::Listener;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::Timestamp;
use serde::Serialize;
use std::net::SocketAddr;
use utoipa::ToSchema;

/// The running process.
#[derive(Serialize, ToSchema)]
pub(crate) struct SystemInfo {
    version: String,
    git_commit: String,
    build_time: String,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// The data folder.
    data_dir: String,
    database: DatabaseInfo,
    listeners: Vec<Listener>,
    /// Worker threads of the data plane.
    worker_threads: usize,
    /// The revision that serves; null before the first.
    revision: Option<u64>,
    /// The port that clients use for HTTP.
    public_http_port: u16,
    /// The port that clients use for HTTPS.
    public_https_port: u16,
    /// Resident memory in bytes.
    memory_bytes: u64,
}

/// The database.
#[derive(Serialize, ToSchema)]
pub(crate) struct DatabaseInfo {
    /// `sqlite` or `postgresql`.
    kind: String,
    /// Its version.
    version: String,
    /// Size in bytes.
    size_bytes: u64,
}

/// The running process
#[utoipa::path(
    get, path = "/system/info", operation_id = "getSystemInfo", tag = "system",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "Versions, ports, memory.", body = SystemInfo))
)]
pub(crate) async fn info(Ax(state): Ax<State>, _: Viewer) -> Result<Json<SystemInfo>> {
    let database = state.store.describe().await?;
    let listeners = state.engines.listeners();
    // Ports can change while Charon runs; those of the start are told for listeners that are down.
    let port = |purpose: &str, start: u16| {
        let mut up = listeners.iter().filter(|each| each.purpose == purpose && each.state == "listening");
        up.find_map(|each| each.address.parse::<SocketAddr>().ok()).map_or(start, |address| address.port())
    };
    Ok(Json(SystemInfo {
        version: state.build.version.clone(),
        git_commit: state.build.git_commit.clone(),
        build_time: state.build.build_time.clone(),
        started_at: state.started_at,
        data_dir: state.data_dir.display().to_string(),
        database: DatabaseInfo {
            kind: database.kind.to_owned(),
            version: database.version,
            size_bytes: database.size_bytes,
        },
        worker_threads: state.engines.worker_threads(),
        revision: state.engines.revision(),
        public_http_port: port("http", state.public_http_port),
        public_https_port: port("https", state.public_https_port),
        listeners,
        memory_bytes: state.engines.memory_bytes(),
    }))
}
