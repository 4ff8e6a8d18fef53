//! Hosts, settings and revisions: what is stored, what is refused, and what the audit log says.

use crate::server::{Server, fields};
use api::engines::HostPhase;
use serde_json::{Value, json};
use store::caddy_configs::NewRevision;
use store::users::Role;

fn shop() -> Value {
    json!({"domain_names": "Shop.example.com,www.shop.example.com", "forward_host": "192.168.1.20",
           "forward_port": 3000, "name": "Shop"})
}

#[tokio::test]
async fn a_host_is_added_changed_and_deleted_and_the_audit_log_has_old_and_new() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    let host = admin.post("/proxy-hosts", shop()).await.must(201);
    let uuid = host["uuid"].as_str().unwrap();
    let path = format!("/proxy-hosts/{uuid}");
    assert_eq!(host["domains"], json!(["shop.example.com", "www.shop.example.com"]));
    assert_eq!(host["domain_names"], "shop.example.com,www.shop.example.com");
    assert_eq!((host["http2_support"].as_bool(), host["enabled"].as_bool()), (Some(true), Some(true)));
    // The engines have not said anything of it yet.
    assert_eq!(host["status"]["state"], "pending");
    server.engines.set(uuid, HostPhase::Serving);
    assert_eq!(admin.get(&path).await.must(200)["status"]["state"], "serving");
    let entry = admin.audit("proxy_host.create").await;
    assert_eq!((entry["resource_id"].as_str(), entry["resource_name"].as_str()), (Some(uuid), Some("Shop")));
    assert_eq!((entry["before"].is_null(), entry["after"]["forward_port"].as_i64()), (true, Some(3000)));
    assert_eq!(
        (entry["ip_address"].as_str(), entry["user_agent"].as_str()),
        (Some("192.0.2.7"), Some("test"))
    );
    assert!(entry["actor"].as_str().unwrap().starts_with("admin-"));

    // What was read can be sent back, with a change.
    let mut sent = admin.get(&path).await.must(200);
    sent["forward_port"] = json!(3001);
    sent["locations"] = json!([{"path": "/api", "forward_host": "nas", "forward_port": 81}]);
    let changed = admin.put(&path, sent).await.must(200);
    assert_eq!((changed["forward_port"].as_i64(), changed["name"].as_str()), (Some(3001), Some("Shop")));
    assert_eq!(changed["locations"][0]["forward_scheme"], "http");
    let entry = admin.audit("proxy_host.update").await;
    assert_eq!(entry["before"]["forward_port"], 3000);
    assert_eq!(entry["after"]["forward_port"], 3001);

    // A partial change leaves the rest alone.
    let off = admin.put(&path, json!({"enabled": false})).await.must(200);
    assert_eq!(
        (off["forward_port"].as_i64(), off["locations"][0]["path"].as_str()),
        (Some(3001), Some("/api"))
    );
    assert_eq!(off["status"]["state"], "pending", "it is still served");
    server.engines.set(uuid, HostPhase::Disabled);
    assert_eq!(admin.get(&path).await.must(200)["status"]["state"], "disabled");

    admin.delete(&path).await.must(204);
    admin.get(&path).await.must_fail(404, "not-found");
    assert_eq!(admin.audit("proxy_host.delete").await["before"]["forward_port"], 3001);
}

#[tokio::test]
async fn a_change_that_is_not_served_is_told_so() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    server.engines.refuse(Some("the data plane refuses the configuration"));
    let host = admin.post("/proxy-hosts", shop()).await.must(201);
    assert_eq!(host["status"]["state"], "pending");
    assert!(host["status"]["message"].as_str().unwrap().contains("refuses"));
    let path = format!("/proxy-hosts/{}", host["uuid"].as_str().unwrap());
    admin.delete(&path).await.must_fail(503, "not-applied");
    admin.put("/settings", json!({"app_name": "Home"})).await.must_fail(503, "not-applied");
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    let sent = json!({
        "domain_names": "a..b", "forward_host": "nas:80", "forward_port": -1, "colour": "red",
        "locations": [{"path": "api", "forward_host": "a", "forward_port": 1, "x": 1}],
        "request_headers": [{"action": "replace", "name": "X"}]
    });
    let problem = admin.post("/proxy-hosts", sent).await.must_fail(422, "validation");
    let mut found = fields(&problem);
    found.sort();
    assert_eq!(found, ["colour", "forward_port", "locations.0.x", "request_headers.0.action"]);
    let sent = json!({
        "domain_names": "a..b", "forward_host": "nas:80", "forward_port": 80, "certificate_uuid": "none",
        "locations": [{"path": "api", "forward_host": "a", "forward_port": 1}]
    });
    let problem = admin.post("/proxy-hosts", sent).await.must_fail(422, "validation");
    let mut found = fields(&problem);
    found.sort();
    assert_eq!(found, ["certificate_uuid", "domain_names", "forward_host", "locations.0.path"]);
    let problem = admin.post("/proxy-hosts", json!({})).await.must_fail(422, "validation");
    assert_eq!(fields(&problem), ["domain_names", "forward_host", "forward_port"]);
    assert_eq!(admin.get("/proxy-hosts").await.must(200), json!([]));
}

#[tokio::test]
async fn a_domain_belongs_to_one_enabled_host_also_when_two_are_saved_at_once() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    let (left, right) = tokio::join!(admin.post("/proxy-hosts", shop()), admin.post("/proxy-hosts", shop()));
    let mut statuses = [left.status.as_u16(), right.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    let mut other = shop();
    other["domain_names"] = json!("WWW.shop.example.com,b.lan");
    let problem = admin.post("/proxy-hosts", other.clone()).await.must_fail(409, "conflict");
    assert_eq!(fields(&problem), ["domain_names"]);
    assert!(problem["detail"].as_str().unwrap().contains("host Shop"), "{problem}");
    other["enabled"] = json!(false);
    let uuid = admin.post("/proxy-hosts", other).await.must(201)["uuid"].as_str().unwrap().to_owned();
    admin.put(&format!("/proxy-hosts/{uuid}"), json!({"enabled": true})).await.must_fail(409, "conflict");
    let bulk = json!({"uuids": [uuid, "none"], "action": "enable"});
    let result = admin.post("/proxy-hosts/bulk", bulk).await.must(200);
    assert_eq!((result["updated"].as_i64(), result["errors"].as_array().unwrap().len()), (Some(0), 2));
}

#[tokio::test]
async fn many_hosts_are_tagged_switched_and_deleted_in_one_request() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    let mut uuids = Vec::new();
    for name in ["a.lan", "b.lan"] {
        let body = json!({"domain_names": name, "forward_host": "nas", "forward_port": 80, "tags": ["old"]});
        uuids.push(admin.post("/proxy-hosts", body).await.must(201)["uuid"].clone());
    }
    let bulk = |action: &str, tags: Value| json!({"uuids": uuids, "action": action, "tags": tags});
    let result = admin.post("/proxy-hosts/bulk", bulk("add_tags", json!(["new"]))).await.must(200);
    assert_eq!(result["updated"], 2);
    assert!(result["revision"].is_number());
    admin.post("/proxy-hosts/bulk", bulk("remove_tags", json!(["old"]))).await.must(200);
    admin.post("/proxy-hosts/bulk", bulk("disable", json!([]))).await.must(200);
    let hosts = admin.get("/proxy-hosts").await.must(200);
    for host in hosts.as_array().unwrap() {
        assert_eq!((&host["tags"], &host["enabled"]), (&json!(["new"]), &json!(false)));
    }
    let problem =
        admin.post("/proxy-hosts/bulk", bulk("add_tags", json!([]))).await.must_fail(422, "validation");
    assert_eq!(fields(&problem), ["tags"]);
    admin.post("/proxy-hosts/bulk", bulk("delete", json!([]))).await.must(200);
    assert_eq!(admin.get("/proxy-hosts").await.must(200), json!([]));
}

#[tokio::test]
async fn text_that_is_code_elsewhere_is_stored_as_text_or_refused() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    for text in [
        "'; DROP TABLE users; --",
        "$(id) `x`",
        "{{7*7}} %0d%0a",
        "../../etc/passwd",
        "<script>alert(1)</script>",
        "\" }",
    ] {
        let mut host = shop();
        host["name"] = json!(text);
        host["tags"] = json!([text.replace(',', "")]);
        let host = admin.post("/proxy-hosts", host).await.must(201);
        assert_eq!(host["name"], json!(text));
        let mut other = shop();
        other["domain_names"] = json!(format!("{text}.lan"));
        admin.post("/proxy-hosts", other).await.must_fail(422, "validation");
        admin.delete(&format!("/proxy-hosts/{}", host["uuid"].as_str().unwrap())).await.must(204);
        admin
            .get(&format!("/audit?actor={}", text.bytes().map(|b| format!("%{b:02x}")).collect::<String>()))
            .await
            .must(200);
    }
    for text in ["a\nb", "a\r\nb", "a\0b", "\u{1b}[31m", "\u{85}"] {
        let mut host = shop();
        host["name"] = json!(text);
        let problem = admin.post("/proxy-hosts", host).await.must_fail(422, "validation");
        assert_eq!(fields(&problem), ["name"]);
    }
    assert_eq!(store::users::count(&server.store).await.unwrap(), 1);
}

#[tokio::test]
async fn servers_are_tried_before_and_after_they_are_saved_and_never_where_secrets_are() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    let sent =
        |host: &str, port: u16| json!({"forward_scheme": "http", "forward_host": host, "forward_port": port});
    const TEST: &str = "/proxy-hosts/test-upstream";
    for (host, port) in [("127.0.0.1", 8080), ("::1", 8080), ("169.254.169.254", 80), ("0.0.0.0", 8080)] {
        let problem = admin.post(TEST, sent(host, port)).await.must_fail(422, "validation");
        assert_eq!(fields(&problem), ["forward_host"], "{host}");
    }
    let mut more = sent("10.0.0.1", 80);
    more["upstream"] = json!({"servers": [{"address": "10.0.0.2:80"}, {"address": "[fe80::1]:80"}]});
    let problem = admin.post(TEST, more).await.must_fail(422, "validation");
    assert_eq!(fields(&problem), ["upstream.servers.1.address"]);
    let problem = admin.post(TEST, json!({})).await.must_fail(422, "validation");
    assert_eq!(fields(&problem), ["forward_host", "forward_port"]);
    // A name is known to lead here only when it is looked up.
    let result = admin.post(TEST, sent("localhost", 8080)).await.must(200);
    assert_eq!(result["ok"], false);
    assert!(result["servers"][0]["steps"][0]["message"].as_str().unwrap().contains("own interface"));
    let result = admin.post(TEST, sent("127.0.0.1", 3000)).await.must(200);
    assert_eq!((&result["ok"], &result["servers"][0]["status"]), (&json!(true), &json!(200)));

    let host = admin.post("/proxy-hosts", shop()).await.must(201);
    let path = format!("/proxy-hosts/{}", host["uuid"].as_str().unwrap());
    let result = admin.post(&format!("{path}/test-upstream"), json!({})).await.must(200);
    assert_eq!(
        result["servers"][0]["address"],
        format!("{}:{}", host["forward_host"].as_str().unwrap(), host["forward_port"])
    );
    admin.post("/proxy-hosts/none/test-upstream", json!({})).await.must_fail(404, "not-found");

    let link_local = json!({"upstream": {"servers": [{"address": "169.254.169.254:80"}]}});
    let problem = admin.put(&path, link_local).await.must_fail(422, "validation");
    assert_eq!(fields(&problem), ["upstream.servers.0.address"]);
    let problem = admin.put(&path, json!({"forward_host": "fe80::1"})).await.must_fail(422, "validation");
    assert_eq!(fields(&problem), ["forward_host"]);
    let viewer = server.client_as(Role::Viewer).await;
    viewer.post(&format!("{path}/test-upstream"), json!({})).await.must_fail(403, "forbidden");
}

#[tokio::test]
async fn settings_have_types_and_wrong_ones_are_named_by_key() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    let settings = admin.get("/settings").await.must(200);
    assert_eq!(settings["default_site.action"], "not_found");
    assert_eq!(settings["log.retention_files"], 5);
    let sent = json!({"trusted_proxies": ["10.0.0.0/8"], "log.retention_files": 7});
    let settings = admin.put("/settings", sent).await.must(200);
    assert_eq!(
        (&settings["trusted_proxies"], &settings["log.retention_files"]),
        (&json!(["10.0.0.0/8"]), &json!(7))
    );
    assert_eq!(admin.get("/settings").await.must(200), settings);
    let entry = admin.audit("settings.update").await;
    assert_eq!(entry["after"]["log.retention_files"], "7");
    let sent = json!({"default_site.action": "explode", "nonsense": 1, "log.retention_files": 0});
    let problem = admin.put("/settings", sent).await.must_fail(422, "validation");
    let mut found = fields(&problem);
    found.sort();
    assert_eq!(found, ["default_site.action", "log.retention_files", "nonsense"]);
    let problem =
        admin.put("/settings", json!({"default_site.action": "redirect"})).await.must_fail(422, "validation");
    assert_eq!(fields(&problem), ["default_site.redirect_url"]);
}

#[tokio::test]
async fn a_revision_can_be_compared_and_restored() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    let host = admin.post("/proxy-hosts", shop()).await.must(201);
    let uuid = host["uuid"].as_str().unwrap().to_owned();
    let record = async |summary: &str| {
        let hosts = store::proxy_hosts::list(&server.store).await.unwrap();
        let revision = NewRevision {
            config_hash: summary.to_owned(),
            parts: hosts
                .iter()
                .map(|host| (format!("hosts/{}", host.uuid), serde_json::to_string(host).unwrap()))
                .collect(),
            summary: summary.to_owned(),
            actor: "ada@example.com".to_owned(),
            success: true,
            error_msg: String::new(),
            problems: json!([]),
        };
        store::caddy_configs::record(&server.store, &revision).await.unwrap();
    };
    record("Added Shop").await;
    admin.put(&format!("/proxy-hosts/{uuid}"), json!({"forward_port": 4000})).await.must(200);
    record("Changed Shop").await;
    let list = admin.get("/revisions").await.must(200);
    assert_eq!((list[0]["revision"].as_i64(), list[1]["summary"].as_str()), (Some(2), Some("Added Shop")));
    assert_eq!(admin.get("/revisions?before=2&limit=1").await.must(200)[0]["revision"], 1);
    let diff = admin.get("/revisions/2/diff").await.must(200);
    assert_eq!((&diff["from"], &diff["to"]), (&json!(1), &json!(2)));
    assert_eq!(diff["changes"][0]["host"], "Shop");
    assert_eq!(
        diff["changes"][0]["fields"],
        json!([{"field": "forward_port", "before": 3000, "after": 4000}])
    );
    let first = admin.get("/revisions/1/diff").await.must(200);
    assert_eq!((&first["from"], &first["changes"][0]["kind"]), (&Value::Null, &json!("added")));
    assert_eq!(admin.get("/revisions/1").await.must(200)["document"]["hosts"][0]["forward_port"], 3000);
    let history = admin.get(&format!("/proxy-hosts/{uuid}/history")).await.must(200);
    assert_eq!(history.as_array().unwrap().len(), 2);
    admin.send("POST", "/revisions/1/restore", None).await.must(200);
    assert_eq!(admin.get(&format!("/proxy-hosts/{uuid}")).await.must(200)["forward_port"], 3000);
    assert_eq!(admin.audit("revision.restore").await["resource_id"], "1");
    admin.send("POST", "/revisions/9/restore", None).await.must_fail(404, "not-found");
    admin.get("/revisions?limit=0").await.must_fail(422, "validation");
    admin.get("/revisions?limit=x").await.must_fail(400, "malformed");
}

#[tokio::test]
async fn servers_and_traffic_features_are_stored_shown_complete_and_kept_by_changes_that_leave_them_out() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    let mut sent = shop();
    sent["upstream"] = json!({
        "servers": [{"address": "NAS.lan:3001", "weight": 3}, {"address": "unix:/run/app.sock", "backup": true}],
        "balance": "least_connections", "sticky": {}, "health": {"path": "/health", "statuses": "200 - 299,401"},
        "timeouts": {"read_ms": 90000}, "tls": {"ca_pem": "  "},
    });
    sent["traffic"] = json!({
        "rewrite": [{"action": "strip_prefix", "prefix": "/app"}],
        "redirects": [{"match": {"exact": "/old"}, "to": "/new", "status": 308}],
        "maintenance": {"enabled": false, "bypass": ["10.0.0.7", "192.168.1.9/24"]},
    });
    sent["locations"] = json!([{
        "path": "/api", "forward_host": "nas", "forward_port": 81, "upstream": {"protocol": "http2"},
        "traffic": {"rewrite": []}, "request_headers": [{"action": "remove", "name": "X-A"}],
    }]);
    let host = admin.post("/proxy-hosts", sent).await.must(201);
    let path = format!("/proxy-hosts/{}", host["uuid"].as_str().unwrap());
    let upstream = &host["upstream"];
    assert_eq!(
        upstream["servers"][0],
        json!({"scheme": "http", "address": "nas.lan:3001", "weight": 3, "backup": false})
    );
    assert_eq!(upstream["sticky"], json!({"cookie": "charon_server", "max_age_s": null}));
    assert_eq!(upstream["health"]["statuses"], "200-299, 401");
    assert_eq!(
        (upstream["health"]["interval_ms"].as_i64(), upstream["tls"]["ca_pem"].is_null()),
        (Some(10_000), true)
    );
    assert_eq!((upstream["weight"].as_i64(), upstream["passive"]["failures"].as_i64()), (Some(1), Some(3)));
    assert_eq!(host["traffic"]["maintenance"]["bypass"], json!(["10.0.0.7/32", "192.168.1.0/24"]));
    assert_eq!(host["traffic"]["redirects"][0]["keep_path"], false);
    assert!(host["traffic"]["cors"].is_null());
    assert_eq!(host["locations"][0]["upstream"]["protocol"], "http2");
    assert_eq!(host["locations"][0]["traffic"]["rewrite"], json!([]));
    assert_eq!(host["locations"][0]["request_headers"][0]["action"], "remove");
    assert!(host["locations"][0]["response_headers"].is_null());
    // Only what is not at its default is stored.
    let stored = store::proxy_hosts::get(&server.store, host["uuid"].as_str().unwrap()).await.unwrap();
    let kept: Vec<&str> = stored.upstream.keys().map(String::as_str).collect();
    assert_eq!(kept, ["balance", "health", "servers", "sticky", "timeouts"]);

    // What was read can be sent back; nothing changes.
    let again = admin.put(&path, admin.get(&path).await.must(200)).await.must(200);
    for part in ["upstream", "traffic", "locations"] {
        assert_eq!(without_ids(&again[part]), without_ids(&host[part]), "{part}");
    }
    // A change that leaves them out keeps them, in a location by its path.
    let kept = json!({"locations": [{"path": "/api", "forward_host": "nas", "forward_port": 82}]});
    let changed = admin.put(&path, kept).await.must(200);
    assert_eq!(changed["upstream"], host["upstream"]);
    assert_eq!(changed["locations"][0]["upstream"], host["locations"][0]["upstream"]);
    assert_eq!(changed["locations"][0]["request_headers"], host["locations"][0]["request_headers"]);
    let bare = json!({"upstream": {}, "traffic": {}, "locations": [
        {"path": "/api", "forward_host": "nas", "forward_port": 82, "request_headers": null}]});
    let bare = admin.put(&path, bare).await.must(200);
    assert_eq!(
        (bare["upstream"]["servers"].clone(), bare["traffic"]["rewrite"].clone()),
        (json!([]), Value::Null)
    );
    assert!(bare["locations"][0]["request_headers"].is_null());
    // A socket is a server too; it has no port.
    let socket =
        admin.put(&path, json!({"forward_host": "unix:/run/app.sock", "forward_port": 0})).await.must(200);
    assert_eq!(
        (socket["forward_host"].as_str(), socket["forward_port"].as_i64()),
        (Some("unix:/run/app.sock"), Some(0))
    );
}

fn without_ids(value: &Value) -> Value {
    let mut value = value.clone();
    for one in value.as_array_mut().into_iter().flatten() {
        one.as_object_mut().map(|fields| fields.remove("uuid"));
    }
    value
}

#[tokio::test]
async fn every_fault_of_servers_and_traffic_features_is_named_by_its_field() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    let health = |rule: Value| json!({"upstream": {"health": rule}});
    let location = json!([{"path": "/a", "forward_host": "a", "forward_port": 1, "upstream": {"servers": [{"address": "b"}]}}]);
    for (sent, field, part) in [
        (
            json!({"upstream": {"servers": [{"address": "a:1"}, {"address": "b"}]}}),
            "upstream.servers.1.address",
            "has no port",
        ),
        (
            json!({"upstream": {"servers": [{"address": "unix:/a", "scheme": "https"}]}}),
            "upstream.servers.0.address",
            "plain HTTP",
        ),
        (
            json!({"upstream": {"servers": [{"address": "a:1", "weight": 0}]}}),
            "upstream.servers.0.weight",
            "from 1 to 1000",
        ),
        (json!({"upstream": {"balance": "fair"}}), "upstream.balance", "must be one of"),
        (json!({"upstream": {"sticky": {"cookie": "a b"}}}), "upstream.sticky.cookie", "name of a cookie"),
        (json!({"upstream": {"retries": 3}}), "upstream.retries", "no such field"),
        (health(json!({"path": "health"})), "upstream.health.path", "starts with /"),
        (health(json!({"statuses": "2xx"})), "upstream.health.statuses", "200-299"),
        (health(json!({"interval_ms": 10})), "upstream.health.interval_ms", "500"),
        (health(json!({"path": null, "body": "ok"})), "upstream.health.body", "path too"),
        (
            json!({"upstream": {"passive": {"back_off_ms": 90000}}}),
            "upstream.passive.max_back_off_ms",
            "back_off_ms",
        ),
        (json!({"upstream": {"tls": {"ca_pem": "-----"}}}), "upstream.tls.ca_pem", ""),
        (json!({"upstream": {"tls": {"server_name": "a b"}}}), "upstream.tls.server_name", ""),
        (
            json!({"upstream": {"tls": {"client_certificate_uuid": "x"}}}),
            "upstream.tls.client_certificate_uuid",
            "no such certificate",
        ),
        (
            json!({"traffic": {"rewrite": [{"action": "regex", "pattern": "a"}]}}),
            "traffic.rewrite.0.replacement",
            "is missing",
        ),
        (
            json!({"traffic": {"rewrite": [{"action": "turn", "prefix": "/a"}]}}),
            "traffic.rewrite.0.action",
            "strip_prefix",
        ),
        (json!({"traffic": {"rewrite": [{"prefix": "/a"}]}}), "traffic.rewrite.0.action", "is missing"),
        (
            json!({"traffic": {"redirects": [{"match": {"path": "/a"}, "to": "/b"}]}}),
            "traffic.redirects.0.match",
            "exact, prefix, regex",
        ),
        (
            json!({"traffic": {"redirects": [{"match": {"exact": "/a"}, "to": "/b", "status": 305}]}}),
            "traffic.redirects.0.status",
            "308",
        ),
        (
            json!({"traffic": {"maintenance": {"bypass": ["home"]}}}),
            "traffic.maintenance.bypass.0",
            "neither an address",
        ),
        (
            json!({"traffic": {"error_pages": {"pages": [{"statuses": "9999", "html": "x"}]}}}),
            "traffic.error_pages.pages.0.statuses",
            "no status",
        ),
        (json!({"traffic": {"max_body": -1}}), "traffic.max_body", ""),
        // What only the data plane can tell.
        (json!({"traffic": {"max_body": 13}}), "traffic.max_body", "bad luck"),
        (json!({"locations": location}), "locations.0.upstream.servers.0.address", "has no port"),
        (json!({"forward_host": "unix:/a", "forward_scheme": "https"}), "forward_scheme", "plain HTTP"),
        (json!({"forward_port": 0}), "forward_port", "not a port"),
    ] {
        let mut host = shop();
        for (name, value) in sent.as_object().unwrap() {
            host[name] = value.clone();
        }
        let refused = admin.post("/proxy-hosts", host).await;
        assert_eq!(refused.status, 422, "{sent}: {}", refused.text);
        let errors = refused.must_fail(422, "validation")["errors"].clone();
        let fits =
            |error: &Value| error["field"] == field && error["message"].as_str().unwrap().contains(part);
        assert!(errors.as_array().unwrap().iter().any(fits), "{sent}: {errors}");
    }
}
