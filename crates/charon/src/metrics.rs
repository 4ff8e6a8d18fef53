//! The counters as text for Prometheus (format 0.0.4) and OpenMetrics 1.0.0. Made when somebody asks; requests pay
//! nothing for it. `docs/metrics.md` lists them.

use crate::build_info;
use crate::engines::Running;
use api::engines::{Engines, MetricsForm};
use proxy::HostStats;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

/// Hosts with series of their own. The others are counted together, so that a thousand hosts do not bury the server
/// that collects.
const MOST_HOSTS: usize = 200;
/// Servers of upstreams with series of their own.
const MOST_SERVERS: usize = 500;
/// What stands for the others.
const OTHER: &str = "other";
/// Upper bounds of the histograms in microseconds: bounds that the data plane's finer buckets have too.
const BOUNDS: [u64; 16] = [
    256, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072, 262_144, 524_288, 1_048_576, 2_097_152,
    4_194_304, 8_388_608, 33_554_432,
];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What must be remembered between two scrapes, so that no counter ever goes down.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Hosts that have series of their own, until they are removed.
    own: BTreeSet<String>,
    /// The other hosts as they were last.
    others: HashMap<String, HostStats>,
    /// All that the other hosts ever counted.
    sum: HostStats,
}

impl Metrics {
    /// Everything, now.
    pub(crate) fn text(&mut self, engines: &Running, form: MetricsForm) -> String {
        let stats = engines.proxy.stats();
        let mut page = Page { text: String::with_capacity(16 * 1024), form };
        process(&mut page, engines);
        data_plane(&mut page, engines, &stats);
        self.hosts(&mut page, engines, &stats.hosts);
        servers(&mut page, engines, &self.own);
        control(&mut page, engines);
        page.end()
    }

    fn hosts(&mut self, page: &mut Page, engines: &Running, all: &BTreeMap<String, HostStats>) {
        self.take_in(all);
        let names = engines.names();
        let mut shown: Vec<(String, &str, &HostStats)> = self
            .own
            .iter()
            .filter_map(|id| {
                let name = names.get(id).map_or("", String::as_str);
                all.get(id).map(|stats| {
                    (format!("host=\"{}\",host_id=\"{}\"", escape(name), escape(id)), id.as_str(), stats)
                })
            })
            .collect();
        if self.sum.requests > 0 {
            shown.push((format!("host=\"{OTHER}\",host_id=\"{OTHER}\""), OTHER, &self.sum));
        }
        page.family("charon_host_requests", Kind::Counter, "Requests by host and class of the answer.");
        for (labels, _, stats) in &shown {
            for (class, count) in CLASSES.iter().zip(stats.statuses) {
                page.sample("charon_host_requests_total", &format!("{labels},class=\"{class}\""), count);
            }
            let unanswered = stats.requests.saturating_sub(stats.statuses.iter().sum());
            page.sample("charon_host_requests_total", &format!("{labels},class=\"none\""), unanswered);
        }
        page.family(
            "charon_host_received_bytes",
            Kind::Counter,
            "Bytes of requests by host, heads and bodies.",
        );
        for (labels, _, stats) in &shown {
            page.sample("charon_host_received_bytes_total", labels, stats.bytes_in);
        }
        page.family("charon_host_sent_bytes", Kind::Counter, "Bytes of answers by host, heads and bodies.");
        for (labels, _, stats) in &shown {
            page.sample("charon_host_sent_bytes_total", labels, stats.bytes_out);
        }
        let help = "Time from a request's head to the last byte of its answer, by host.";
        page.family("charon_host_request_duration_seconds", Kind::Histogram, help);
        for (labels, _, stats) in &shown {
            page.histogram("charon_host_request_duration_seconds", labels, stats);
        }
    }

    /// Decides which hosts are shown, and adds up the others.
    fn take_in(&mut self, all: &BTreeMap<String, HostStats>) {
        self.own.retain(|id| all.contains_key(id));
        self.others.retain(|id, _| all.contains_key(id));
        for (id, now) in all {
            if self.own.contains(id) {
                continue;
            }
            if self.own.len() < MOST_HOSTS && !self.others.contains_key(id) {
                self.own.insert(id.clone());
                continue;
            }
            let before = self.others.insert(id.clone(), now.clone()).unwrap_or_default();
            // Counters of a host begin again when it was removed and added.
            let before = if before.requests > now.requests { HostStats::default() } else { before };
            let sum = &mut self.sum;
            sum.requests += now.requests - before.requests;
            for (class, sum) in sum.statuses.iter_mut().enumerate() {
                *sum += now.statuses[class].saturating_sub(before.statuses[class]);
            }
            sum.bytes_in += now.bytes_in.saturating_sub(before.bytes_in);
            sum.bytes_out += now.bytes_out.saturating_sub(before.bytes_out);
            sum.micros += now.micros.saturating_sub(before.micros);
            sum.latency.merge(&now.latency.since(&before.latency));
        }
    }
}

/// The servers of the hosts that have series of their own, up to a limit.
fn servers(page: &mut Page, engines: &Running, own: &BTreeSet<String>) {
    let names = engines.names();
    let upstreams = engines.proxy.upstreams();
    let all = upstreams.iter().flat_map(|upstream| upstream.servers.iter().map(move |one| (upstream, one)));
    let shown: Vec<(String, &proxy::ServerStatus)> = all
        .clone()
        .filter(|(upstream, _)| own.contains(&upstream.host_id))
        .take(MOST_SERVERS)
        .map(|(upstream, server)| {
            let name = names.get(&upstream.host_id).map_or("", String::as_str);
            let labels = format!(
                "host=\"{}\",host_id=\"{}\",location=\"{}\",server=\"{}\"",
                escape(name),
                escape(&upstream.host_id),
                escape(upstream.location.as_deref().unwrap_or_default()),
                escape(&server.address),
            );
            (labels, server)
        })
        .collect();
    page.family("charon_server_up", Kind::Gauge, "0 while a server fails its checks or is put aside.");
    for (labels, server) in &shown {
        let out = matches!(server.health, proxy::ServerHealth::Failing | proxy::ServerHealth::Aside);
        page.sample("charon_server_up", labels, u8::from(!out));
    }
    page.family("charon_server_requests_in_flight", Kind::Gauge, "Requests under way at a server.");
    for (labels, server) in &shown {
        page.sample("charon_server_requests_in_flight", labels, server.active);
    }
    type Count = fn(&proxy::ServerStatus) -> u64;
    let counters: [(&str, &str, Count); 3] = [
        ("charon_server_requests", "Requests that were sent to a server, or tried to be.", |one| {
            one.requests
        }),
        ("charon_server_failures", "Requests that failed because of a server.", |one| one.failures),
        ("charon_server_ejections", "How often a server was put out of use.", |one| one.ejections),
    ];
    for (name, help, count) in counters {
        page.family(name, Kind::Counter, help);
        for (labels, server) in &shown {
            page.sample(&format!("{name}_total"), labels, count(server));
        }
    }
    page.family("charon_servers", Kind::Gauge, "Servers of all hosts and locations, with series or without.");
    page.sample("charon_servers", "", all.count());
}

fn process(page: &mut Page, engines: &Running) {
    page.family("charon_build_info", Kind::Gauge, "What this binary was built from.");
    let labels =
        format!("version=\"{}\",commit=\"{}\"", escape(build_info::VERSION), escape(build_info::GIT_COMMIT));
    page.sample("charon_build_info", &labels, 1);
    page.family("charon_start_time_seconds", Kind::Gauge, "When this process began to serve, in Unix time.");
    page.sample("charon_start_time_seconds", "", engines.started_at.millis() / 1000);
    page.family("process_resident_memory_bytes", Kind::Gauge, "Resident memory.");
    page.sample("process_resident_memory_bytes", "", engines.memory_bytes());
    page.family("process_open_fds", Kind::Gauge, "Open file descriptors.");
    page.sample("process_open_fds", "", std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count));
}

fn data_plane(page: &mut Page, engines: &Running, stats: &proxy::Stats) {
    page.family("charon_connections", Kind::Gauge, "Open connections of clients.");
    page.sample("charon_connections", "", stats.connections);
    page.family("charon_requests_in_flight", Kind::Gauge, "Requests that are being worked on.");
    page.sample("charon_requests_in_flight", "", stats.in_flight);
    page.family("charon_requests", Kind::Counter, "Requests that have ended, by class of the answer.");
    for (class, count) in CLASSES.iter().zip(stats.statuses) {
        page.sample("charon_requests_total", &format!("class=\"{class}\""), count);
    }
    page.sample("charon_requests_total", "class=\"none\"", stats.unanswered);
    for (name, help, count) in [
        ("charon_received_bytes", "Bytes of requests, heads and bodies.", stats.bytes_in),
        ("charon_sent_bytes", "Bytes of answers, heads and bodies.", stats.bytes_out),
        ("charon_upstream_errors", "Requests that failed because of their origin.", stats.upstream_errors),
        ("charon_tls_handshake_failures", "TLS handshakes that did not succeed.", stats.handshake_failures),
        ("charon_panics", "Requests that ended by a fault of Charon. Please report them.", stats.panics),
    ] {
        page.family(name, Kind::Counter, help);
        page.sample(&format!("{name}_total"), "", count);
    }
    page.family("charon_cuts", Kind::Counter, "Clients that were cut off or refused, by reason.");
    for (cut, count) in &stats.cuts {
        page.sample("charon_cuts_total", &format!("reason=\"{}\"", cut.name()), count);
    }
    page.family(
        "charon_refused_requests",
        Kind::Counter,
        "Requests of banned clients, by who decided and by the rule.",
    );
    for ((source, rule), count) in &stats.blocked {
        let labels = format!("source=\"{source}\",rule=\"{}\"", escape(rule));
        page.sample("charon_refused_requests_total", &labels, count);
    }
    let log = engines.proxy.log_status();
    page.family("charon_access_log_lines", Kind::Counter, "Lines of the access log, by what became of them.");
    for (outcome, count) in
        [("written", log.written), ("dropped", log.dropped), ("sampled_out", log.sampled_out)]
    {
        page.sample("charon_access_log_lines_total", &format!("outcome=\"{outcome}\""), count);
    }
}

fn automatic_certificates(page: &mut Page, engines: &Running) {
    let counts = engines.automatic.borrow().clone();
    page.family("charon_automatic_certificates", Kind::Gauge, "Automatic certificates by how they stand.");
    for (phase, count) in &counts.phases {
        page.sample("charon_automatic_certificates", &format!("phase=\"{phase}\""), count);
    }
    page.family(
        "charon_automatic_certificates_issued",
        Kind::Counter,
        "Automatic certificates that were issued.",
    );
    page.sample("charon_automatic_certificates_issued_total", "", counts.issued);
    page.family("charon_automatic_certificates_failed", Kind::Counter, "Attempts to get one that failed.");
    page.sample("charon_automatic_certificates_failed_total", "", counts.failed);
    if let Some(end) = counts.first_end {
        let help = "When the first automatic certificate that serves ends.";
        page.family("charon_automatic_certificates_first_end_timestamp_seconds", Kind::Gauge, help);
        page.sample("charon_automatic_certificates_first_end_timestamp_seconds", "", end.millis() / 1000);
    }
}

fn rehearsals(page: &mut Page, engines: &Running) {
    let checks = engines.checks.borrow().clone();
    let help = "Names by whether the next automatic certificate would be issued.";
    page.family("charon_certificate_rehearsals", Kind::Gauge, help);
    let states = [
        ("ready", checks.ready),
        ("at_risk", checks.warned),
        ("failing", checks.failing),
        ("unknown", checks.unknown),
    ];
    for (state, count) in states {
        page.sample("charon_certificate_rehearsals", &format!("state=\"{state}\""), count);
    }
    if let Some(at) = checks.oldest {
        let help = "When the name was looked at that was looked at longest ago.";
        page.family("charon_certificate_rehearsals_oldest_timestamp_seconds", Kind::Gauge, help);
        page.sample("charon_certificate_rehearsals_oldest_timestamp_seconds", "", at.millis() / 1000);
    }
}

fn control(page: &mut Page, engines: &Running) {
    crate::crowdsec_metrics::write(page, engines);
    automatic_certificates(page, engines);
    rehearsals(page, engines);
    page.family("charon_config_revision", Kind::Gauge, "The revision that is served.");
    page.sample("charon_config_revision", "", engines.revision().unwrap_or(0));
    page.family("charon_listener_up", Kind::Gauge, "Whether an address is listened on.");
    for listener in engines.listeners() {
        let labels =
            format!("purpose=\"{}\",address=\"{}\"", escape(&listener.purpose), escape(&listener.address));
        page.sample("charon_listener_up", &labels, u8::from(listener.state == "listening"));
    }
    page.family("charon_task_up", Kind::Gauge, "Whether the last run of a background task ended well.");
    for task in engines.tasks() {
        let labels = format!("task=\"{}\"", escape(task.name));
        page.sample("charon_task_up", &labels, u8::from(task.phase != tasks::Phase::Failing));
    }
    let mut problems: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for standing in engines.problems.standing() {
        let severity = match standing.severity {
            base::Severity::Degraded => "degraded",
            base::Severity::Failing => "failing",
        };
        *problems.entry((standing.problem.code.as_str(), severity)).or_default() += 1;
    }
    page.family("charon_problems", Kind::Gauge, "Standing problems by code; none when all is well.");
    for ((code, severity), count) in problems {
        page.sample("charon_problems", &format!("code=\"{code}\",severity=\"{severity}\""), count);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// The text that is being made.
pub(crate) struct Page {
    text: String,
    form: MetricsForm,
}

impl Page {
    /// Begins a family. Samples of a counter are called `NAME_total`; the old format calls the family so too.
    pub(crate) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let old = self.form == MetricsForm::Prometheus;
        let name = if kind == Kind::Counter && old { format!("{name}_total") } else { name.to_owned() };
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // A String takes everything that is written to it.
        _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    pub(crate) fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        _ = match labels {
            "" => writeln!(self.text, "{name} {value}"),
            labels => writeln!(self.text, "{name}{{{labels}}} {value}"),
        };
    }

    fn histogram(&mut self, name: &str, labels: &str, stats: &HostStats) {
        let (mut fine, mut sum) = (stats.latency.buckets().peekable(), 0);
        for bound in BOUNDS {
            while let Some((_, count)) = fine.next_if(|(upper, _)| *upper <= bound) {
                sum += count;
            }
            let seconds = bound as f64 / 1e6;
            self.sample(&format!("{name}_bucket"), &format!("{labels},le=\"{seconds}\""), sum);
        }
        sum += fine.map(|(_, count)| count).sum::<u64>();
        self.sample(&format!("{name}_bucket"), &format!("{labels},le=\"+Inf\""), sum);
        self.sample(&format!("{name}_sum"), labels, stats.micros as f64 / 1e6);
        self.sample(&format!("{name}_count"), labels, sum);
    }

    fn end(mut self) -> String {
        if self.form == MetricsForm::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

/// The value of a label.
pub(crate) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(count: usize, requests: u64) -> BTreeMap<String, HostStats> {
        let one = HostStats { requests, statuses: [0, requests, 0, 0, 0], ..HostStats::default() };
        (0..count).map(|number| (format!("h{number:04}"), one.clone())).collect()
    }

    #[test]
    fn hosts_above_the_cap_are_counted_together_and_the_sum_never_goes_down() {
        let mut metrics = Metrics::default();
        metrics.take_in(&hosts(MOST_HOSTS + 10, 5));
        assert_eq!((metrics.own.len(), metrics.sum.requests), (MOST_HOSTS, 50));
        metrics.take_in(&hosts(MOST_HOSTS + 10, 7));
        assert_eq!((metrics.sum.requests, metrics.sum.statuses[1]), (70, 70));
        // Removed hosts, of both kinds.
        metrics.take_in(&hosts(MOST_HOSTS - 1, 8));
        assert_eq!((metrics.own.len(), metrics.sum.requests), (MOST_HOSTS - 1, 70));
        // Begun again.
        metrics.take_in(&hosts(MOST_HOSTS + 1, 1));
        assert_eq!((metrics.own.len(), metrics.sum.requests), (MOST_HOSTS, 71));
    }

    #[test]
    fn the_fields_of_the_log_are_those_of_the_data_plane() {
        assert_eq!(api::LOG_FIELDS, proxy::LOG_FIELDS);
    }
}
