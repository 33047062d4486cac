//! Prevents other runs of an integration while a run lasts, on this machine and on others.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use super::WhenBusy;
use super::lease::{self, Leased};
use crate::{Error, Event, Tell};
use spile_core::integration::Integration;
use spile_core::name::EnvironmentName;
use spile_world::World;
use spile_world::processes::meltano::{Hold, NotHeld};

/// How often a busy integration is checked.
const PATIENCE: Duration = Duration::from_millis(500);

/// The locks that prevent other runs while a run lasts: on this machine, and on others.
pub(crate) struct RunLocks {
    pub hold: Option<Arc<Hold>>,
    pub lease: Option<Leased>,
}

/// The run that uses an integration, as a sentence.
type Busy = String;

/// The reason why an integration could not be held.
pub(crate) enum NotHere {
    /// Another run uses it.
    Busy(Busy),
    /// Another run uses it, and this run is skipped.
    Left,
    /// The user interrupted.
    Stopped,
}

impl RunLocks {
    /// Releases the integration for other runs.
    pub(crate) async fn give_back(self) {
        if let Some(lease) = self.lease {
            lease.give_back().await;
        }
    }
}

/// Returns a receiver that turns true when the user interrupts or the lease is lost, and the sender that signals the loss
/// with `true`.
pub(crate) fn stopped_when_lost(mut wanted: watch::Receiver<bool>) -> (watch::Receiver<bool>, watch::Sender<bool>) {
    let (lost, mut is_lost) = watch::channel(false);
    let (stop, stopped) = watch::channel(*wanted.borrow());
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
    (stopped, lost)
}

/// An attempt to hold an integration.
pub(crate) struct Claim<'a> {
    /// Everything outside the program.
    pub world: &'a World,
    /// The id of the run that holds it.
    pub run: Uuid,
    /// The integration.
    pub integration: &'a Integration,
    /// Its loader; `None` if nothing is loaded.
    pub loader: Option<&'a Integration>,
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// What to do if another run uses it.
    pub when_busy: WhenBusy,
    /// Turns true when the user interrupts.
    pub interrupt: &'a watch::Receiver<bool>,
}

impl Claim<'_> {
    /// Waits until no other run uses the integration, or returns what is in the way.
    pub(crate) async fn held(
        &self,
        lost: &watch::Sender<bool>,
        tell: Tell<'_>,
    ) -> Result<Result<RunLocks, NotHere>, Error> {
        let slug = &self.integration.slug;
        let mut has_told = false;
        loop {
            if *self.interrupt.borrow() {
                return Ok(Err(NotHere::Stopped));
            }
            let busy = match self.try_to_hold(lost).await? {
                Ok(held) => {
                    // The run before may just have been killed, and its remains could still block Meltano.
                    self.world.meltano.sweep()?;
                    super::bury(self.world, self.environment).await?;
                    return Ok(Ok(held));
                }
                Err(busy) => busy,
            };
            match self.when_busy {
                WhenBusy::Wait => {}
                WhenBusy::Refuse => return Ok(Err(NotHere::Busy(busy))),
                WhenBusy::Leave => {
                    tell(Event::Left { slug: slug.clone(), busy });
                    return Ok(Err(NotHere::Left));
                }
            }
            if !has_told {
                tell(Event::Waiting { slug: slug.clone(), busy });
                has_told = true;
            }
            tokio::time::sleep(PATIENCE).await;
            // The run that holds it may have been killed.
            self.world.meltano.sweep()?;
        }
    }

    async fn try_to_hold(&self, lost: &watch::Sender<bool>) -> Result<Result<RunLocks, Busy>, Error> {
        let plugins = [Some(self.integration), self.loader].into_iter().flatten();
        let plugins = plugins.map(Integration::plugin_name).collect();
        let hold = match self.world.meltano.hold(self.run, self.environment.as_str(), plugins) {
            Ok(hold) => Some(hold),
            Err(NotHeld::Failed(error)) => return Err(error.into()),
            Err(NotHeld::Busy(other)) => {
                let (run, since) = (other.run, other.since);
                return Ok(Err(format!(
                    "run {run} has been using it on this machine since {since:.0} (process {})",
                    other.process.id
                )));
            }
        };
        let Some(registry) = &self.world.supabase else { return Ok(Ok(RunLocks { hold, lease: None })) };
        Ok(match lease::take(registry, self.integration.id, self.run, lost.clone()).await? {
            Ok(lease) => Ok(RunLocks { hold, lease: Some(lease) }),
            Err(other) => {
                let run = other.run.map(|run| run.to_string()).unwrap_or_default();
                let since = other.since.map(|since| format!(" since {since:.0}")).unwrap_or_default();
                Err(format!("run {run} has been using it on `{}`{since}", other.host.unwrap_or_default()))
            }
        })
    }
}
