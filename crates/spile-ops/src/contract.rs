//! Contracts: compares what sources offered when they were last accepted with what they offer now.

mod allowed;

use std::path::PathBuf;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

pub(crate) use allowed::{Allowed, AllowedPart, allowed};

use super::edits::{self, Edits};
use super::{Error, Loaded, Tell, discover};
use spile_core::connector::Role;
use spile_core::discovered::{Change, ChangedSource, Contract, Discovered, Rules, Watch, change, contract};
use spile_core::integration::Integration;
use spile_core::name::{EnvironmentName, Slug};
use spile_core::problem::Problems;
use spile_core::settings::CatalogAge;
use spile_world::World;
use spile_world::files::io_error::IoError;
use spile_world::stores::runs::PAUSED;
use spile_world::{Discoveries, Project};

/// Reads the contract of an integration in an environment. Returns `None` if nobody has accepted its source yet.
///
/// # Errors
/// When it cannot be read, or is not a contract.
pub fn read(
    project: &Project,
    integration: &Integration,
    environment: &EnvironmentName,
) -> Result<Option<Contract>, Error> {
    let mut problems = Problems::default();
    let path = contract::path(&integration.slug, environment);
    let read = project.contract(&path, &mut problems).and_then(|source| Contract::read(&source, &mut problems));
    if problems.any_error() { Err(Error::Problems(problems.into_report())) } else { Ok(read) }
}

/// The names of an integration in an environment, for people and for commands.
#[derive(Debug, Clone)]
pub struct IntegrationLabel {
    /// Its name.
    pub slug: Slug,
    /// The environment.
    pub environment: EnvironmentName,
    /// The argument for commands, with the environment if it is not the default one: `shop --env prod`.
    pub argument: String,
}

impl IntegrationLabel {
    /// Returns the names of an integration in an environment.
    #[must_use]
    pub fn of(loaded: &Loaded, integration: &Integration, environment: &EnvironmentName) -> Self {
        let slug = integration.slug.clone();
        let is_default = *environment == loaded.settings.default_environment;
        let argument = if is_default { slug.to_string() } else { format!("{slug} --env {environment}") };
        Self { slug, environment: environment.clone(), argument }
    }

    /// Returns the command that accepts its source.
    #[must_use]
    pub fn accept(&self) -> String {
        change::accept(&self.argument)
    }
}

/// Returns what has changed in a source since the state `before`.
#[must_use]
pub fn changes(
    integration: &Integration,
    environment: &EnvironmentName,
    before: &Contract,
    now: &Discovered,
) -> Vec<Change> {
    let declaration = integration.at(environment);
    let rules = Rules::of(integration, declaration);
    let after = Contract::of(&now.streams, &integration.connector);
    Watch { rules: &rules, schema: &declaration.schema }.changes(before, &after, &now.streams)
}

/// Returns what has changed in the source of an integration since its contract, if this machine has a valid discovery of
/// the source. Does not ask the source.
///
/// # Errors
/// When its contract is invalid, or a file cannot be read.
pub fn known_changes(
    project: &Project,
    loaded: &Loaded,
    integration: &Integration,
    environment: &EnvironmentName,
) -> Result<Option<ChangedSource>, Error> {
    // In an untrusted project, the stored discovery is not trusted.
    if integration.role() == Role::Loader || project.believed_folder().is_none() {
        return Ok(None);
    }
    let Some(contract) = read(project, integration, environment)? else { return Ok(None) };
    let Some(now) = discover::found(project.root(), loaded, integration, environment)? else { return Ok(None) };
    let changes = changes(integration, environment, &contract, &now);
    let IntegrationLabel { slug, argument, .. } = IntegrationLabel::of(loaded, integration, environment);
    let (id, at) = (integration.id, now.discovered_at);
    Ok((!changes.is_empty()).then_some(ChangedSource { id, slug, argument, at, changes }))
}

/// What has changed in a source, and since when.
#[derive(Debug, Clone)]
pub enum History {
    /// Since it was last accepted.
    SinceContract(Vec<Change>),
    /// Nobody has accepted it yet: the differences between each stored discovery and the one before, newest first.
    ByAnswer(Vec<HistoryStep>),
}

/// The differences between a discovery of a source and the one before.
#[derive(Debug, Clone)]
pub struct HistoryStep {
    /// When the discovery was made.
    pub at: Timestamp,
    /// When the one before was made.
    pub since: Timestamp,
    /// What has changed.
    pub changes: Vec<Change>,
}

/// Returns what has changed in the source of an integration: since its contract or, without a contract, from discovery to
/// discovery.
///
/// # Errors
/// When its contract is invalid, or a file cannot be read.
pub fn history(
    project: &Project,
    integration: &Integration,
    environment: &EnvironmentName,
    now: &Discovered,
) -> Result<History, Error> {
    if let Some(contract) = read(project, integration, environment)? {
        return Ok(History::SinceContract(changes(integration, environment, &contract, now)));
    }
    let discoveries = Discoveries::of(&project.own_folder());
    let path = discoveries.path(&integration.slug, environment);
    let earlier = discoveries.earlier(&integration.slug, environment).map_err(IoError::of("read", &path))?;
    let answers: Vec<&Discovered> = std::iter::once(now).chain(&earlier).collect();
    let step = |pair: &[&Discovered]| {
        let (after, before) = (pair[0], pair[1]);
        let contract = Contract::of(&before.streams, &integration.connector);
        let changes = changes(integration, environment, &contract, after);
        HistoryStep { at: after.discovered_at, since: before.discovered_at, changes }
    };
    let steps = answers.windows(2).map(step).filter(|step| !step.changes.is_empty());
    Ok(History::ByAnswer(steps.collect()))
}

/// The new contract of a source, not yet written.
#[derive(Debug, Clone)]
pub struct Acceptance {
    /// The contract, relative to the project.
    pub path: PathBuf,
    /// What has changed since the source was last accepted; `None` if it never was.
    pub changes: Option<Vec<Change>>,
    /// How many streams the contract has.
    pub streams: usize,
    /// The files to write.
    pub edits: Edits,
}

/// Prepares the contract that accepts what a source offers now.
///
/// # Errors
/// When the contract would be too large, or the existing file cannot be read.
pub fn acceptance(
    project: &Project,
    integration: &Integration,
    environment: &EnvironmentName,
    now: &Discovered,
) -> Result<Acceptance, Error> {
    let path = contract::path(&integration.slug, environment);
    let contract = Contract::of(&now.streams, &integration.connector);
    let text = contract.text(&integration.slug, environment);
    if text.len() as u64 > contract::MOST_BYTES {
        return Err(Error::LargeContract { slug: integration.slug.clone(), most: contract::MOST_BYTES >> 20 });
    }
    // A contract that cannot be read, for example after a failed merge, is rewritten.
    let before = read(project, integration, environment).ok().flatten();
    let changes = before.map(|before| changes(integration, environment, &before, now));
    let mut edits = Edits::default();
    edits.set(path.clone(), edits::read(project, &path)?, Some(text));
    Ok(Acceptance { path, changes, streams: contract.streams.len(), edits })
}

/// The result of checking a source whose contract was due.
#[derive(Debug)]
pub struct Checked {
    /// The integration.
    pub named: IntegrationLabel,
    /// What has changed, or why the source could not be asked.
    pub changes: Result<Vec<Change>, Error>,
}

/// How old a discovery may be if catalogs never expire: a user who asks for due checks wants current results.
const A_DAY: Duration = Duration::from_hours(24);

/// Asks the sources that have a contract and whose last discovery is older than `[sync] catalog` allows, one after the
/// other. Skips integrations that are disabled or paused, and moves no records.
///
/// # Errors
/// When a file or the registry cannot be read. The success or failure of each source is part of the result.
pub async fn check_due(
    world: &World,
    loaded: &Loaded,
    options: &discover::Options,
    tell: Tell<'_>,
) -> Result<Vec<Checked>, Error> {
    let standings = world.runs.standings().await?;
    let mut checked = Vec::new();
    for integration in loaded.integrations.by_slug().filter(|one| one.role() == Role::Extractor) {
        let is_paused = standings.get(&integration.id).is_some_and(|standing| standing.status == PAUSED);
        if *options.interrupt.borrow() || is_paused || !integration.at(&options.environment).enabled {
            continue;
        }
        let changes = match due(world, loaded, integration, &options.environment) {
            Ok(None) => continue,
            Ok(Some(contract)) => ask(world, loaded, integration, options, tell)
                .await
                .map(|now| changes(integration, &options.environment, &contract, &now)),
            Err(error) => Err(error),
        };
        checked.push(Checked { named: IntegrationLabel::of(loaded, integration, &options.environment), changes });
    }
    Ok(checked)
}

/// Returns the contract of an integration if its source is due to be asked.
fn due(
    world: &World,
    loaded: &Loaded,
    integration: &Integration,
    environment: &EnvironmentName,
) -> Result<Option<Contract>, Error> {
    let Some(contract) = read(&world.project, integration, environment)? else { return Ok(None) };
    let found = discover::found(world.project.root(), loaded, integration, environment)?;
    let most = match loaded.settings.sync.catalog {
        CatalogAge::Always => return Ok(Some(contract)),
        CatalogAge::Kept => A_DAY,
        CatalogAge::Within(age) => age,
    };
    let is_young = |found: Discovered| {
        let age = (world.clock)().duration_since(found.discovered_at);
        Duration::try_from(age).is_ok_and(|age| age < most)
    };
    Ok((!found.is_some_and(is_young)).then_some(contract))
}

async fn ask(
    world: &World,
    loaded: &Loaded,
    integration: &Arc<Integration>,
    options: &discover::Options,
    tell: Tell<'_>,
) -> Result<Discovered, Error> {
    Ok(discover::asked(world, loaded, integration, options, tell).await?.discovered)
}
