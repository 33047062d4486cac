//! Time limits and retries of a message.

use std::future::Future;
use std::time::Duration;

use super::NotSent;

/// How long a message is tried for.
#[derive(Debug, Clone)]
pub struct Patience {
    /// How long one try may take.
    pub each: Duration,
    /// How long is waited before each further try, where the other side does not say.
    pub waits: Vec<Duration>,
    /// The longest that the other side may make this program wait.
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

/// A try that did not get through.
pub(super) struct FailedTry {
    pub(super) error: NotSent,
    /// Whether the same may get through later, and when the other side wants it tried again.
    pub(super) later: Later,
}

/// Whether and when to try again.
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
    /// Tries until it gets through, or will not.
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
                // Who is asked to come back next hour comes back with the next run.
                Later::After(asked) if asked > self.longest_wait => return Err(failed.error),
                Later::After(asked) => asked,
            };
            tokio::time::sleep(wait).await;
        }
    }
}
