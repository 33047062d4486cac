//! `apply`: carries out a plan, and checks that a new plan is empty afterwards.

use miette::Diagnostic;

use super::{Error, Event, Loaded, Tell};
use spile_core::connector::bundled::Bundled;
use spile_core::plan::Plan;
use spile_core::plan::guard::Allowance;
use spile_core::record::Target;
use spile_world::{Origin, Rendered, TargetError, World, processes::bundled};

/// The options of apply, in addition to the plan.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which guards are lifted.
    pub allowance: Allowance,
    /// Who applies it, and from where.
    pub origin: Origin,
}

/// Carries out a plan: the registry in one transaction, then each file as a whole.
///
/// If a later write fails, earlier ones are not rolled back: the next plan shows exactly what is left, and the next apply
/// finishes it.
///
/// # Errors
/// When a guard refuses, a target is stale or cannot be written, or a new plan is not empty.
pub async fn apply(
    world: &World,
    loaded: &Loaded,
    plan: &Plan,
    options: &Options,
    tell: Tell<'_>,
) -> Result<(), Error> {
    guard(plan, loaded, options.allowance)?;
    lay(world, loaded);
    if plan.is_empty() {
        settle(world, plan, tell).await;
        keep(world, loaded);
        return Ok(());
    }
    // Checks the files before writing the registry, so that a stale file stops everything.
    if world.meltano_file.read().await?.revision != plan.meltano.revision {
        return Err(Error::Target(TargetError::Stale { target: Target::MeltanoFile }));
    }
    plan.outputs.steps.iter().try_for_each(|step| world.outputs.check(step))?;
    // This also happens if no row changes: the registry records every apply.
    world.registry.write(&plan.registry, &origin(plan, options)).await?;
    if !plan.registry.is_empty() {
        tell(Event::WroteTarget(Target::Registry));
    }
    if plan.meltano.is_empty() {
        settle(world, plan, tell).await;
    } else {
        world.meltano_file.write(&plan.meltano, &options.origin).await?;
        tell(Event::WroteTarget(Target::MeltanoFile));
    }
    for step in &plan.outputs.steps {
        world.outputs.write(step)?;
        tell(Event::WroteOutput(step.path.clone()));
    }
    keep(world, loaded);
    match plan.left_in(&super::plan::targets(world).await?) {
        0 => {
            tell(Event::Applied(plan.summary()));
            Ok(())
        }
        left => Err(Error::NotConverged { left }),
    }
}

/// Refuses a plan that changes more than the guards allow.
///
/// # Errors
/// When a guard refuses, unless the allowance lifts it.
pub fn guard(plan: &Plan, loaded: &Loaded, allowance: Allowance) -> Result<(), Error> {
    let breaches = plan.breaches(loaded.settings.guard, allowance);
    if !breaches.is_empty() {
        return Err(Error::Refused(breaches));
    }
    let overwritten = plan.overwritten(allowance.overwrite);
    if !overwritten.is_empty() {
        return Err(Error::Overwrites(overwritten));
    }
    Ok(())
}

/// Records what a killed apply wrote as applied. The plan does not depend on this: if it cannot be recorded, for example in
/// a folder that is not writable, the next apply does it.
async fn settle(world: &World, plan: &Plan, tell: Tell<'_>) {
    if let Err(error) = world.meltano_file.settle(&plan.meltano.after).await {
        let message = format!("cannot record what was applied for later comparisons: {error}");
        tell(Event::Unseen { message, help: error.help().map(|help| help.to_string()) });
    }
}

/// Writes the built-in plugins, so that Meltano finds them even without spile. If they are missing later, a run writes them
/// again, and reports why if it cannot.
fn lay(world: &World, loaded: &Loaded) {
    let plugins = loaded.integrations.iter().filter_map(|one| Bundled::of(&one.connector.plugin.pip_url));
    for bundled in plugins {
        let _ = bundled::lay(&world.project.own(), bundled);
    }
}

/// Stores the rendered text, so that later plans of the same inputs need not render it again. If it cannot be stored, they
/// render it.
fn keep(world: &World, loaded: &Loaded) {
    if !loaded.is_kept {
        let rendered = Rendered { stamp: loaded.stamp(), text: loaded.rendered.clone() };
        let _ = rendered.keep(&world.project);
    }
}

/// Adds the rendered file that is written with the rows, for the history. It also tells later plans which choices were used.
fn origin(plan: &Plan, options: &Options) -> Origin {
    let rendered = (!plan.meltano.is_empty() || plan.has_choices()).then(|| plan.meltano.after.clone());
    Origin { rendered, ..options.origin.clone() }
}
