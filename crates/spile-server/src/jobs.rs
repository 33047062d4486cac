//! Work that continues after the client has left: runs, and everything else that may change something.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// The running jobs.
#[derive(Default)]
pub struct Jobs(Mutex<JoinSet<()>>);

impl Jobs {
    /// Runs work to its end, even if the caller stops waiting, and returns its result; `None` if it panics.
    pub(super) async fn finish<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        self.spawn(async move {
            // The caller may have stopped waiting.
            let _ = sender.send(work.await);
        });
        receiver.await.ok()
    }

    /// Starts work in the background.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while jobs.try_join_next().is_some() {}
        jobs.spawn(work);
    }

    /// Waits until all jobs have ended.
    pub(super) async fn ended(&self) {
        let mut jobs = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        while jobs.join_next().await.is_some() {}
    }
}
