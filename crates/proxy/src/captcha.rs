//! A challenge for clients that are suspected and not banned: a page whose script looks for a number, which costs a
//! browser a moment and an attacker's many requests much. Everything is in the page and in a cookie; nothing is
//! remembered here, and nobody else is asked.

use crate::request::Request;
use aws_lc_rs::{constant_time, digest, hmac};
use base::Timestamp;
use std::fmt::{self, Write};
use std::net::IpAddr;
use std::time::Duration;

/// How many leading bits of a solution's digest are zero: some 65,000 attempts.
const BITS: u32 = 16;
/// The longest number of a solution, in digits; more have no place in the page's one block of SHA-256.
const MOST_DIGITS: usize = 10;

/// Makes challenges and knows their solutions.
pub struct Captcha {
    key: hmac::Key,
    /// How long a solution holds.
    grace: Duration,
}

impl fmt::Debug for Captcha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captcha").field("grace", &self.grace).finish_non_exhaustive()
    }
}

impl Captcha {
    /// The cookie with a solution.
    pub const COOKIE: &str = "charon_pass";

    /// Whoever does not know `key` cannot make a challenge. A solution holds for `grace` from the moment on at which
    /// its challenge was made.
    pub fn new(key: &[u8], grace: Duration) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), grace }
    }

    /// A challenge for this client on this host: until when (seconds since the epoch), a dot, and a signature.
    pub(crate) fn challenge(&self, client: IpAddr, host: &[u8], now: Timestamp) -> String {
        self.sign(now.plus(self.grace).millis() / 1000, client, host)
    }

    fn sign(&self, until: i64, client: IpAddr, host: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(format!("{until} {} ", client.to_canonical()).as_bytes());
        context.update(host);
        let tag = context.sign();
        tag.as_ref().iter().take(16).fold(format!("{until}."), |mut text, byte| {
            // A String takes everything that is written to it.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Whether a request holds a solution of a challenge that was made for its client and host.
    pub(crate) fn solved(&self, request: &Request, client: IpAddr, now: Timestamp) -> bool {
        let mut pairs = request.headers("cookie").flat_map(|value| value.split(|byte| *byte == b';'));
        pairs.any(|pair| {
            let value = pair.trim_ascii().strip_prefix(Self::COOKIE.as_bytes());
            let value = value.and_then(|rest| rest.strip_prefix(b"="));
            value.is_some_and(|value| self.is_solution(value, client, request.name(), now))
        })
    }

    fn is_solution(&self, value: &[u8], client: IpAddr, host: &[u8], now: Timestamp) -> bool {
        let Ok(text) = std::str::from_utf8(value) else { return false };
        let Some((challenge, number)) = text.rsplit_once('.') else { return false };
        let Some(until) = challenge.split_once('.').and_then(|(until, _)| until.parse::<i64>().ok()) else {
            return false;
        };
        let digits = number.len() <= MOST_DIGITS && number.bytes().all(|byte| byte.is_ascii_digit());
        let wanted = self.sign(until, client, host);
        digits
            && until > now.millis() / 1000
            && constant_time::verify_slices_are_equal(wanted.as_bytes(), challenge.as_bytes()).is_ok()
            && is_solution(text.as_bytes())
    }

    /// The page. `challenge` holds nothing that HTML takes for something else.
    pub(crate) fn page(&self, challenge: &str, request_id: &str) -> String {
        let mut id = String::new();
        crate::pages::escape(request_id, &mut id);
        format!(
            "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
             <meta name=robots content=noindex><title>One moment</title><style>:root{{color-scheme:light dark}}\
             body{{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1.5rem}}\
             h1{{font-size:1.4rem}}small{{opacity:.65}}</style><h1>One moment, please</h1>\
             <p id=status role=status>Requests from your address looked unusual. Your browser is doing a short \
             calculation; then the page comes by itself.</p>\
             <noscript><p>The calculation needs JavaScript. Please switch it on for this site.</p></noscript>\
             <p><small>Request {id}</small></p>\
             <script nonce={nonce} data-challenge={challenge} data-bits={BITS} data-seconds={seconds} \
             data-cookie={cookie}>{script}</script></html>\n",
            nonce = nonce(challenge),
            seconds = self.grace.as_secs(),
            cookie = Self::COOKIE,
            script = include_str!("captcha.js"),
        )
    }
}

/// What the page's script is known by to the browser: nobody can tell it before the page was made.
pub(crate) fn nonce(challenge: &str) -> &str {
    challenge.split_once('.').map_or("", |(_, signature)| signature)
}

fn is_solution(text: &[u8]) -> bool {
    let digest = digest::digest(&digest::SHA256, text);
    let first = digest.as_ref().first_chunk().map_or(u32::MAX, |first| u32::from_be_bytes(*first));
    first.leading_zeros() >= BITS
}

/// Solves a challenge as the page's script does.
#[cfg(test)]
pub(crate) fn solve(challenge: &str) -> String {
    let tries = (0_u32..).map(|number| format!("{challenge}.{number}"));
    tries.into_iter().find(|text| is_solution(text.as_bytes())).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solution_holds_for_its_client_and_host_until_its_time_is_over() {
        let captcha = Captcha::new(b"key", Duration::from_secs(60));
        let client: IpAddr = "203.0.113.7".parse().unwrap();
        let at = Timestamp::from_millis;
        let challenge = captcha.challenge(client, b"a.test", at(1_000_000_000_000));
        let solution = solve(&challenge);
        assert!(challenge.len() + 1 + MOST_DIGITS <= 55, "more than one block for the script");
        let holds = |captcha: &Captcha, text: &str, client: &str, host: &str, now: i64| {
            captcha.is_solution(text.as_bytes(), client.parse().unwrap(), host.as_bytes(), at(now))
        };
        let now = 1_000_000_059_000;
        let shorter = captcha.sign(1_000_000_100, client, b"a.test");
        let other = Captcha::new(b"other", Duration::from_secs(60));
        for (expected, what, got) in [
            (true, "itself", holds(&captcha, &solution, "203.0.113.7", "a.test", now)),
            (true, "mapped", holds(&captcha, &solution, "::ffff:203.0.113.7", "a.test", now)),
            (false, "over", holds(&captcha, &solution, "203.0.113.7", "a.test", now + 1000)),
            (false, "other client", holds(&captcha, &solution, "203.0.113.8", "a.test", now)),
            (false, "other host", holds(&captcha, &solution, "203.0.113.7", "b.test", now)),
            (false, "other key", holds(&other, &solution, "203.0.113.7", "a.test", now)),
            (false, "no work", holds(&captcha, &challenge, "203.0.113.7", "a.test", now)),
            (
                false,
                "signed, no work",
                holds(&captcha, &format!("{shorter}.x"), "203.0.113.7", "a.test", now),
            ),
            (false, "a long number", {
                let long = format!("{challenge}.{:011}", 5);
                holds(&captcha, &long, "203.0.113.7", "a.test", now)
            }),
            (false, "garbage", holds(&captcha, "..", "203.0.113.7", "a.test", now)),
        ] {
            assert_eq!(got, expected, "{what}");
        }
    }
}
