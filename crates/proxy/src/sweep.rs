//! Deadlines without timers: a request stores a number, and one sweep per thread and tick looks at all of them.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::IpAddr;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// No deadline.
const NEVER: u32 = u32::MAX;

/// Deadlines that are kept for later.
const MOST_FREE: usize = 256;

/// The deadline of one connection or h2 stream.
#[derive(Debug)]
pub(crate) struct Deadline {
    at: Cell<u32>,
    expired: Cell<bool>,
    /// Waiting for a request that has not begun: a drain may end it at once.
    idle: Cell<bool>,
    /// Whose connection or stream it is, when that is known for all of it.
    owner: Cell<Option<IpAddr>>,
    /// Its owner was banned: it ends now, whatever it does.
    cut: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Deadline {
    /// Whether the time is up. Stays so until the next [`Sweep::arm`], or for ever after [`Sweep::cut`].
    pub(crate) fn expired(&self) -> bool {
        self.expired.get() || self.cut.get()
    }

    /// Whether its owner was banned meanwhile.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.get()
    }

    /// Says whose it is.
    pub(crate) fn belongs_to(&self, owner: IpAddr) {
        self.owner.set(Some(owner));
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
    tick_millis: u64,
    now: Cell<u32>,
    deadlines: RefCell<Vec<Weak<Deadline>>>,
    /// Registered, and in use by nobody.
    free: RefCell<Vec<Rc<Deadline>>>,
}

impl Sweep {
    /// A sweep that is to be [stepped](Sweep::step) once per `tick`.
    pub(crate) fn new(tick: Duration) -> Self {
        let tick_millis = u64::try_from(tick.as_millis()).unwrap_or(u64::MAX).max(1);
        Self {
            tick: Duration::from_millis(tick_millis),
            tick_millis,
            now: Cell::new(0),
            deadlines: RefCell::default(),
            free: RefCell::default(),
        }
    }

    pub(crate) fn tick(&self) -> Duration {
        self.tick
    }

    /// A new deadline that is not armed yet.
    pub(crate) fn register(&self) -> Rc<Deadline> {
        if let Some(deadline) = self.free.borrow_mut().pop() {
            return deadline;
        }
        let deadline = Rc::new(Deadline {
            at: Cell::new(NEVER),
            expired: Cell::new(false),
            idle: Cell::new(false),
            owner: Cell::new(None),
            cut: Cell::new(false),
            waker: RefCell::new(None),
        });
        self.deadlines.borrow_mut().push(Rc::downgrade(&deadline));
        deadline
    }

    /// Takes a deadline back that is not needed any more: the next one then costs no memory and no registration.
    pub(crate) fn give(&self, deadline: Rc<Deadline>) {
        let mut free = self.free.borrow_mut();
        if free.len() < MOST_FREE && Rc::strong_count(&deadline) == 1 {
            deadline.disarm();
            deadline.set_idle(false);
            deadline.owner.set(None);
            deadline.cut.set(false);
            deadline.waker.take();
            free.push(deadline);
        }
    }

    /// The deadline ends within `limit` from now, at most one tick early.
    pub(crate) fn arm(&self, deadline: &Deadline, limit: Duration) {
        // Each request arms some: 128 bits wide, as `Duration` has it, this division is a loop.
        let millis = limit.as_secs().saturating_mul(1000).saturating_add(limit.subsec_millis().into());
        let ticks = u32::try_from(millis.div_ceil(self.tick_millis)).unwrap_or(NEVER);
        deadline.at.set(self.now.get().saturating_add(ticks.max(1)));
        deadline.expired.set(false);
    }

    /// Time since the first tick, in whole ticks.
    fn elapsed(&self) -> Duration {
        self.tick * self.now.get()
    }

    /// The same in whole seconds.
    pub(crate) fn seconds(&self) -> u32 {
        u32::try_from(self.elapsed().as_secs()).unwrap_or(u32::MAX)
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

    /// Ends everything of these owners; returns how many there were.
    pub(crate) fn cut(&self, is_banned: impl Fn(IpAddr) -> bool) -> usize {
        let mut cut = 0;
        for deadline in self.deadlines.borrow().iter().filter_map(Weak::upgrade) {
            if deadline.owner.get().is_some_and(&is_banned) && !deadline.cut.replace(true) {
                deadline.wake();
                cut += 1;
            }
        }
        cut
    }

    /// Wakes everything.
    pub(crate) fn wake_all(&self) {
        self.deadlines.borrow().iter().filter_map(Weak::upgrade).for_each(|deadline| deadline.wake());
    }
}

/// Time that a slow side earns by what it moves. It runs out for one that moves less than it must.
#[derive(Debug)]
pub(crate) struct Pace {
    until: Duration,
    saved: Duration,
}

impl Pace {
    /// The first `grace` is free; of what is earned, at most `saved` is kept for a pause.
    pub(crate) fn new(sweep: &Sweep, deadline: &Deadline, grace: Duration, saved: Duration) -> Self {
        sweep.arm(deadline, grace);
        Self { until: sweep.elapsed() + grace, saved }
    }

    /// `bytes` were moved, which earns the time that they may take at `rate` bytes per second.
    pub(crate) fn earn(&mut self, sweep: &Sweep, deadline: &Deadline, bytes: u64, rate: u32) {
        if bytes == 0 {
            return;
        }
        let earned = Duration::from_millis(bytes.saturating_mul(1000) / u64::from(rate.max(1)));
        self.until = self.until.saturating_add(earned).min(sweep.elapsed() + self.saved);
        if !deadline.expired() {
            sweep.arm(deadline, self.until.saturating_sub(sweep.elapsed()));
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

    #[test]
    fn a_deadline_that_is_used_again_is_like_a_new_one() {
        let sweep = Sweep::new(Duration::from_secs(1));
        let first = sweep.register();
        sweep.arm(&first, Duration::from_secs(1));
        sweep.step();
        assert!(first.expired());
        sweep.give(first);
        let again = sweep.register();
        assert!(!again.expired() && again.waker.borrow().is_none());
        (0..10).for_each(|_| sweep.step());
        assert!(!again.expired());
        sweep.arm(&again, Duration::from_secs(1));
        sweep.step();
        assert!(again.expired());
        assert_eq!(sweep.deadlines.borrow().len(), 1);
    }

    #[test]
    fn a_side_that_keeps_its_pace_may_go_on_and_pause_and_a_slower_one_runs_out_of_time() {
        for (bytes_per_second, lives) in [(0, 10), (10, 11), (250, 19), (500, 100), (50_000, 100)] {
            let sweep = Sweep::new(Duration::from_secs(1));
            let deadline = sweep.register();
            let mut pace = Pace::new(&sweep, &deadline, Duration::from_secs(10), Duration::from_secs(30));
            let mut lived = 0;
            while !deadline.expired() && lived < 100 {
                sweep.step();
                lived += 1;
                pace.earn(&sweep, &deadline, bytes_per_second, 500);
            }
            assert_eq!(lived, lives, "{bytes_per_second}");
            if lives == 100 && bytes_per_second > 500 {
                (0..29).for_each(|_| sweep.step());
                assert!(!deadline.expired());
                sweep.step();
                assert!(deadline.expired());
            }
        }
    }
}
