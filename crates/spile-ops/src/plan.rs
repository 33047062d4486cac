//! `plan`: reads both targets and computes what would change. It writes nothing.

pub mod choices;
mod prices;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::try_join;

use super::check::{Rendered, before_plan, forgetting, mistaken};
use super::secrets::rotated::rotations;
use super::{Error, Loaded, contract};
use spile_core::discovered::ChangedSource;
use spile_core::discovered::contract::path;
use spile_core::integration::rotated::Rotation;
use spile_core::integration::{Choices, Integration};
use spile_core::name::{EnvironmentName, IntegrationId, Slug};
use spile_core::plan::{
    self, Compared, Current, Desired, Findings, HandEdit, Head, LastDocument, OutputStep, Outputs, Plan, Revision,
    Scope, Selected, Selection, Snapshot, State,
};
use spile_core::record::Entry;
use spile_core::render::rest::{hand_edits, sort_by_name};
use spile_core::render::{FILE_NAME, read, says_the_same};
use spile_world::{TargetError, World};

/// The options of a plan.
#[derive(Debug, Clone)]
pub struct Options {
    /// The environment whose rows are planned.
    pub environment: EnvironmentName,
    /// The integrations to plan.
    pub selection: Selection,
    /// Integrations that adopt an unmanaged row.
    pub adopt: BTreeSet<Slug>,
    /// The targets to compare.
    pub compared: Compared,
    /// What happens to streams that would be read again, besides what files choose.
    pub choices: Choices,
}

impl Options {
    /// Returns the options of a plan for everything.
    #[must_use]
    pub fn everything(environment: EnvironmentName) -> Self {
        Self {
            environment,
            selection: Selection::default(),
            adopt: BTreeSet::new(),
            compared: Compared::Both,
            choices: Choices::default(),
        }
    }
}

/// Computes what apply would do.
///
/// # Errors
/// When a target cannot be read, or the selection names something that does not exist.
pub async fn plan(world: &World, loaded: &Loaded, options: &Options) -> Result<Plan, Error> {
    let advice = before_plan(&world.project, loaded, &options.environment)?;
    let asked = Desired {
        registry: plan::rows(&loaded.integrations, &options.environment),
        meltano: loaded.entries.clone(),
        protected: BTreeSet::new(),
    };
    world.meltano_file.learn(&loaded.rendered, &asked.meltano);
    world.registry.learn(&(), &asked.registry);
    let mut current = targets(world).await?;
    if !options.adopt.is_empty() {
        adopt(world, loaded, options, &mut current).await?;
    }
    if options.compared == Compared::FileOnly {
        current.registry = Snapshot::new(asked.registry.clone(), (), Revision("offline".to_owned()));
    } else if current.meltano.document.is_empty()
        && current.registry.state.ids().any(|id| asked.registry.get(id).is_none())
    {
        // A clone without that file must not delete protected entries.
        current.remembered = last_entries(world).await?;
    }
    let selected = options.selection.among(&loaded.integrations, || kept(&current));
    let Selected { scope, spared } = selected.map_err(|unknown| no_such(&unknown, loaded))?;
    let desired = scope.narrow(asked, &current);
    let is_whole = scope == Scope::Everything && desired.protected.is_empty();
    let text = if is_whole { loaded.rendered.clone() } else { loaded.render(&desired.meltano)? };
    let text = kept_where_same(text, &current.meltano, &desired.meltano);
    if is_whole && text != current.meltano.document {
        loaded.prove()?;
    }
    if !is_whole {
        world.meltano_file.learn(&text, &desired.meltano);
    }
    let chosen = choices::chosen(world, loaded, options, &current).await?;
    let head = Head {
        project: loaded.settings.name.clone(),
        environment: options.environment.clone(),
        outputs: outputs(loaded, &scope, &current)?,
        compared: options.compared,
        scope,
        spared,
        choices: chosen.all.clone(),
        asked: options.choices.clone(),
    };
    let plan = Plan::new(head, &current, &desired, &loaded.integrations, text);
    choices::check(&plan, &options.choices)?;
    let forgetting = forgetting(&world.project, loaded, &changed(&plan), &options.environment, (world.clock)());
    let findings = Findings {
        hand_edits: edited_by_hand(world, &current.meltano, &plan.meltano.after, options.compared).await?,
        seen: super::secrets::seen(&world.keys, &plan.registry).await,
        advice: Arc::new(advice.and(forgetting).and(chosen.advice(&plan, loaded))),
        prices: prices::prices(world, loaded, &plan).await?,
        sources: sources(world, loaded, &plan.scope, &options.environment)?,
        rotated: rotated(world, loaded, &plan).await?,
    };
    Ok(plan.with(findings))
}

/// Returns the current text if it has the desired meaning. Meltano rewrites the whole file in its own format whenever it
/// writes anything.
fn kept_where_same(text: String, current: &Snapshot<Entry>, desired: &State<Entry>) -> String {
    let there = &current.document;
    let is_same = text != *there && current.state == *desired && says_the_same(&text, there, sort_by_name);
    if is_same { there.clone() } else { text }
}

/// Returns the hand edits that a text would overwrite. If nothing was applied on this machine, the registry knows what was
/// applied elsewhere.
pub(super) async fn edited_by_hand(
    world: &World,
    there: &Snapshot<Entry>,
    after: &str,
    compared: Compared,
) -> Result<Vec<HandEdit>, Error> {
    let found = &there.document;
    if found == after || found.is_empty() {
        return Ok(Vec::new());
    }
    match &there.left {
        LastDocument::Same => Ok(Vec::new()),
        LastDocument::Other(left) => Ok(hand_edits(found, after, Some(left))),
        LastDocument::Unknown => {
            let edits = hand_edits(found, after, None);
            if edits.is_empty() || compared == Compared::FileOnly {
                return Ok(edits);
            }
            let left = last_text(world).await?;
            Ok(left.map_or(edits, |left| hand_edits(found, after, Some(&left))))
        }
    }
}

/// Returns the sources that differ from their contracts, as far as this machine knows.
fn sources(
    world: &World,
    loaded: &Loaded,
    scope: &Scope,
    environment: &EnvironmentName,
) -> Result<Vec<ChangedSource>, Error> {
    // If the folder cannot be listed, reading a contract reports the reason.
    let contracts = world.project.contracts().ok();
    let may_have_one =
        |one: &Integration| contracts.as_ref().is_none_or(|there| there.contains(&path(&one.slug, environment)));
    let mut changed = Vec::new();
    let meant = loaded.integrations.by_slug().filter(|one| scope.covers(&one.slug) && one.at(environment).enabled);
    for integration in meant.filter(|one| may_have_one(one)) {
        changed.extend(contract::known_changes(&world.project, loaded, integration, environment)?);
    }
    Ok(changed)
}

/// Returns the secrets that sources have rotated. Without the registry, it is not known.
async fn rotated(world: &World, loaded: &Loaded, plan: &Plan) -> Result<Vec<Rotation>, Error> {
    if plan.compared == Compared::FileOnly {
        return Ok(Vec::new());
    }
    let covered = loaded.integrations.by_slug().filter(|one| plan.scope.covers(&one.slug));
    rotations(world, covered.map(|one| &**one), &plan.environment).await
}

/// Returns the integrations that are new in `meltano.yml`, or change there.
fn changed(plan: &Plan) -> BTreeSet<Slug> {
    plan.meltano.changes.values().filter_map(|change| change.after()).map(|entry| entry.slug.clone()).collect()
}

/// Computes what happens to the files next to `meltano.yml`.
fn outputs(loaded: &Loaded, scope: &Scope, current: &Current) -> Result<Outputs, Error> {
    let mut outputs = Outputs::default();
    for Rendered { output, tasks, text } in &loaded.outputs {
        let before = current.outputs.get(&output.path).cloned().unwrap_or_default();
        let narrowed = output.narrowed(scope, tasks, &before);
        let after = match narrowed {
            Some(narrowed) if narrowed == *tasks => text.clone(),
            Some(narrowed) => output.render(&narrowed).map_err(|mistake| mistaken(&output.template, mistake))?,
            None if *text == before => continue,
            None => {
                outputs.left.push(output.path.clone());
                continue;
            }
        };
        if before != after {
            outputs.steps.push(OutputStep { path: output.path.clone(), before, after });
        }
    }
    Ok(outputs)
}

/// Adds the adopted unmanaged rows to the current state.
async fn adopt(world: &World, loaded: &Loaded, options: &Options, current: &mut Current) -> Result<(), Error> {
    let unmanaged = world.registry.unmanaged().await?;
    for slug in &options.adopt {
        let id = loaded.named(slug.as_str())?.id;
        let Some(found) = unmanaged.get(&id) else { return Err(Error::NothingToAdopt { slug: slug.clone(), id }) };
        current.registry.adopted.insert(id, found.row.clone());
        current.registry.foreign.retain(|foreign| foreign.id != id.to_string());
    }
    Ok(())
}

/// Reads both targets.
pub(super) async fn targets(world: &World) -> Result<Current, Error> {
    let (registry, meltano) = try_join!(world.registry.read(), world.meltano_file.read())?;
    Ok(Current { registry, meltano, outputs: world.outputs.read()?, remembered: State::default() })
}

/// Reads the entries of the last applied `meltano.yml` from the registry.
pub(super) async fn last_entries(world: &World) -> Result<State<Entry>, Error> {
    Ok(left_entries(&last_text(world).await?.unwrap_or_default())?)
}

/// Returns the `meltano.yml` of the last apply, if the registry still has it.
async fn last_text(world: &World) -> Result<Option<String>, Error> {
    let Some(last) = world.registry.applies(1).await?.pop() else { return Ok(None) };
    Ok(world.registry.left_by(last.id).await?.and_then(|left| left.text))
}

/// Returns the entries in a text that an apply wrote.
pub(super) fn left_entries(text: &str) -> Result<State<Entry>, TargetError> {
    let unreadable =
        |error: read::Unreadable| TargetError::Unreadable { path: FILE_NAME.into(), message: error.to_string() };
    if text.is_empty() { Ok(State::default()) } else { read::entries(text).map_err(unreadable) }
}

/// Returns the names and ids of everything in the targets.
fn kept(current: &Current) -> BTreeMap<Slug, IntegrationId> {
    let rows = current.registry.state.iter().map(|(id, row)| (row.slug.clone(), *id));
    let entries = current.meltano.state.iter().map(|(id, entry)| (entry.slug.clone(), *id));
    rows.chain(entries).collect()
}

fn no_such(words: &[String], loaded: &Loaded) -> Error {
    let tags = loaded.integrations.iter().flat_map(|known| &known.base.tags).map(|tag| format!("#{tag}"));
    let tags: BTreeSet<String> = tags.collect();
    let names = loaded.integrations.by_slug().map(|known| known.slug.as_str());
    let known: Vec<&str> = names.chain(tags.iter().map(String::as_str)).collect();
    super::unknown_names(words, &known)
}
