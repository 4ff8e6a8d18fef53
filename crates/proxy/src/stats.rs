//! Counters. Each worker owns its own and is the only one to write them, so that counting is a load and a
//! store; readers add the workers up.

use crate::cuts::{Cut, Cuts};
use ahash::AHashMap;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Latency buckets: four per doubling, from 64 microseconds to 134 seconds; the last takes all above.
const BUCKETS: usize = 84;
/// The exponent of the first bucket's bound.
const FIRST_OCTAVE: u32 = 6;

/// Rules that refused clients are counted by, per source.
const MOST_RULES: usize = 200;

/// A counter with one writer.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        // Only the owning worker writes, so this needs no locked instruction.
        self.0.store(self.0.load(Relaxed).wrapping_add(count), Relaxed);
    }

    pub(crate) fn sub(&self, count: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(count), Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The counters of one worker.
#[derive(Debug, Default)]
pub(crate) struct WorkerStats {
    pub(crate) requests: Counter,
    statuses: [Counter; 5],
    pub(crate) unanswered: Counter,
    pub(crate) connections: Counter,
    pub(crate) in_flight: Counter,
    pub(crate) bytes_in: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) upstream_errors: Counter,
    pub(crate) log_dropped: Counter,
    pub(crate) panics: Counter,
    pub(crate) handshake_failures: Counter,
    pub(crate) cuts: Cuts,
    /// Banned clients that were refused, by source and rule. Locked by the worker only when it refuses one.
    blocked: Mutex<AHashMap<&'static str, AHashMap<Box<str>, u64>>>,
    /// By host id. Locked by the worker only when a host gets its first request, and by readers.
    hosts: Mutex<AHashMap<Arc<str>, Arc<HostCounters>>>,
}

/// The counters of one host in one worker.
#[derive(Debug)]
pub(crate) struct HostCounters {
    requests: Counter,
    statuses: [Counter; 5],
    bytes_in: Counter,
    bytes_out: Counter,
    micros: Counter,
    buckets: [Counter; BUCKETS],
}

/// What one finished request adds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finished {
    /// 0 when the client got no answer.
    pub(crate) status: u16,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) duration: Duration,
}

impl WorkerStats {
    /// Counts a request, and for its host when it has one.
    pub(crate) fn count(&self, host: Option<&HostCounters>, finished: Finished) {
        self.requests.add(1);
        match class(finished.status) {
            Some(class) => self.statuses[class].add(1),
            None => self.unanswered.add(1),
        }
        self.bytes_in.add(finished.bytes_in);
        self.bytes_out.add(finished.bytes_out);
        if let Some(host) = host {
            host.requests.add(1);
            if let Some(class) = class(finished.status) {
                host.statuses[class].add(1);
            }
            host.bytes_in.add(finished.bytes_in);
            host.bytes_out.add(finished.bytes_out);
            host.micros.add(u64::try_from(finished.duration.as_micros()).unwrap_or(u64::MAX));
            host.buckets[bucket(finished.duration)].add(1);
        }
    }

    /// The counters of a host.
    pub(crate) fn host(&self, id: &Arc<str>) -> Arc<HostCounters> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.entry(id.clone()).or_default().clone()
    }

    /// Counts a banned client's request.
    pub(crate) fn block(&self, source: &'static str, rule: &str) {
        let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        let rules = blocked.entry(source).or_default();
        // What is not told apart is still counted.
        let rule = if rules.contains_key(rule) || rules.len() < MOST_RULES { rule } else { "other" };
        *rules.entry(rule.into()).or_default() += 1;
    }

    /// Forgets hosts that are no longer configured.
    pub(crate) fn keep_hosts(&self, keep: impl Fn(&str) -> bool) {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).retain(|id, _| keep(id));
    }
}

impl Default for HostCounters {
    fn default() -> Self {
        Self {
            requests: Counter::default(),
            statuses: Default::default(),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
            micros: Counter::default(),
            buckets: std::array::from_fn(|_| Counter::default()),
        }
    }
}

fn class(status: u16) -> Option<usize> {
    (100..600).contains(&status).then(|| usize::from(status / 100) - 1)
}

fn bucket(duration: Duration) -> usize {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).max(1);
    let octave = micros.ilog2();
    if octave < FIRST_OCTAVE {
        return 0;
    }
    let quarter = (micros >> (octave - 2)) & 3;
    (((octave - FIRST_OCTAVE) * 4) as usize + usize::try_from(quarter).unwrap_or(0)).min(BUCKETS - 1)
}

/// The upper bound of a bucket in microseconds.
fn bound(bucket: usize) -> u64 {
    let (octave, quarter) = (bucket / 4, bucket as u64 % 4);
    (1_u64 << (octave + FIRST_OCTAVE as usize)) / 4 * (5 + quarter)
}

/// All counters since the start of the process, workers added up.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Stats {
    /// Requests that have ended, answered or not.
    pub requests: u64,
    /// Answers by class: 1xx (switched protocols), 2xx, 3xx, 4xx, 5xx.
    pub statuses: [u64; 5],
    /// Requests whose client got no answer: it left, or the default site closes.
    pub unanswered: u64,
    /// Open client connections.
    pub connections: u64,
    /// Requests that are being worked on.
    pub in_flight: u64,
    /// Bytes of requests: heads and bodies.
    pub bytes_in: u64,
    /// Bytes of answers: heads and bodies.
    pub bytes_out: u64,
    /// Requests that failed because of their origin.
    pub upstream_errors: u64,
    /// Access-log entries dropped since the log could not keep up.
    pub log_dropped: u64,
    /// Panics; each ended one connection. Please report them.
    pub panics: u64,
    /// TLS handshakes that did not succeed.
    pub handshake_failures: u64,
    /// Clients that were cut off or refused, by reason.
    pub cuts: BTreeMap<Cut, u64>,
    /// Requests of banned clients that were refused, by who decided and by the rule.
    pub blocked: BTreeMap<(&'static str, String), u64>,
    /// By host id; hosts without a request since they were configured are absent.
    pub hosts: BTreeMap<String, HostStats>,
}

/// Counters of one host.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct HostStats {
    /// Requests that have ended.
    pub requests: u64,
    /// Answers by class, as in [`Stats::statuses`].
    pub statuses: [u64; 5],
    /// Bytes of requests.
    pub bytes_in: u64,
    /// Bytes of answers.
    pub bytes_out: u64,
    /// All durations of requests together, in microseconds.
    pub micros: u64,
    /// Durations of requests.
    pub latency: Histogram,
}

/// A histogram of durations: counts per bucket; bounds are those of [`Histogram::buckets`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Histogram(Vec<u64>);

impl Default for Histogram {
    fn default() -> Self {
        Self(vec![0; BUCKETS])
    }
}

impl Histogram {
    /// Upper bound in microseconds and count of each bucket.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().enumerate().map(|(index, count)| (bound(index), *count))
    }

    /// The duration in microseconds that the part `quantile` (0.5 for the median) of all requests did not
    /// exceed, at most a quarter too high. `None` without requests.
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        let total: u64 = self.0.iter().sum();
        let mut seen = 0;
        self.buckets().find_map(|(bound, count)| {
            seen += count;
            (total > 0 && seen as f64 >= quantile * total as f64).then_some(bound)
        })
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, count)| *sum += count);
    }

    /// The histogram of what came since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self(self.0.iter().zip(&earlier.0).map(|(now, before)| now.saturating_sub(*before)).collect())
    }
}

/// Adds workers up.
pub(crate) fn sum<'a>(workers: impl Iterator<Item = &'a WorkerStats>) -> Stats {
    let mut stats = Stats::default();
    for worker in workers {
        stats.requests += worker.requests.get();
        stats.unanswered += worker.unanswered.get();
        stats.connections += worker.connections.get();
        stats.in_flight += worker.in_flight.get();
        stats.bytes_in += worker.bytes_in.get();
        stats.bytes_out += worker.bytes_out.get();
        stats.upstream_errors += worker.upstream_errors.get();
        stats.log_dropped += worker.log_dropped.get();
        stats.panics += worker.panics.get();
        stats.handshake_failures += worker.handshake_failures.get();
        worker.cuts.add_to(&mut stats.cuts);
        for (source, rules) in &*worker.blocked.lock().unwrap_or_else(PoisonError::into_inner) {
            for (rule, count) in rules {
                *stats.blocked.entry((source, rule.to_string())).or_default() += count;
            }
        }
        add(&mut stats.statuses, &worker.statuses);
        for (id, counters) in &*worker.hosts.lock().unwrap_or_else(PoisonError::into_inner) {
            let host = stats.hosts.entry(id.to_string()).or_default();
            host.requests += counters.requests.get();
            host.bytes_in += counters.bytes_in.get();
            host.bytes_out += counters.bytes_out.get();
            host.micros += counters.micros.get();
            add(&mut host.statuses, &counters.statuses);
            add(&mut host.latency.0, &counters.buckets);
        }
    }
    stats
}

fn add(sums: &mut [u64], counters: &[Counter]) {
    for (sum, counter) in sums.iter_mut().zip(counters) {
        *sum += counter.get();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_falls_below_the_bound_of_its_bucket_and_not_far() {
        for micros in [0, 1, 63, 64, 79, 80, 100, 127, 128, 1_000, 50_000, 1_000_000, 130_000_000] {
            let index = bucket(Duration::from_micros(micros));
            assert!(micros < bound(index), "{micros}");
            assert!(index == 0 || micros >= bound(index - 1), "{micros}");
        }
        assert_eq!(bucket(Duration::from_secs(1_000_000)), BUCKETS - 1);
    }

    #[test]
    fn quantiles_come_from_the_sum_of_all_workers() {
        let workers = [WorkerStats::default(), WorkerStats::default()];
        for (worker, micros) in [(0, 100), (0, 100), (1, 100), (1, 10_000)] {
            let host = workers[worker].host(&Arc::from("a"));
            let duration = Duration::from_micros(micros);
            workers[worker].count(Some(&host), Finished { status: 200, bytes_in: 1, bytes_out: 2, duration });
        }
        let stats = sum(workers.iter());
        assert_eq!((stats.requests, stats.statuses, stats.bytes_out), (4, [0, 4, 0, 0, 0], 8));
        let latency = &stats.hosts["a"].latency;
        assert_eq!(latency.quantile(0.5), Some(112));
        assert_eq!(latency.quantile(0.95), Some(10_240));
        assert_eq!(Histogram::default().quantile(0.5), None);
    }
}
