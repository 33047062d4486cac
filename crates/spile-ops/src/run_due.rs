//! `run-due`: syncs what is due now, and exits.

use std::sync::Arc;

use super::run::{Options, Results, WhenBusy};
use super::schedules::Timetables;
use super::{Error, Loaded, RunSelection, Tell, run};
use spile_world::World;
use spile_world::processes::meltano::{Host, Warm};

/// Syncs what is due now in the environment of the options. Integrations that another run uses are left for the next
/// time.
///
/// # Errors
/// When the registry cannot be read, or nothing can be started. A failed run is not an error.
pub async fn run_due(world: &World, loaded: &Arc<Loaded>, options: &Options, tell: Tell<'_>) -> Result<Results, Error> {
    let due = Timetables::of(loaded, &options.environment).now(world).await?.due;
    if due.is_empty() {
        return Ok(Results::default());
    }
    let options = Options {
        which: RunSelection::exactly(due.iter().map(|(integration, _)| integration.slug.clone())),
        scheduled_for: due.iter().map(|(integration, tick)| (integration.id, tick.moment)).collect(),
        when_busy: WhenBusy::Leave,
        // A single run starts fastest on its own.
        host: Host { warm: if due.len() > 1 { Warm::kept() } else { Warm::default() }, ..options.host.clone() },
        ..options.clone()
    };
    run::sync(world, loaded, &options, tell).await
}
