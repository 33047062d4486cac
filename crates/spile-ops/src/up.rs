//! `up`: applies a plan, tests all enabled integrations, and syncs them.

use std::sync::Arc;

use super::plan::choices;
use super::state::{self, Scope};
use super::{Error, Event, Loaded, Tell, apply, run};
use spile_core::plan::Plan;
use spile_core::run::Run;
use spile_world::World;

/// The options for applying a plan and running integrations.
#[derive(Debug, Clone)]
pub struct Options {
    /// The options for applying the plan.
    pub apply: apply::Options,
    /// The options for tests and syncs. An interrupt stops these but not the apply. [`Event::StartingRuns`] reports the end
    /// of the apply.
    pub run: run::Options,
}

/// Applies, tests and syncs. Returns the runs: the tests, and the syncs unless a test did not succeed.
///
/// # Errors
/// When the plan cannot be applied, or nothing can be started. A failed run is not an error.
pub async fn up(
    world: &World,
    loaded: &Arc<Loaded>,
    plan: &Plan,
    options: &Options,
    tell: Tell<'_>,
) -> Result<Vec<Run>, Error> {
    let on_states = state::Options {
        environment: options.run.environment.clone(),
        actor: options.apply.origin.actor.clone(),
        host: options.run.host.clone(),
        interrupt: options.run.interrupt.clone(),
    };
    let scope = Scope { world, loaded, options: &on_states };
    choices::check_backfills(scope, plan, tell).await?;
    apply::apply(world, loaded, plan, &options.apply, tell).await?;
    choices::carry_out(scope, plan, tell).await?;
    tell(Event::StartingRuns);
    let mut runs = run::test(world, loaded, &options.run, tell).await?.all();
    if runs.iter().all(|test| test.status.succeeded()) {
        runs.extend(run::sync(world, loaded, &options.run, tell).await?.all());
    }
    Ok(runs)
}
