//! Makes a planned change of a state, while no run has the integration.

use std::sync::Arc;

use uuid::Uuid;

use super::kept::{KeptState, Owner, Place, ReadMark};
use super::{Scope, StateError, StatePlan};
use crate::run::{Claim, NotHere, WhenBusy, stopped_when_lost};
use crate::{Error, Tell};
use spile_core::state::SingerState;
use spile_core::state::change::StateChange;
use spile_world::StateChanges;
use spile_world::machine;
use spile_world::processes::meltano::{Hold, LocalWrite, keep_logs};
use spile_world::stores::supabase::Writer;

/// How many logs of Meltano's reading and writing states are kept for an integration.
const LOGS: u16 = 5;

/// Makes a planned change, where the state still is what the plan was worked out from, and returns how it is remembered.
///
/// # Errors
/// When a run has the integration, the state has changed since, or its place does not take it: then nothing is written.
pub async fn apply(scope: Scope<'_>, plan: &StatePlan, tell: Tell<'_>) -> Result<StateChange, Error> {
    let Scope { world, loaded, options } = scope;
    let integration = loaded.named(plan.slug.as_str())?;
    let owner = Owner::of(scope, integration).await?;
    let id = Uuid::new_v4();
    let (stopped, lost) = stopped_when_lost(options.interrupt.clone());
    let claim = Claim {
        world,
        run: id,
        integration,
        loader: &owner.loader.clone(),
        environment: &options.environment,
        when_busy: WhenBusy::Refuse,
        interrupt: &stopped,
    };
    let held = match claim.held(&lost, tell).await? {
        Ok(held) => held,
        Err(NotHere::Busy(busy)) => return Err(StateError::Busy { slug: plan.slug.clone(), busy }.into()),
        Err(NotHere::Left | NotHere::Stopped) => return Err(Error::Stopped),
    };
    let log = owner.request.log.clone();
    let done = Held { scope, owner, hold: held.hold.clone(), id }.carry_out(plan, tell).await;
    held.give_back().await;
    keep_logs(world.project.root(), &log, LOGS);
    done
}

/// A pipeline that no run has meanwhile.
struct Held<'a> {
    scope: Scope<'a>,
    owner: Owner,
    hold: Option<Arc<Hold>>,
    id: Uuid,
}

impl Held<'_> {
    async fn carry_out(self, plan: &StatePlan, tell: Tell<'_>) -> Result<StateChange, Error> {
        let Scope { world, options, .. } = self.scope;
        let Self { scope, owner, hold, id } = self;
        let request = owner.request(hold);
        let kept = owner.read(scope, tell).await?;
        if kept.state != plan.before || kept.unreadable != plan.unreadable || kept.state_id != plan.state_id {
            return Err(StateError::Changed { slug: plan.slug.clone() }.into());
        }
        let change = StateChange {
            id,
            integration: kept.integration.id,
            slug: plan.slug.clone(),
            environment: options.environment.clone(),
            state_id: plan.state_id.clone(),
            at: (world.clock)(),
            actor: options.actor.clone(),
            host: machine::name(),
            action: plan.action.clone(),
            before: plan.before.as_ref().map(ToString::to_string),
            after: plan.after.as_ref().map(ToString::to_string),
        };
        let changes = StateChanges::of(world);
        // First how it is undone: what kills this in between leaves a state that is still what it was.
        let not_written = |source| StateError::NotWritten { slug: plan.slug.clone(), source };
        changes.keep(&change).await.map_err(not_written)?;
        let written = match (kept.place, &kept.read) {
            (Place::Registry, ReadMark::Version(version)) => write_to_registry(scope, &kept, *version, &change).await,
            (Place::Database, ReadMark::Text(read)) => {
                match world.meltano.keep_local_state(&kept.state_id, read.as_deref(), plan.after.as_ref()) {
                    Ok(LocalWrite::Written) => Ok(()),
                    Ok(LocalWrite::Changed) => Err(StateError::Changed { slug: plan.slug.clone() }.into()),
                    Ok(LocalWrite::NoDatabase) => {
                        crate::invocation::install(world, &options.host, &options.interrupt, tell).await?;
                        let mut interrupt = options.interrupt.clone();
                        let stored =
                            world.meltano.store_state(&request, &kept.state_id, plan.after.as_ref(), &mut interrupt);
                        stored.await.map_err(Error::from)
                    }
                    Err(error) => Err(error.into()),
                }
            }
            (Place::Registry | Place::Database | Place::Backend, _) => {
                let mut interrupt = options.interrupt.clone();
                let stored = world.meltano.store_state(&request, &kept.state_id, plan.after.as_ref(), &mut interrupt);
                stored.await.map_err(Error::from)
            }
        };
        if let Err(error) = written {
            // Where that fails too, what is remembered of it says what was there all the same.
            let _ = changes.withdraw(&change).await;
            return Err(error);
        }
        Ok(change)
    }
}

async fn write_to_registry(
    scope: Scope<'_>,
    kept: &KeptState,
    version: i64,
    change: &StateChange,
) -> Result<(), Error> {
    // It was read there.
    let Some(registry) = &scope.world.supabase else { return Ok(()) };
    let writer = Writer { integration: change.integration, run: change.id, host: change.host.clone() };
    let after = change.after.as_deref().map(SingerState::parse).transpose();
    let unreadable = |error: spile_core::state::NotJson| StateError::Unreadable {
        slug: kept.slug().clone(),
        why: error.to_string(),
    };
    let state = after.map_err(unreadable)?.map(|state| state.to_stored());
    let written = registry.keep_state(&writer, &kept.state_id, version, state.as_deref()).await;
    written.map_err(StateError::not_kept(kept.slug()))?;
    Ok(())
}
