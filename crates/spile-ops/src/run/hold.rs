//! How a run reserves its integration.

use std::sync::Arc;

use tokio::sync::watch;

use super::job::Job;
use super::run_lock::{Claim, NotHere, RunLocks, stopped_when_lost};
use crate::Error;
use spile_core::run::Run;

impl Job {
    /// Makes a lost lease stop the run like a user's interrupt. Returns the sender that signals the loss.
    pub(super) fn stop_when_lost(&mut self) -> watch::Sender<bool> {
        let (stopped, lost) = stopped_when_lost(self.options.interrupt.clone());
        Arc::make_mut(&mut self.options).interrupt = stopped;
        lost
    }

    /// Waits until no other run uses the integration, or returns what is in the way. A test reads one record and keeps
    /// no bookmarks, so it blocks nobody.
    pub(super) async fn held(&self, run: &Run, lost: &watch::Sender<bool>) -> Result<Result<RunLocks, NotHere>, Error> {
        let Some(loader) = self.loader() else {
            if *self.options.interrupt.borrow() {
                return Ok(Err(NotHere::Stopped));
            }
            self.world.meltano.sweep()?;
            super::bury(&self.world, &run.environment).await?;
            return Ok(Ok(RunLocks { hold: None, lease: None }));
        };
        let claim = Claim {
            world: &self.world,
            run: run.id,
            integration: &self.integration,
            loader: Some(loader),
            environment: &run.environment,
            when_busy: self.options.when_busy,
            interrupt: &self.options.interrupt,
        };
        claim.held(lost, &mut |event| self.tell(event)).await
    }
}
