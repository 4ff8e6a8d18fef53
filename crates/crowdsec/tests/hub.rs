//! Changes of the configuration, held against what the real `cscli` and the real agent say of it.

#![expect(clippy::unwrap_used, reason = "a test's helper fails the test")]

use crowdsec::{
    Change, ChangeError, Installed, Item, Listed, Place, current, find, hub, point_to, prepare, preview,
    propose,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

fn place(folder: &tempfile::TempDir) -> Place {
    let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [port, metrics_port] = sockets.each_ref().map(|socket| socket.local_addr().unwrap().port());
    Place { folder: folder.path().join("crowdsec"), port, metrics_port }
}

/// What `cscli` lists as switched on.
fn cscli(place: &Place, installed: &Installed) -> BTreeSet<String> {
    let mut command = Command::new(&installed.cscli);
    let said = command.arg("-c").arg(place.config()).args(["hub", "list", "-o", "json"]).output().unwrap();
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();
    let kinds = said.as_object().unwrap().iter();
    let named = kinds.flat_map(|(kind, items)| {
        let items = items.as_array().into_iter().flatten();
        let ours = items.filter(|item| item["status"] == "enabled");
        ours.map(move |item| format!("{kind}:{}", item["name"].as_str().unwrap()))
    });
    named.collect()
}

fn installed(list: &[Listed]) -> BTreeSet<String> {
    list.iter()
        .filter(|listed| listed.installed && !listed.local)
        .map(|listed| listed.item.to_string())
        .collect()
}

fn item(text: &str) -> Item {
    text.parse().unwrap()
}

fn apply(place: &Place, installed: &Installed, change: &Change) {
    let edition = propose(place, installed, change).unwrap();
    point_to(place, edition.number).unwrap();
    prepare(place, installed, &[]).unwrap();
}

#[test]
fn what_is_listed_as_on_is_what_cscli_lists_after_each_change() {
    let folder = tempfile::tempdir().unwrap();
    let (place, with) = (place(&folder), find(None).unwrap());
    prepare(&place, &with, &[]).unwrap();
    let list = |place: &Place| installed(&hub(place, &with).unwrap().1);
    let first = list(&place);
    assert_eq!(first, cscli(&place, &with));
    let agents = "scenarios:crowdsecurity/http-bad-user-agent".to_owned();
    assert!(first.contains(&agents));

    let wordpress = Change::parse("install", "wordpress", None).unwrap();
    let shown = preview(&place, &with, &wordpress).unwrap();
    assert!(shown.adds.contains(&item("scenarios:crowdsecurity/http-bf-wordpress_bf")), "{shown:?}");
    assert!(shown.removes.is_empty() && shown.fetches.is_empty(), "{shown:?}");
    apply(&place, &with, &wordpress);
    let second = list(&place);
    assert_eq!(second, cscli(&place, &with));
    assert_eq!(second.difference(&first).count(), shown.adds.len());
    let again = propose(&place, &with, &wordpress).unwrap_err();
    assert!(matches!(again, ChangeError::Pointless(_)), "{again}");

    // One scenario out of a collection: `cscli` has no word for it, and does not call it on any more.
    apply(&place, &with, &Change::Remove(vec![item(&agents)]));
    assert!(!list(&place).contains(&agents) && !cscli(&place, &with).contains(&agents));
    apply(&place, &with, &Change::Remove(vec![item("collections:crowdsecurity/base-http-scenarios")]));
    assert_eq!(list(&place), cscli(&place, &with));
    let left = list(&place);
    assert!(
        left.contains("parsers:crowdsecurity/syslog-logs")
            && !left.contains("scenarios:crowdsecurity/http-probing")
    );
    let needed = propose(&place, &with, &Change::Remove(vec![item("parsers:crowdsecurity/syslog-logs")]));
    assert!(needed.unwrap_err().to_string().contains("stays on"));

    // Back to any earlier one, exactly, and to the first.
    apply(&place, &with, &Change::Restore(1));
    assert_eq!(list(&place), second);
    apply(&place, &with, &Change::Restore(0));
    assert_eq!((list(&place), cscli(&place, &with)), (first.clone(), first));
}

#[test]
fn what_the_agent_refuses_is_not_made_and_a_killed_change_leaves_the_whole_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let (place, with) = (place(&folder), find(None).unwrap());
    // A hub of our own with a scenario that cannot be read, as a newer one would be.
    let copy = folder.path().join("hub");
    assert!(Command::new("cp").arg("-rL").arg(&with.hub).arg(&copy).status().unwrap().success());
    let broken = copy.join("scenarios/crowdsecurity/http-bf-wordpress_bf.yaml");
    std::fs::write(&broken, "type: leaky\nname: x/y\nfilter: \"nonsense(\"\ngroupby: z\n").unwrap();
    let with = Installed { hub: copy, ..with };
    prepare(&place, &with, &[]).unwrap();
    let before = (current(&place), std::fs::read_dir(place.folder.join("config/scenarios")).unwrap().count());
    let refused = propose(&place, &with, &Change::parse("install", "wordpress", None).unwrap()).unwrap_err();
    assert!(matches!(&refused, ChangeError::Refused(reason) if reason.contains("nonsense")), "{refused}");
    assert_eq!(before.0, current(&place));
    assert_eq!(before.1, std::fs::read_dir(place.folder.join("config/scenarios")).unwrap().count());
    assert!(!place.folder.join("trial").exists() && !place.folder.join("editions/draft").exists());
    let (_, list) = hub(&place, &with).unwrap();
    let listed = list.iter().find(|listed| listed.item.name == "crowdsecurity/http-bf-wordpress_bf").unwrap();
    assert!(listed.tainted && listed.here && !listed.installed, "{listed:?}");

    // Without a network (a proxy that is not there stands for it) an update fails, says why, and leaves the packaged hub in use.
    let alone = folder.path().join("cscli");
    let script = "#!/bin/sh\nHTTPS_PROXY=http://127.0.0.1:1 exec /usr/bin/cscli \"$@\"\n";
    std::fs::write(&alone, script).unwrap();
    std::fs::set_permissions(&alone, std::fs::Permissions::from_mode(0o755)).unwrap();
    let with = Installed { cscli: alone, ..with };
    let lost = propose(&place, &with, &Change::UpdateIndex).unwrap_err();
    assert!(matches!(&lost, ChangeError::Network { reason, .. } if reason.contains("127.0.0.1:1")), "{lost}");
    assert!(current(&place).hub().is_none() && !hub(&place, &with).unwrap().0.updated);
}
