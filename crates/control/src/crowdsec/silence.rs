//! Whether an agent that does not answer counts as hanging.

use std::time::Duration;

/// For how long it may be silent. Two calls of LAPI that run into their limit, so that one slow answer ends nobody.
pub(super) const HANGS: Duration = Duration::from_secs(20);

/// Since when nothing was heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Silence(Option<Duration>);

impl Silence {
    /// It has answered.
    pub(super) fn end(&mut self) {
        self.0 = None;
    }

    /// It was asked at `asked` and has not answered until `now`, both monotonic. Returns for how long it has been
    /// silent; it hangs from [`HANGS`] on.
    pub(super) fn goes_on(&mut self, asked: Duration, now: Duration) -> Duration {
        now.saturating_sub(*self.0.get_or_insert(asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_hangs_when_no_answer_came_for_long_enough() {
        let at = Duration::from_secs;
        let mut silence = Silence::default();
        assert!(silence.goes_on(at(100), at(110)) < HANGS, "one answer that was late");
        assert!(silence.goes_on(at(111), at(121)) >= HANGS);
        silence.end();
        assert!(silence.goes_on(at(130), at(140)) < HANGS, "it was heard in between");
        // Connections are refused at once.
        assert!(silence.goes_on(at(149), at(149)) < HANGS);
        assert!(silence.goes_on(at(150), at(150)) >= HANGS);
    }
}
