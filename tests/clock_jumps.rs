//! Steps of the wall clock (acceptance G12): limits, checks and kept connections go by the monotonic clock.
//!
//! Needs libfaketime (Debian: `faketime`), which `scripts/setup.sh test` installs; says so and passes without it.

use crate::hosts;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;
use testkit::{Answer, App, AppBuilder, Origin, RawClient, eventually};

fn library() -> Option<PathBuf> {
    let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"];
    let found = folders.iter().map(|folder| Path::new(folder).join("faketime/libfaketimeMT.so.1"));
    found.into_iter().find(|path| path.is_file())
}

/// The wall clock of one Charon.
pub(crate) struct Wall(tempfile::TempDir);

impl Wall {
    /// A Charon whose wall clock can be set. Says so when the library for that is not installed.
    pub(crate) fn of(app: AppBuilder) -> Option<(Self, AppBuilder)> {
        let Some(library) = library() else {
            eprintln!("SKIPPED: libfaketime is not installed (apt-get install faketime)");
            return None;
        };
        let wall = Self(tempfile::tempdir().unwrap());
        wall.set("+0");
        let app = app
            .set("LD_PRELOAD", library.display().to_string())
            .set("FAKETIME_TIMESTAMP_FILE", wall.0.path().join("offset").display().to_string())
            .set("FAKETIME_NO_CACHE", "1")
            .set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        Some((wall, app))
    }

    /// Sets it to so much before or after the true time, such as `-3600` (seconds) or `+80d`.
    pub(crate) fn set(&self, offset: &str) {
        // Written beside and put in place, so that it is never read empty.
        let next = self.0.path().join("next");
        std::fs::write(&next, format!("{offset}\n")).unwrap();
        std::fs::rename(&next, self.0.path().join("offset")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_or_forth_stops_nothing_and_cuts_nothing() {
    let Some((wall, app)) = Wall::of(App::builder()) else { return };
    let app = app.start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("steady")).await;
    let check = json!({ "upstream": { "health": { "path": "/check", "interval_ms": 1000 } } });
    hosts::add_with(&mut admin, "a.example.com", &origin, check).await;
    let checks = || origin.heads().iter().filter(|head| head.line.contains("/check")).count();
    let mut kept = RawClient::connect(app.http()).await.unwrap();
    let logged = |line: &str| {
        let text = std::fs::read_to_string(app.data().join("logs/access.log")).unwrap_or_default();
        text.lines().rev().find(|known| known.contains(line)).map(str::to_owned)
    };
    let mut times = Vec::new();
    for (step, name) in [("+0", "/now"), ("-3600", "/back"), ("+72000", "/forth"), ("-0", "/again")] {
        wall.set(step);
        let before = checks();
        assert_eq!(
            kept.get("a.example.com", name).await.expect("the connection stays").status,
            200,
            "{step}"
        );
        assert_eq!(hosts::get(app.http(), "a.example.com", "/").await.status, 200, "{step}");
        eventually("checks go on at their pace", Duration::from_secs(20), async || {
            (checks() >= before + 2).then_some(())
        })
        .await;
        // Changes too, and by the same session: 20 hours are within its life of a day.
        let host = hosts::add(&mut admin, &format!("h{}.example.com", times.len()), &origin).await;
        assert_eq!(hosts::show(&mut admin, &host).await["status"]["state"], "serving");
        // Asked for last, when the workers have looked at the clock again.
        let last = format!("{name}-last");
        assert_eq!(
            kept.get("a.example.com", &last).await.expect("the connection stays").status,
            200,
            "{step}"
        );
        let line = eventually("the request is logged", Duration::from_secs(20), async || logged(&last)).await;
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        // Day and hour.
        times.push(line["time"].as_str().unwrap()[..13].to_owned());
    }
    let seen: std::collections::BTreeSet<_> = times.iter().collect();
    assert!(seen.len() >= 3, "the clock was not set: {times:?}");
    let health = admin.get("/health").await;
    assert_eq!(health.status, 200, "{}", health.json);
    assert!(!app.output().contains("panicked"), "{}", app.output());
}
