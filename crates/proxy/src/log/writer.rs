//! The thread that writes the access log. A sink that cannot be written never holds up a request: entries are
//! dropped and counted, the reason can be read, and opening is tried again.

use super::{Entry, Record};
use crate::stats::WorkerStats;
use base::{Clock, Timestamp};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::broadcast;

/// Records that fit between a worker and the writer.
const RING: usize = 8 * 1024;
/// How often the writer looks. Workers never wake it, since waking costs a system call per request.
const PAUSE: Duration = Duration::from_millis(50);
/// How often it tries to open a sink that failed.
const RETRY: Duration = Duration::from_secs(1);
/// Entries that a slow live viewer may lag behind.
const LIVE: usize = 1024;

/// Where the access log goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogSettings {
    /// The file; `None` writes none and only serves live viewers.
    pub path: Option<PathBuf>,
    /// Size in bytes at which the file is put aside as `NAME.1`.
    pub max_bytes: u64,
    /// How many files are kept aside.
    pub keep: u32,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { path: None, max_bytes: 10 * 1024 * 1024, keep: 5 }
    }
}

/// How the access log fares.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct LogStatus {
    /// Entries written to the file.
    pub written: u64,
    /// Entries lost, because the file could not be written or because there were more than could be written.
    pub dropped: u64,
    /// Why the file cannot be written now.
    pub error: Option<String>,
    /// Since when it cannot.
    pub since: Option<Timestamp>,
}

/// A worker's end.
#[derive(Debug)]
pub(crate) struct Sender(SyncSender<Record>);

impl Sender {
    /// Hands a record over, or drops and counts it when the writer is behind.
    pub(crate) fn send(&self, record: Record, stats: &WorkerStats) {
        if self.0.try_send(record).is_err() {
            stats.log_dropped.add(1);
        }
    }
}

/// The running writer.
#[derive(Debug)]
pub(crate) struct Writer {
    status: Arc<Mutex<LogStatus>>,
    live: broadcast::Sender<Arc<Entry>>,
    stop: SyncSender<()>,
    reopen: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread; one sender per worker.
    ///
    /// # Errors
    /// When the system starts no thread.
    pub(crate) fn start(
        settings: LogSettings,
        workers: usize,
        clock: Arc<dyn Clock>,
    ) -> io::Result<(Self, Vec<Sender>)> {
        let (senders, rings): (Vec<_>, Vec<_>) = (0..workers)
            .map(|_| {
                let (sender, ring) = sync_channel(RING);
                (Sender(sender), ring)
            })
            .unzip();
        let (stop, stopped) = sync_channel(1);
        let status = Arc::new(Mutex::default());
        let live = broadcast::Sender::new(LIVE);
        let reopen = Arc::new(AtomicBool::new(false));
        let state = State {
            rings,
            live: live.clone(),
            status: status.clone(),
            sink: settings.path.clone().map(|path| Sink {
                path,
                file: None,
                size: 0,
                torn: false,
                retry_at: None,
                looked_at: Duration::ZERO,
            }),
            reopen: reopen.clone(),
            settings,
            clock,
            lines: Vec::new(),
        };
        let thread =
            std::thread::Builder::new().name("access-log".to_owned()).spawn(move || state.run(&stopped))?;
        Ok((Self { status, live, stop, reopen, thread: Mutex::new(Some(thread)) }, senders))
    }

    pub(crate) fn status(&self) -> LogStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Entry>> {
        self.live.subscribe()
    }

    /// Opens the file anew before the next line.
    pub(crate) fn reopen(&self) {
        self.reopen.store(true, Ordering::Relaxed);
    }

    /// Writes what is there and ends the thread.
    pub(crate) fn stop(&self) {
        // A full channel holds a stop already; a closed one has ended.
        let _ = self.stop.try_send(());
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
            && thread.join().is_err()
        {
            tracing::error!("the access log's writer panicked; please report this");
        }
    }
}

struct State {
    rings: Vec<Receiver<Record>>,
    live: broadcast::Sender<Arc<Entry>>,
    status: Arc<Mutex<LogStatus>>,
    settings: LogSettings,
    sink: Option<Sink>,
    reopen: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
    lines: Vec<u8>,
}

struct Sink {
    path: PathBuf,
    file: Option<File>,
    size: u64,
    /// A failed write may have left half a line.
    torn: bool,
    retry_at: Option<Duration>,
    /// When it was last looked whether the file is still the one at the path.
    looked_at: Duration,
}

impl State {
    fn run(mut self, stopped: &Receiver<()>) {
        // Opened at once, so that a wrong path shows before the first request.
        self.write(0);
        loop {
            let last = !matches!(stopped.recv_timeout(PAUSE), Err(RecvTimeoutError::Timeout));
            self.round();
            if last {
                return;
            }
        }
    }

    /// Takes everything that is there.
    fn round(&mut self) {
        let mut count = 0;
        for index in 0..self.rings.len() {
            // At most one ring's content per turn, so that a busy worker does not starve the others.
            for _ in 0..RING {
                match self.rings[index].try_recv() {
                    Ok(record) => {
                        self.take(record.into_entry());
                        count += 1;
                    }
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            }
        }
        self.write(count);
    }

    fn take(&mut self, entry: Entry) {
        if self.sink.is_some() {
            let before = self.lines.len();
            match serde_json::to_writer(&mut self.lines, &entry) {
                Ok(()) => self.lines.push(b'\n'),
                Err(_) => self.lines.truncate(before),
            }
        }
        if self.live.receiver_count() > 0 {
            // Without a viewer left, there is nobody to miss it.
            let _ = self.live.send(Arc::new(entry));
        }
    }

    /// Writes the lines of `count` entries.
    fn write(&mut self, count: u64) {
        let Some(sink) = &mut self.sink else { return };
        let now = self.clock.monotonic();
        if sink.retry_at.is_some_and(|at| now < at) {
            self.lines.clear();
            self.status.lock().unwrap_or_else(PoisonError::into_inner).dropped += count;
            return;
        }
        if self.reopen.swap(false, Ordering::Relaxed) {
            sink.file = None;
        }
        if now.saturating_sub(sink.looked_at) >= RETRY {
            sink.looked_at = now;
            sink.let_go_of_what_was_moved();
        }
        let result = sink.append(&self.lines, &self.settings);
        self.lines.clear();
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => {
                sink.retry_at = None;
                status.written += count;
                if status.error.take().is_some() {
                    status.since = None;
                    tracing::info!(path = %sink.path.display(), "the access log can be written again");
                }
            }
            Err(error) => {
                sink.file = None;
                sink.torn = true;
                sink.retry_at = Some(now + RETRY);
                status.dropped += count;
                let message = format!("{} cannot be written: {error}", sink.path.display());
                if status.error.is_none() {
                    status.since = Some(self.clock.now());
                    tracing::warn!("the access log {message}; requests go on, their entries are dropped");
                }
                status.error = Some(message);
            }
        }
    }
}

impl Sink {
    /// A file that logrotate or a person has put aside, or removed, is not written any more.
    fn let_go_of_what_was_moved(&mut self) {
        let same = |file: &File| {
            let (here, there) = (file.metadata().ok()?, std::fs::metadata(&self.path).ok()?);
            Some((here.dev(), here.ino()) == (there.dev(), there.ino()))
        };
        if self.file.as_ref().and_then(same) != Some(true) {
            self.file = None;
        }
    }

    fn append(&mut self, lines: &[u8], settings: &LogSettings) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
                self.size = file.metadata()?.len();
                if self.torn && self.size > 0 {
                    file.write_all(b"\n")?;
                }
                self.torn = false;
                none.insert(file)
            }
        };
        if lines.is_empty() {
            return Ok(());
        }
        file.write_all(lines)?;
        self.size += lines.len() as u64;
        if self.size >= settings.max_bytes {
            self.file = None;
            rotate(&self.path, settings.keep)?;
        }
        Ok(())
    }
}

/// `NAME.4` becomes `NAME.5`, and so on; `NAME` becomes `NAME.1`.
fn rotate(path: &Path, keep: u32) -> io::Result<()> {
    let aside = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    if keep == 0 {
        return std::fs::remove_file(path);
    }
    for number in (1..keep).rev() {
        match std::fs::rename(aside(number), aside(number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    std::fs::rename(path, aside(1))
}
