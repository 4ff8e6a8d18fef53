//! Certificates: wrong ones are refused by field, keys never come out.

use crate::server::{Server, fields};
use base::Clock;
use certs::InternalCa;
use serde_json::json;
use store::users::Role;

#[tokio::test]
async fn a_certificate_is_checked_stored_used_and_its_key_never_shown() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    let now = server.clock.now();
    let root = InternalCa::create(now).unwrap();
    let ca = InternalCa::from_pem(&root.chain_pem, &root.key_pem).unwrap();
    let leaf = ca.issue(&["shop.lan".to_owned()], now).unwrap();
    let other = ca.issue(&["other.lan".to_owned()], now).unwrap();
    let key_line = leaf.key_pem.expose().lines().nth(1).unwrap().to_owned();
    let body = |chain: &str, key: &str| json!({"name": "Shop", "certificate": chain, "private_key": key});

    let wrong = admin.post("/certificates", body(&leaf.chain_pem, other.key_pem.expose())).await;
    assert_eq!(fields(&wrong.must_fail(422, "validation")), ["private_key"]);
    let junk = admin.post("/certificates", body("junk", leaf.key_pem.expose())).await;
    assert_eq!(fields(&junk.must_fail(422, "validation")), ["certificate"]);
    let stored = admin.post("/certificates", body(&leaf.chain_pem, leaf.key_pem.expose())).await;
    assert!(!stored.text.contains(&key_line));
    let stored = stored.must(201);
    assert_eq!((&stored["domains"], &stored["status"]), (&json!(["shop.lan"]), &json!("valid")));
    let uuid = stored["uuid"].as_str().unwrap();
    let path = format!("/certificates/{uuid}");

    let host = json!({"domain_names": "shop.lan", "forward_host": "nas", "forward_port": 80, "certificate_uuid": uuid});
    let host = admin.post("/proxy-hosts", host).await.must(201);
    assert_eq!(host["certificate_uuid"], uuid);
    let problem = admin.delete(&path).await.must_fail(409, "conflict");
    assert!(problem["detail"].as_str().unwrap().contains("shop.lan"));
    assert_eq!(admin.get(&path).await.must(200)["used_by"][0]["uuid"], host["uuid"]);
    admin.put(&path, json!({"name": "New name"})).await.must(200);
    let changed = admin.put(&path, json!({"certificate": other.chain_pem})).await;
    assert_eq!(fields(&changed.must_fail(422, "validation")), ["private_key"]);
    let change = json!({"certificate": other.chain_pem, "private_key": other.key_pem.expose()});
    assert_eq!(admin.put(&path, change).await.must(200)["domains"], json!(["other.lan"]));

    let host_path = format!("/proxy-hosts/{}", host["uuid"].as_str().unwrap());
    assert_eq!(
        admin.put(&host_path, json!({"certificate_uuid": null})).await.must(200)["certificate_uuid"],
        json!(null)
    );
    admin.delete(&path).await.must(204);
    for text in [admin.get("/audit?limit=200").await.text, admin.get("/certificates").await.text] {
        assert!(!text.contains(&key_line) && !text.contains("PRIVATE KEY"), "a key came out");
    }
    assert_eq!(admin.audit("certificate.update").await["after"]["private_key"], "*** (new)");
}

#[tokio::test]
async fn an_expired_certificate_is_refused_and_the_internal_authority_is_public_but_no_certificate() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    let long_ago = server.clock.now().minus(std::time::Duration::from_secs(200 * 24 * 3600));
    let root = InternalCa::create(long_ago).unwrap();
    let ca = InternalCa::from_pem(&root.chain_pem, &root.key_pem).unwrap();
    let leaf = ca.issue(&["old.lan".to_owned()], long_ago).unwrap();
    let body = json!({"name": "Old", "certificate": leaf.chain_pem, "private_key": leaf.key_pem.expose()});
    let problem = admin.post("/certificates", body).await.must_fail(422, "validation");
    assert!(problem["detail"].as_str().unwrap().contains("expired"));
    server.client().get("/certificates/internal-ca.pem").await.must_fail(404, "not-found");
    let info = certs::read_chain(&root.chain_pem);
    let values = store::ssl_certificates::CertificateValues {
        name: "CA".to_owned(),
        provider: store::ssl_certificates::INTERNAL_CA.to_owned(),
        domains: Vec::new(),
        certificate: root.chain_pem.clone(),
        private_key: Some(root.key_pem.clone()),
        fingerprint: info.map(|info| info.fingerprint).unwrap_or_default(),
        issuer: String::new(),
        not_before: None,
        expires_at: None,
        auto_renew: false,
    };
    let audit = store::Audit::system("create", "certificates", "test");
    let row = store::ssl_certificates::insert(&server.store, &values, audit).await.unwrap();
    let answer = server.client().get("/certificates/internal-ca.pem").await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, root.chain_pem.as_str()));
    assert_eq!(admin.get("/certificates").await.must(200), json!([]));
    admin.delete(&format!("/certificates/{}", row.uuid)).await.must_fail(404, "not-found");
}
