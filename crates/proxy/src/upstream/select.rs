//! Chooses the server of a request among those that are fit, and waits for a place where servers are limited.

use super::balance::{self, Candidate};
use super::exchange::Failure;
use super::health::Fitness;
use super::live::{InUse, Live};
use crate::config::Target;
use crate::downstream::Downstream;
use crate::pipeline::Call;
use crate::spec::AllDown;
use std::future::poll_fn;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Poll;
use std::time::Duration;

/// A set of servers of an upstream, which has at most 64.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tried(u64);

impl Tried {
    pub(crate) fn add(&mut self, index: usize) {
        self.0 |= 1 << (index & 63);
    }

    fn has(self, index: usize) -> bool {
        self.0 >> (index & 63) & 1 == 1
    }
}

/// A server that was chosen, until it is dropped.
#[derive(Debug)]
pub(crate) struct Chosen<'a> {
    pub(crate) index: usize,
    /// The client has no cookie of this server yet.
    pub(crate) new_to_client: bool,
    _in_use: InUse<'a>,
}

/// Why no server is chosen.
enum Refusal {
    /// All that are left are at their limit.
    Full,
    /// Nothing is left to be tried.
    Exhausted,
    /// None is known to be well.
    Down,
}

/// Chooses a server. `Ok(None)`: all have been tried.
pub(crate) async fn select<'a, D: Downstream>(
    call: &Call<'_>,
    down: &mut D,
    target: &'a Target,
    live: &'a Live,
    tried: Tried,
) -> Result<Option<Chosen<'a>>, Failure> {
    if target.simple {
        // `tried` is empty: after a failure, nobody asks for another server.
        return Ok(live.servers.first().map(|server| Chosen {
            index: 0,
            new_to_client: false,
            _in_use: InUse::new(&server.state, call.worker.index, None, false),
        }));
    }
    // Whoever waits already comes first.
    let crowded = target.max_connections.is_some() && live.queue.waiting.load(SeqCst) > 0;
    let refused = match if crowded { Err(Refusal::Full) } else { choose(call, target, live, tried) } {
        Ok(chosen) => return Ok(Some(chosen)),
        Err(refused) => refused,
    };
    match refused {
        Refusal::Exhausted => Ok(None),
        Refusal::Down => Err(Failure::AllDown),
        Refusal::Full => Box::pin(wait(call, down, target, live, tried)).await,
    }
}

/// Waits for a place.
async fn wait<'a, D: Downstream>(
    call: &Call<'_>,
    down: &mut D,
    target: &'a Target,
    live: &'a Live,
    tried: Tried,
) -> Result<Option<Chosen<'a>>, Failure> {
    if live.queue.waiting.fetch_add(1, SeqCst) >= target.queue {
        live.queue.waiting.fetch_sub(1, SeqCst);
        return Err(Failure::QueueFull);
    }
    let waiting = Waiting(live);
    let mut limit = std::pin::pin!(tokio::time::sleep(target.queue_timeout));
    loop {
        let mut freed = std::pin::pin!(live.queue.freed.notified());
        freed.as_mut().enable();
        match choose(call, target, live, tried) {
            Ok(chosen) => {
                drop(waiting);
                // More than one place may have become free for one notice.
                if live.queue.waiting.load(SeqCst) > 0 {
                    live.queue.freed.notify_one();
                }
                return Ok(Some(chosen));
            }
            Err(Refusal::Exhausted) => return Ok(None),
            Err(Refusal::Down) => return Err(Failure::AllDown),
            Err(Refusal::Full) => {}
        }
        poll_fn(|cx| {
            if freed.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            if limit.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(Failure::QueueTimeout));
            }
            if down.body_done() && down.poll_gone(cx).is_ready() {
                return Poll::Ready(Err(Failure::ClientGone));
            }
            Poll::Pending
        })
        .await?;
    }
}

struct Waiting<'a>(&'a Live);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.queue.waiting.fetch_sub(1, SeqCst);
    }
}

fn choose<'a>(
    call: &Call<'_>,
    target: &'a Target,
    live: &'a Live,
    tried: Tried,
) -> Result<Chosen<'a>, Refusal> {
    let mut turns = match live.turns.get(call.worker.index) {
        Some(turns) => turns.lock().unwrap_or_else(PoisonError::into_inner),
        None => return Err(Refusal::Exhausted),
    };
    let turns = &mut *turns;
    let named = target.sticky.as_ref().map(|sticky| sticky.server(call.request));
    let mut random = call.worker.random();
    loop {
        let full = gather(call, target, live, tried, &mut turns.candidates)?;
        let named = named.flatten();
        let of_cookie =
            turns.candidates.iter().map(|candidate| candidate.index).find(|index| Some(*index) == named);
        let index = of_cookie.or_else(|| {
            balance::choose(target.balance, &turns.candidates, &mut turns.turns, call.client_ip, random)
        });
        let Some(index) = index else {
            return Err(if full { Refusal::Full } else { Refusal::Exhausted });
        };
        let state = &live.servers[index].state;
        // Another worker may have been faster: then all is looked at again.
        let on_trial = matches!(state.fitness(), Fitness::Aside { .. }) && state.take_trial();
        let has_place = target.max_connections.is_none_or(|max| state.take_place(max));
        let queue = target.max_connections.filter(|_| has_place).map(|_| &*live.queue);
        if has_place {
            return Ok(Chosen {
                index,
                new_to_client: target.sticky.is_some() && named != Some(index),
                _in_use: InUse::new(state, call.worker.index, queue, on_trial),
            });
        }
        if on_trial {
            state.end_trial();
        }
        random = balance::mix(random);
    }
}

/// Fills in the servers that can be chosen. `Ok(true)`: there are more, but they are at their limit.
fn gather(
    call: &Call<'_>,
    target: &Target,
    live: &Live,
    tried: Tried,
    candidates: &mut Vec<Candidate>,
) -> Result<bool, Refusal> {
    let slow_start = target.slow_start();
    let mut full = false;
    let mut left = false;
    // Servers, then backups; then, when none of all is well, whatever there is.
    for (backup, any) in [(false, false), (true, false), (false, true), (true, true)] {
        if any && target.all_down == AllDown::Refuse {
            return Err(if left { Refusal::Down } else { Refusal::Exhausted });
        }
        candidates.clear();
        for (index, (server, state)) in target.servers.iter().zip(&live.servers).enumerate() {
            if server.backup != backup || tried.has(index) {
                continue;
            }
            left = true;
            let state = &state.state;
            let full_share = u64::from(server.weight) * 100;
            let share = match state.fitness() {
                _ if any => full_share,
                Fitness::Well => full_share,
                Fitness::Warming { since } => {
                    warming(full_share, call.started.saturating_sub(since), slow_start)
                }
                Fitness::Aside { until } if call.started >= until && state.trial_is_free() => full_share,
                Fitness::Aside { .. } | Fitness::Failing => continue,
            };
            if target.max_connections.is_some_and(|max| state.places() >= max) {
                full = true;
                continue;
            }
            candidates.push(Candidate { index, share, active: state.active(), seed: server.seed });
        }
        if !candidates.is_empty() || full {
            return Ok(full);
        }
    }
    Ok(false)
}

/// A share that grows from a tenth to the whole.
fn warming(full: u64, elapsed: Duration, slow_start: Duration) -> u64 {
    let (elapsed, whole) = (elapsed.as_millis(), slow_start.as_millis());
    if elapsed >= whole {
        return full;
    }
    let grown = u64::try_from(u128::from(full) * elapsed / whole.max(1)).unwrap_or(full);
    grown.max(full / 10).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_grows_from_a_tenth_to_the_whole() {
        let of = |seconds| warming(100, Duration::from_secs(seconds), Duration::from_secs(10));
        assert_eq!([of(0), of(1), of(5), of(9), of(10), of(99)], [10, 10, 50, 90, 100, 100]);
        assert_eq!(warming(100, Duration::ZERO, Duration::ZERO), 100);
    }
}
