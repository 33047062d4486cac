//! The tables that the streams of all integrations are loaded into. Shared tables and surprising names are reported before
//! anything runs.

use std::cell::OnceCell;

use super::{Loaded, drafts};
use crate::{Error, discover};
use spile_core::connector::Role;
use spile_core::discovered::tables::{self, Within, Writer};
use spile_core::discovered::{Discovered, Rules};
use spile_core::integration::{Draft, Integration};
use spile_core::name::EnvironmentName;
use spile_core::problem::{Problems, Report};
use spile_core::source::Place;
use spile_world::{Discoveries, Project};

/// What the check assumes about the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    /// What `spile discover` found, as long as it is still valid.
    Discovered,
    /// Only what the files select.
    Selected,
}

/// Adds problems and warnings about tables to what was checked, for one environment or for all.
///
/// # Errors
/// When rows of several streams would be mixed in one table, or a file cannot be read.
pub fn with_tables(
    project: &Project,
    loaded: Loaded,
    only: Option<&str>,
    knowledge: Knowledge,
) -> Result<Loaded, Error> {
    let environments = match only {
        Some(name) => vec![loaded.environment(Some(name))?],
        None => loaded.settings.environments.keys().cloned().collect(),
    };
    let found = tables(project, &loaded, &environments, knowledge)?;
    loaded.with_found(found)
}

/// Returns the warnings about tables that a plan of an environment shows.
///
/// # Errors
/// See [`with_tables`].
pub(crate) fn before_plan(project: &Project, loaded: &Loaded, environment: &EnvironmentName) -> Result<Report, Error> {
    let knowledge = match project.believed_folder() {
        Some(_) => Knowledge::Discovered,
        None => Knowledge::Selected,
    };
    let found = tables(project, loaded, std::slice::from_ref(environment), knowledge)?;
    let is_wrong = found.any_error();
    let report = found.into_report();
    if is_wrong { Err(Error::Problems(report)) } else { Ok(report) }
}

fn tables(
    project: &Project,
    loaded: &Loaded,
    environments: &[EnvironmentName],
    knowledge: Knowledge,
) -> Result<Problems, Error> {
    let mut problems = Problems::default();
    let files = Files { project, drafts: OnceCell::new() };
    for environment in environments {
        let writing = writing(loaded, environment);
        let known = known(project, loaded, &writing, environment, knowledge)?;
        let is_default = *environment == loaded.settings.default_environment;
        let writers = writers(&writing, &known, environment, is_default || environments.len() == 1);
        let words = if is_default { String::new() } else { format!(" in `{environment}`") };
        let place = |integration: &Integration| files.place(integration, environment);
        tables::check(&writers, &Within { words: &words, place: &place }, &mut problems);
    }
    Ok(problems)
}

/// An integration and its loader.
type Pair<'a> = (&'a Integration, &'a Integration);

fn writers<'a>(
    writing: &[Pair<'a>],
    known: &'a [Option<Discovered>],
    environment: &'a EnvironmentName,
    is_first: bool,
) -> Vec<Writer<'a>> {
    let writer = |(&(integration, loader), known): (&Pair<'a>, &'a Option<Discovered>)| {
        let rules = Rules::of(integration, integration.at(environment));
        let streams = known.as_ref().map(|known| tables::taken(&known.streams, &rules));
        let differs = |one: &Integration| one.overlays.contains_key(environment);
        let is_other = is_first || differs(integration) || differs(loader);
        Writer { integration, loader, environment, streams, is_other }
    };
    writing.iter().zip(known).map(writer).collect()
}

/// Returns the integrations that a sync of an environment would run, each with its loader.
fn writing<'a>(loaded: &'a Loaded, environment: &EnvironmentName) -> Vec<Pair<'a>> {
    let extractors = loaded.integrations.by_slug().filter(|one| one.role() == Role::Extractor);
    let pair = |one: &'a std::sync::Arc<Integration>| {
        let declaration = one.at(environment);
        let target = declaration.loader.as_ref().filter(|_| declaration.enabled)?;
        Some((one.as_ref(), loaded.integrations.find(target.as_str())?.as_ref()))
    };
    extractors.filter_map(pair).collect()
}

/// Returns what the sources offer, for each discovery that exists and is trusted.
fn known(
    project: &Project,
    loaded: &Loaded,
    writing: &[Pair<'_>],
    environment: &EnvironmentName,
    knowledge: Knowledge,
) -> Result<Vec<Option<Discovered>>, Error> {
    let discoveries = Discoveries::of(&project.own_folder());
    // Only a few of thousands have a discovery. To check whether it is still valid takes longer than to look for the file.
    let is_kept = |one: &Integration| {
        knowledge == Knowledge::Discovered && discoveries.path(&one.slug, environment).symlink_metadata().is_ok()
    };
    let found = |(one, _): &Pair<'_>| {
        if is_kept(one) { discover::found(project.root(), loaded, one, environment) } else { Ok(None) }
    };
    writing.iter().map(found).collect()
}

/// The files of integrations, which are read again for their places only if there is a problem to report.
struct Files<'a> {
    project: &'a Project,
    drafts: OnceCell<Vec<Draft>>,
}

impl Files<'_> {
    /// Returns the place where a file chooses the loader, or else the start of the integration's file.
    fn place(&self, integration: &Integration, environment: &EnvironmentName) -> Option<Place> {
        let drafts = self.drafts.get_or_init(|| {
            let mut problems = Problems::default();
            let files = self.project.integrations(&mut problems);
            drafts(files, &mut problems)
        });
        let of = |environment: Option<&EnvironmentName>| {
            let is_it = |draft: &&Draft| draft.slug == integration.slug && draft.environment.as_ref() == environment;
            drafts.iter().find(is_it)
        };
        let loader = |draft: &Draft| draft.loader.as_ref().map(|loader| loader.place.clone());
        let start = |draft: &Draft| draft.source.start();
        of(Some(environment)).and_then(loader).or_else(|| of(None).and_then(loader)).or_else(|| of(None).map(start))
    }
}
