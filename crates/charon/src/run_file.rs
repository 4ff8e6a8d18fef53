//! `DATA_DIR/run.json`: who runs and where it listens. Written once everything listens, removed at the stop;
//! a leftover of a killed process is recognised by its pid.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What the file says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) pid: u32,
    pub(crate) version: String,
    /// Address of UI and API.
    pub(crate) ui: SocketAddr,
    /// Address of the plain HTTP listener of the proxy.
    pub(crate) http: SocketAddr,
    /// Address of the HTTPS listener of the proxy.
    pub(crate) https: SocketAddr,
}

/// What the file at `path` says, when there is one.
fn read(path: &Path) -> Option<Running> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

impl Running {
    /// The running process of a data folder, as it says itself.
    pub(crate) fn of(data_dir: &Path) -> Option<Self> {
        read(&data_dir.join("run.json"))
    }
}

/// The file, which is removed when this value is dropped.
#[derive(Debug)]
pub(crate) struct RunFile(PathBuf);

impl RunFile {
    /// Writes the file for the first time.
    pub(crate) fn write(data_dir: &Path, running: &Running) -> anyhow::Result<Self> {
        let file = Self(data_dir.join("run.json"));
        file.rewrite(running).map(|()| file)
    }

    /// Writes the file whole: a reader sees the old one, none, or the new one.
    pub(crate) fn rewrite(&self, running: &Running) -> anyhow::Result<()> {
        let path = &self.0;
        let draft = path.with_extension("json.new");
        let text = serde_json::to_string_pretty(running)?;
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o644)
            .open(&draft)
            .with_context(|| format!("cannot write {}", draft.display()))?;
        file.write_all(text.as_bytes())?;
        fs::rename(&draft, path).with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Drop for RunFile {
    fn drop(&mut self) {
        // After an upgrade it tells of the process that has taken over.
        if read(&self.0).is_none_or(|running| running.pid != std::process::id()) {
            return;
        }
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!("cannot remove {}: {error}", self.0.display());
        }
    }
}
