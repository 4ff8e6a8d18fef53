//! Keeps the access log as the settings say, and watches its writing: a full disk or a slow one costs lines, never
//! requests, and is told.

use base::{Code, Problem, Problems};
use proxy::{LogFormat, LogSettings};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, security_configs, settings};
use tasks::{Outcome, Task};

/// Reports when lines of the access log are lost.
#[derive(Debug)]
pub struct AccessLog {
    /// Where settings come from.
    pub store: Store,
    /// Whose log it is.
    pub proxy: Arc<proxy::Proxy>,
    /// The board; problems stand under `access log`.
    pub problems: Problems,
    /// Where requests are written down for CrowdSec while it is switched on.
    pub feed: PathBuf,
    /// What holds now.
    pub settings: LogSettings,
    /// Lines that were lost when it was looked at last.
    pub dropped: u64,
}

impl AccessLog {
    async fn feed(&self) -> Result<Option<PathBuf>, store::Error> {
        // An agent of another machine does not read what is written here.
        let wishes = security_configs::wishes(&self.store).await?;
        let wished = wishes.crowdsec && !wishes.external;
        if wished && let Some(folder) = self.feed.parent() {
            // When it cannot be made, the lines that are lost are counted and told.
            _ = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        }
        Ok(wished.then(|| self.feed.clone()))
    }

    async fn follow_settings(&mut self) -> Result<(), store::Error> {
        let rows = settings::all(&self.store).await?;
        let value = |key: &str| rows.iter().find(|row| row.key == key).map(|row| row.value.as_str());
        let number = |key: &str, default| value(key).and_then(|text| text.parse().ok()).unwrap_or(default);
        let wanted = LogSettings {
            keep: number("log.retention_files", LogSettings::default().keep),
            format: if value("log.format") == Some("combined") {
                LogFormat::Combined
            } else {
                LogFormat::Json
            },
            fields: value("log.fields").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
            sample: number("log.sample", 1),
            feed: self.feed().await?,
            ..self.settings.clone()
        };
        if wanted != self.settings {
            self.proxy.set_log(wanted.clone());
            self.settings = wanted;
        }
        Ok(())
    }
}

impl Task for AccessLog {
    fn name(&self) -> &'static str {
        "watch access log"
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(10)
    }

    async fn run(&mut self) -> Outcome {
        let followed = self.follow_settings().await;
        let status = self.proxy.log_status();
        let mut problems = Vec::new();
        if let Some(error) = &status.error {
            let message = format!("the access log cannot be written: {error}");
            problems.push(
                Problem::new(
                    Code::AccessLogUnwritable,
                    message,
                    "check space and permissions of the folder logs in the data folder",
                )
                .link("/system"),
            );
        }
        let lost = status.dropped.saturating_sub(self.dropped);
        self.dropped = status.dropped;
        if lost > 0 {
            let message =
                format!("{lost} lines of the access log were lost since the last look; no request was");
            problems.push(
                Problem::new(Code::AccessLogDropping, message, "give the data folder a faster disk")
                    .link("/system"),
            );
        }
        self.problems.report("access log", problems);
        match followed {
            Ok(()) => Outcome::Ok(format!(
                "{} lines written, {} lost and {} left out on purpose since the start",
                status.written, status.dropped, status.sampled_out
            )),
            Err(error) => Outcome::Failing(
                format!("the settings of the access log cannot be read: {error}"),
                "it is written as before".to_owned(),
            ),
        }
    }
}
