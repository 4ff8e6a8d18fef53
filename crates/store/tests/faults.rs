//! Bad states of files, folders and disks: refused or survived visibly, never with an empty configuration.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails by panic")]

mod support;

use std::path::Path;
use store::{Error, OpenError, proxy_hosts, settings};
use support::{bytes, folder_with, open, options, sql, texts, try_open};
use testkit::Disk;

async fn one_host(folder: &Path) {
    let (store, _) = open(folder).await;
    let values = proxy_hosts::HostValues {
        domain_names: vec!["a.example".into()],
        forward_host: "10.0.0.1".into(),
        forward_port: 80,
        ..Default::default()
    };
    proxy_hosts::insert(&store, &values, store::Audit::default()).await.unwrap();
    for number in 0..300 {
        let value = format!("value {number} {}", "x".repeat(200));
        let setting = settings::NewSetting { key: format!("k{number}"), value, ..Default::default() };
        settings::set(&store, &[setting], store::Audit::default()).await.unwrap();
    }
    store.backup_now("scheduled").await.unwrap();
    store.close().await;
}

/// Copies the folder's files, database and backups, into a new folder.
fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir(copy.path().join("backups")).unwrap();
    for name in ["charon.db", "secrets.key"] {
        std::fs::copy(folder.join(name), copy.path().join(name)).unwrap();
    }
    for backup in std::fs::read_dir(folder.join("backups")).unwrap().flatten() {
        std::fs::copy(backup.path(), copy.path().join("backups").join(backup.file_name())).unwrap();
    }
    copy
}

/// Opens a damaged folder: either it is refused with the newest sound backup and the file untouched, or it opens
/// and the host is there.
async fn refused_or_whole(folder: &Path, what: &str) -> bool {
    let before = bytes(folder);
    match try_open(folder).await {
        Ok((store, _)) => {
            match proxy_hosts::list(&store).await {
                Ok(hosts) => assert_eq!(hosts.len(), 1, "{what}: silently without its host"),
                Err(error) => assert!(!matches!(error, Error::NotFound(_)), "{what}: {error}"),
            }
            store.close().await;
            false
        }
        Err(error) => {
            assert!(!error.remedy().is_empty() && error.to_string().len() > 40, "{what}: {error}");
            if let OpenError::Corrupt { backup, .. } = &error {
                assert!(backup.is_some(), "{what}: {error}");
                assert!(error.to_string().contains("charon backups restore charon-"), "{what}: {error}");
            }
            assert!(before == bytes(folder), "{what}: refused, but the file was changed: {error}");
            true
        }
    }
}

#[tokio::test]
async fn damaged_files_are_refused_untouched_with_the_newest_sound_backup() {
    let origin = tempfile::tempdir().unwrap();
    one_host(origin.path()).await;
    let sound = bytes(origin.path());
    let mut refused = 0;
    // A fixed sequence of pseudo-random places (xorshift), so that a failure can be repeated.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 1).unwrap()
    };
    for round in 0..50 {
        let folder = copy_of(origin.path());
        let mut damaged = sound.clone();
        for _ in 0..100 {
            let at = next() % damaged.len();
            damaged[at] ^= 1 << (next() % 8);
        }
        std::fs::write(folder.path().join("charon.db"), damaged).unwrap();
        refused += usize::from(refused_or_whole(folder.path(), &format!("flips, round {round}")).await);
    }
    println!("flips: {refused} of 50 refused");
    assert!(refused > 40);
    // One page of rows lost, the schema whole: only a look at every page finds it.
    let pages = sound.len() / 4096;
    let mut lost = 0;
    for page in (pages / 2..pages).step_by(pages / 40 + 1) {
        let folder = copy_of(origin.path());
        let mut damaged = sound.clone();
        damaged[page * 4096..(page + 1) * 4096].fill(0xff);
        std::fs::write(folder.path().join("charon.db"), damaged).unwrap();
        lost += usize::from(refused_or_whole(folder.path(), &format!("page {page}")).await);
    }
    assert!(lost > 10, "{lost} lost pages were noticed");
    for part in 0..20 {
        let folder = copy_of(origin.path());
        let length = sound.len() * part / 20;
        std::fs::write(folder.path().join("charon.db"), &sound[..length]).unwrap();
        assert!(refused_or_whole(folder.path(), &format!("cut to {length} bytes")).await);
    }
    for content in [vec![0; sound.len()], b"hello".to_vec()] {
        let folder = copy_of(origin.path());
        std::fs::write(folder.path().join("charon.db"), content).unwrap();
        assert!(refused_or_whole(folder.path(), "no database").await);
    }
}

#[tokio::test]
async fn a_damaged_original_is_refused_untouched_and_no_backup_of_it_is_taken() {
    let folder = folder_with("full-2025-12-05.db");
    let mut damaged = bytes(folder.path());
    let middle = damaged.len() / 2;
    damaged[middle..middle + 8192].fill(0xff);
    std::fs::write(folder.path().join("charon.db"), &damaged).unwrap();
    let error = try_open(folder.path()).await.unwrap_err();
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
    assert!(damaged == bytes(folder.path()) && !folder.path().join("backups").exists());
    assert!(!folder.path().join("secrets.key").exists());
}

#[tokio::test]
async fn a_log_of_garbage_is_kept_aside_and_the_last_state_of_the_file_serves() {
    let folder = tempfile::tempdir().unwrap();
    one_host(folder.path()).await;
    std::fs::write(folder.path().join("charon.db-wal"), vec![0x5a; 70_000]).unwrap();
    let (store, report) = open(folder.path()).await;
    assert!(report.notes.iter().any(|note| note.contains("write-ahead log")), "{report:?}");
    assert_eq!(proxy_hosts::list(&store).await.unwrap().len(), 1);
    store.close().await;
    let kept = std::fs::read_dir(folder.path()).unwrap().flatten();
    assert!(kept.into_iter().any(|file| file.file_name().to_string_lossy().contains("wal.unreadable")));
}

#[tokio::test]
async fn a_lost_file_is_no_new_installation() {
    let folder = tempfile::tempdir().unwrap();
    one_host(folder.path()).await;
    std::fs::remove_file(folder.path().join("charon.db")).unwrap();
    let error = try_open(folder.path()).await.unwrap_err();
    assert!(matches!(error, OpenError::Lost { backup: Some(_), .. }), "{error}");
    assert!(!folder.path().join("charon.db").exists());
}

#[tokio::test]
async fn a_missing_key_is_refused_and_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    one_host(folder.path()).await;
    std::fs::remove_file(folder.path().join("secrets.key")).unwrap();
    let error = try_open(folder.path()).await.unwrap_err();
    assert!(matches!(error, OpenError::Key(_)), "{error}");
    assert!(!folder.path().join("secrets.key").exists());
}

#[tokio::test]
async fn a_second_process_is_refused_by_the_first_ones_number() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path()).await;
    let error = try_open(folder.path()).await.unwrap_err();
    assert!(
        matches!(&error, OpenError::Locked { pid, .. } if *pid == std::process::id().to_string()),
        "{error}"
    );
    store.close().await;
    let (store, _) = open(folder.path()).await;
    store.close().await;
}

#[tokio::test]
async fn a_backup_taken_under_writes_restores_a_consistent_state() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path()).await;
    let pair = |number: u32| {
        ["left", "right"].map(|key| settings::NewSetting {
            key: key.to_owned(),
            value: number.to_string(),
            ..Default::default()
        })
    };
    settings::set(&store, &pair(0), store::Audit::default()).await.unwrap();
    let writer = {
        let store = store.clone();
        async move {
            for number in 1..200 {
                settings::set(&store, &pair(number), store::Audit::default()).await.unwrap();
            }
        }
    };
    let copier = async {
        let mut taken = Vec::new();
        for _ in 0..3 {
            taken.push(store.backup_now("load").await.unwrap());
        }
        taken
    };
    let (_, taken) = tokio::join!(writer, copier);
    store.close().await;
    for path in taken {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let database = folder.path().join("charon.db");
        let kept = store::backups::restore(folder.path(), &database, &name).await.unwrap().unwrap();
        assert!(kept.exists());
        let values = texts(folder.path(), "SELECT value FROM settings WHERE key IN ('left', 'right')").await;
        assert!(values.len() == 2 && values[0] == values[1], "{values:?}");
        let (store, report) = open(folder.path()).await;
        assert_eq!(report, store::OpenReport::default());
        store.close().await;
    }
}

#[tokio::test]
async fn a_damaged_backup_is_not_restored_and_not_offered() {
    let folder = tempfile::tempdir().unwrap();
    one_host(folder.path()).await;
    let good = store::backups::newest_good(folder.path()).await.unwrap();
    let bad = folder.path().join("backups/charon-29991231T000000.000Z-scheduled.db");
    let mut content = std::fs::read(&good).unwrap();
    content.truncate(5000);
    std::fs::write(&bad, content).unwrap();
    assert_eq!(store::backups::newest_good(folder.path()).await.unwrap(), good);
    let list = store::backups::list(folder.path()).await.unwrap();
    assert_eq!(list.iter().map(|backup| backup.good).collect::<Vec<_>>(), [false, true]);
    let before = bytes(folder.path());
    let database = folder.path().join("charon.db");
    let refused = store::backups::restore(folder.path(), &database, &list[0].name).await;
    assert!(matches!(refused, Err(Error::Corrupt(_))) && before == bytes(folder.path()));
}

#[tokio::test]
async fn a_file_that_is_replaced_while_running_shows_in_health() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path()).await;
    std::fs::rename(folder.path().join("charon.db"), folder.path().join("moved.db")).unwrap();
    let health = store.health().await;
    assert_eq!(health.database, "unavailable");
    assert!(health.problems[0].message.contains("removed or replaced"));
    store.close().await;
}

#[tokio::test]
async fn a_full_disk_refuses_writes_keeps_the_old_state_and_recovers_when_freed() {
    let Some(disk) = Disk::mount("4m") else { return };
    let folder = disk.path();
    let (store, _) = open(folder).await;
    let setting = |value: String| [settings::NewSetting { key: "k".into(), value, ..Default::default() }];
    settings::set(&store, &setting("before".into()), store::Audit::default()).await.unwrap();
    disk.fill();
    let mut refused = None;
    for _ in 0..20 {
        match settings::set(&store, &setting("y".repeat(100_000)), store::Audit::default()).await {
            Ok(_) => {}
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    assert_eq!(refused, Some(Error::DiskFull));
    let value = settings::get(&store, "k").await.unwrap().unwrap().value;
    assert!(value == "before" || value.len() == 100_000);
    assert_eq!(store.health().await.database, "disk_full");
    disk.free();
    settings::set(&store, &setting("after".into()), store::Audit::default()).await.unwrap();
    assert_eq!(settings::get(&store, "k").await.unwrap().unwrap().value, "after");
    store.close().await;
    let (store, _) = open(folder).await;
    assert_eq!(settings::get(&store, "k").await.unwrap().unwrap().value, "after");
    store.close().await;
}

#[tokio::test]
async fn a_read_only_folder_is_refused_or_on_request_served_without_writes() {
    let Some(disk) = Disk::mount("8m") else { return };
    let folder = disk.path();
    let (store, _) = open(folder).await;
    store.close().await;
    disk.remount("ro");
    let error = try_open(folder).await.unwrap_err();
    assert!(matches!(error, OpenError::Folder(store::FolderError::ReadOnly(_))), "{error}");
    let read_only = store::Options { read_only_ok: true, ..options(folder) };
    let (store, report) = store::Store::open(read_only).await.unwrap();
    assert!(report.read_only && proxy_hosts::list(&store).await.unwrap().is_empty());
    assert_eq!(store.health().await.database, "read_only");
    let refused = settings::set(&store, &[], store::Audit::default()).await.unwrap_err();
    assert_eq!(refused, Error::ReadOnly);
    store.close().await;
    disk.remount("rw");
    sql(folder, &["SELECT 1"]).await;
}
