//! Somebody else's captcha in the place of the short calculation: chosen, shown, answered, and not there; with Debian's
//! agent and a stand-in of the provider below the real executable.

use crate::crowdsec::{LIMIT, banned, request};
use crate::crowdsec_enforcing::{decide, problem, protected, proven};
use crate::hosts;
use serde_json::{Value, json};
use testkit::{Answer, App, CAPTCHA_SECRET, CaptchaProvider, Origin, Response, eventually};

const CLIENT: &str = "203.0.113.5";
const SITE_KEY: &str = "1x00000000000000000000AA";

/// What stands behind a name in the page.
fn data(page: &str, name: &str) -> String {
    let rest = page.split_once(&format!("data-{name}=")).unwrap_or_else(|| panic!("no {name}: {page}")).1;
    rest.trim_start_matches('"').split([' ', '"', '>']).next().unwrap().to_owned()
}

/// Hands an answer in as the page's script does, until there is a verdict.
async fn hand_in(app: &App, challenge: &str, answer: &str) -> Response {
    let more = format!(
        "accept: application/json\r\nx-charon-challenge: {challenge}\r\nx-charon-answer: {answer}\r\n"
    );
    eventually("there is a verdict", LIMIT, async || {
        let told = request(app, CLIENT, "/.charon/captcha", &more).await;
        (told.header("x-charon-captcha") != Some("checking")).then_some(told)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_s_captcha_is_shown_asked_about_and_counts_once_and_without_it_there_is_the_calculation() {
    let provider = CaptchaProvider::start().await;
    let base = provider.base();
    let (mut app, mut admin, _origin) =
        protected(|builder| builder.set("CHARON_CAPTCHA_STAND_IN", base.clone())).await;

    // Wrong keys are named, and nothing of them is stored.
    let keys = |secret: &str| json!({ "provider": "turnstile", "site_key": SITE_KEY, "secret": secret });
    for (wrong, field) in [
        (keys("not-the-secret"), "secret"),
        (keys(SITE_KEY), "secret"),
        (json!({ "provider": "hcaptcha", "secret": CAPTCHA_SECRET }), "site_key"),
        (json!({ "provider": "work", "secret": CAPTCHA_SECRET }), "provider"),
    ] {
        let refused = admin.put("/security/captcha", &wrong).await.expect(422);
        assert_eq!(refused["errors"][0]["field"], field, "{refused}");
    }
    assert_eq!(admin.get("/security/captcha").await.expect(200)["provider"], "work");
    let shown = admin.put("/security/captcha", &keys(CAPTCHA_SECRET)).await.expect(200);
    assert_eq!(
        (&shown["state"], &shown["secret_set"], &shown["test_keys"]),
        (&json!("works"), &json!(true), &json!(true))
    );
    assert!(!shown.to_string().contains(CAPTCHA_SECRET));
    let file = std::fs::read(app.data().join("charon.db")).unwrap();
    let wal = std::fs::read(app.data().join("charon.db-wal")).unwrap_or_default();
    let holds =
        |bytes: &[u8]| bytes.windows(CAPTCHA_SECRET.len()).any(|part| part == CAPTCHA_SECRET.as_bytes());
    assert!(!holds(&file) && !holds(&wal), "the secret is stored as it is");

    // The page loads from the provider and from nobody else.
    decide(&app, &["--ip", CLIENT, "-t", "captcha"]);
    let page = banned(&app, CLIENT).await;
    let policy = page.header("content-security-policy").unwrap().to_owned();
    assert!(
        policy.contains(&format!("frame-src {base};")) && policy.starts_with("default-src 'none'"),
        "{policy}"
    );
    let text = page.text();
    assert!(text.contains(&format!("{base}/api.js")) && data(&text, "key") == SITE_KEY, "{text}");
    let challenge = data(&text, "challenge");

    // Wrong answers are refused, good ones count once, for whom they were given.
    let told = hand_in(&app, &challenge, "bad").await;
    assert_eq!((told.status, told.header("x-charon-captcha")), (403, Some("refused")), "{}", told.text());
    let told = hand_in(&app, &challenge, "good-1").await;
    assert_eq!((told.status, told.header("x-charon-captcha")), (204, Some("passed")));
    let cookie = told.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let cookie = format!("cookie: {cookie}\r\n");
    assert_eq!(request(&app, CLIENT, "/", &cookie).await.status, 404, "it gets to the origin");
    assert_eq!(request(&app, CLIENT, "/", "").await.status, 403, "without the cookie it is asked");
    assert_eq!(hand_in(&app, &challenge, "good-1").await.header("x-charon-captcha"), Some("refused"));
    let forged = challenge.replace('.', ".0");
    assert_eq!(hand_in(&app, &forged, "good-2").await.header("x-charon-captcha"), Some("reload"));
    let asked = provider.asked();
    let about =
        |answer: &str| asked.iter().filter(|form| form.contains(&format!("response={answer}&"))).count();
    assert_eq!((about("good-1"), about("good-2")), (1, 0), "{asked:?}");
    assert!(asked.iter().any(|form| form.contains(&format!("remoteip={CLIENT}"))), "{asked:?}");

    // Who has answered is not asked again after a restart.
    app.kill();
    app.start_again().await;
    assert_eq!(request(&app, CLIENT, "/", &cookie).await.status, 404);
    let mut admin = admin.at(app.ui());
    proven(&mut admin).await;

    // The provider is gone: the calculation is shown, and that is said; it comes back by itself.
    let works = |shown: &Value| shown["state"] == "works";
    let state = async |admin: &mut testkit::Api| admin.get("/security/captcha").await.expect(200);
    eventually("it works again", LIMIT, async || works(&state(&mut admin).await).then_some(())).await;
    provider.fail(true);
    let challenge = data(&request(&app, CLIENT, "/", "").await.text(), "challenge");
    assert_eq!(hand_in(&app, &challenge, "good-3").await.header("x-charon-captcha"), Some("reload"));
    let page = request(&app, CLIENT, "/", "").await.text();
    assert!(page.contains("data-bits=16"), "{page}");
    let message = problem(&mut admin, "captcha-provider-failing").await;
    assert!(message.contains("do the short calculation instead"), "{message}");
    assert_eq!(state(&mut admin).await["state"], "unreachable");
    provider.fail(false);
    // Each change lets Charon look at once.
    admin.put("/settings", &json!({ "trusted_proxies": [] })).await.expect(200);
    eventually("it works again", LIMIT, async || works(&state(&mut admin).await).then_some(())).await;

    // A browser at this very machine is suspected, and answers.
    let served = Origin::start(Answer::text("served by the origin")).await;
    let all = admin.get("/proxy-hosts").await.json;
    let host = all["items"].as_array().or(all.as_array()).unwrap()[0].clone();
    admin.put(&hosts::path(&host), &json!({ "forward_port": served.port() })).await.expect(200);
    decide(&app, &["--ip", "127.0.0.1", "-t", "captcha"]);
    eventually("this machine is challenged", LIMIT, async || {
        (hosts::get(app.http(), "a.example.com", "/").await.status == 403).then_some(())
    })
    .await;
    let variables = vec![("PORT", app.http().port().to_string()), ("PROVIDER", base)];
    tokio::task::spawn_blocking(move || testkit::walk("captcha_provider", &variables)).await.unwrap();
}
