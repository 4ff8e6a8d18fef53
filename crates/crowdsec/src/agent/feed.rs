//! Hands requests to the agent. The data plane writes its own log; what stands there is copied into the one that the
//! agent reads, and only while it reads: an agent begins at the end of its log, so whatever was written while it was
//! down would be lost else.

use super::tree::Place;
use base::Clock;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often it is looked for new lines.
const PAUSE: Duration = Duration::from_millis(100);
/// What is copied at once.
const CHUNK: u64 = 1024 * 1024;
/// Size in bytes at which the agent's log is put aside.
const LARGEST: u64 = 8 * 1024 * 1024;
/// What the agent was given this long ago, it has read: an agent that starts anew gets what is newer once more.
const READ_AFTER: Duration = Duration::from_secs(2);
/// Files of the data plane's log that are looked for, the oldest first.
const ASIDE: u32 = 9;

/// How the handing over goes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct FeedStatus {
    /// Lines handed over since Charon's start.
    pub handed: u64,
    /// Lines handed over to the agent that runs now.
    pub handed_to_this: u64,
    /// Bytes that wait to be handed over.
    pub waiting: u64,
    /// Why it does not go on.
    pub error: Option<String>,
}

/// Up to where the data plane's log was handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Position {
    inode: u64,
    offset: u64,
}

#[derive(Debug, Default)]
struct Shared {
    status: FeedStatus,
    /// An agent reads.
    running: bool,
}

/// The running hand-over; dropping it ends it.
#[derive(Debug)]
pub struct Feeder {
    shared: Arc<Mutex<Shared>>,
    stop: Option<SyncSender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Feeder {
    /// Starts it; nothing is handed over before [`Feeder::agent_reads`].
    ///
    /// # Errors
    /// When the system starts no thread.
    pub fn start(place: &Place, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let shared = Arc::<Mutex<Shared>>::default();
        let (stop, stopped) = sync_channel(1);
        let mut hand = Hand::new(place);
        let seen = shared.clone();
        let run = move || {
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                let running = lock(&seen).running;
                let outcome = hand.step(running, clock.monotonic());
                let mut shared = lock(&seen);
                let status = &mut shared.status;
                match outcome {
                    Ok(lines) => {
                        status.error = None;
                        status.handed += lines;
                        status.handed_to_this += lines;
                    }
                    Err(error) => status.error = Some(error.to_string()),
                }
                status.waiting = hand.waiting;
            }
        };
        let thread = std::thread::Builder::new().name("crowdsec-feed".to_owned()).spawn(run)?;
        Ok(Self { shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Says whether an agent reads its log now.
    pub fn agent_reads(&self, running: bool) {
        let mut shared = lock(&self.shared);
        if running && !shared.running {
            shared.status.handed_to_this = 0;
        }
        shared.running = running;
    }

    /// How it goes.
    pub fn status(&self) -> FeedStatus {
        lock(&self.shared).status.clone()
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The work of the thread.
struct Hand {
    from: PathBuf,
    to: PathBuf,
    noted: PathBuf,
    position: Position,
    /// Where it stood at earlier moments.
    past: VecDeque<(Duration, Position)>,
    /// What the agent has read for sure; noted on disk.
    read: Position,
    ran: bool,
    waiting: u64,
}

impl Hand {
    fn new(place: &Place) -> Self {
        let noted = place.folder.join("feed").join("position.json");
        let text = fs::read(&noted).unwrap_or_default();
        let position = serde_json::from_slice(&text).unwrap_or_default();
        Self {
            from: place.feed(),
            to: place.read_log(),
            noted,
            position,
            past: VecDeque::new(),
            read: position,
            ran: false,
            waiting: 0,
        }
    }

    /// Copies what is new; returns how many lines.
    fn step(&mut self, running: bool, now: Duration) -> io::Result<u64> {
        if !running {
            if self.ran {
                // The next agent gets what this one may not have read.
                self.position = self.read;
                self.past.clear();
                self.ran = false;
            }
            let files = self.files();
            let (_, left) = self.left(&files);
            self.waiting = left;
            return Ok(0);
        }
        self.ran = true;
        let mut lines = 0;
        loop {
            let files = self.files();
            let (at, left) = self.left(&files);
            self.waiting = left;
            let Some((path, inode, size)) = at.map(|at| &files[at]) else { break };
            if *inode != self.position.inode {
                self.position = Position { inode: *inode, offset: 0 };
            }
            // A file that has become shorter was begun anew.
            if *size < self.position.offset {
                self.position.offset = 0;
            }
            let copied = self.copy(path)?;
            lines += copied.lines;
            self.position.offset += copied.bytes;
            if copied.bytes == 0 {
                match at.and_then(|at| files.get(at + 1)) {
                    Some((_, inode, _)) => self.position = Position { inode: *inode, offset: 0 },
                    None => break,
                }
            }
        }
        self.note(now)?;
        Ok(lines)
    }

    /// The data plane's log, the oldest file first, with inode and size.
    fn files(&self) -> Vec<(PathBuf, u64, u64)> {
        let aside = (1..=ASIDE).rev().map(|number| {
            let mut name = self.from.as_os_str().to_owned();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        });
        let known = |path: PathBuf| {
            let facts = fs::metadata(&path).ok()?;
            Some((path, facts.ino(), facts.size()))
        };
        aside.chain([self.from.clone()]).filter_map(known).collect()
    }

    /// Which of the files comes next (the oldest, when the noted one is gone), and how many bytes wait.
    fn left(&self, files: &[(PathBuf, u64, u64)]) -> (Option<usize>, u64) {
        let known = files.iter().position(|(_, inode, _)| *inode == self.position.inode);
        let at = known.or((!files.is_empty()).then_some(0));
        let offset = if known.is_some() { self.position.offset } else { 0 };
        let waiting = files.iter().skip(at.unwrap_or(0)).map(|(_, _, size)| size).sum::<u64>();
        (at, waiting.saturating_sub(offset))
    }

    fn copy(&self, path: &Path) -> io::Result<Copied> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.position.offset))?;
        let mut chunk = Vec::new();
        file.take(CHUNK).read_to_end(&mut chunk)?;
        // Half a line waits for its other half.
        let whole = chunk.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let chunk = &chunk[..whole];
        if chunk.is_empty() {
            return Ok(Copied::default());
        }
        let mut out = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.to)?;
        if out.metadata()?.len() >= LARGEST {
            fs::rename(&self.to, self.to.with_extension("log.1"))?;
            out = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.to)?;
        }
        out.write_all(chunk)?;
        let lines = chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
        Ok(Copied { bytes: chunk.len() as u64, lines })
    }

    fn note(&mut self, now: Duration) -> io::Result<()> {
        self.past.push_back((now, self.position));
        let mut read = self.read;
        while let Some((_, position)) =
            self.past.pop_front_if(|(then, _)| now.saturating_sub(*then) >= READ_AFTER)
        {
            read = position;
        }
        if read != self.read {
            let new = self.noted.with_extension("new");
            fs::write(&new, serde_json::to_vec(&read).map_err(io::Error::other)?)?;
            fs::rename(&new, &self.noted)?;
            self.read = read;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Copied {
    bytes: u64,
    lines: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Place) {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { folder: folder.path().to_owned(), port: 1, metrics_port: 2 };
        for path in [place.feed(), place.read_log()] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
        }
        (folder, place)
    }

    fn append(path: &Path, text: &str) {
        OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn what_was_written_while_the_agent_was_down_is_handed_over_also_across_rotation_and_restart() {
        let (_folder, place) = place();
        let at = Duration::from_secs;
        let read = || fs::read_to_string(place.read_log()).unwrap_or_default();
        append(&place.feed(), "1\n2\nhal");
        let mut hand = Hand::new(&place);
        assert_eq!(hand.step(false, at(0)).unwrap(), 0);
        assert!(hand.waiting == 7 && read().is_empty());
        assert_eq!(hand.step(true, at(1)).unwrap(), 2);
        append(&place.feed(), "f\n");
        fs::rename(place.feed(), place.feed().with_extension("log.1")).unwrap();
        append(&place.feed(), "4\n");
        assert_eq!(hand.step(true, at(4)).unwrap(), 2);
        assert_eq!(read(), "1\n2\nhalf\n4\n");
        // The agent dies: what it got just now it may not have read.
        hand.step(false, at(5)).unwrap();
        append(&place.feed(), "5\n");
        assert_eq!(hand.step(true, at(6)).unwrap(), 3);
        assert!(read().ends_with("half\n4\n5\n"));
        hand.step(true, at(9)).unwrap();
        // Another Charon goes on where this one was.
        append(&place.feed(), "6\n");
        let mut next = Hand::new(&place);
        assert_eq!(next.step(true, at(1)).unwrap(), 1);
        assert!(read().ends_with("5\n6\n"));
    }

    #[test]
    fn when_the_noted_file_is_gone_the_oldest_that_is_left_comes_first() {
        let (_folder, place) = place();
        fs::write(place.folder.join("feed/position.json"), r#"{"inode":1,"offset":5}"#).unwrap();
        append(&place.feed().with_extension("log.2"), "a\n");
        append(&place.feed(), "b\n");
        assert_eq!(Hand::new(&place).step(true, Duration::ZERO).unwrap(), 2);
        assert_eq!(fs::read_to_string(place.read_log()).unwrap(), "a\nb\n");
    }
}
