//! Charon as people run it: access log and metrics on, HTTP/3 on, the hosts made through the API, as many workers as the others.

use super::{Certificates, Contestant, Process};
use crate::Settings;
use serde_json::json;
use std::fs::read_to_string;
use std::time::Duration;
use testkit::App;

const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn start(
    settings: &Settings,
    origin: u16,
    certificates: &Certificates,
) -> anyhow::Result<Contestant> {
    let app = App::builder().set("CHARON_WORKERS", settings.workers.to_string()).start().await;
    let mut admin = app.admin().await;
    for (name, certificate) in [("localhost", &certificates.ecdsa), ("rsa.localhost", &certificates.rsa)] {
        let uploaded = json!({
            "name": name, "certificate": read_to_string(&certificate.chain)?,
            "private_key": read_to_string(&certificate.key)?,
        });
        let uploaded = admin.post("/certificates", &uploaded).await.expect(201);
        let host = json!({
            "domain_names": name, "forward_scheme": "http", "forward_host": "127.0.0.1",
            "forward_port": origin, "certificate_uuid": uploaded["uuid"],
        });
        let host = admin.post("/proxy-hosts", &host).await.expect(201);
        anyhow::ensure!(host["status"]["state"] == "serving", "the host is not served: {}", host["status"]);
    }
    admin.put("/settings", &json!({ "proxy.http3": true })).await.expect(200);
    testkit::eventually("HTTP/3 is listened for", PATIENCE, async || {
        let info = admin.get("/system/info").await.expect(200);
        let listeners = info["listeners"].as_array()?;
        listeners.iter().any(|one| one["purpose"] == "http3" && one["state"] == "listening").then_some(())
    })
    .await;
    let version = app.run(&["version"]).stdout.split(' ').nth(1).unwrap_or("unknown").to_owned();
    Ok(Contestant {
        name: "charon",
        version,
        http: app.http().port(),
        https: app.https().port(),
        quic: true,
        process: Process::Charon(Box::new(app)),
        idle_kib: 0,
    })
}
