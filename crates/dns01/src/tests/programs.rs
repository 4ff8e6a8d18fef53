//! The program that writes records.

use super::{built, given, means};
use crate::{DnsError, Means, kind};
use base::SystemClock;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn program(folder: &Path, script: &str) -> PathBuf {
    // Made under another name, so that no other test's child still holds it open for writing.
    let (made, path) = (folder.join("made"), folder.join("hook"));
    std::fs::write(&made, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::rename(made, &path).unwrap();
    path
}

#[tokio::test]
async fn it_is_told_what_to_do_without_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let said = folder.path().join("said");
    let script = format!("echo \"$* $CHARON_DNS_ACTION $CHARON_DNS_SECRET $HOME\" >> {}", said.display());
    let path = program(folder.path(), &script);
    let hook =
        built("exec", &[("program", path.to_str().unwrap()), ("arguments", "-v $(id)"), ("secret", "s3")]);
    let handle = hook.present("_acme-challenge.Example.test", "a;b").await.unwrap();
    hook.remove(&handle).await.unwrap();
    let lines = std::fs::read_to_string(said).unwrap();
    assert_eq!(
        lines.lines().map(str::trim).collect::<Vec<_>>(),
        [
            "-v $(id) present _acme-challenge.example.test a;b present s3",
            "-v $(id) remove _acme-challenge.example.test a;b remove s3"
        ]
    );
}

#[tokio::test]
async fn its_end_and_its_absence_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    for (script, expected) in [("exit 3", "refuses"), ("exit 9", "status 9"), ("exec sleep 60", "within 1 s")]
    {
        let path = program(folder.path(), script);
        let hook = built("exec", &[("program", path.to_str().unwrap()), ("time_limit", "1")]);
        let error = hook.present("_acme-challenge.example.test", "v").await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let path = program(folder.path(), "exit 0");
    let hook = built("exec", &[("program", path.to_str().unwrap())]);
    std::fs::remove_file(&path).unwrap();
    let error = hook.present("a.test", "v").await.unwrap_err();
    assert!(matches!(error, DnsError::Unreachable { .. }), "{error}");
}

#[test]
fn only_programs_of_the_folder_that_the_owner_of_the_machine_has_named_are_run() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let inside = program(folder.path(), "exit 0");
    let outside = program(other.path(), "exit 0");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&outside, &link).unwrap();
    let around = format!("{}/../../bin/sh", folder.path().display());
    let try_it = |path: &str, programs: Option<&Path>| {
        let means = Means { programs: programs.map(Path::to_owned), ..means(Arc::new(SystemClock)) };
        let built = kind("exec").unwrap().build(&given(&[("program", path)]), &means);
        built.map(drop).map_err(|error| error.to_string())
    };
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    assert_eq!(try_it(&text(&inside), Some(folder.path())), Ok(()));
    for (path, programs, expected) in [
        (text(&inside), None, "CHARON_DNS_PROGRAMS"),
        (text(&outside), Some(folder.path()), "must be a file in"),
        (text(&link), Some(folder.path()), "must be a file in"),
        (around, Some(folder.path()), "must be a file in"),
        (text(folder.path()), Some(folder.path()), "must be a file in"),
        ("/none".to_owned(), Some(folder.path()), "cannot be found"),
        ("hook".to_owned(), Some(folder.path()), "must be an absolute path: it begins with /"),
    ] {
        let error = try_it(&path, programs).unwrap_err();
        assert!(error.starts_with("program ") && error.contains(expected), "{path}: {error}");
    }
}
