//! Deadlines without timers: a request stores a number, and one sweep per thread and tick looks at all of them.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// No deadline.
const NEVER: u32 = u32::MAX;

/// The deadline of one connection or h2 stream.
#[derive(Debug)]
pub(crate) struct Deadline {
    at: Cell<u32>,
    expired: Cell<bool>,
    /// Waiting for a request that has not begun: a drain may end it at once.
    idle: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Deadline {
    /// Whether the time is up. Stays so until the next [`Sweep::arm`].
    pub(crate) fn expired(&self) -> bool {
        self.expired.get()
    }

    pub(crate) fn disarm(&self) {
        self.at.set(NEVER);
        self.expired.set(false);
    }

    pub(crate) fn set_idle(&self, idle: bool) {
        self.idle.set(idle);
    }

    /// Remembers whom to wake. All polls of one task share one waker, so once per task is enough.
    pub(crate) fn watch(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        match &mut *waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// Turns `Pending` into a time-out when the time is up.
    pub(crate) fn check<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_pending() && self.expired() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        polled
    }

    /// Runs a future until it ends or the time is up.
    pub(crate) async fn within<T>(&self, future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|cx| {
            self.watch(cx);
            self.check(future.as_mut().poll(cx))
        })
        .await
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

/// All deadlines of a thread.
#[derive(Debug)]
pub(crate) struct Sweep {
    tick: Duration,
    now: Cell<u32>,
    deadlines: RefCell<Vec<Weak<Deadline>>>,
}

impl Sweep {
    /// A sweep that is to be [stepped](Sweep::step) once per `tick`.
    pub(crate) fn new(tick: Duration) -> Self {
        Self { tick: tick.max(Duration::from_millis(1)), now: Cell::new(0), deadlines: RefCell::default() }
    }

    pub(crate) fn tick(&self) -> Duration {
        self.tick
    }

    /// A new deadline that is not armed yet.
    pub(crate) fn register(&self) -> Rc<Deadline> {
        let deadline = Rc::new(Deadline {
            at: Cell::new(NEVER),
            expired: Cell::new(false),
            idle: Cell::new(false),
            waker: RefCell::new(None),
        });
        self.deadlines.borrow_mut().push(Rc::downgrade(&deadline));
        deadline
    }

    /// The deadline ends within `limit` from now, at most one tick early.
    pub(crate) fn arm(&self, deadline: &Deadline, limit: Duration) {
        let ticks = u32::try_from(limit.as_millis().div_ceil(self.tick.as_millis())).unwrap_or(NEVER);
        deadline.at.set(self.now.get().saturating_add(ticks.max(1)));
        deadline.expired.set(false);
    }

    /// One tick: wakes everything whose time is up, and forgets what has ended.
    pub(crate) fn step(&self) {
        self.now.set(self.now.get().saturating_add(1));
        let now = self.now.get();
        self.deadlines.borrow_mut().retain(|weak| {
            let Some(deadline) = weak.upgrade() else { return false };
            if deadline.at.get() <= now && !deadline.expired.replace(true) {
                deadline.wake();
            }
            true
        });
    }

    /// Wakes everything that waits for a request, so that it sees that the worker drains.
    pub(crate) fn wake_idle(&self) {
        for deadline in self.deadlines.borrow().iter().filter_map(Weak::upgrade) {
            if deadline.idle.get() {
                deadline.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_expires_after_its_ticks_and_not_before_and_can_be_armed_again() {
        let sweep = Sweep::new(Duration::from_secs(1));
        let deadline = sweep.register();
        sweep.arm(&deadline, Duration::from_millis(2500));
        sweep.step();
        sweep.step();
        assert!(!deadline.expired());
        sweep.step();
        assert!(deadline.expired());
        sweep.arm(&deadline, Duration::from_secs(1));
        assert!(!deadline.expired());
        drop(deadline);
        sweep.step();
        assert!(sweep.deadlines.borrow().is_empty());
    }
}
