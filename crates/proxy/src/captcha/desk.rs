//! Where challenged clients hand in the answers of somebody else's captcha, and where the control side, which asks
//! that provider, puts its verdicts. Requests wait for nobody here: a page asks again until there is a verdict.

use aws_lc_rs::{digest, hmac};
use base::Timestamp;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Answers that may wait for the provider at once, of all clients and of one.
const MOST_WAITING: usize = 256;
const MOST_OF_ONE: usize = 2;
/// Answers that are remembered, and for how long: longer than a provider takes one.
const MOST_KNOWN: usize = 20_000;
const REMEMBERED: Duration = Duration::from_secs(900);
/// The longest answer. Those of Turnstile have at most 2048 bytes, those of hCaptcha some more.
pub(super) const LONGEST: usize = 8 * 1024;

/// Who shows a captcha in the place of the short calculation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Provider {
    /// Cloudflare's.
    Turnstile,
    /// hCaptcha.
    HCaptcha,
}

impl Provider {
    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Turnstile => "Cloudflare Turnstile",
            Self::HCaptcha => "hCaptcha",
        }
    }

    /// Its name in metrics and rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Turnstile => "turnstile",
            Self::HCaptcha => "hcaptcha",
        }
    }
}

/// A captcha as pages embed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Widget {
    /// Whose it is.
    pub provider: Provider,
    /// Which site asks; not a secret.
    pub site_key: String,
    /// Where the provider's script lies when that is not its usual place, for tests: scheme, host and port.
    pub stand_in: Option<String>,
}

/// What has become of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The provider takes it.
    Accepted,
    /// It does not; why, as a sentence part for the client.
    Refused(String),
    /// The provider cannot be asked.
    Unreachable,
}

/// An answer that the provider is to be asked about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// What the provider's script gave the client.
    pub token: String,
    /// Whose answer it is.
    pub client: IpAddr,
    id: Id,
}

type Id = [u8; 32];

/// What is known of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Known {
    /// The provider is asked.
    Waiting,
    /// There are too many at once; nothing was taken in.
    Busy,
    /// It has a verdict; an accepted one counts this once.
    Told(Verdict),
    /// It was accepted before, and counts once only.
    Used,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Entry {
    Waiting(IpAddr),
    Told(Verdict),
    Used,
}

/// How often what has happened.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) asked: [AtomicU64; 3],
    pub(super) accepted: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unreachable: AtomicU64,
    pub(super) solved: AtomicU64,
}

/// [`Counts`] at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CaptchaCounts {
    /// Pages with the short calculation, with Turnstile, and with hCaptcha that were shown.
    pub asked: [u64; 3],
    /// Answers that a provider took.
    pub accepted: u64,
    /// Answers that a provider did not take, or that came twice.
    pub refused: u64,
    /// Answers that the provider could not be asked about.
    pub unreachable: u64,
    /// Requests that were let through since their client had answered.
    pub let_through: u64,
}

#[derive(Default)]
struct Inside {
    known: HashMap<Id, (Entry, Timestamp)>,
    waiting: VecDeque<Question>,
    widget: Option<Arc<Widget>>,
    /// The newest first.
    keys: Vec<hmac::Key>,
}

/// See the module.
#[derive(Default)]
pub struct Desk {
    inside: Mutex<Inside>,
    arrived: Notify,
    pub(super) counts: Counts,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl Desk {
    /// Whoever does not know `key` cannot make a challenge or a pass. Nobody else's captcha is shown.
    pub fn new(key: &[u8]) -> Self {
        let desk = Self::default();
        desk.sign_with(&[key]);
        desk
    }

    /// Signs with the first of these keys from now on, and takes what any of them has signed.
    pub fn sign_with(&self, keys: &[&[u8]]) {
        self.inside().keys = keys.iter().map(|key| hmac::Key::new(hmac::HMAC_SHA256, key)).collect();
    }

    /// Shows this captcha from now on; `None` for the short calculation.
    pub fn show(&self, widget: Option<Widget>) {
        let mut inside = self.inside();
        if inside.widget.as_deref() != widget.as_ref() {
            inside.widget = widget.map(Arc::new);
        }
    }

    /// The captcha that is shown.
    pub fn widget(&self) -> Option<Arc<Widget>> {
        self.inside().widget.clone()
    }

    /// How often what has happened.
    pub fn counts(&self) -> CaptchaCounts {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts { asked, accepted, refused, unreachable, solved } = &self.counts;
        CaptchaCounts {
            asked: [load(&asked[0]), load(&asked[1]), load(&asked[2])],
            accepted: load(accepted),
            refused: load(refused),
            unreachable: load(unreachable),
            let_through: load(solved),
        }
    }

    /// The next answer that the provider is to be asked about; waits for one. Each is given out once, and is to be
    /// [settled](Desk::settle).
    pub async fn next(&self) -> Question {
        loop {
            let arrived = self.arrived.notified();
            if let Some(question) = self.inside().waiting.pop_front() {
                return question;
            }
            arrived.await;
        }
    }

    /// What the provider says about an answer.
    pub fn settle(&self, question: &Question, verdict: Verdict, now: Timestamp) {
        let count = match &verdict {
            Verdict::Accepted => &self.counts.accepted,
            Verdict::Refused(_) => &self.counts.refused,
            Verdict::Unreachable => &self.counts.unreachable,
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.inside().known.insert(question.id, (Entry::Told(verdict), now));
    }

    /// Takes an answer in, or says what is known of it. `place` is what it belongs to: the same answer elsewhere is
    /// another one, which the provider will not take a second time.
    pub(super) fn hand_in(&self, token: &str, place: &str, client: IpAddr, now: Timestamp) -> Known {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [place, "\n", token] {
            context.update(part.as_bytes());
        }
        let mut id = Id::default();
        id.copy_from_slice(context.finish().as_ref());
        let mut inside = self.inside();
        if let Some((entry, _)) = inside.known.get_mut(&id) {
            return match entry {
                Entry::Waiting(_) => Known::Waiting,
                Entry::Used => Known::Used,
                Entry::Told(Verdict::Accepted) => {
                    *entry = Entry::Used;
                    Known::Told(Verdict::Accepted)
                }
                Entry::Told(verdict) => Known::Told(verdict.clone()),
            };
        }
        if inside.known.len() >= MOST_KNOWN {
            inside.known.retain(|_, (_, since)| now.since(*since) < REMEMBERED);
        }
        let of_one = inside.known.values().filter(|(entry, _)| *entry == Entry::Waiting(client)).count();
        let waiting = inside.waiting.len();
        if waiting >= MOST_WAITING || of_one >= MOST_OF_ONE || inside.known.len() >= MOST_KNOWN {
            return Known::Busy;
        }
        inside.known.insert(id, (Entry::Waiting(client), now));
        inside.waiting.push_back(Question { token: token.to_owned(), client, id });
        drop(inside);
        self.arrived.notify_one();
        Known::Waiting
    }

    /// Works with the keys, the newest first.
    pub(super) fn with_keys<T>(&self, work: impl FnOnce(&[hmac::Key]) -> T) -> T {
        work(&self.inside().keys)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_counts_once_and_one_client_cannot_fill_the_desk() {
        let desk = Desk::new(b"key");
        let at = Timestamp::from_millis;
        let client: IpAddr = "203.0.113.7".parse().unwrap();
        let hand_in = |token: &str, now| desk.hand_in(token, "a.test", client, at(now));
        assert_eq!(hand_in("good", 0), Known::Waiting);
        assert_eq!(hand_in("good", 1), Known::Waiting, "asked again");
        let question = desk.next().await;
        assert_eq!((question.token.as_str(), question.client), ("good", client));
        desk.settle(&question, Verdict::Accepted, at(2));
        assert_eq!(hand_in("good", 3), Known::Told(Verdict::Accepted));
        assert_eq!(hand_in("good", 4), Known::Used);
        assert_eq!(
            desk.hand_in("good", "b.test", client, at(5)),
            Known::Waiting,
            "the provider will refuse it"
        );
        assert_eq!(hand_in("second", 6), Known::Waiting);
        assert_eq!(hand_in("third", 7), Known::Busy, "two of one client wait");
        let other = "203.0.113.8".parse().unwrap();
        assert_eq!(desk.hand_in("x", "a.test", other, at(8)), Known::Waiting);
        let refused = Verdict::Refused("it is wrong".to_owned());
        let question = desk.next().await;
        desk.settle(&question, refused.clone(), at(9));
        assert_eq!(desk.hand_in("good", "b.test", client, at(10)), Known::Told(refused));
        assert_eq!((desk.counts().accepted, desk.counts().refused), (1, 1));
        for number in 0..300 {
            desk.hand_in(
                "y",
                "a.test",
                IpAddr::from([10, 0, (number / 256) as u8, (number % 256) as u8]),
                at(11),
            );
        }
        assert!(desk.inside().waiting.len() <= MOST_WAITING);
    }
}
