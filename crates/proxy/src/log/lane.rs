//! Between a worker and the writer: the worker appends finished lines, and the writer takes all of them now and then.
//! Neither waits for the other longer than it takes to swap two buffers.

use super::entry::{Entry, Record};
use super::feed;
use super::format::{Form, Second};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of lines that wait at most; at full load a tenth of a second and more.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Entries for viewers that wait at most.
const MOST_ENTRIES: usize = 1024;

/// The same of refused requests, while nobody looks: a flood of them is not to cost much.
const MOST_REFUSED: usize = 64;

/// A worker's lane.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// Somebody looks at entries as they come.
    watched: Arc<AtomicBool>,
    waiting: Mutex<Waiting>,
}

/// What waits for the writer.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// `None` while there is no file.
    pub(super) form: Option<Form>,
    pub(super) lines: Vec<u8>,
    /// How many lines these are.
    pub(super) count: u64,
    /// Entries of requests that went well, left out on purpose.
    pub(super) sampled_out: u64,
    pub(super) entries: Vec<Entry>,
    /// How many of them were refused for the sake of security, and how many more that have no entry.
    pub(super) refused: (usize, u64),
    second: Second,
    /// Lines of the second form, while that is wanted.
    pub(super) feed: Option<Fed>,
}

/// Lines for a program that looks for attacks.
#[derive(Debug, Default)]
pub(super) struct Fed {
    pub(super) lines: Vec<u8>,
    pub(super) count: u64,
    pub(super) dropped: u64,
}

impl Lane {
    pub(super) fn new(form: Option<Form>, feed: bool, watched: Arc<AtomicBool>) -> Self {
        let feed = feed.then(Fed::default);
        Self { watched, waiting: Mutex::new(Waiting { form, feed, ..Waiting::default() }) }
    }

    /// Writes a request down. `false`: its line is dropped, since the writer is behind.
    #[must_use]
    pub(crate) fn put(&self, record: &Record<'_>) -> bool {
        let mut waiting = self.lock();
        let refused = record.stop.is_some_and(|stop| stop.is_security());
        let wanted = refused && waiting.refused.0 < MOST_REFUSED;
        if wanted || self.watched.load(Ordering::Relaxed) && waiting.entries.len() < MOST_ENTRIES {
            waiting.entries.push(record.to_entry());
            waiting.refused.0 += usize::from(refused);
        } else if refused {
            waiting.refused.1 += 1;
        }
        let Waiting { form, lines, count, sampled_out, second, feed, .. } = &mut *waiting;
        if let Some(fed) = feed
            && feed::wants(record)
        {
            if fed.lines.len() < MOST_BYTES {
                feed::put(record, second, &mut fed.lines);
                fed.count += 1;
            } else {
                fed.dropped += 1;
            }
        }
        let Some(form) = form else { return true };
        if !form.wants(record) {
            *sampled_out += 1;
            return true;
        }
        if lines.len() >= MOST_BYTES {
            return false;
        }
        form.put(record, second, lines);
        *count += 1;
        true
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
