//! Automatic certificates against a real certificate authority: Let's Encrypt's `pebble`, strict. Says so and passes
//! where it is not installed (`scripts/setup.sh test` installs it).

use crate::hosts;
use base::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::pebble::{Habits, Pebble, free_port};
use testkit::{Answer, Api, App, AppBuilder, Origin, RawClient, eventually};

/// The longest that an order may take on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

pub(crate) struct Setting {
    pub(crate) app: App,
    pub(crate) api: Api,
    pub(crate) pebble: Pebble,
    pub(crate) origin: Origin,
}

/// A Charon that asks a new authority, with an account; nothing is ordered yet.
async fn setting(habits: Habits) -> Setting {
    setting_of(habits, App::builder()).await
}

/// The same, in an environment of its own.
pub(crate) async fn setting_of(habits: Habits, app: AppBuilder) -> Setting {
    let (http, https) = (free_port(), free_port());
    let own_names = habits.resolver.is_none();
    let pebble = Pebble::start(habits, (http, https)).await;
    let mut app =
        app.set("CHARON_PROXY_HTTP_PORT", http.to_string()).set("CHARON_PROXY_HTTPS_PORT", https.to_string());
    // Rehearsals look where the authority does.
    app = app.set("CHARON_ACME_HTTP_PORT", http.to_string()).set("CHARON_ACME_HTTPS_PORT", https.to_string());
    if own_names {
        app = app.set("CHARON_DNS_RESOLVERS", pebble.name_server().to_string());
    }
    let app = app.start().await;
    let mut api = app.admin().await;
    agree(&mut api, &pebble, json!({})).await;
    let origin = Origin::start(Answer::text("from the origin")).await;
    Setting { app, api, pebble, origin }
}

async fn agree(api: &mut Api, pebble: &Pebble, more: Value) {
    let mut first = json!({"directory": pebble.directory(), "roots_pem": pebble.root_pem()});
    for (name, value) in more["first"].as_object().into_iter().flatten() {
        first[name] = value.clone();
    }
    let mut settings = json!({"email": "me@example.com", "terms_agreed": true, "first": first});
    for (name, value) in more.as_object().into_iter().flatten().filter(|(name, _)| *name != "first") {
        settings[name] = value.clone();
    }
    api.put("/acme", &settings).await.expect(200);
}

/// The one set of names that is looked after.
pub(crate) async fn order(api: &mut Api) -> Value {
    let all = api.get("/acme/orders").await.expect(200);
    assert!(all.as_array().unwrap().len() <= 1, "{all}");
    all[0].clone()
}

/// Waits until it stands so.
pub(crate) async fn until(api: &mut Api, phase: &str) -> Value {
    eventually(&format!("it is {phase}"), LIMIT, async || {
        let now = order(api).await;
        (now["phase"] == phase).then_some(now)
    })
    .await
}

/// Waits until the board shows this problem.
pub(crate) async fn has_problem(api: &mut Api, code: &str) {
    eventually(&format!("there is the problem {code}"), LIMIT, async || {
        let health = api.get("/health").await.json;
        health["problems"].as_array()?.iter().any(|one| one["code"] == code).then_some(())
    })
    .await;
}

/// Waits until `domain` presents a certificate of the authority.
pub(crate) async fn trusted(setting: &Setting, domain: &str) -> RawClient {
    trusted_by(setting, domain, &setting.pebble.issuer_pem().await).await
}

/// Waits until `domain` presents a certificate that this root is enough for.
async fn trusted_by(setting: &Setting, domain: &str, root: &[u8]) -> RawClient {
    eventually("browsers would trust it", LIMIT, async || {
        RawClient::connect_tls(setting.app.https(), domain, root, &[]).await.ok()
    })
    .await
}

#[tokio::test]
async fn a_host_that_is_saved_with_an_automatic_certificate_has_one_of_the_authority_and_keeps_it() {
    if !Pebble::is_installed() {
        return;
    }
    let mut all = setting(Habits::default()).await;
    let more = json!({"automatic_certificate": true, "ssl_forced": true});
    hosts::add_with(&mut all.api, "shop.example.com", &all.origin, more).await;
    let done = until(&mut all.api, "valid").await;
    let steps: Vec<&str> =
        done["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(steps, ["account", "order", "challenge", "validation", "finalise", "download", "store"]);
    assert!(done["steps"].as_array().unwrap().iter().all(|step| step["done"] == true), "{done}");
    assert_eq!((&done["message"], &done["hosts"][0]["name"]), (&json!(""), &json!("shop.example.com")));
    trusted(&all, "shop.example.com").await;
    let listed = all.api.get("/certificates").await.expect(200);
    let one = listed.as_array().unwrap().iter().find(|one| one["provider"] == "acme").unwrap();
    assert_eq!(one["uuid"], done["certificate_uuid"]);
    assert_eq!((&one["status"], &one["auto_renew"]), (&json!("valid"), &json!(true)));
    // The order is over: its path belongs to the host again.
    let answer = hosts::get(all.app.http(), "shop.example.com", "/.well-known/acme-challenge/x").await;
    assert_ne!(answer.status, 200);
    // It survives a restart, and nothing is ordered anew.
    all.app.kill();
    all.app.start_again().await;
    trusted(&all, "shop.example.com").await;
    let mut api = all.app.admin().await;
    assert_eq!(order(&mut api).await["begun_at"], done["begun_at"]);
    // The key is nowhere in the clear.
    let database = std::fs::read(all.app.data().join("charon.db")).unwrap();
    assert!(!String::from_utf8_lossy(&database).contains("PRIVATE KEY"));
}

/// How the order stands. The authority may have looked just while Charon was dead: then a person asks for another try.
async fn going_on(api: &mut Api) -> Value {
    let now = order(api).await;
    let missed = now["message"].as_str().is_some_and(|message| message.contains("could not connect"));
    if now["phase"] == "failing" && missed {
        api.post(&format!("/acme/orders/{}/renew", now["uuid"].as_str().unwrap()), &json!({}))
            .await
            .expect(202);
    }
    now
}

#[tokio::test]
async fn an_order_goes_on_after_kill_9_at_any_moment_and_ends_with_a_pair_that_belongs_together() {
    if !Pebble::is_installed() {
        return;
    }
    // The authority thinks for a second about each name, so that there is time to die.
    let slow = ["PEBBLE_VA_NOSLEEP", "PEBBLE_VA_SLEEPTIME"].into_iter().zip([String::new(), "2".to_owned()]);
    let mut all = setting(Habits { environment: slow.collect(), ..Habits::default() }).await;
    let more = json!({"automatic_certificate": true});
    hosts::add_with(&mut all.api, "a.example.com", &all.origin, more.clone()).await;
    let mut api = all.api.clone();
    for step in ["account", "order", "challenge", "validation", "finalise", "download"] {
        let last = eventually(&format!("it is at {step}"), LIMIT, async || {
            let now = going_on(&mut api).await;
            let steps = now["steps"].as_array()?;
            (now["phase"] == "valid" || steps.iter().any(|known| known["name"] == step)).then_some(now)
        })
        .await;
        if last["phase"] == "valid" {
            break;
        }
        all.app.kill();
        all.app.start_again().await;
        api = all.app.admin().await;
    }
    eventually("it is valid", LIMIT, async || (going_on(&mut api).await["phase"] == "valid").then_some(()))
        .await;
    trusted(&all, "a.example.com").await;
    // It did not come to failures on the way, and nothing is left open.
    let done = order(&mut api).await;
    assert_eq!((&done["failures"], &done["message"]), (&json!(0), &json!("")), "{done}");
    let output = all.app.output();
    assert!(!output.contains("cannot be presented") && !output.contains("panicked"), "{output}");
}

#[tokio::test]
async fn a_name_that_cannot_be_proven_is_said_in_plain_words_and_tried_at_most_five_times_an_hour() {
    if !Pebble::is_installed() {
        return;
    }
    let mut all = setting(Habits::default()).await;
    all.pebble.dns("set-servfail", &json!({"host": "broken.example.com"})).await;
    let more = json!({"automatic_certificate": true});
    hosts::add_with(&mut all.api, "broken.example.com", &all.origin, more.clone()).await;
    let mut api = all.api.clone();
    let failing = until(&mut api, "failing").await;
    let message = failing["message"].as_str().unwrap();
    assert!(message.starts_with("broken.example.com: the authority could not look the name up"), "{message}");
    assert!(failing["remedy"].as_str().unwrap().contains("A and AAAA records"), "{failing}");
    assert!(failing["next_at"].is_string());
    has_problem(&mut api, "certificate-not-issued").await;
    // A person who will not wait is served, but not for ever.
    let path = format!("/acme/orders/{}/renew", failing["uuid"].as_str().unwrap());
    for attempt in 2..=7 {
        api.post(&path, &json!({})).await.expect(202);
        if attempt <= 5 {
            eventually("it was tried again", LIMIT, async || {
                let now = order(&mut api).await;
                (now["failures"] == attempt && now["phase"] == "failing").then_some(())
            })
            .await;
        }
    }
    let now = eventually("the rest of the hour is waited for", LIMIT, async || {
        let now = order(&mut api).await;
        let at = |name: &str| Timestamp::parse(now[name].as_str()?).ok();
        (at("next_at")?.since(at("begun_at")?) > Duration::from_secs(2400)).then_some(now)
    })
    .await;
    assert_eq!(now["failures"], 5, "five failed validations in an hour are enough: {now}");
    // The host is served all the while, by the internal authority.
    assert!(hosts::get(all.app.http(), "broken.example.com", "/").await.status == 200);
    // What is mended elsewhere is found out, and a fresh set of names begins at once.
    all.pebble.dns("clear-servfail", &json!({"host": "broken.example.com"})).await;
    all.pebble.dns("add-a", &json!({"host": "dead.example.com", "addresses": ["127.0.0.77"]})).await;
    hosts::add_with(&mut api, "dead.example.com", &all.origin, more).await;
    let dead = eventually("the dead address is told", LIMIT, async || {
        let orders = api.get("/acme/orders").await.expect(200);
        orders
            .as_array()?
            .iter()
            .find(|one| one["domains"][0] == "dead.example.com" && one["phase"] == "failing")
            .cloned()
    })
    .await;
    assert!(dead["message"].as_str().unwrap().contains("could not connect to this machine"), "{dead}");
}

#[tokio::test]
async fn certificates_serve_at_once_while_the_authority_is_down_and_a_disturbance_ends_by_itself() {
    if !Pebble::is_installed() {
        return;
    }
    let mut all = setting(Habits::default()).await;
    let root = all.pebble.issuer_pem().await;
    let more = json!({"automatic_certificate": true});
    hosts::add_with(&mut all.api, "a.example.com", &all.origin, more.clone()).await;
    let mut api = all.api.clone();
    let valid = until(&mut api, "valid").await;
    all.pebble.stop();
    all.app.kill();
    all.app.start_again().await;
    RawClient::connect_tls(all.app.https(), "a.example.com", &root, &[]).await.unwrap();
    let mut api = all.app.admin().await;
    api.post(&format!("/acme/orders/{}/renew", valid["uuid"].as_str().unwrap()), &json!({}))
        .await
        .expect(202);
    let failing = until(&mut api, "failing").await;
    assert!(failing["message"].as_str().unwrap().contains("could not be asked"), "{failing}");
    has_problem(&mut api, "certificate-not-renewed").await;
    let listed = automatic(&mut api).await;
    assert!(listed["last_error"].as_str().unwrap().contains("could not be asked"), "{listed}");
    assert_eq!(listed["used_by"][0]["name"], "a.example.com", "{listed}");
    assert_eq!(
        api.get(&format!("/certificates/{}", listed["uuid"].as_str().unwrap())).await.expect(200),
        listed
    );
    RawClient::connect_tls(all.app.https(), "a.example.com", &root, &[]).await.unwrap();
    // It comes back and has forgotten everything: the account too.
    all.pebble.begin().await;
    api.post(&format!("/acme/orders/{}/renew", valid["uuid"].as_str().unwrap()), &json!({}))
        .await
        .expect(202);
    until(&mut api, "valid").await;
    trusted(&all, "a.example.com").await;
    assert_eq!(automatic(&mut api).await["last_error"], "");
}

/// The one automatic certificate as the list of certificates shows it.
async fn automatic(api: &mut Api) -> Value {
    let all = api.get("/certificates").await.expect(200);
    all.as_array().unwrap().iter().find(|one| one["provider"] == "acme").unwrap().clone()
}

#[tokio::test]
async fn several_names_by_tls_alpn_at_an_authority_that_refuses_half_of_all_nonces_and_wants_external_accounts()
 {
    if !Pebble::is_installed() {
        return;
    }
    let environment = vec![("PEBBLE_WFE_NONCEREJECT", "50".to_owned())];
    let mut all = setting(Habits { environment, external_accounts: true, ..Habits::default() }).await;
    let more = json!({"automatic_certificate": true});
    hosts::add_with(&mut all.api, "a.example.com,b.example.com,c.example.org", &all.origin, more).await;
    let mut api = all.api.clone();
    let failing = until(&mut api, "failing").await;
    assert!(failing["message"].as_str().unwrap().contains("external account binding"), "{failing}");
    let first = json!({"eab_key_id": Pebble::EAB_KEY_ID, "eab_key": Pebble::EAB_KEY});
    agree(&mut api, &all.pebble, json!({"first": first, "challenge": "tls-alpn-01", "key_type": "rsa-2048"}))
        .await;
    let shown = api.get("/acme").await.expect(200);
    assert_eq!(shown["first"]["has_eab_key"], true);
    assert!(!shown.to_string().contains(Pebble::EAB_KEY));
    let path = format!("/acme/orders/{}/renew", failing["uuid"].as_str().unwrap());
    api.post(&path, &json!({})).await.expect(202);
    until(&mut api, "valid").await;
    for name in ["a.example.com", "b.example.com", "c.example.org"] {
        trusted(&all, name).await;
    }
    // Revoked, and another one with another key.
    let before = api.get("/certificates").await.expect(200);
    let fingerprint = |all: &Value| {
        let one = all.as_array().unwrap().iter().find(|one| one["provider"] == "acme").unwrap();
        one["fingerprint"].clone()
    };
    let revoke = ["certs", "revoke", "nobody.example.com", "--reason", "key-compromise"];
    let unknown = all.app.run(&revoke);
    assert!(
        unknown.code != 0 && unknown.stderr.contains("0 automatic certificates are for"),
        "{}",
        unknown.stderr
    );
    let done = all.app.run(&["certs", "revoke", "b.example.com", "--reason", "key-compromise"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    eventually("another one serves", LIMIT, async || {
        let now = api.get("/certificates").await.expect(200);
        (fingerprint(&now) != fingerprint(&before)).then_some(())
    })
    .await;
    let audit = api.get("/audit?limit=50").await.expect(200).to_string();
    assert!(audit.contains("Revoked the certificate for"), "{audit}");
}

#[tokio::test]
async fn of_several_chains_the_one_is_taken_that_ends_in_the_wished_root() {
    if !Pebble::is_installed() {
        return;
    }
    let environment =
        vec![("PEBBLE_ALTERNATE_ROOTS", "2".to_owned()), ("PEBBLE_CHAIN_LENGTH", "2".to_owned())];
    let all = setting(Habits { environment, ..Habits::default() }).await;
    let (own, third) = (all.pebble.root(0).await, all.pebble.root(2).await);
    let der = CertificateDer::from_pem_slice(&third).unwrap();
    let name = certs::shown(&der).unwrap().issuer;
    assert_ne!(own, third);
    let mut api = all.api.clone();
    agree(&mut api, &all.pebble, json!({"preferred_chain": name})).await;
    hosts::add_with(&mut api, "a.example.com", &all.origin, json!({"automatic_certificate": true})).await;
    until(&mut api, "valid").await;
    trusted_by(&all, "a.example.com", &third).await;
    assert!(RawClient::connect_tls(all.app.https(), "a.example.com", &own, &[]).await.is_err());
    // A root that is none: the authority's choice, and it is said.
    agree(&mut api, &all.pebble, json!({"preferred_chain": "No Such Root"})).await;
    hosts::add_with(&mut api, "b.example.com", &all.origin, json!({"automatic_certificate": true})).await;
    let done = eventually("the second is valid", LIMIT, async || {
        let orders = api.get("/acme/orders").await.expect(200);
        let mut found = orders.as_array()?.iter().filter(|one| one["domains"][0] == "b.example.com");
        found.next().filter(|one| one["phase"] == "valid").cloned()
    })
    .await;
    assert!(done["steps"].to_string().contains("no chain ends in 'No Such Root'"), "{done}");
    trusted_by(&all, "b.example.com", &own).await;
}

#[tokio::test]
async fn new_names_are_tried_elsewhere_first_and_the_real_authority_is_asked_only_when_they_are_proven() {
    if !Pebble::is_installed() {
        return;
    }
    let all = setting(Habits::default()).await;
    let ports = (all.app.http().port(), all.app.https().port());
    let trial = Pebble::start(Habits::default(), ports).await;
    trial.dns("set-servfail", &json!({"host": "a.example.com"})).await;
    let mut api = all.api.clone();
    let there = json!({"directory": trial.directory(), "roots_pem": trial.root_pem()});
    agree(&mut api, &all.pebble, json!({"trial": there})).await;
    let same = json!({"trial": {"directory": all.pebble.directory()}});
    let refused = api.put("/acme", &same).await.expect(422);
    assert_eq!(refused["errors"][0]["field"], "trial.directory");
    hosts::add_with(&mut api, "a.example.com", &all.origin, json!({"automatic_certificate": true})).await;
    let failing = until(&mut api, "failing").await;
    assert_eq!(failing["directory"], json!(trial.directory()), "{failing}");
    assert!(!all.pebble.output().contains("new-order"), "{}", all.pebble.output());
    trial.dns("clear-servfail", &json!({"host": "a.example.com"})).await;
    let path = format!("/acme/orders/{}/renew", failing["uuid"].as_str().unwrap());
    api.post(&path, &json!({})).await.expect(202);
    let done = until(&mut api, "valid").await;
    assert_eq!(done["steps"][0]["name"], "trial", "{done}");
    trusted(&all, "a.example.com").await;
    // A renewal is no trial.
    api.post(&path, &json!({})).await.expect(202);
    let renewed = eventually("it is renewed", LIMIT, async || {
        let now = order(&mut api).await;
        (now["phase"] == "valid" && now["begun_at"] != done["begun_at"]).then_some(now)
    })
    .await;
    assert_eq!(renewed["steps"][0]["name"], "account", "{renewed}");
}

#[tokio::test]
async fn a_second_authority_issues_when_the_first_has_failed_twice_and_an_account_is_given_up() {
    if !Pebble::is_installed() {
        return;
    }
    let all = setting(Habits::default()).await;
    let ports = (all.app.http().port(), all.app.https().port());
    let other = Pebble::start(Habits::default(), ports).await;
    let servfail = json!({"host": "a.example.com"});
    all.pebble.dns("set-servfail", &servfail).await;
    let mut api = all.api.clone();
    let second = json!({"directory": other.directory(), "roots_pem": other.root_pem()});
    agree(&mut api, &all.pebble, json!({"second": second})).await;
    hosts::add_with(&mut api, "a.example.com", &all.origin, json!({"automatic_certificate": true})).await;
    let path = format!("/acme/orders/{}/renew", until(&mut api, "failing").await["uuid"].as_str().unwrap());
    // Not after the first failure.
    api.post(&path, &json!({})).await.expect(202);
    let failing = eventually("it fails twice", LIMIT, async || {
        let now = order(&mut api).await;
        (now["phase"] == "failing" && now["failures"] == 2).then_some(now)
    })
    .await;
    assert_eq!(failing["directory"], json!(all.pebble.directory()), "{failing}");
    api.post(&path, &json!({})).await.expect(202);
    let done = until(&mut api, "valid").await;
    assert_eq!(done["directory"], json!(other.directory()), "{done}");
    trusted_by(&all, "a.example.com", &other.issuer_pem().await).await;

    // The account there is given up, and the next order is the first one's again.
    api.post("/acme/leave", &json!({"directory": "https://127.0.0.1:9/nobody"})).await.expect(404);
    api.post("/acme/leave", &json!({"directory": other.directory()})).await.expect(202);
    eventually("the account is given up", LIMIT, async || {
        let accounts = api.get("/acme").await.expect(200)["accounts"].clone();
        let is_there = |one: &Value| one["directory"] == json!(other.directory());
        (!accounts.as_array().unwrap().iter().any(is_there)).then_some(())
    })
    .await;
    all.pebble.dns("clear-servfail", &servfail).await;
    api.post(&path, &json!({})).await.expect(202);
    eventually("the first one issues", LIMIT, async || {
        let now = order(&mut api).await;
        (now["phase"] == "valid" && now["directory"] == json!(all.pebble.directory())).then_some(())
    })
    .await;
    trusted(&all, "a.example.com").await;
}

#[tokio::test]
async fn certificates_of_minutes_are_renewed_under_load_without_a_failed_request() {
    if !Pebble::is_installed() {
        return;
    }
    // A certificate of 90 seconds is renewed after 52 to 60: half a minute is left for a machine under load.
    let mut all = setting(Habits { validity: Some(renewing().0), ..Habits::default() }).await;
    let more = json!({"automatic_certificate": true});
    hosts::add_with(&mut all.api, "a.example.com", &all.origin, more).await;
    let mut api = all.api.clone();
    until(&mut api, "valid").await;
    trusted(&all, "a.example.com").await;
    let root = all.pebble.issuer_pem().await;
    let mut kept = RawClient::connect_tls(all.app.https(), "a.example.com", &root, &[]).await.unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let mut requests = 0;
    let mut pace = tokio::time::interval(Duration::from_millis(50));
    let limit = Duration::from_secs(u64::from(renewing().0)) * renewing().1 as u32 + LIMIT;
    eventually("it was renewed often enough", limit, async || {
        pace.tick().await;
        // A new connection and a kept one, again and again: each is shown a certificate that is good at that moment.
        let mut fresh = RawClient::connect_tls(all.app.https(), "a.example.com", &root, &[]).await.unwrap();
        for client in [&mut fresh, &mut kept] {
            assert_eq!(client.get("a.example.com", "/").await.unwrap().status, 200);
            requests += 1;
        }
        let listed = api.get("/certificates").await.expect(200);
        let one = listed.as_array().unwrap().iter().find(|one| one["provider"] == "acme").unwrap();
        seen.insert(one["fingerprint"].to_string());
        (seen.len() > renewing().1).then_some(())
    })
    .await;
    eprintln!("{} certificates, {requests} requests, none failed", seen.len());
}

/// Seconds that certificates are good for, and how many renewals are waited for. The long proof is asked for by an
/// environment variable.
fn renewing() -> (u32, usize) {
    #[expect(clippy::disallowed_methods, reason = "a long proof is asked for by the environment")]
    match std::env::var_os("CHARON_TEST_RENEWALS") {
        Some(_) => (300, 5),
        None => (90, 1),
    }
}
