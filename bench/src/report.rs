//! The table: median and range of every case and contestant, and Charon's share of each peer's CPU time.

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
                idle_kib: proxy.idle_kib(),
                after_kib: 0,
            })
            .collect();
        Ok(Self { about, participants, cases: Vec::new(), rounds: BTreeMap::new() })
    }

    pub(crate) fn add(&mut self, case: &'static str, proxy: &'static str, measured: Measured) {
        if !self.cases.contains(&case) {
            self.cases.push(case);
        }
        self.rounds.entry((case, proxy)).or_default().push(measured);
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
    use super::median;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), Some(2.5));
        assert_eq!(median(std::iter::empty()), None);
    }
}
