//! Runs that were killed: the registry lists them as running until somebody records their end.

use crate::Error;
use crate::secrets::rotated;
use spile_core::name::EnvironmentName;
use spile_core::run::{Cause, Run, RunStatus};
use spile_world::World;

/// Records in the registry the end of an environment's runs that were killed on this machine.
///
/// # Errors
/// When the local records of them cannot be read, or the registry refuses.
pub async fn bury(world: &World, environment: &EnvironmentName) -> Result<(), Error> {
    if !world.runs.lasts() {
        // A test of an unsaved file knows only its own runs, and leaves other runs alone.
        return Ok(());
    }
    for id in world.meltano.died(environment.as_str())? {
        let known = world.runs.get(id).await?;
        if let Some(run) = known.filter(|run| run.status == RunStatus::Running) {
            let (error, finished_at) =
                (Some("the run was killed, or the machine went down".to_owned()), (world.clock)());
            let ended = (RunStatus::Failed, Some(Cause::Killed), Some(finished_at.max(run.started_at)));
            let (status, cause, finished_at) = ended;
            world.runs.record(&Run { status, finished_at, error, cause, ..run }).await?;
        }
        if let Some(hosted) = &world.supabase {
            // While the run still has its lease, so that no other machine uses what it has replaced.
            rotated::send_of_dead(world, environment, id).await?;
            hosted.release(id).await.map_err(spile_world::TargetError::from)?;
        }
        world.meltano.forget(id);
    }
    Ok(rotated::send_waiting(world, environment).await?)
}
