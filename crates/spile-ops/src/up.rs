//! `up`: applies a plan, tests all integrations that are enabled, and syncs them.

use std::sync::Arc;

use super::{Error, Event, Loaded, Tell, apply, run};
use spile_core::plan::Plan;
use spile_core::run::Run;
use spile_world::World;

/// How a plan is applied, and how integrations are run.
#[derive(Debug, Clone)]
pub struct Options {
    /// How the plan is applied.
    pub apply: apply::Options,
    /// How tests and syncs are run. An interrupt stops them; it does not stop the apply, which is reported as over by
    /// [`Event::StartingRuns`].
    pub run: run::Options,
}

/// Does the whole job. Returns the runs: the tests, and the syncs unless a test did not succeed.
///
/// # Errors
/// When the plan cannot be applied, or nothing can be started; a run that fails is a result.
pub async fn up(
    world: &World,
    loaded: &Arc<Loaded>,
    plan: &Plan,
    options: &Options,
    tell: Tell<'_>,
) -> Result<Vec<Run>, Error> {
    apply::apply(world, loaded, plan, &options.apply, tell).await?;
    tell(Event::StartingRuns);
    let mut runs = run::test(world, loaded, &options.run, tell).await?.all();
    if runs.iter().all(|test| test.status.succeeded()) {
        runs.extend(run::sync(world, loaded, &options.run, tell).await?.all());
    }
    Ok(runs)
}
