//! Side-by-side benchmark (`make bench`): Charon, nginx, HAProxy and Caddy before one origin, round by round
//! in turn. With one worker each, the proxies share one core with nothing else, the load and the origin another one. What counts is
//! the CPU time of the proxy per request; requests per second depend on the load generator too.

#![allow(clippy::print_stdout, reason = "the progress and the result are the output of this program")]

mod cases;
mod client;
mod contestants;
mod handshakes;
mod http3;
mod load;
mod origin;
mod process;
mod report;

use anyhow::{Context, bail, ensure};
use contestants::Contestant;
use report::{Measured, Table};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Core of the proxies.
const PROXY_CORE: usize = 0;
/// Core of the load generator and the origin.
const LOAD_CORE: usize = 1;

/// What the environment says: `BENCH_ROUNDS`, `BENCH_SECONDS`, `BENCH_ONLY`, `BENCH_CASES`, `BENCH_WORKERS`, `BENCH_CADDY`,
/// `BENCH_PEERS`.
#[derive(Debug)]
pub(crate) struct Settings {
    rounds: usize,
    seconds: u64,
    only: Vec<String>,
    cases: Vec<String>,
    workers: usize,
    cores: usize,
    caddy: String,
    /// Where newer peers were unpacked.
    peers: Option<PathBuf>,
    work: PathBuf,
    results: PathBuf,
}

impl Settings {
    #[expect(clippy::disallowed_methods, reason = "the one place where the benchmark reads its environment")]
    fn from_env() -> anyhow::Result<Self> {
        let text = |name: &str| std::env::var(name).unwrap_or_default();
        let number = |name: &str, default: u64| match text(name).as_str() {
            "" => Ok(default),
            value => value.parse().with_context(|| format!("{name}: '{value}' is not a number")),
        };
        let list = |name: &str| -> Vec<String> {
            text(name).split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        Ok(Self {
            rounds: usize::try_from(number("BENCH_ROUNDS", 5)?)?,
            seconds: number("BENCH_SECONDS", 3)?,
            only: list("BENCH_ONLY"),
            cases: list("BENCH_CASES"),
            workers: usize::try_from(number("BENCH_WORKERS", 1)?)?,
            cores: std::thread::available_parallelism()?.get(),
            peers: Some(text("BENCH_PEERS")).filter(|path| !path.is_empty()).map(PathBuf::from),
            caddy: Some(text("BENCH_CADDY")).filter(|path| !path.is_empty()).unwrap_or("caddy".to_owned()),
            work: root.join(".work"),
            results: root.join("results"),
        })
    }
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        Some(("origin", _)) => return origin::run(),
        Some(("http3", rest)) => return http3::run(rest),
        Some(("handshakes", rest)) => return handshakes::run(rest),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(compare(Settings::from_env()?))
}

async fn compare(settings: Settings) -> anyhow::Result<()> {
    ensure!(settings.cores >= 2, "the benchmark needs two cores: one for the proxies, one for the load");
    if settings.work.exists() {
        std::fs::remove_dir_all(&settings.work)?;
    }
    std::fs::create_dir_all(&settings.work)?;
    let certificate = make_certificate(&settings.work, "certificate", "localhost", &EC)?;
    let rsa = make_certificate(&settings.work, "rsa", "rsa.localhost", &["rsa:2048"])?;
    let certificates = contestants::Certificates { ecdsa: certificate, rsa };
    let origin = origin::Process::start()?;
    let proxies = contestants::start(&settings, origin.port, &certificates).await?;
    ensure!(!proxies.is_empty(), "BENCH_ONLY names no contestant");

    let mut table = Table::new(&settings, &proxies)?;
    for case in cases::CASES.iter().filter(|case| settings.wants_case(case.name)) {
        println!("{}", case.name);
        let proxies: Vec<_> = proxies.iter().filter(|proxy| proxy.quic() || !case.needs_quic()).collect();
        for proxy in &proxies {
            load::run(case, proxy, Duration::from_secs(1), &settings)
                .with_context(|| format!("{}: warming {} up", case.name, proxy.name()))?;
        }
        for round in 0..settings.rounds {
            // Everybody is first and last equally often.
            let start = round % proxies.len();
            for index in (start..proxies.len()).chain(0..start) {
                let proxy = proxies[index];
                let measured = measure(case, proxy, &settings)
                    .with_context(|| format!("{}: measuring {}", case.name, proxy.name()))?;
                println!(
                    "  {:8} {:7.2} us CPU/request {:9.0} requests/s{}",
                    proxy.name(),
                    measured.cpu_micros,
                    measured.per_second,
                    if measured.errors > 0 { format!("  {} ERRORS", measured.errors) } else { String::new() }
                );
                table.add(case, proxy.name(), measured);
            }
        }
    }
    table.memory_after(&proxies)?;
    drop(proxies);
    let file = table.write(&settings.results)?;
    std::fs::remove_dir_all(&settings.work)?;
    println!("\n{}\nwritten to {}", table.markdown(), file.display());
    Ok(())
}

impl Settings {
    fn wants_case(&self, name: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|wanted| wanted == name)
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == name)
    }
}

fn measure(case: &cases::Case, proxy: &Contestant, settings: &Settings) -> anyhow::Result<Measured> {
    let before = process::cpu(proxy.pid())?;
    let load = load::run(case, proxy, Duration::from_secs(settings.seconds), settings)?;
    let after = process::cpu(proxy.pid())?;
    let total = after.total.saturating_sub(before.total).as_secs_f64();
    let kernel = after.kernel.saturating_sub(before.kernel).as_secs_f64();
    if load.requests == 0 {
        bail!("no request was answered");
    }
    Ok(Measured {
        cpu_micros: total * 1e6 / load.requests as f64,
        kernel_percent: if total > 0.0 { kernel / total * 100.0 } else { 0.0 },
        per_second: load.requests as f64 / load.seconds,
        errors: load.errors,
    })
}

/// What `openssl req -newkey` calls ECDSA P-256.
const EC: [&str; 3] = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

/// A certificate for all.
fn make_certificate(
    work: &Path,
    file: &str,
    name: &str,
    new_key: &[&str],
) -> anyhow::Result<contestants::Certificate> {
    let path = |part: &str| work.join(format!("{file}{part}.pem"));
    let (chain, key, both) = (path(""), path("-key"), path("-both"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-days", "30", "-newkey"])
        .args(new_key)
        .args(["-subj", &format!("/CN={name}"), "-addext", &format!("subjectAltName=DNS:{name}")])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&chain)
        .output()
        .context("openssl cannot be started")?;
    ensure!(made.status.success(), "openssl made no certificate: {}", String::from_utf8_lossy(&made.stderr));
    std::fs::write(&both, std::fs::read_to_string(&chain)? + &std::fs::read_to_string(&key)?)?;
    Ok(contestants::Certificate { chain, key, both })
}
