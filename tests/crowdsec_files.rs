//! Files of the CrowdSec agent's configuration: edited, exported and imported below the real executable.

use crate::crowdsec::{switch, until};
use crate::crowdsec_hub::{change, over};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;
use std::process::Command;
use testkit::{Api, App};

const TRAP: &str = "type: trigger
name: mine/trap
description: \"Whoever asks for the trap\"
filter: \"evt.Meta.service == 'http' && evt.Meta.http_path == '/trap'\"
groupby: evt.Meta.source_ip
labels: {service: http, type: trap, remediation: true}
";
const PATH: &str = "config/scenarios/trap.yaml";

async fn write(admin: &mut Api, path: &str, content: &str, digest: Option<&str>) -> Value {
    let body = json!({ "path": path, "content": content, "digest": digest });
    let made = admin.put("/security/crowdsec/files", &body).await;
    assert!([200, 202].contains(&made.status), "{made:?}");
    over(admin, made.json["id"].as_i64().unwrap()).await
}

async fn read(admin: &mut Api, path: &str) -> testkit::Reply {
    admin.get(&format!("/security/crowdsec/files/content?path={path}")).await
}

async fn paths(admin: &mut Api) -> Vec<String> {
    let files = admin.get("/security/crowdsec/files").await.expect(200);
    files.as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap().to_owned()).collect()
}

/// Every file below `folder` as it is, one after the other.
fn all(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => bytes.extend(all(&entry.path())),
            kind if kind.is_file() => {
                _ = std::fs::File::open(entry.path()).unwrap().read_to_end(&mut bytes).unwrap()
            }
            _ => {}
        }
    }
    bytes
}

fn holds(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_tried_before_they_count_keep_no_secret_and_travel_in_an_archive() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    switch(&mut admin, true).await;
    until(&mut admin, "it runs", |shown| shown["state"] == "running").await;
    let crowdsec = app.data().join("crowdsec");
    let secrets = ["bouncer.key", "machine.password"]
        .map(|name| std::fs::read_to_string(crowdsec.join(name)).unwrap().trim().to_owned());

    // A scenario of one's own, with which the agent runs.
    let made = write(&mut admin, PATH, TRAP, None).await;
    assert_eq!(made["status"], "applied", "{made}");
    let hub = admin.get("/security/crowdsec/hub").await.expect(200);
    let own = hub["items"].as_array().unwrap().iter().find(|item| item["name"] == "mine/trap").unwrap();
    assert_eq!((&own["local"], &own["installed"]), (&json!(true), &json!(true)), "{own}");
    switch(&mut admin, false).await;
    until(&mut admin, "it is off", |shown| shown["state"] == "off").await;

    // What the agent cannot read is refused in its own words, and nothing has changed.
    let digest = read(&mut admin, PATH).await.expect(200)["digest"].as_str().unwrap().to_owned();
    let broken = write(&mut admin, PATH, &TRAP.replace("'/trap'", "nonsense("), Some(&digest)).await;
    assert_eq!(broken["status"], "failed", "{broken}");
    assert!(broken["error"].as_str().unwrap().contains("the agent refuses"), "{broken}");
    assert_eq!(read(&mut admin, PATH).await.expect(200)["content"], TRAP);
    // Nobody's change is overwritten unseen.
    let late = json!({ "path": PATH, "content": "x: y", "digest": "0123" });
    let late = admin.put("/security/crowdsec/files", &late).await.expect(409);
    assert!(late.to_string().contains("changed meanwhile"), "{late}");

    // A file of the hub is replaced, told as changed, and back when one's own goes.
    let agents = "config/scenarios/http-bad-user-agent.yaml";
    let published = read(&mut admin, agents).await.expect(200);
    let (text, digest) = (published["content"].as_str().unwrap(), published["digest"].as_str().unwrap());
    assert_eq!(
        write(&mut admin, agents, &format!("{text}\n# mine\n"), Some(digest)).await["status"],
        "applied"
    );
    let shown = read(&mut admin, agents).await.expect(200);
    assert_eq!((&shown["origin"], &shown["replaces"]), (&json!("own"), &json!(true)));

    // No way leads to a secret: not by the list, not by a path, not in the export.
    let listed = paths(&mut admin).await;
    for path in &listed {
        let text = read(&mut admin, path).await.expect(200)["content"].to_string();
        assert!(secrets.iter().all(|secret| !text.contains(secret.as_str())), "{path}");
    }
    for path in [
        "bouncer.key",
        "machine.password",
        "local_api_credentials.yaml",
        "online_api_credentials.yaml",
        "data/crowdsec.db",
        "config/../bouncer.key",
        "/etc/passwd",
        "../charon.db",
    ] {
        read(&mut admin, path).await.expect(404);
        let body = json!({ "path": path, "content": "x", "digest": null });
        admin.put("/security/crowdsec/files", &body).await.expect(422);
    }
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("export.tar.gz");
    let exported = admin.get("/security/crowdsec/export").await.raw.body;
    std::fs::write(&archive, &exported).unwrap();
    let tar = |arguments: &[&str]| {
        let done = Command::new("tar").current_dir(folder.path()).args(arguments).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    let names = tar(&["tzf", "export.tar.gz"]);
    assert!(names.contains(PATH) && names.contains("items.json") && names.contains(agents), "{names}");
    std::fs::create_dir(folder.path().join("out")).unwrap();
    tar(&["xzf", "export.tar.gz", "-C", "out"]);
    let unpacked = all(&folder.path().join("out"));
    assert!(holds(&unpacked, "mine/trap") && holds(&unpacked, "bouncer.key"), "what is left out is named");
    assert!(secrets.iter().all(|secret| !holds(&unpacked, secret)));

    // Back to the beginning, and forth again by the archive.
    assert_eq!(change(&mut admin, "restore", "0").await["status"], "applied");
    assert!(!paths(&mut admin).await.contains(&PATH.to_owned()));
    assert_eq!(read(&mut admin, agents).await.expect(200)["content"], text);
    let import = async |admin: &mut Api, archive: &[u8]| {
        let made =
            admin.post("/security/crowdsec/import", &json!({ "archive": STANDARD.encode(archive) })).await;
        assert!([200, 202].contains(&made.status), "{made:?}");
        over(admin, made.json["id"].as_i64().unwrap()).await
    };
    let made = import(&mut admin, &exported).await;
    assert_eq!(made["status"], "applied", "{made}");
    assert_eq!(paths(&mut admin).await, listed);
    let gone = json!({ "path": agents });
    let made = admin.post("/security/crowdsec/files/delete", &gone).await;
    let made = over(&mut admin, made.json["id"].as_i64().unwrap()).await;
    assert_eq!(made["status"], "applied", "{made}");
    assert_eq!(read(&mut admin, agents).await.expect(200)["origin"], "hub");

    // A link in an archive, and a scenario that the agent cannot read, are refused as a whole.
    let before = paths(&mut admin).await;
    let bad = folder.path().join("bad/config/scenarios");
    std::fs::create_dir_all(&bad).unwrap();
    std::fs::write(bad.join("fine.yaml"), TRAP.replace("mine/trap", "mine/fine")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", bad.join("link.yaml")).unwrap();
    tar(&["czf", "bad.tar.gz", "-C", "bad", "config"]);
    let made = import(&mut admin, &std::fs::read(folder.path().join("bad.tar.gz")).unwrap()).await;
    assert!(made["status"] == "failed" && made["error"].as_str().unwrap().contains("is a link"), "{made}");
    std::fs::remove_file(bad.join("link.yaml")).unwrap();
    std::fs::write(bad.join("wrong.yaml"), TRAP.replace("'/trap'", "nonsense(")).unwrap();
    tar(&["czf", "bad.tar.gz", "-C", "bad", "config"]);
    let made = import(&mut admin, &std::fs::read(folder.path().join("bad.tar.gz")).unwrap()).await;
    assert!(made["status"] == "failed" && made["error"].as_str().unwrap().contains("refuses"), "{made}");
    assert_eq!(paths(&mut admin).await, before);
    assert!(!crowdsec.join("requests").exists(), "nothing is left of what was put aside");
}
