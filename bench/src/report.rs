//! The table: median and range of every case and contestant, and Charon's share of each peer's CPU time.

use crate::cases::{Case, Target};
use crate::contestants::Contestant;
use crate::{Settings, process};
use base::{Clock, SystemClock};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// One round of one contestant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// CPU microseconds per request.
    pub(crate) cpu_micros: f64,
    /// The kernel's part of it, in percent.
    pub(crate) kernel_percent: f64,
    pub(crate) per_second: f64,
    pub(crate) errors: u64,
}

#[derive(Debug)]
struct Participant {
    name: &'static str,
    version: String,
    quic: bool,
    idle_kib: u64,
    after_kib: u64,
}

impl Participant {
    fn head(&self) -> String {
        let short = self.name.rsplit(' ').next().unwrap_or_default();
        match self.version.split_once(short) {
            // The name holds a part of the version already.
            Some((_, rest)) => format!("{}{rest}", self.name),
            None => format!("{} {}", self.name, self.version),
        }
    }
}

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Table {
    about: String,
    participants: Vec<Participant>,
    cases: Vec<&'static str>,
    /// Those that take a handshake for each request.
    handshakes: Vec<&'static str>,
    targets: Vec<(&'static str, Target)>,
    rounds: BTreeMap<(&'static str, &'static str), Vec<Measured>>,
}

impl Table {
    pub(crate) fn new(settings: &Settings, proxies: &[Contestant]) -> anyhow::Result<Self> {
        let info = std::fs::read_to_string("/proc/cpuinfo")?;
        let model =
            info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown processor");
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let about = format!(
            "{}, Linux {}, {} rounds of {} s. {}. Charon with its access log and metrics on, the peers with their access logs off.",
            model.trim_start_matches([' ', '\t', ':']),
            kernel.trim(),
            settings.rounds,
            settings.seconds,
            match settings.workers {
                1 => "One worker each on a core of its own; load and origin on another core".to_owned(),
                workers => format!("{workers} workers each; load and origin share the cores with them"),
            },
        );
        let participants = proxies
            .iter()
            .map(|proxy| Participant {
                name: proxy.name(),
                version: proxy.version().to_owned(),
                quic: proxy.quic(),
                idle_kib: proxy.idle_kib(),
                after_kib: 0,
            })
            .collect();
        Ok(Self {
            about,
            participants,
            cases: Vec::new(),
            handshakes: Vec::new(),
            targets: Vec::new(),
            rounds: BTreeMap::new(),
        })
    }

    pub(crate) fn add(&mut self, case: &Case, proxy: &'static str, measured: Measured) {
        if !self.cases.contains(&case.name) {
            self.cases.push(case.name);
            self.handshakes.extend(case.is_handshake().then_some(case.name));
            self.targets.extend(case.target.map(|target| (case.name, target)));
        }
        self.rounds.entry((case.name, proxy)).or_default().push(measured);
    }

    /// Reads the memory of everybody after the last round.
    pub(crate) fn memory_after(&mut self, proxies: &[Contestant]) -> anyhow::Result<()> {
        for (participant, proxy) in self.participants.iter_mut().zip(proxies) {
            participant.after_kib = process::memory_kib(proxy.pid())?;
        }
        Ok(())
    }

    /// Writes the table to a file named after the moment.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        std::fs::create_dir_all(folder)?;
        let file = folder.join(format!("{}.md", SystemClock.now().to_string().replace(':', "-")));
        std::fs::write(&file, self.markdown())?;
        Ok(file)
    }

    pub(crate) fn markdown(&self) -> String {
        let mut out = format!("# Benchmark of {}\n\n{}\n\n", SystemClock.now(), self.about);
        out.push_str("## CPU microseconds per request: median (least - most)\n\n| case |");
        let row = |out: &mut String, cells: &[String]| {
            for cell in cells {
                _ = write!(out, " {cell} |");
            }
            out.push('\n');
        };
        let heads: Vec<_> = self.participants.iter().map(|p| p.head()).collect();
        let peers: Vec<_> = self.participants.iter().filter(|p| p.name != "charon").map(|p| p.name).collect();
        let with_ratios = self.participants.len() > peers.len();
        let ratios = if with_ratios { peers } else { Vec::new() };
        let ratio_heads: Vec<_> = ratios.iter().map(|name| format!("charon / {name}")).collect();
        row(&mut out, &[heads.clone(), ratio_heads].concat());
        _ = writeln!(out, "|{}", " --- |".repeat(1 + heads.len() + ratios.len()));
        for &case in &self.cases {
            _ = write!(out, "| {case} |");
            let cells = self.participants.iter().map(|p| self.cell(case, p.name, 1, |m| m.cpu_micros));
            let median = |name| median(self.of(case, name).map(|m| m.cpu_micros));
            let shares = ratios.iter().map(|name| match (median("charon"), median(name)) {
                (Some(ours), Some(theirs)) => format!("{:.2}", ours / theirs),
                _ => "-".to_owned(),
            });
            row(&mut out, &cells.chain(shares).collect::<Vec<_>>());
        }
        let without: Vec<_> = self.participants.iter().filter(|p| !p.quic).map(|p| p.name).collect();
        if !without.is_empty() {
            _ = writeln!(out, "\nA dash: built without QUIC ({}).", without.join(", "));
        }
        if with_ratios {
            out.push_str(&self.against_targets());
        }
        if !self.handshakes.is_empty() {
            out.push_str("\n## Handshakes, each with a request, per second of processor time: median (least - most)\n\n| case |");
            row(&mut out, &heads);
            _ = writeln!(out, "|{}", " --- |".repeat(1 + heads.len()));
            for &case in &self.handshakes {
                _ = write!(out, "| {case} |");
                let cells =
                    self.participants.iter().map(|p| self.cell(case, p.name, 0, |m| 1e6 / m.cpu_micros));
                row(&mut out, &cells.collect::<Vec<_>>());
            }
        }
        out.push_str("\n## The kernel's part of it in percent, sampled: median (least - most)\n\n| case |");
        row(&mut out, &heads);
        _ = writeln!(out, "|{}", " --- |".repeat(1 + heads.len()));
        for &case in &self.cases {
            _ = write!(out, "| {case} |");
            let cells = self.participants.iter().map(|p| self.cell(case, p.name, 0, |m| m.kernel_percent));
            row(&mut out, &cells.collect::<Vec<_>>());
        }
        out.push_str("\n## Requests per second: median (least - most)\n\n| case |");
        row(&mut out, &heads);
        _ = writeln!(out, "|{}", " --- |".repeat(1 + heads.len()));
        for &case in &self.cases {
            _ = write!(out, "| {case} |");
            let cells = self.participants.iter().map(|p| self.cell(case, p.name, 0, |m| m.per_second));
            row(&mut out, &cells.collect::<Vec<_>>());
        }
        out.push_str("\n## Memory (PSS) and errors\n\n| contestant | after the start, MiB | after all cases, MiB | failed requests |\n| --- | --- | --- | --- |\n");
        for participant in &self.participants {
            let errors: u64 =
                self.cases.iter().flat_map(|case| self.of(case, participant.name)).map(|m| m.errors).sum();
            let mib = |kib: u64| kib as f64 / 1024.0;
            let (idle, after) = (mib(participant.idle_kib), mib(participant.after_kib));
            _ = writeln!(out, "| {} | {idle:.1} | {after:.1} | {errors} |", participant.name);
        }
        out
    }

    /// Charon's time as a part of the peers', and whether that is as little as it should be.
    fn against_targets(&self) -> String {
        let mut out = "\n## Against the targets\n\n| case | nginx: target | measured | HAProxy: target | measured | Caddy: target | measured |\n|".to_owned();
        out.push_str(&" --- |".repeat(7));
        for &(case, target) in &self.targets {
            _ = write!(out, "\n| {case} |");
            let ratios = |family: &str| -> Vec<f64> {
                let middle = |name| median(self.of(case, name).map(|measured| measured.cpu_micros));
                let Some(ours) = middle("charon") else { return Vec::new() };
                let peers =
                    self.participants.iter().map(|peer| peer.name).filter(|name| name.starts_with(family));
                peers.filter_map(middle).map(|theirs| ours / theirs).collect()
            };
            let newest = |family| ratios(family).last().copied();
            let hardest = ratios("haproxy").into_iter().reduce(f64::max);
            for (target, ratio) in
                [(target.nginx, newest("nginx")), (target.haproxy, hardest), (target.caddy, newest("caddy"))]
            {
                _ = write!(out, " {target:.2} | {} |", verdict(target, ratio));
            }
        }
        out.push('\n');
        out
    }

    fn of(&self, case: &'static str, proxy: &'static str) -> impl Iterator<Item = &Measured> {
        self.rounds.get(&(case, proxy)).into_iter().flatten()
    }

    fn cell(
        &self,
        case: &'static str,
        proxy: &'static str,
        digits: usize,
        value: fn(&Measured) -> f64,
    ) -> String {
        let values: Vec<f64> = self.of(case, proxy).map(value).collect();
        let Some(middle) = median(values.iter().copied()) else { return "-".to_owned() };
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        format!("{middle:.digits$} ({least:.digits$} - {most:.digits$})")
    }
}

/// What is judged is what is shown: two digits.
fn verdict(target: f64, ratio: Option<f64>) -> String {
    let Some(ratio) = ratio.map(|ratio| (ratio * 100.0).round() / 100.0) else { return "-".to_owned() };
    if ratio <= target { format!("{ratio:.2}") } else { format!("{ratio:.2} **missed**") }
}

/// The middle of the values; of an even number of them the mean of the two in the middle.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => None,
        count if count % 2 == 1 => Some(values[half]),
        _ => Some(values[half - 1].midpoint(values[half])),
    }
}

#[cfg(test)]
mod tests {
    use super::{median, verdict};

    #[test]
    fn a_target_is_met_or_missed_by_the_digits_that_are_shown() {
        assert_eq!(verdict(0.9, Some(0.904)), "0.90");
        assert_eq!(verdict(0.9, Some(0.906)), "0.91 **missed**");
        assert_eq!(verdict(0.9, None), "-");
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), Some(2.5));
        assert_eq!(median(std::iter::empty()), None);
    }
}
