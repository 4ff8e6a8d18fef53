//! Traffic over time: the counters of the data plane, looked at every two seconds. Memory follows activity: a
//! host without requests costs nothing.

use api::engines::{
    HostTraffic, Latency, LogHealth, Point, StatusCounts, TopHost, Totals, Traffic, TrafficTick,
};
use base::Timestamp;
use proxy::{Histogram, HostStats, Stats};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

/// Time between two looks.
pub(crate) const TICK: Duration = Duration::from_secs(2);
/// Looks that are kept: five minutes.
const POINTS: usize = 150;
/// Looks between two marks; percentiles of the window are measured from the oldest mark.
const MARK_EVERY: u64 = 50;
/// Marks that are kept: the window is 200 to 300 seconds.
const MARKS: usize = 3;
/// Looks that one bar of a sparkline holds.
const BAR: usize = 5;
const TOP: usize = 10;

/// The counters over the last minutes.
#[derive(Debug, Default)]
pub(crate) struct Window {
    ticks: u64,
    newest: Stats,
    marks: VecDeque<(u64, Stats)>,
    series: VecDeque<Point>,
    hosts: HashMap<String, VecDeque<(u64, Point)>>,
}

impl Window {
    /// Takes in the counters as they are at `now`.
    pub(crate) fn tick(&mut self, now: Timestamp, stats: Stats) -> TrafficTick {
        self.ticks += 1;
        let tick = self.ticks;
        let mut latency = Histogram::default();
        for (id, host) in &stats.hosts {
            let before = self.newest.hosts.get(id).cloned().unwrap_or_default();
            // Counters of a host begin again when it was removed and added.
            let before = if before.requests > host.requests { HostStats::default() } else { before };
            if before.requests == host.requests {
                continue;
            }
            let recent = host.latency.since(&before.latency);
            latency.merge(&recent);
            let point =
                point(now, host.requests - before.requests, &minus(host.statuses, before.statuses), &recent);
            self.hosts.entry(id.clone()).or_default().push_back((tick, point));
        }
        self.hosts.retain(|id, points| {
            while points.front().is_some_and(|(at, _)| at + POINTS as u64 <= tick) {
                points.pop_front();
            }
            !points.is_empty() && stats.hosts.contains_key(id)
        });
        let statuses = minus(stats.statuses, self.newest.statuses);
        let newest = point(now, stats.requests.saturating_sub(self.newest.requests), &statuses, &latency);
        self.series.push_back(newest.clone());
        if self.series.len() > POINTS {
            self.series.pop_front();
        }
        if tick % MARK_EVERY == 1 {
            self.marks.push_back((tick, stats.clone()));
            if self.marks.len() > MARKS {
                self.marks.pop_front();
            }
        }
        let totals = totals(&stats);
        self.newest = stats;
        TrafficTick { point: newest, totals }
    }

    /// Statistics over all hosts; `names` are the hosts' names by id.
    pub(crate) fn traffic(&self, now: Timestamp, names: &HashMap<String, String>, log: LogHealth) -> Traffic {
        let mut latency = Histogram::default();
        for id in self.newest.hosts.keys() {
            latency.merge(&self.in_window(id).latency);
        }
        let mut top: Vec<TopHost> = self.hosts.keys().map(|id| self.top_host(id, names)).collect();
        top.sort_by(|left, right| {
            right.requests.cmp(&left.requests).then_with(|| left.name.cmp(&right.name))
        });
        top.truncate(TOP);
        Traffic {
            now,
            window_seconds: self.window_seconds(),
            totals: totals(&self.newest),
            series: self.series.iter().cloned().collect(),
            latency: percentiles(&latency),
            top_hosts: top,
            log,
        }
    }

    /// Statistics of one host; `None` when it has had no request.
    pub(crate) fn host(&self, now: Timestamp, id: &str) -> Option<HostTraffic> {
        let host = self.newest.hosts.get(id)?;
        let recent = self.in_window(id);
        // Looks without a request are points of zero, so that the line falls to the ground between bursts.
        let mut active: BTreeMap<u64, &Point> =
            self.hosts.get(id).into_iter().flatten().map(|(tick, point)| (*tick, point)).collect();
        let first = self.ticks + 1 - self.series.len() as u64;
        let series = self.series.iter().zip(first..).map(|(all, tick)| match active.remove(&tick) {
            Some(point) => point.clone(),
            None => Point { time: all.time, ..Point::default() },
        });
        Some(HostTraffic {
            now,
            totals: Totals {
                requests: host.requests,
                status: counts(host.statuses),
                bytes_in: host.bytes_in,
                bytes_out: host.bytes_out,
                ..Totals::default()
            },
            series: series.collect(),
            latency: percentiles(&recent.latency),
            recent_errors: recent.statuses[4],
        })
    }

    fn top_host(&self, id: &str, names: &HashMap<String, String>) -> TopHost {
        let recent = self.in_window(id);
        let points = self.hosts.get(id);
        let mut sparkline = vec![0; POINTS / BAR];
        for (tick, point) in points.into_iter().flatten() {
            let age = usize::try_from(self.ticks - tick).unwrap_or(POINTS);
            if let Some(bar) = (POINTS - 1).checked_sub(age).and_then(|place| sparkline.get_mut(place / BAR))
            {
                *bar += (point.requests_per_second * TICK.as_secs_f64()).round() as u64;
            }
        }
        let newest = points.and_then(VecDeque::back).filter(|(tick, _)| *tick == self.ticks);
        TopHost {
            uuid: id.to_owned(),
            name: names.get(id).cloned().unwrap_or_else(|| "a removed host".to_owned()),
            requests: recent.requests,
            requests_per_second: newest.map_or(0.0, |(_, point)| point.requests_per_second),
            errors_5xx: recent.statuses[4],
            p95_ms: millis(&recent.latency, 0.95),
            sparkline,
        }
    }

    /// What came for a host since the oldest mark.
    fn in_window(&self, id: &str) -> HostStats {
        let now = self.newest.hosts.get(id).cloned().unwrap_or_default();
        let mark = self.marks.front().and_then(|(_, stats)| stats.hosts.get(id)).cloned().unwrap_or_default();
        if mark.requests > now.requests {
            return now;
        }
        HostStats {
            requests: now.requests - mark.requests,
            statuses: minus(now.statuses, mark.statuses),
            bytes_in: now.bytes_in.saturating_sub(mark.bytes_in),
            bytes_out: now.bytes_out.saturating_sub(mark.bytes_out),
            micros: now.micros.saturating_sub(mark.micros),
            latency: now.latency.since(&mark.latency),
        }
    }

    fn window_seconds(&self) -> u64 {
        let oldest = self.marks.front().map_or(self.ticks, |(tick, _)| *tick);
        (self.ticks - oldest) * TICK.as_secs()
    }
}

fn point(time: Timestamp, requests: u64, statuses: &[u64; 5], latency: &Histogram) -> Point {
    Point {
        time,
        requests_per_second: requests as f64 / TICK.as_secs_f64(),
        success: statuses[1],
        redirection: statuses[2],
        client_error: statuses[3],
        server_error: statuses[4],
        p50_ms: millis(latency, 0.5),
        p95_ms: millis(latency, 0.95),
    }
}

fn totals(stats: &Stats) -> Totals {
    Totals {
        requests: stats.requests,
        status: counts(stats.statuses),
        bytes_in: stats.bytes_in,
        bytes_out: stats.bytes_out,
        active_connections: stats.connections,
        in_flight: stats.in_flight,
        upstream_errors: stats.upstream_errors,
    }
}

fn counts(statuses: [u64; 5]) -> StatusCounts {
    let [informational, success, redirection, client_error, server_error] = statuses;
    StatusCounts { informational, success, redirection, client_error, server_error }
}

fn minus(now: [u64; 5], before: [u64; 5]) -> [u64; 5] {
    std::array::from_fn(|class| now[class].saturating_sub(before[class]))
}

fn percentiles(latency: &Histogram) -> Latency {
    Latency { p50_ms: millis(latency, 0.5), p95_ms: millis(latency, 0.95), p99_ms: millis(latency, 0.99) }
}

fn millis(latency: &Histogram, quantile: f64) -> Option<f64> {
    latency.quantile(quantile).map(|micros| micros as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(requests: u64, errors: u64) -> Stats {
        let statuses = [0, requests - errors, 0, 0, errors];
        let host = HostStats { requests, statuses, ..HostStats::default() };
        Stats { requests, statuses, hosts: BTreeMap::from([("a".to_owned(), host)]), ..Stats::default() }
    }

    #[test]
    fn a_burst_is_seen_in_its_two_seconds_and_in_the_window_of_its_host() {
        let mut window = Window::default();
        let at = |tick: i64| Timestamp::from_millis(tick * 2000);
        window.tick(at(0), Stats::default());
        let burst = window.tick(at(1), stats(10, 1));
        assert_eq!((burst.point.requests_per_second, burst.point.server_error), (5.0, 1));
        assert_eq!(window.tick(at(2), stats(10, 1)).point.requests_per_second, 0.0);
        let host = window.host(at(2), "a").unwrap();
        let line: Vec<f64> = host.series.iter().map(|point| point.requests_per_second).collect();
        assert_eq!(line, [0.0, 5.0, 0.0]);
        assert_eq!(host.recent_errors, 1);
        let names = HashMap::from([("a".to_owned(), "Shop".to_owned())]);
        let traffic = window.traffic(at(2), &names, LogHealth::default());
        assert_eq!((traffic.top_hosts[0].name.as_str(), traffic.top_hosts[0].requests), ("Shop", 10));
        assert_eq!(traffic.top_hosts[0].sparkline.iter().sum::<u64>(), 10);
        assert!(window.host(at(2), "b").is_none());
    }

    #[test]
    fn old_bursts_leave_the_window_and_the_memory() {
        let mut window = Window::default();
        window.tick(Timestamp::default(), Stats::default());
        window.tick(Timestamp::default(), stats(10, 0));
        for _ in 0..200 {
            window.tick(Timestamp::default(), stats(10, 0));
        }
        assert!(window.hosts.is_empty());
        assert_eq!(window.in_window("a").requests, 0);
        assert_eq!(window.series.len(), POINTS);
    }
}
