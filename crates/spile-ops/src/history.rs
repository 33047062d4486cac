//! `status`, `runs`, `logs` and `history`: reads what the registry has recorded about each integration.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Error, Loaded, RunSelection};
use spile_core::integration::Integration;
use spile_core::name::{EnvironmentName, IntegrationId};
use spile_core::plan;
use spile_core::plan::history::{Applied, Pruned};
use spile_core::run::{Run, RunStatus};
use spile_world::World;
use spile_world::stores::runs::Standing;

/// How many applies are searched for the one that was live: more than a registry keeps.
const KEPT: usize = 1000;

/// An integration, its status and its last run.
#[derive(Debug, Clone)]
pub struct Status {
    /// The integration as the files declare it.
    pub integration: Arc<Integration>,
    /// What the registry says about it; `None` before the first apply.
    pub standing: Option<Standing>,
    /// Whether its row has changed outside spile since the last apply.
    pub has_drifted: bool,
    /// Its latest run.
    pub last_run: Option<Run>,
}

/// Returns the status of integrations, sorted by name.
///
/// # Errors
/// When a word matches nothing, or the registry cannot be read.
pub async fn status(
    world: &World,
    loaded: &Loaded,
    environment: &EnvironmentName,
    which: &RunSelection,
) -> Result<Vec<Status>, Error> {
    let standings = world.runs.standings().await?;
    let drifted = drifted(world, loaded, environment).await?;
    let mut newest = world.runs.newest_of_each().await?;
    let mut statuses = Vec::new();
    for integration in which.among(world, loaded).await? {
        let last_run = newest.remove(&integration.id);
        let standing = standings.get(&integration.id).cloned();
        let has_drifted = drifted.contains(&integration.id);
        statuses.push(Status { integration, standing, has_drifted, last_run });
    }
    Ok(statuses)
}

/// Returns the integrations whose rows have changed outside spile since the last apply.
///
/// # Errors
/// When the registry cannot be read.
pub async fn drifted(
    world: &World,
    loaded: &Loaded,
    environment: &EnvironmentName,
) -> Result<BTreeSet<IntegrationId>, Error> {
    let asked = plan::rows(&loaded.integrations, environment);
    let drift = plan::drift::in_target(&world.registry.read().await?, &asked);
    Ok(drift.into_iter().map(|drift| drift.id).collect())
}

/// Returns the latest applies of the environment, newest first.
///
/// # Errors
/// When the registry cannot be read.
pub async fn applies(world: &World, most: usize) -> Result<Vec<Applied>, Error> {
    Ok(world.registry.applies(most).await?)
}

/// Returns the apply whose state was live at a time. Returns `None` if it is no longer kept, or nothing was applied before.
///
/// # Errors
/// When the registry cannot be read.
pub async fn applied_at(world: &World, at: Timestamp) -> Result<Option<Applied>, Error> {
    let applies = world.registry.applies(KEPT).await?;
    Ok(applies.into_iter().find(|applied| applied.at <= at))
}

/// Returns which part of the history of applies is no longer kept.
///
/// # Errors
/// When the registry cannot be read.
pub async fn pruned(world: &World) -> Result<Option<Pruned>, Error> {
    Ok(world.registry.pruned().await?)
}

/// Returns the latest runs of some integrations or of all, newest first, including runs of integrations that no file
/// declares any more.
///
/// # Errors
/// When a word matches nothing, or the registry cannot be read.
pub async fn runs(world: &World, loaded: &Loaded, which: &RunSelection, most: usize) -> Result<Vec<Run>, Error> {
    if which.is_everything() {
        return Ok(world.runs.newest(None, most).await?);
    }
    let mut runs = Vec::new();
    for integration in which.among(world, loaded).await? {
        runs.extend(world.runs.newest(Some(integration.id), most).await?);
    }
    runs.sort_by_key(|run| std::cmp::Reverse((run.started_at, run.id)));
    runs.truncate(most);
    Ok(runs)
}

/// Returns the latest run of an integration, or the run with an id.
///
/// # Errors
/// When the registry cannot be read, or no run matches.
pub async fn run(world: &World, loaded: &Loaded, of: &str) -> Result<Run, Error> {
    let found = match (loaded.integrations.find(of), of.parse()) {
        (Some(integration), _) => world.runs.newest(Some(integration.id), 1).await?.into_iter().next(),
        (None, Ok(id)) => world.runs.get(id).await?,
        (None, Err(_)) => None,
    };
    found.ok_or_else(|| Error::NoRun { of: format!("`{of}`") })
}

/// Tells whether a run is still running.
///
/// # Errors
/// When the registry cannot be read.
pub async fn lasts(world: &World, run: &Run) -> Result<bool, Error> {
    Ok(world.runs.get(run.id).await?.is_some_and(|known| known.status == RunStatus::Running))
}
