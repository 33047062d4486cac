//! Timeouts and retries of a message.

use std::future::Future;
use std::time::Duration;

use super::NotSent;

/// The timeouts and retries of a message.
#[derive(Debug, Clone)]
pub struct Patience {
    /// The timeout of one attempt.
    pub each: Duration,
    /// The delay before each retry, unless the channel specifies one.
    pub waits: Vec<Duration>,
    /// The longest delay that a channel may ask for.
    pub longest_wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            each: Duration::from_secs(10),
            waits: vec![Duration::from_millis(500), Duration::from_secs(2)],
            longest_wait: Duration::from_secs(15),
        }
    }
}

/// A failed attempt.
pub(super) struct FailedTry {
    pub(super) error: NotSent,
    /// Whether a retry may succeed, and when the channel asks for it.
    pub(super) later: Later,
}

/// Whether and when to retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Later {
    Never,
    Soon,
    After(Duration),
}

impl From<NotSent> for FailedTry {
    fn from(error: NotSent) -> Self {
        Self { error, later: Later::Never }
    }
}

impl Patience {
    /// Retries until an attempt succeeds or the failure is final.
    pub(super) async fn tries<T, F: Future<Output = Result<T, FailedTry>>>(
        &self,
        attempt: impl Fn() -> F,
    ) -> Result<T, NotSent> {
        let mut waits = self.waits.iter();
        loop {
            let timeout = FailedTry { error: NotSent::Timeout { seconds: self.each.as_secs() }, later: Later::Soon };
            let failed = match tokio::time::timeout(self.each, attempt()).await {
                Ok(Ok(sent)) => return Ok(sent),
                Ok(Err(failed)) => failed,
                Err(_) => timeout,
            };
            let Some(wait) = waits.next() else { return Err(failed.error) };
            let wait = match failed.later {
                Later::Never => return Err(failed.error),
                Later::Soon => *wait,
                // If the channel asks for a longer delay, the next run tries again.
                Later::After(asked) if asked > self.longest_wait => return Err(failed.error),
                Later::After(asked) => asked,
            };
            tokio::time::sleep(wait).await;
        }
    }
}
