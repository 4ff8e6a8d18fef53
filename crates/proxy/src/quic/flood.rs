//! Counts what a client of HTTP/3 does without asking for anything by it, and says when that is a flood. As with
//! HTTP/2, what a client may do is earned by time, and by answers.

/// Streams that may be reset at once: a browser that leaves a page with many pictures resets about 100.
const RESETS: u32 = 150;
/// Resets earned per second.
const RESETS_PER_SECOND: u32 = 10;
/// Frames without content at once, and per second.
const FRAMES: u32 = 2000;
const FRAMES_PER_SECOND: u32 = 500;

/// What a client may still do.
#[derive(Debug)]
pub(super) struct Flood {
    resets: u32,
    frames: u32,
    since: u32,
}

impl Flood {
    pub(super) fn new(seconds: u32) -> Self {
        Self { resets: RESETS, frames: FRAMES, since: seconds }
    }

    fn time(&mut self, seconds: u32) {
        let passed = seconds.saturating_sub(self.since);
        self.since = seconds;
        self.resets = self.resets.saturating_add(passed.saturating_mul(RESETS_PER_SECOND)).min(RESETS);
        self.frames = self.frames.saturating_add(passed.saturating_mul(FRAMES_PER_SECOND)).min(FRAMES);
    }

    /// A request was answered whole: who takes answers may change its mind more often.
    pub(super) fn answered(&mut self) {
        self.resets = (self.resets + 1).min(RESETS);
    }

    /// A stream was reset, at `seconds` on a clock that only grows; `false`: that is too many.
    pub(super) fn reset(&mut self, seconds: u32) -> bool {
        self.time(seconds);
        self.resets = self.resets.saturating_sub(1);
        self.resets > 0
    }

    /// The same for a frame that carries nothing.
    pub(super) fn frame(&mut self, seconds: u32) -> bool {
        self.time(seconds);
        self.frames = self.frames.saturating_sub(1);
        self.frames > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_a_flood_is_not_and_time_and_answers_earn() {
        let mut flood = Flood::new(5);
        assert_eq!((0..1000).take_while(|_| flood.reset(5)).count(), 149);
        assert!(flood.reset(6), "ten more a second");
        let mut flood = Flood::new(0);
        assert!((0..1000).all(|_| {
            flood.answered();
            flood.reset(0)
        }));
        assert_eq!((0..10_000).take_while(|_| flood.frame(0)).count(), 1999);
    }
}
