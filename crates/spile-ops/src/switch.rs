//! `enable`, `disable`, `pause` and `resume`: whether schedules and unnamed runs include an integration.
//!
//! Enabling is part of the files, and reviewed with them. Pausing is temporary, and stored in the registry.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::edits::{Edits, read};
use super::{Error, Loaded, RunSelection, check};
use spile_core::integration::Integration;
use spile_core::integration::rewrite::Edit;
use spile_core::name::{EnvironmentName, Slug};
use spile_core::run::RunStatus;
use spile_world::World;
use spile_world::stores::runs::PAUSED;

/// The new value of `enabled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// `true`
    On,
    /// `false`
    Off,
}

/// The environments that the change applies to.
#[derive(Debug, Clone)]
pub enum SwitchTarget {
    /// Wherever no overlay sets another value, and in this environment.
    Everywhere(EnvironmentName),
    /// Only in this environment: its overlays are changed.
    Only(EnvironmentName),
}

/// Enables or disables integrations in their files, in all of them or in none. Returns the files that were written.
///
/// # Errors
/// When a word matches nothing, or a changed file would be invalid or cannot be written.
pub async fn switch(
    world: &World,
    loaded: &Loaded,
    which: &RunSelection,
    to: Switch,
    place: &SwitchTarget,
) -> Result<Vec<PathBuf>, Error> {
    let mut all = Edits::default();
    for integration in which.among(world, loaded).await? {
        edits(world, &integration, to, place, &mut all)?;
    }
    check(&all.over(&world.project))?;
    all.write(&world.project)
}

/// Returns the edits that enable or disable an integration, wherever no overlay sets another value.
///
/// # Errors
/// When a file cannot be read.
pub fn edits_of(
    world: &World,
    integration: &Integration,
    to: Switch,
    environment: &EnvironmentName,
) -> Result<Edits, Error> {
    let mut all = Edits::default();
    edits(world, integration, to, &SwitchTarget::Everywhere(environment.clone()), &mut all)?;
    Ok(all)
}

fn edits(
    world: &World,
    integration: &Integration,
    to: Switch,
    place: &SwitchTarget,
    all: &mut Edits,
) -> Result<(), Error> {
    let overlay = |environment: &EnvironmentName| integration.overlay_path(environment);
    let wanted = to == Switch::On;
    let mut edit = |path: PathBuf| {
        let edit = Edit { table: None, key: "enabled".to_owned(), value: Some(Value::Bool(wanted)) };
        all.set_key(&world.project, path, edit)
    };
    match place {
        SwitchTarget::Only(environment) if integration.at(environment).enabled != wanted => edit(overlay(environment)),
        SwitchTarget::Only(_) => Ok(()),
        SwitchTarget::Everywhere(environment) => {
            let is_said_there = integration.overlays.get(environment).is_some_and(|over| over.enabled != wanted);
            // If the base already has the value, then the overlay sets the other one.
            if integration.base.enabled != wanted {
                edit(integration.path.clone())?;
            }
            if is_said_there && says(world, &overlay(environment), "enabled")? {
                edit(overlay(environment))?;
            }
            Ok(())
        }
    }
}

/// Tells whether a file has a key.
fn says(world: &World, path: &Path, key: &str) -> Result<bool, Error> {
    let text = read(&world.project, path)?.unwrap_or_default();
    Ok(spile_core::table::editable(&text).is_ok_and(|file| file.contains_key(key)))
}

/// Returns the edits that give an integration a schedule, or none, in its file. An overlay of the environment that has one of
/// its own gets it too.
///
/// # Errors
/// When a file cannot be read.
pub fn schedule_edits(
    world: &World,
    integration: &Integration,
    schedule: Option<&str>,
    environment: &EnvironmentName,
) -> Result<Edits, Error> {
    let edit = || Edit { table: None, key: "schedule".to_owned(), value: schedule.map(Value::from) };
    let mut all = Edits::default();
    all.set_key(&world.project, integration.path.clone(), edit())?;
    let overlay = integration.overlay_path(environment);
    if says(world, &overlay, "schedule")? {
        all.set_key(&world.project, overlay, edit())?;
    }
    Ok(all)
}

/// Pauses integrations: schedules and unnamed runs skip them until somebody resumes them. Returns their names.
///
/// # Errors
/// When a word matches nothing, none of the integrations has a row, or the registry refuses.
pub async fn pause(world: &World, loaded: &Loaded, which: &RunSelection) -> Result<Vec<Slug>, Error> {
    let standings = world.runs.standings().await?;
    let mut found = with_rows(world, loaded, which).await?;
    found.retain(|one| standings.get(&one.id).is_some_and(|standing| standing.status != PAUSED));
    world.runs.set_status(&found.iter().map(|one| one.id).collect::<Vec<_>>(), PAUSED).await?;
    Ok(found.iter().map(|one| one.slug.clone()).collect())
}

/// Resumes paused integrations: their last run determines their status again. Returns their names.
///
/// # Errors
/// See [`pause`].
pub async fn resume(world: &World, loaded: &Loaded, which: &RunSelection) -> Result<Vec<Slug>, Error> {
    let standings = world.runs.standings().await?;
    let mut found = with_rows(world, loaded, which).await?;
    found.retain(|one| standings.get(&one.id).is_some_and(|standing| standing.status == PAUSED));
    let ends: spile_core::alert::runs::AllEnds = world.alerts.ends(None).await?.into_iter().collect();
    let mut by_status: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for one in &found {
        let last = ends.of(&one.id).and_then(|ends| ends.last()).map_or(RunStatus::Running, |run| run.status);
        by_status.entry(last.integration_status().unwrap_or("pending")).or_default().push(one.id);
    }
    for (status, ids) in by_status {
        world.runs.set_status(&ids, status).await?;
    }
    Ok(found.iter().map(|one| one.slug.clone()).collect())
}

/// Returns the selected integrations that have a row. Naming an integration without a row is an error.
async fn with_rows(world: &World, loaded: &Loaded, which: &RunSelection) -> Result<Vec<Arc<Integration>>, Error> {
    let standings = world.runs.standings().await?;
    let mut found = which.among(world, loaded).await?;
    let without = found.iter().find(|one| which.names(&one.slug) && !standings.contains_key(&one.id));
    if let Some(one) = without {
        let (reason, help) = ("has no row in the registry of this environment", "run `spile apply` first");
        let is_loader = one.role() == spile_core::connector::Role::Loader;
        let reason = if is_loader { "is a loader, and loaders have no row" } else { reason };
        let help = if is_loader { "use the extractors that have it as their `loader`" } else { help };
        return Err(Error::NotRunnable { slug: one.slug.clone(), reason: reason.into(), help: help.into() });
    }
    found.retain(|one| standings.contains_key(&one.id));
    Ok(found)
}
