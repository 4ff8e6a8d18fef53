//! Uploaded certificates come and go by the API and the command line, and their keys only for those who may.

use crate::hosts;
use base::{Clock, SystemClock};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use testkit::{Answer, App, Origin, RawClient};

const HOST: &str = "app.example.com";

struct Pair {
    root: String,
    chain: String,
    key: String,
}

fn issue(domain: &str) -> Pair {
    let now = SystemClock.now();
    let root = certs::InternalCa::create(now).unwrap();
    let authority = certs::InternalCa::from_pem(&root.chain_pem, &root.key_pem).unwrap();
    let leaf = authority.issue(&[domain.to_owned()], now).unwrap();
    Pair { root: root.chain_pem, chain: leaf.chain_pem, key: leaf.key_pem.expose().clone() }
}

/// What OpenSSL finds in a PKCS #12 file.
fn openssl(file: &Path, password: &str) -> (bool, String) {
    let output = Command::new("openssl")
        .args(["pkcs12", "-nodes", "-passin", &format!("pass:{password}"), "-in"])
        .arg(file)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_imported_from_files_served_and_exported_again() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("inside")).await;
    hosts::add(&mut admin, HOST, &origin).await;
    let files = tempfile::tempdir().unwrap();
    let path = |name: &str| files.path().join(name);
    let text = |name: &str| path(name).display().to_string();
    let Pair { root, chain, key } = issue(HOST);
    std::fs::write(path("mine.pem"), format!("{key}{chain}")).unwrap();
    let done = app.run(&["certs", "import", &text("mine.pem")]);
    assert!(done.code == 0 && done.stdout.contains("mine is stored, for app.example.com"), "{done:?}");
    RawClient::connect_tls(app.https(), HOST, root.as_bytes(), &[]).await.unwrap();
    let listed = admin.get("/certificates").await.expect(200);
    let mine = listed.as_array().unwrap().iter().find(|one| one["name"] == "mine").unwrap().clone();
    // The next one of this name takes its place.
    let Pair { chain, key, .. } = issue(HOST);
    std::fs::write(path("next.pem"), &chain).unwrap();
    std::fs::write(path("next.key"), &key).unwrap();
    let next = app.run(&["certs", "import", "--name", "mine", &text("next.pem"), &text("next.key")]);
    assert!(next.code == 0, "{next:?}");
    let now = admin.get(&format!("/certificates/{}", mine["uuid"].as_str().unwrap())).await.expect(200);
    assert_ne!(now["fingerprint"], mine["fingerprint"]);
    let none = app.run(&["certs", "import", &text("next.pem")]);
    assert!(none.code != 0 && none.stderr.contains("holds no private key"), "{none:?}");

    let out = app.run(&["certs", "export", "mine", &text("out.pem")]);
    assert!(out.code == 0, "{out:?}");
    let written = std::fs::read_to_string(path("out.pem")).unwrap();
    assert!(written.starts_with(chain.trim_end()) && written.contains(key.trim_end()));
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(path("out.pem")).unwrap().permissions().mode() & 0o777, 0o600);
    let again = app.run(&["certs", "export", "mine", &text("out.pem")]);
    assert!(again.code != 0 && again.stderr.contains("out.pem cannot be made"), "{again:?}");
    std::fs::write(path("password"), "correct horse\n").unwrap();
    let export = ["certs", "export", "mine", &text("out.pfx"), "--format", "pfx"];
    let password = text("password");
    let out = app.run(&[&export[..], &["--password-file", &password]].concat());
    assert!(out.code == 0, "{out:?}");
    let (opened, inside) = openssl(&path("out.pfx"), "correct horse");
    assert!(
        opened && inside.contains("BEGIN PRIVATE KEY") && inside.contains("BEGIN CERTIFICATE"),
        "{inside}"
    );
    assert!(!openssl(&path("out.pfx"), "wrong horse").0);
    // A password that is none leaves no file behind.
    std::fs::write(path("password"), "short").unwrap();
    let export = ["certs", "export", "mine", &text("no.pfx"), "--format", "pfx"];
    let refused = app.run(&[&export[..], &["--password-file", &password]].concat());
    assert!(refused.code != 0 && refused.stderr.contains("at least 8 characters"), "{refused:?}");
    assert!(!path("no.pfx").exists());
    let audit = admin.get("/audit?limit=50").await.expect(200).to_string();
    assert!(audit.contains("Took the private key of certificate mine along, as pfx"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_signed_in_takes_a_key_along_only_with_the_own_password() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let Pair { chain, key, .. } = issue(HOST);
    let upload = json!({"name": "mine", "certificate": chain, "private_key": key});
    let made = admin.post("/certificates", &upload).await.expect(201);
    let path = format!("/certificates/{}/export", made["uuid"].as_str().unwrap());
    let chain_only = admin.post(&path, &json!({"format": "chain"})).await.expect(200);
    assert_eq!(chain_only["file_name"], "mine.pem");
    let refused = admin.post(&path, &json!({"format": "pem"})).await.expect(422);
    assert_eq!(refused["errors"][0]["field"], "current_password", "{refused}");
    let wrong = json!({"format": "pem", "current_password": "something else"});
    admin.post(&path, &wrong).await.expect(422);
    let right = json!({"format": "pem", "current_password": testkit::PASSWORD});
    let file = admin.post(&path, &right).await.expect(200);
    assert_ne!(file["content"], Value::Null);
    // The audit log tells of the one that left, and no answer or log holds the key.
    let audit = admin.get("/audit?limit=50").await.expect(200).to_string();
    assert_eq!(audit.matches("Took the private key").count(), 1, "{audit}");
    assert!(!app.output().contains("PRIVATE KEY"));
}
