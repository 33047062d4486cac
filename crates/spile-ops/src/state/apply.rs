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
        loader: Some(&owner.loader.clone()),
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
    async fn carry_out(&self, plan: &StatePlan, tell: Tell<'_>) -> Result<StateChange, Error> {
        let Scope { world, options, .. } = self.scope;
        let kept = self.owner.read(self.scope, tell).await?;
        if kept.state != plan.before || kept.unreadable != plan.unreadable || kept.state_id != plan.state_id {
            return Err(StateError::Changed { slug: plan.slug.clone() }.into());
        }
        let change = StateChange {
            id: self.id,
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
            choice: plan.choice.clone(),
        };
        let changes = StateChanges::of(world);
        // First how it is undone: what kills this in between leaves a state that is still what it was.
        let not_written = |source| StateError::NotWritten { slug: plan.slug.clone(), source };
        changes.keep(&change).await.map_err(not_written)?;
        if plan.is_empty() {
            return Ok(change);
        }
        if let Err(error) = self.write(&kept, plan.after.as_ref(), tell).await {
            // Where that fails too, what is remembered of it says what was there all the same.
            let _ = changes.withdraw(&change).await;
            return Err(error);
        }
        Ok(change)
    }

    /// Writes the state where it was read.
    async fn write(&self, kept: &KeptState, after: Option<&SingerState>, tell: Tell<'_>) -> Result<(), Error> {
        let Scope { world, options, .. } = self.scope;
        match (kept.place, &kept.read, &world.supabase) {
            (Place::Registry, ReadMark::Version(version), Some(registry)) => {
                let writer = Writer { integration: kept.integration.id, run: self.id, host: machine::name() };
                let state = after.map(SingerState::to_stored);
                let written = registry.keep_state(&writer, &kept.state_id, *version, state.as_deref()).await;
                written.map_err(StateError::not_kept(kept.slug()))?;
                return Ok(());
            }
            (Place::Database, ReadMark::Text(read), _) => {
                match world.meltano.keep_local_state(&kept.state_id, read.as_deref(), after)? {
                    LocalWrite::Written => return Ok(()),
                    LocalWrite::Changed => return Err(StateError::Changed { slug: kept.slug().clone() }.into()),
                    LocalWrite::NoDatabase => {}
                }
            }
            (Place::Registry | Place::Database | Place::Backend, _, _) => {}
        }
        // Only Meltano knows the way, and only Meltano makes its database.
        crate::invocation::install(world, &options.host, &options.interrupt, tell).await?;
        let request = self.owner.request(self.hold.clone());
        let mut interrupt = options.interrupt.clone();
        Ok(world.meltano.store_state(&request, &kept.state_id, after, &mut interrupt).await?)
    }
}
