//! A challenge for clients that are suspected and not banned: a page whose script looks for a number, which costs a
//! browser a moment and an attacker's many requests much; or somebody else's captcha ([`Widget`]). What a client has
//! solved stands in a cookie that is signed for it; a provider's answers are kept for a while, so that they count once.

mod desk;
mod widget;

pub use desk::{CaptchaCounts, Desk, Provider, Question, Verdict, Widget};

use crate::request::Request;
use aws_lc_rs::{constant_time, digest, hmac};
use base::Timestamp;
use desk::Known;
use std::fmt::{self, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How many leading bits of a solution's digest are zero: some 65,000 attempts.
const BITS: u32 = 16;
/// The longest number of a solution, in digits; more have no place in the page's one block of SHA-256.
const MOST_DIGITS: usize = 10;
/// How all pages begin.
const HEAD: &str = "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
                    <meta name=robots content=noindex><title>One moment</title><style>:root{color-scheme:light dark}\
                    body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1.5rem}\
                    h1{font-size:1.4rem}small{opacity:.65}</style>";

/// Makes challenges and knows their solutions.
pub struct Captcha {
    desk: Arc<Desk>,
    /// How long a solution holds.
    grace: Duration,
}

impl fmt::Debug for Captcha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captcha").field("grace", &self.grace).finish_non_exhaustive()
    }
}

/// What something was signed for. A signature for one thing is none for another, so that nobody gets by a provider's
/// captcha by doing the calculation.
#[derive(Clone, Copy)]
enum Signed {
    /// A challenge that is solved by calculation.
    Work,
    /// A page with a provider's captcha.
    Page,
    /// Who has answered that.
    Pass,
}

/// A challenge, ready to be shown.
#[derive(Debug)]
pub(crate) struct Challenge {
    pub(crate) page: String,
    /// What the page may load.
    pub(crate) policy: String,
}

/// What a client gets that hands in an answer of a provider's captcha.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HandedIn {
    /// The cookie with which it is let through.
    Passed(String),
    /// It is to ask again in a moment.
    Checking,
    /// It has to answer anew; why.
    Refused(String),
    /// It is to load the page again: there is another challenge.
    Reload,
}

impl HandedIn {
    /// In one word, for the page's script.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Passed(_) => "passed",
            Self::Checking => "checking",
            Self::Refused(_) => "refused",
            Self::Reload => "reload",
        }
    }
}

impl Captcha {
    /// The cookie with a solution.
    pub const COOKIE: &str = "charon_pass";
    /// Where a page hands in an answer of a provider's captcha, on every host.
    pub const PATH: &str = "/.charon/captcha";

    /// A solution holds for `grace` from the moment on at which its challenge was made.
    pub fn new(desk: Arc<Desk>, grace: Duration) -> Self {
        Self { desk, grace }
    }

    /// A challenge for this client on this host.
    pub(crate) fn challenge(
        &self,
        client: IpAddr,
        host: &[u8],
        now: Timestamp,
        request_id: &str,
    ) -> Challenge {
        let until = now.plus(self.grace).millis() / 1000;
        let widget = self.desk.widget();
        let (signed, kind) = match widget.as_deref().map(|widget| widget.provider) {
            None => (Signed::Work, 0),
            Some(Provider::Turnstile) => (Signed::Page, 1),
            Some(Provider::HCaptcha) => (Signed::Page, 2),
        };
        self.desk.counts.asked[kind].fetch_add(1, Ordering::Relaxed);
        let text = self.sign(signed, until, client, host);
        match widget {
            Some(widget) => {
                Challenge { page: widget.page(&text, request_id), policy: widget.policy(nonce(&text)) }
            }
            None => {
                let nonce = nonce(&text);
                let policy =
                    format!("default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'");
                Challenge { page: self.page(&text, request_id), policy }
            }
        }
    }

    /// Until when (seconds since the epoch), a dot, and a signature by the newest key.
    fn sign(&self, signed: Signed, until: i64, client: IpAddr, host: &[u8]) -> String {
        self.desk
            .with_keys(|keys| keys.first().map(|key| signature(key, signed, until, client, host)))
            .unwrap_or_default()
    }

    /// Whether this was signed for the client and the host, and its time is not over. Returns its end.
    fn is_signed(
        &self,
        text: &str,
        signed: Signed,
        client: IpAddr,
        host: &[u8],
        now: Timestamp,
    ) -> Option<i64> {
        let until = text.split_once('.').and_then(|(until, _)| until.parse::<i64>().ok())?;
        let same = |key: &hmac::Key| {
            let wanted = signature(key, signed, until, client, host);
            constant_time::verify_slices_are_equal(wanted.as_bytes(), text.as_bytes()).is_ok()
        };
        (until > now.millis() / 1000 && self.desk.with_keys(|keys| keys.iter().any(same))).then_some(until)
    }

    /// Whether a request holds a solution of a challenge that was made for its client and host.
    pub(crate) fn solved(&self, request: &Request, client: IpAddr, now: Timestamp) -> bool {
        let mut pairs = request.headers("cookie").flat_map(|value| value.split(|byte| *byte == b';'));
        let solved = pairs.any(|pair| {
            let value = pair.trim_ascii().strip_prefix(Self::COOKIE.as_bytes());
            let value = value.and_then(|rest| rest.strip_prefix(b"="));
            value.is_some_and(|value| self.is_solution(value, client, request.name(), now))
        });
        if solved {
            self.desk.counts.solved.fetch_add(1, Ordering::Relaxed);
        }
        solved
    }

    fn is_solution(&self, value: &[u8], client: IpAddr, host: &[u8], now: Timestamp) -> bool {
        let Ok(text) = std::str::from_utf8(value) else { return false };
        let Some((challenge, number)) = text.rsplit_once('.') else { return false };
        if number == "p" {
            return self.is_signed(challenge, Signed::Pass, client, host, now).is_some();
        }
        let digits = number.len() <= MOST_DIGITS && number.bytes().all(|byte| byte.is_ascii_digit());
        digits
            && is_solution(text.as_bytes())
            && self.is_signed(challenge, Signed::Work, client, host, now).is_some()
    }

    /// Takes in the answer that a request to [`Captcha::PATH`] brings; `https`: the client's connection is secure.
    pub(crate) fn hand_in(&self, request: &Request, client: IpAddr, now: Timestamp, https: bool) -> HandedIn {
        let only = |name: &'static str| {
            let mut values = request.headers(name);
            let value = values.next().filter(|value| !value.is_empty() && value.len() <= desk::LONGEST);
            value.filter(|_| values.next().is_none()).and_then(|value| std::str::from_utf8(value).ok())
        };
        let (Some(challenge), Some(answer)) = (only("x-charon-challenge"), only("x-charon-answer")) else {
            return HandedIn::Refused("it has no answer".to_owned());
        };
        let host = request.name();
        // Its time is over, the address is another, or there is no captcha of a provider any more.
        if self.desk.widget().is_none()
            || self.is_signed(challenge, Signed::Page, client, host, now).is_none()
        {
            return HandedIn::Reload;
        }
        match self.desk.hand_in(answer, challenge, client, now) {
            Known::Waiting | Known::Busy => HandedIn::Checking,
            Known::Used => HandedIn::Refused("it was used already".to_owned()),
            Known::Told(Verdict::Refused(why)) => HandedIn::Refused(why),
            Known::Told(Verdict::Unreachable) => HandedIn::Reload,
            Known::Told(Verdict::Accepted) => {
                let until = now.plus(self.grace).millis() / 1000;
                let pass = self.sign(Signed::Pass, until, client, host);
                let (seconds, secure) = (self.grace.as_secs(), if https { "; Secure" } else { "" });
                HandedIn::Passed(format!(
                    "{}={pass}.p; Path=/; SameSite=Lax; Max-Age={seconds}{secure}",
                    Self::COOKIE
                ))
            }
        }
    }

    /// The page of the calculation. `challenge` holds nothing that HTML takes for something else.
    fn page(&self, challenge: &str, request_id: &str) -> String {
        let mut id = String::new();
        crate::pages::escape(request_id, &mut id);
        format!(
            "{HEAD}<h1>One moment, please</h1>\
             <p id=status role=status>Requests from your address looked unusual. Your browser is doing a short \
             calculation; then the page comes by itself.</p>\
             <noscript><p>The calculation needs JavaScript. Please switch it on for this site.</p></noscript>\
             <p><small>Request {id}</small></p>\
             <script nonce={nonce} data-challenge={challenge} data-bits={BITS} data-seconds={seconds} \
             data-cookie={cookie}>{script}</script></html>\n",
            nonce = nonce(challenge),
            seconds = self.grace.as_secs(),
            cookie = Self::COOKIE,
            script = include_str!("work.js"),
        )
    }
}

fn signature(key: &hmac::Key, signed: Signed, until: i64, client: IpAddr, host: &[u8]) -> String {
    let what = match signed {
        Signed::Work => "work",
        Signed::Page => "page",
        Signed::Pass => "pass",
    };
    let mut context = hmac::Context::with_key(key);
    context.update(format!("{what} {until} {} ", client.to_canonical()).as_bytes());
    context.update(host);
    let tag = context.sign();
    tag.as_ref().iter().take(16).fold(format!("{until}."), |mut text, byte| {
        // A String takes everything that is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What the page's script is known by to the browser: nobody can tell it before the page was made.
fn nonce(challenge: &str) -> &str {
    challenge.split_once('.').map_or("", |(_, signature)| signature)
}

fn is_solution(text: &[u8]) -> bool {
    let digest = digest::digest(&digest::SHA256, text);
    let first = digest.as_ref().first_chunk().map_or(u32::MAX, |first| u32::from_be_bytes(*first));
    first.leading_zeros() >= BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Solves a challenge as the page's script does.
    fn solve(challenge: &str) -> String {
        let tries = (0_u32..).map(|number| format!("{challenge}.{number}"));
        tries.into_iter().find(|text| is_solution(text.as_bytes())).unwrap()
    }

    fn captcha(keys: &[&[u8]]) -> Captcha {
        let desk = Desk::new(b"");
        desk.sign_with(keys);
        Captcha::new(Arc::new(desk), Duration::from_secs(60))
    }

    #[test]
    fn a_solution_holds_for_its_client_and_host_until_its_time_is_over() {
        let old = captcha(&[b"key"]);
        let client: IpAddr = "203.0.113.7".parse().unwrap();
        let at = Timestamp::from_millis;
        let until = 1_000_000_060;
        let challenge = old.sign(Signed::Work, until, client, b"a.test");
        let solution = solve(&challenge);
        assert!(challenge.len() + 1 + MOST_DIGITS <= 55, "more than one block for the script");
        let holds = |captcha: &Captcha, text: &str, client: &str, host: &str, now: i64| {
            captcha.is_solution(text.as_bytes(), client.parse().unwrap(), host.as_bytes(), at(now))
        };
        let now = 1_000_000_059_000;
        let shorter = old.sign(Signed::Work, 1_000_000_100, client, b"a.test");
        let pass = format!("{}.p", old.sign(Signed::Pass, until, client, b"a.test"));
        let page = old.sign(Signed::Page, until, client, b"a.test");
        let other = captcha(&[b"other"]);
        let rotated = captcha(&[b"new", b"key"]);
        for (expected, what, got) in [
            (true, "itself", holds(&old, &solution, "203.0.113.7", "a.test", now)),
            (true, "mapped", holds(&old, &solution, "::ffff:203.0.113.7", "a.test", now)),
            (true, "by the key before", holds(&rotated, &solution, "203.0.113.7", "a.test", now)),
            (false, "over", holds(&old, &solution, "203.0.113.7", "a.test", now + 1000)),
            (false, "other client", holds(&old, &solution, "203.0.113.8", "a.test", now)),
            (false, "other host", holds(&old, &solution, "203.0.113.7", "b.test", now)),
            (false, "other key", holds(&other, &solution, "203.0.113.7", "a.test", now)),
            (false, "no work", holds(&old, &challenge, "203.0.113.7", "a.test", now)),
            (false, "signed, no work", holds(&old, &format!("{shorter}.x"), "203.0.113.7", "a.test", now)),
            (false, "a long number", {
                let long = format!("{challenge}.{:011}", 5);
                holds(&old, &long, "203.0.113.7", "a.test", now)
            }),
            (false, "garbage", holds(&old, "..", "203.0.113.7", "a.test", now)),
            (true, "a pass", holds(&old, &pass, "203.0.113.7", "a.test", now)),
            (false, "a pass of another", holds(&old, &pass, "203.0.113.8", "a.test", now)),
            (false, "a pass that is over", holds(&old, &pass, "203.0.113.7", "a.test", now + 1000)),
            (false, "a page as a pass", holds(&old, &format!("{page}.p"), "203.0.113.7", "a.test", now)),
            (
                false,
                "a calculation as a pass",
                holds(&old, &format!("{challenge}.p"), "203.0.113.7", "a.test", now),
            ),
            (false, "the work for a page", holds(&old, &solve(&page), "203.0.113.7", "a.test", now)),
        ] {
            assert_eq!(got, expected, "{what}");
        }
    }
}
