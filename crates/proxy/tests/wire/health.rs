//! Active checks, and what is remembered of servers (acceptance G8).

use crate::kit::*;
use crate::upstreams::{nobody, of, serve, spec_with, tally};
use base::{Clock, SystemClock};
use proxy::spec::{AllDown, HealthCheck, Upstream};
use proxy::{LogSettings, Proxy, ServerHealth, ServerStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A check that tests can wait for.
fn quick_check() -> HealthCheck {
    HealthCheck {
        path: Some("/health".to_owned()),
        interval_ms: 500,
        timeout_ms: 300,
        ..HealthCheck::default()
    }
}

/// An origin that says its name, and is well as long as the flag says so; the flag, and its checks so far.
fn checked(name: &'static str) -> (Origin, Arc<AtomicBool>, Arc<AtomicUsize>) {
    let (well, checks) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let (flag, counter) = (well.clone(), checks.clone());
    let origin = Origin::answering(move |head, _| {
        if !head.starts_with("GET /health ") {
            return sized(name.as_bytes());
        }
        counter.fetch_add(1, Ordering::SeqCst);
        match flag.load(Ordering::SeqCst) {
            true => sized(b"all is well here"),
            false => b"HTTP/1.1 503 Ill\r\nContent-Length: 0\r\n\r\n".to_vec(),
        }
    });
    (origin, well, checks)
}

fn server(proxy: &Proxy, index: usize) -> ServerStatus {
    proxy.upstreams()[0].servers[index].clone()
}

#[test]
fn a_server_whose_checks_fail_gets_nothing_until_they_succeed_again() {
    let ((one, well, checks), (two, ..)) = (checked("one"), checked("two"));
    let mut upstream = of(&[one.address, two.address]);
    upstream.health = Some(HealthCheck { fall: 2, rise: 2, ..quick_check() });
    let proxy = serve(upstream);
    assert_eq!(server(&proxy, 0).health, ServerHealth::Unknown);
    eventually("both are checked", || (0..2).all(|index| server(&proxy, index).last_check.is_some()));
    let status = server(&proxy, 0);
    let check = status.last_check.unwrap();
    assert_eq!((status.health, check.ok), (ServerHealth::Healthy, true));
    assert_eq!(check.message, "answered with the status 200");
    assert!(one.seen().contains("Host: a.test\r\nUser-Agent: Charon-Health-Check"), "{}", one.seen());

    well.store(false, Ordering::SeqCst);
    eventually("it fails its checks", || server(&proxy, 0).health == ServerHealth::Failing);
    let status = server(&proxy, 0);
    assert_eq!(status.why.as_deref(), Some("answered its check with the status 503"));
    let mut client = Client::of(&proxy);
    assert_eq!(tally(&mut client, 10).into_keys().collect::<Vec<_>>(), ["two"]);

    well.store(true, Ordering::SeqCst);
    let before = checks.load(Ordering::SeqCst);
    eventually("it is well again", || server(&proxy, 0).health == ServerHealth::Healthy);
    assert!(checks.load(Ordering::SeqCst) >= before + 2, "not after a single good check");
    assert_eq!(tally(&mut client, 10).len(), 2);
}

#[test]
fn a_check_looks_at_the_status_the_text_and_the_time() {
    let (origin, ..) = checked("one");
    let silent = Origin::scripted(|wire, _| wire.drain());
    let address = nobody();
    for (upstream, part) in [
        (
            Upstream {
                health: Some(HealthCheck { body: Some("is well".to_owned()), fall: 1, ..quick_check() }),
                ..of(&[origin.address])
            },
            "and the text that is wanted",
        ),
        (
            Upstream {
                health: Some(HealthCheck { body: Some("is ill".to_owned()), fall: 1, ..quick_check() }),
                ..of(&[origin.address])
            },
            "without the text \"is ill\"",
        ),
        (
            Upstream {
                health: Some(HealthCheck {
                    statuses: base::StatusSet::parse("204").unwrap(),
                    fall: 1,
                    ..quick_check()
                }),
                ..of(&[origin.address])
            },
            "with the status 200",
        ),
        (
            Upstream { health: Some(quick_check()), ..of(&[silent.address]) },
            "did not answer the check in time",
        ),
        (Upstream { health: Some(quick_check()), ..of(&[address]) }, "it refused the connection"),
        (
            Upstream { health: Some(HealthCheck { path: None, ..quick_check() }), ..of(&[silent.address]) },
            "accepts connections",
        ),
    ] {
        let proxy = serve(upstream);
        eventually("a check has ended", || server(&proxy, 0).last_check.is_some());
        let check = server(&proxy, 0).last_check.unwrap();
        assert!(check.message.contains(part), "{part}: {check:?}");
        assert_eq!(check.ok, part.contains("wanted") || part.contains("accepts"), "{part}");
    }
}

#[test]
fn when_all_checks_fail_all_are_tried_by_default_and_none_on_demand() {
    let (origin, well, _) = checked("one");
    well.store(false, Ordering::SeqCst);
    let upstream =
        Upstream { health: Some(HealthCheck { fall: 1, ..quick_check() }), ..of(&[origin.address]) };
    let lenient = serve(upstream.clone());
    let strict = serve(Upstream { all_down: AllDown::Refuse, ..upstream });
    for (proxy, status) in [(&lenient, 200), (&strict, 503)] {
        eventually("it fails its checks", || server(proxy, 0).health == ServerHealth::Failing);
        assert_eq!(Client::of(proxy).get("/").status(), status);
    }
}

#[test]
fn a_server_that_is_well_again_gets_a_growing_share() {
    let ((one, well, _), (two, ..)) = (checked("one"), checked("two"));
    let mut upstream = of(&[one.address, two.address]);
    upstream.health = Some(HealthCheck { fall: 1, rise: 1, slow_start_ms: 30_000, ..quick_check() });
    well.store(false, Ordering::SeqCst);
    let proxy = serve(upstream);
    eventually("it fails", || server(&proxy, 0).health == ServerHealth::Failing);
    well.store(true, Ordering::SeqCst);
    eventually("it warms up", || server(&proxy, 0).health == ServerHealth::SlowStarting);
    let got = tally(&mut Client::of(&proxy), 110);
    assert!((5..30).contains(&got["one"]), "{got:?}");
}

#[test]
fn what_is_known_of_a_server_survives_changes_elsewhere_and_checks_go_on_as_they_were() {
    let ((one, well, checks), (two, ..)) = (checked("one"), checked("two"));
    let mut upstream = of(&[one.address, two.address]);
    upstream.health = Some(HealthCheck { fall: 1, rise: 3, ..quick_check() });
    well.store(false, Ordering::SeqCst);
    let mut spec = spec_with(upstream);
    let proxy = start(&spec, quick(), LogSettings::default());
    eventually("it fails", || server(&proxy, 0).health == ServerHealth::Failing);
    assert_eq!(tally(&mut Client::of(&proxy), 4)["two"], 4);
    let before = server(&proxy, 0);
    spec.hosts.insert(0, host("b.test", nobody()));
    let asked = checks.load(Ordering::SeqCst);
    for _ in 0..50 {
        proxy.publish(config(&spec));
    }
    let status = proxy.upstreams();
    let after = &status[1].servers[0];
    assert_eq!((after.health, after.since), (ServerHealth::Failing, before.since));
    assert_eq!(status[1].servers[1].requests, 4);
    assert_eq!(status[0].servers[0].health, ServerHealth::Unknown);
    assert_eq!(tally(&mut Client::of(&proxy), 4)["two"], 4);
    // A change does not make a check run at once, so that many changes are no flood.
    assert!(checks.load(Ordering::SeqCst) <= asked + 2);
    // Without a check, what checks said is void.
    spec.hosts[1].upstream.health = None;
    proxy.publish(config(&spec));
    eventually("nothing is held against it", || {
        proxy.upstreams()[1].servers[0].health != ServerHealth::Failing
    });
    assert_eq!(tally(&mut Client::of(&proxy), 4).len(), 2);
}

#[test]
fn checks_are_bounded_in_number_and_end_with_their_host() {
    let (origin, _, checks) = checked("one");
    let mut upstream = of(&[origin.address]);
    upstream.health = Some(quick_check());
    let spec = spec_with(upstream);
    let settings = proxy::Settings {
        http: vec!["127.0.0.1:0".parse().unwrap()],
        workers: 4,
        limits: quick(),
        ..proxy::Settings::default()
    };
    let before = SystemClock.monotonic();
    let proxy = proxy::start(settings, config(&spec), Arc::new(SystemClock)).unwrap();
    eventually("four checks", || checks.load(Ordering::SeqCst) >= 4);
    // One task checks, not one per worker.
    assert!(SystemClock.monotonic() - before >= Duration::from_millis(1400));
    proxy.publish(config(&spec_with(of(&[nobody()]))));
    let count = checks.load(Ordering::SeqCst);
    let later = SystemClock.monotonic() + Duration::from_millis(1200);
    eventually("some time passes", || SystemClock.monotonic() > later);
    assert!(checks.load(Ordering::SeqCst) <= count + 1);
}

#[test]
fn a_configuration_that_comes_back_is_served_with_what_is_known_now() {
    let ((one, well, _), (two, ..)) = (checked("one"), checked("two"));
    let mut upstream = of(&[one.address, two.address]);
    upstream.health = Some(HealthCheck { fall: 1, rise: 1, ..quick_check() });
    let spec = spec_with(upstream);
    let first = config(&spec);
    let proxy = start(&spec, quick(), LogSettings::default());
    proxy.publish(first.clone());
    proxy.publish(config(&spec_with(of(&[nobody()]))));
    well.store(false, Ordering::SeqCst);
    proxy.publish(first);
    eventually("its checks run again", || server(&proxy, 0).health == ServerHealth::Failing);
    assert_eq!(tally(&mut Client::of(&proxy), 4).into_keys().collect::<Vec<_>>(), ["two"]);
    // And the next one learns from it.
    proxy.publish(config(&spec));
    assert_eq!(server(&proxy, 0).health, ServerHealth::Failing);
}
