//! What many tests do with hosts.

use serde_json::{Value, json};
use testkit::{Api, Origin, RawClient, Response};

/// Adds a host that sends `domain` to `origin`, and expects that it is served when the answer comes.
pub(crate) async fn add(api: &mut Api, domain: &str, origin: &Origin) -> Value {
    add_with(api, domain, origin, json!({})).await
}

/// [`add`] with more fields.
pub(crate) async fn add_with(api: &mut Api, domain: &str, origin: &Origin, more: Value) -> Value {
    let mut host = json!({
        "domain_names": domain, "forward_scheme": "http", "forward_host": "127.0.0.1",
        "forward_port": origin.port(),
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        host[name] = value.clone();
    }
    let host = api.post("/proxy-hosts", &host).await.expect(201);
    assert_eq!(host["status"]["state"], "serving", "{host}");
    host
}

/// The host as the API shows it now.
pub(crate) async fn show(api: &mut Api, host: &Value) -> Value {
    api.get(&path(host)).await.expect(200)
}

/// The path of the host below `/api/v1`.
pub(crate) fn path(host: &Value) -> String {
    format!("/proxy-hosts/{}", host["uuid"].as_str().unwrap())
}

/// One GET on a connection of its own.
pub(crate) async fn get(address: std::net::SocketAddr, domain: &str, path: &str) -> Response {
    RawClient::connect(address).await.unwrap().get(domain, path).await.unwrap()
}
