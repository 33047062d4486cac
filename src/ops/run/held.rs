//! Keeping others away from an integration while a run lasts: on this machine, and on others.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::WhenBusy;
use super::job::Job;
use super::lease::{self, Leased};
use crate::ops::{Error, Event};
use crate::run::Run;
use crate::world::meltano::{Hold, NotHeld};

/// How often an integration that something else runs is looked at.
const PATIENCE: Duration = Duration::from_millis(500);

/// What keeps others away while a run lasts: on this machine, and on others.
pub(super) struct Held {
    pub hold: Option<Arc<Hold>>,
    pub lease: Option<Leased>,
}

/// Who runs an integration, as a sentence.
type Busy = String;

/// Why an integration is not held.
pub(super) enum NotHere {
    /// Something else runs it.
    Busy(Busy),
    /// The same, and it is left to that.
    Left,
    /// The user wants an end.
    Stopped,
}

impl Job {
    /// Lets a lost lease end the run as the user's wish for an end does. Returns what is set to true then.
    pub(super) fn stop_when_lost(&mut self) -> watch::Sender<bool> {
        let (lost, mut is_lost) = watch::channel(false);
        let (stop, stopped) = watch::channel(*self.options.interrupt.borrow());
        let mut wanted = std::mem::replace(&mut self.options.interrupt, stopped);
        tokio::spawn(async move {
            let ended = stop.clone();
            tokio::select! {
                Ok(_) = wanted.wait_for(|wanted| *wanted) => {}
                Ok(_) = is_lost.wait_for(|lost| *lost) => {}
                () = ended.closed() => {}
                else => {}
            }
            stop.send_replace(true);
        });
        lost
    }

    /// Waits until nothing else runs the integration, or says what is in the way.
    pub(super) async fn held(&self, run: &Run, lost: &watch::Sender<bool>) -> Result<Result<Held, NotHere>, Error> {
        let mut has_told = false;
        loop {
            if *self.options.interrupt.borrow() {
                return Ok(Err(NotHere::Stopped));
            }
            let busy = match self.try_to_hold(run, lost).await? {
                Ok(held) => {
                    // Who had it may have been killed a moment ago, and stand in Meltano's way still.
                    self.world.meltano.sweep()?;
                    super::bury(&self.world, &run.environment).await?;
                    return Ok(Ok(held));
                }
                Err(busy) => busy,
            };
            match self.options.when_busy {
                WhenBusy::Wait => {}
                WhenBusy::Refuse => return Ok(Err(NotHere::Busy(busy))),
                WhenBusy::Leave => {
                    self.tell(Event::Left { slug: run.slug.clone(), busy });
                    return Ok(Err(NotHere::Left));
                }
            }
            if !has_told {
                self.tell(Event::Waiting { slug: run.slug.clone(), busy });
                has_told = true;
            }
            tokio::time::sleep(PATIENCE).await;
            // What holds it may have been killed.
            self.world.meltano.sweep()?;
        }
    }

    /// A test reads one record and keeps no bookmark: it keeps nobody away.
    async fn try_to_hold(&self, run: &Run, lost: &watch::Sender<bool>) -> Result<Result<Held, Busy>, Error> {
        let Some(loader) = self.loader() else { return Ok(Ok(Held { hold: None, lease: None })) };
        let plugins = vec![self.integration.plugin_name(), loader.plugin_name()];
        let hold = match self.world.meltano.hold(run.id, run.environment.as_str(), plugins) {
            Ok(hold) => Some(hold),
            Err(NotHeld::Failed(error)) => return Err(error.into()),
            Err(NotHeld::Busy(other)) => {
                let (run, since) = (other.run, other.since);
                return Ok(Err(format!("the run {run} has it here since {since:.0}, by process {}", other.process.id)));
            }
        };
        let Some(registry) = &self.world.supabase else { return Ok(Ok(Held { hold, lease: None })) };
        Ok(match lease::take(registry, (run.integration, run.id), lost.clone()).await? {
            Ok(lease) => Ok(Held { hold, lease: Some(lease) }),
            Err(other) => {
                let run = other.run.map(|run| run.to_string()).unwrap_or_default();
                let since = other.since.map(|since| format!(" since {since:.0}")).unwrap_or_default();
                Err(format!("the run {run} has it on `{}`{since}", other.host.unwrap_or_default()))
            }
        })
    }
}
