//! Charon as people run it: access log and metrics on, the host made through the API, as many workers as the others.

use super::{Certificate, Contestant, Process};
use crate::Settings;
use serde_json::json;
use std::fs::read_to_string;
use testkit::App;

pub(super) async fn start(
    settings: &Settings,
    origin: u16,
    certificate: &Certificate,
) -> anyhow::Result<Contestant> {
    let app = App::builder().set("CHARON_WORKERS", settings.workers.to_string()).start().await;
    let mut admin = app.admin().await;
    let uploaded = json!({
        "name": "bench", "certificate": read_to_string(&certificate.chain)?,
        "private_key": read_to_string(&certificate.key)?,
    });
    let uploaded = admin.post("/certificates", &uploaded).await.expect(201);
    let host = json!({
        "domain_names": "localhost", "forward_scheme": "http", "forward_host": "127.0.0.1",
        "forward_port": origin, "certificate_uuid": uploaded["uuid"],
    });
    let host = admin.post("/proxy-hosts", &host).await.expect(201);
    anyhow::ensure!(host["status"]["state"] == "serving", "the host is not served: {}", host["status"]);
    let version = app.run(&["version"]).stdout.split(' ').nth(1).unwrap_or("unknown").to_owned();
    Ok(Contestant {
        name: "charon",
        version,
        http: app.http().port(),
        https: app.https().port(),
        process: Process::Charon(Box::new(app)),
        idle_kib: 0,
    })
}
