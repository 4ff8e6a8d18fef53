//! Descriptors kept back for people. When everything else has taken all that the process may have, one of these is
//! given up for each connection that comes to the interface, so that a person still gets in to see why, and mend it.

use rustix::io::Errno;
use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// So many are kept: two browsers' worth.
const KEPT: usize = 16;
/// After a connection could not be taken.
const PAUSE: Duration = Duration::from_secs(1);

/// The descriptors that are kept back.
#[derive(Debug, Default)]
pub(crate) struct Spare(Mutex<Vec<OwnedFd>>);

impl Spare {
    /// Takes as many as can be had, up to [`KEPT`]. To be called whenever one may have become free.
    pub(crate) fn refill(&self) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while kept.len() < KEPT
            && let Ok(file) = File::open("/dev/null")
        {
            kept.push(file.into());
        }
    }

    /// Takes the next connection, in the place of a descriptor that was kept when no other is left.
    pub(crate) async fn accept<T>(&self, mut next: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>) -> T {
        self.refill();
        loop {
            let error = match poll_fn(&mut next).await {
                Ok(accepted) => return accepted,
                Err(error) => error,
            };
            let none_left = matches!(Errno::from_io_error(&error), Some(Errno::MFILE | Errno::NFILE));
            if none_left && self.give_up_one() {
                continue;
            }
            tracing::warn!("a connection to the user interface could not be taken: {error}");
            tokio::time::sleep(PAUSE).await;
            self.refill();
        }
    }

    fn give_up_one(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().is_some()
    }
}
