//! The thread that writes the access log. A sink that cannot be written never holds up a request: entries are
//! dropped and counted, the reason can be read, and opening is tried again.

use super::format::{Form, LogFormat};
use super::lane::{Fed, Lane};
use super::{Entry, feed};
use base::{Clock, Timestamp};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;

/// How often the writer looks. Workers never wake it, since waking costs a system call per request.
const PAUSE: Duration = Duration::from_millis(50);
/// The same while there is much to write: what waits is to stay within the processor's caches.
const SHORT_PAUSE: Duration = Duration::from_millis(10);
/// Bytes in one round that are much.
const MUCH: usize = 256 * 1024;
/// How often it tries to open a sink that failed.
const RETRY: Duration = Duration::from_secs(1);
/// How long the last lines may take at the end.
const LAST_WORDS: Duration = Duration::from_secs(2);
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
    /// The form of a line.
    pub format: LogFormat,
    /// Which of [`super::LOG_FIELDS`] a JSON line has; empty for all.
    pub fields: Vec<String>,
    /// One of so many requests that went well is written, and each that did not. 1 writes all.
    pub sample: u32,
    /// One more file, for a program that looks for attacks: every request, whatever the other settings say; see
    /// the module `feed`. `None` writes none.
    pub feed: Option<PathBuf>,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            path: None,
            max_bytes: 10 * 1024 * 1024,
            keep: 5,
            format: LogFormat::default(),
            fields: Vec::new(),
            sample: 1,
            feed: None,
        }
    }
}

/// How much a file may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// See [`LogSettings::max_bytes`].
    pub(super) max_bytes: u64,
    /// See [`LogSettings::keep`].
    pub(super) keep: u32,
}

impl From<&LogSettings> for Limits {
    fn from(settings: &LogSettings) -> Self {
        Self { max_bytes: settings.max_bytes, keep: settings.keep }
    }
}

/// How the access log fares.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct LogStatus {
    /// Entries written to the file.
    pub written: u64,
    /// Entries lost, because the file could not be written or because there were more than could be written.
    pub dropped: u64,
    /// Entries of requests that went well, left out on purpose.
    pub sampled_out: u64,
    /// Entries written to [`LogSettings::feed`].
    pub fed: u64,
    /// Entries lost to it, since it could not be written.
    pub feed_dropped: u64,
    /// Requests refused for the sake of security that were more than could be told as they came.
    pub refused_untold: u64,
    /// Why the file cannot be written now.
    pub error: Option<String>,
    /// Since when it cannot.
    pub since: Option<Timestamp>,
}

/// The running writer.
#[derive(Debug)]
pub(crate) struct Writer {
    status: Arc<Mutex<LogStatus>>,
    live: broadcast::Sender<Arc<Entry>>,
    refused: broadcast::Sender<Arc<Entry>>,
    watched: Arc<AtomicBool>,
    stop: SyncSender<()>,
    reopen: Arc<AtomicBool>,
    next: Arc<Mutex<Option<LogSettings>>>,
    /// Closes when the thread has ended.
    ended: Mutex<Receiver<()>>,
}

impl Writer {
    /// Starts the thread; one lane per worker.
    ///
    /// # Errors
    /// When the system starts no thread.
    pub(crate) fn start(
        settings: LogSettings,
        workers: usize,
        clock: Arc<dyn Clock>,
    ) -> io::Result<(Self, Vec<Arc<Lane>>)> {
        let watched = Arc::new(AtomicBool::new(false));
        let lanes: Vec<_> = (0..workers)
            .map(|_| Arc::new(Lane::new(form(&settings), settings.feed.is_some(), watched.clone())))
            .collect();
        let (stop, stopped) = sync_channel(1);
        let status = Arc::new(Mutex::default());
        let (live, refused) = (broadcast::Sender::new(LIVE), broadcast::Sender::new(LIVE));
        let reopen = Arc::new(AtomicBool::new(false));
        let next = Arc::new(Mutex::new(None));
        let (alive, ended) = sync_channel::<()>(1);
        let state = State {
            lanes: lanes.clone(),
            live: live.clone(),
            refused: refused.clone(),
            watched: watched.clone(),
            status: status.clone(),
            sink: settings.path.clone().map(Sink::new),
            feed: settings.feed.clone().map(Sink::new),
            reopen: reopen.clone(),
            next: next.clone(),
            settings,
            clock,
            lines: Vec::new(),
        };
        std::thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            let _alive = alive;
            state.run(&stopped);
        })?;
        Ok((Self { status, live, refused, watched, stop, reopen, next, ended: Mutex::new(ended) }, lanes))
    }

    pub(crate) fn status(&self) -> LogStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Entry>> {
        let receiver = self.live.subscribe();
        self.watched.store(true, Ordering::SeqCst);
        receiver
    }

    /// Requests that are refused for the sake of security, from now on. Costs other requests nothing.
    pub(crate) fn refused(&self) -> broadcast::Receiver<Arc<Entry>> {
        self.refused.subscribe()
    }

    /// Writes as these settings say from now on.
    pub(crate) fn set(&self, settings: LogSettings) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(settings);
    }

    /// Opens the file anew before the next line.
    pub(crate) fn reopen(&self) {
        self.reopen.store(true, Ordering::Relaxed);
    }

    /// Writes what is there and ends the thread. A sink that blocks is not waited for.
    pub(crate) fn stop(&self) {
        // A full channel holds a stop already; a closed one has ended.
        let _ = self.stop.try_send(());
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(LAST_WORDS) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the access log's file blocks; its last lines are lost");
        }
    }
}

/// How a worker writes lines for these settings; `None` when there is no file for them.
fn form(settings: &LogSettings) -> Option<Form> {
    settings.path.is_some().then(|| Form::new(settings.format, &settings.fields, settings.sample))
}

struct State {
    lanes: Vec<Arc<Lane>>,
    live: broadcast::Sender<Arc<Entry>>,
    refused: broadcast::Sender<Arc<Entry>>,
    watched: Arc<AtomicBool>,
    status: Arc<Mutex<LogStatus>>,
    settings: LogSettings,
    sink: Option<Sink>,
    feed: Option<Sink>,
    reopen: Arc<AtomicBool>,
    next: Arc<Mutex<Option<LogSettings>>>,
    clock: Arc<dyn Clock>,
    /// What was taken out of a lane; empty between rounds, and given to a worker for the next one.
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
        self.write(0, 0);
        let mut pause = PAUSE;
        loop {
            let last = !matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout));
            let bytes = self.round();
            pause = if bytes >= MUCH { SHORT_PAUSE } else { PAUSE };
            if last {
                return;
            }
        }
    }

    /// Takes everything that is there, and returns how many bytes of lines it was.
    fn round(&mut self) -> usize {
        self.follow_settings();
        self.forget_viewers();
        let mut bytes = 0;
        for index in 0..self.lanes.len() {
            let mut waiting = self.lanes[index].lock();
            std::mem::swap(&mut waiting.lines, &mut self.lines);
            let count = std::mem::take(&mut waiting.count);
            let sampled_out = std::mem::take(&mut waiting.sampled_out);
            let entries = std::mem::take(&mut waiting.entries);
            let (_, more_refused) = std::mem::take(&mut waiting.refused);
            let fed = waiting.feed.as_mut().map(std::mem::take).unwrap_or_default();
            drop(waiting);
            bytes += self.lines.len() + fed.lines.len();
            self.write_feed(fed);
            self.write(count, sampled_out);
            if more_refused > 0 {
                self.status.lock().unwrap_or_else(PoisonError::into_inner).refused_untold += more_refused;
            }
            for entry in entries {
                let entry = Arc::new(entry);
                // Without a viewer left, there is nobody to miss it.
                if entry.stop.as_ref().is_some_and(|stop| stop.borrowed().is_security()) {
                    let _ = self.refused.send(entry.clone());
                }
                let _ = self.live.send(entry);
            }
        }
        bytes
    }

    fn follow_settings(&mut self) {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(next) = next {
            if next.path != self.settings.path {
                self.sink = next.path.clone().map(Sink::new);
            }
            if next.feed != self.settings.feed {
                self.feed = next.feed.clone().map(Sink::new);
            }
            for lane in &self.lanes {
                let mut waiting = lane.lock();
                waiting.form = form(&next);
                match (&mut waiting.feed, next.feed.is_some()) {
                    (feed, false) => *feed = None,
                    (Some(_), true) => {}
                    (none, true) => *none = Some(Fed::default()),
                }
            }
            self.settings = next;
        }
    }

    /// Workers keep nothing for viewers that have gone.
    fn forget_viewers(&self) {
        if self.live.receiver_count() == 0 && self.watched.swap(false, Ordering::SeqCst) {
            // Somebody may have come meanwhile.
            self.watched.store(self.live.receiver_count() > 0, Ordering::SeqCst);
        }
    }

    fn write_feed(&mut self, fed: Fed) {
        let Some(sink) = &mut self.feed else { return };
        let now = self.clock.monotonic();
        let waits = sink.retry_at.is_some_and(|at| now < at);
        let written = !waits && sink.append(&fed.lines, feed::LIMITS).is_ok();
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.feed_dropped += fed.dropped;
        if written {
            sink.retry_at = None;
            status.fed += fed.count;
        } else {
            sink.file = None;
            sink.torn = true;
            sink.retry_at = if waits { sink.retry_at } else { Some(now + RETRY) };
            status.feed_dropped += fed.count;
        }
    }

    /// Writes the lines that were taken, `count` of them, and leaves none.
    fn write(&mut self, count: u64, sampled_out: u64) {
        self.append(count, sampled_out);
        // Room for a rush is given back once it is over.
        if self.lines.capacity() > MUCH && self.lines.len() < self.lines.capacity() / 8 {
            self.lines = Vec::new();
        }
        self.lines.clear();
    }

    fn append(&mut self, count: u64, sampled_out: u64) {
        let Some(sink) = &mut self.sink else { return };
        let now = self.clock.monotonic();
        if sink.retry_at.is_some_and(|at| now < at) {
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
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.sampled_out += sampled_out;
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
    fn new(path: PathBuf) -> Self {
        Self { path, file: None, size: 0, torn: false, retry_at: None, looked_at: Duration::ZERO }
    }

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

    fn append(&mut self, lines: &[u8], limits: impl Into<Limits>) -> io::Result<()> {
        let limits = limits.into();
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
        if self.size >= limits.max_bytes {
            self.file = None;
            rotate(&self.path, limits.keep)?;
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
