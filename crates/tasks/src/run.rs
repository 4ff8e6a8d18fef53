//! Runs tasks: on wake, on an interval, one run at a time, with back-off after failures and a visible state.

use crate::{Outcome, Phase, Statuses, Wake};
use base::{Code, Problem, Problems};
use std::time::Duration;
use tokio::task::JoinHandle;

/// A background task. It takes no input: it looks at the world and makes it so. Running it twice does no
/// harm, and each run ends in exactly one [`Outcome`].
pub trait Task: Send + 'static {
    /// A stable short name, as in the UI and in logs.
    fn name(&self) -> &'static str;

    /// How long to wait for a wake before looking anyway.
    fn interval(&self) -> Duration;

    /// One run.
    fn run(&mut self) -> impl Future<Output = Outcome> + Send;
}

/// Longest wait after repeated failures.
const MAX_BACK_OFF: Duration = Duration::from_secs(60);

/// Starts a task. It runs at once, then on each call of `wake` and at least every [`Task::interval`].
/// A failure is a problem on the board and is tried again after 1 s, 2 s, 4 s ... up to a minute, or on a call.
pub fn spawn_task(mut task: impl Task, wake: Wake, statuses: Statuses, problems: Problems) -> JoinHandle<()> {
    let name = task.name();
    statuses.set(name, Phase::Starting, "has not run yet", false);
    spawn(name, async move {
        let _panic = TellPanic { name, statuses: statuses.clone(), problems: problems.clone() };
        let mut failures = 0_u32;
        loop {
            statuses.set(name, Phase::Running, "runs now", false);
            match task.run().await {
                Outcome::Ok(message) => {
                    failures = 0;
                    tracing::debug!(task.name = name, "{message}");
                    problems.report(name, Vec::new());
                    statuses.set(name, Phase::Ok, message, true);
                }
                Outcome::Failing(message, remedy) => {
                    failures = failures.saturating_add(1);
                    let problem = Problem::new(Code::TaskFailing, message.clone(), remedy).about(name);
                    problems.report(name, vec![problem]);
                    statuses.set(name, Phase::Failing, message, true);
                }
            }
            let wait = match failures {
                0 => task.interval(),
                count => MAX_BACK_OFF.min(Duration::from_secs(1 << (count - 1).min(6))),
            };
            _ = tokio::time::timeout(wait, wake.called()).await;
        }
    })
}

/// Puts a panic of a task where people look: a task that has ended does not come back by itself.
struct TellPanic {
    name: &'static str,
    statuses: Statuses,
    problems: Problems,
}

impl Drop for TellPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let message = format!("the background task {} has ended by a fault of Charon", self.name);
            let problem = Problem::new(Code::TaskFailing, message.clone(), "restart Charon, and report this");
            self.problems.report(self.name, vec![problem.about(self.name)]);
            self.statuses.set(self.name, Phase::Failing, message, true);
        }
    }
}

/// Starts a future on the current runtime. A panic in it is logged with its name and ends only that future.
#[expect(clippy::disallowed_methods, reason = "this is the one door to tokio::spawn")]
pub fn spawn(name: &'static str, future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let inner = tokio::spawn(future);
    tokio::spawn(async move {
        let abort = AbortOnDrop(inner.abort_handle());
        if let Err(error) = inner.await
            && error.is_panic()
        {
            tracing::error!(
                task.name = name,
                "the background task {name} panicked and has ended; restart Charon"
            );
        }
        drop(abort);
    })
}

/// Aborting the outer handle ends the inner task too.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SystemClock;
    use std::sync::Arc;

    struct Flaky(u32, tokio::sync::mpsc::UnboundedSender<u32>);

    impl Task for Flaky {
        fn name(&self) -> &'static str {
            "flaky"
        }
        fn interval(&self) -> Duration {
            Duration::from_secs(3600)
        }
        async fn run(&mut self) -> Outcome {
            self.0 += 1;
            self.1.send(self.0).unwrap();
            if self.0 == 1 {
                Outcome::Failing("no luck".to_owned(), "try again".to_owned())
            } else {
                Outcome::Ok("nothing to do: all is well".to_owned())
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_stands_on_the_board_until_a_run_ends_well_and_a_wake_is_not_lost() {
        let clock: Arc<dyn base::Clock> = Arc::new(SystemClock);
        let (sender, mut runs) = tokio::sync::mpsc::unbounded_channel();
        let (wake, statuses, problems) = (Wake::new(), Statuses::new(clock.clone()), Problems::new(clock));
        spawn_task(Flaky(0, sender), wake.clone(), statuses.clone(), problems.clone());
        assert_eq!(runs.recv().await, Some(1));
        tokio::task::yield_now().await;
        assert_eq!(problems.standing()[0].problem.message, "no luck");
        wake.call();
        assert_eq!(runs.recv().await, Some(2));
        tokio::task::yield_now().await;
        assert!(problems.standing().is_empty());
        assert_eq!(statuses.all()[0].message, "nothing to do: all is well");
    }

    struct Broken;

    impl Task for Broken {
        fn name(&self) -> &'static str {
            "broken"
        }
        fn interval(&self) -> Duration {
            Duration::from_secs(3600)
        }
        async fn run(&mut self) -> Outcome {
            panic!("a fault");
        }
    }

    #[tokio::test]
    async fn a_task_that_panics_stands_on_the_board_and_is_failing() {
        let clock: Arc<dyn base::Clock> = Arc::new(SystemClock);
        let (statuses, problems) = (Statuses::new(clock.clone()), Problems::new(clock));
        spawn_task(Broken, Wake::new(), statuses.clone(), problems.clone()).await.unwrap();
        assert!(problems.standing()[0].problem.message.contains("broken has ended"));
        assert_eq!(statuses.all()[0].phase, Phase::Failing);
    }
}
