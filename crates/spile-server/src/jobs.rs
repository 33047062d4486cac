//! Work that continues when the client has gone: runs, and everything else that may change something.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// What is running.
#[derive(Default)]
pub struct Jobs(Mutex<JoinSet<()>>);

impl Jobs {
    /// Lets work go on to its end, also where nobody waits for that any more, and returns what comes of it; `None` where it
    /// panics.
    pub(super) async fn finish<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        self.spawn(async move {
            // Nobody waits any more.
            let _ = sender.send(work.await);
        });
        receiver.await.ok()
    }

    /// Lets something go on by itself.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while jobs.try_join_next().is_some() {}
        jobs.spawn(work);
    }

    /// Waits until nothing is running any more.
    pub(super) async fn ended(&self) {
        let mut jobs = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        while jobs.join_next().await.is_some() {}
    }
}
