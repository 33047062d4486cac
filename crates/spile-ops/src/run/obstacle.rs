//! Why a run cannot start: it would do nothing, or less than the Meltano job that it replaces.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::{From, Loaded, Options};
use spile_core::connector::Role;
use spile_core::discovered::can_select;
use spile_core::integration::Integration;
use spile_core::render::read;
use spile_core::render::steps::{Job, More, Run};
use spile_core::run::RunKind;

/// Why a loader does not run by itself, and the next step.
pub(crate) const LOADER: (&str, &str) =
    ("is a loader, and loaders run with their extractors", "run an extractor that uses it as its `loader`");

/// Why an extractor without a loader does not run, and the next step.
pub(crate) const NO_LOADER: (&str, &str) = ("has no loader to send records to", "add `loader = \"SLUG\"` to its file");

/// Why an extractor cannot be narrowed to some of its streams.
pub(crate) const CANNOT_SELECT: &str = "has a tap that cannot be told which streams to read";

/// The reason why a run cannot start.
pub(super) struct Obstacle {
    /// What the integration is or has, as a phrase.
    pub reason: Cow<'static, str>,
    /// The next step.
    pub help: Cow<'static, str>,
}

impl Obstacle {
    pub(super) fn new(reason: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: reason.into(), help: help.into() }
    }

    fn of_job(More { why, command, .. }: More) -> Self {
        let help =
            format!("run `{command}` instead: it runs the whole job, and `spile sync` would run only part of it");
        Self::new(why, help)
    }
}

/// The setting of loaders that are built on Meltano's SDK for how they write.
const LOAD_METHOD: &str = "load_method";

/// Returns why a sync that reads only records since a time cannot start: its loader empties its tables first, so all other
/// rows would be lost.
pub(super) fn overwrites(loaded: &Loaded, integration: &Integration, options: &Options) -> Option<Obstacle> {
    let is_part = matches!(options.from, From::Moment(_) | From::Range { .. });
    let slug = integration.at(&options.environment).loader.as_ref().filter(|_| is_part)?;
    let target = loaded.integrations.find(slug.as_str())?;
    let method = target.at(&options.environment).config.get(LOAD_METHOD)?;
    (method.as_str() == Some("overwrite")).then(|| {
        Obstacle::new(
            format!("has the loader `{slug}`, which empties its tables before each run"),
            format!(
                "set `{LOAD_METHOD} = \"upsert\"` in `{}`, or read everything again with `--full-refresh`",
                target.path.display()
            ),
        )
    })
}

/// Returns the template's own jobs, if a sync could replace one of them.
pub(super) fn jobs(loaded: &Loaded, kind: RunKind, chosen: &[Arc<Integration>]) -> Vec<Job> {
    if kind != RunKind::Sync || chosen.iter().all(|one| one.plugin.is_none()) {
        return Vec::new();
    }
    let made: BTreeSet<&str> = loaded.integrations.iter().map(|one| one.slug.as_str()).collect();
    // A text that cannot be read was refused earlier.
    let mut jobs = read::jobs(&loaded.rendered).unwrap_or_default();
    jobs.retain(|job| !made.contains(job.name.as_str()));
    jobs
}

/// Returns the reason why a run cannot start, if there is one.
pub(super) fn of(integration: &Integration, jobs: &[Job], kind: RunKind, options: &Options) -> Option<Obstacle> {
    let is_tested = kind == RunKind::Test && options.which.names(&integration.slug);
    if integration.role() == Role::Loader && !is_tested {
        return Some(Obstacle::new(LOADER.0, LOADER.1));
    }
    if let Some(less) = less_than_a_job(integration, jobs, options).filter(|_| kind == RunKind::Sync) {
        return Some(less);
    }
    if kind == RunKind::Sync && integration.at(&options.environment).loader.is_none() {
        return Some(Obstacle::new(NO_LOADER.0, NO_LOADER.1));
    }
    let has_start = || integration.connector.start_setting().is_some();
    if matches!(options.from, From::Moment(_)) && !has_start() {
        return Some(Obstacle::new(
            "has no setting `start_date`",
            "remove `--since`, or read everything with `--full-refresh`",
        ));
    }
    if kind == RunKind::Sync && !options.streams.is_default() && !can_select(integration) {
        return Some(Obstacle::new(
            CANNOT_SELECT,
            "sync all of its streams, without `--stream` and with `--full-refresh` alone",
        ));
    }
    None
}

/// Returns what a run would leave out of a job in the template. A missing mapper always counts, because it may mask names.
/// The rest counts only if the file sets no loader, which would mean that the pair may run by itself.
fn less_than_a_job(integration: &Integration, jobs: &[Job], options: &Options) -> Option<Obstacle> {
    let plugin = integration.plugin.as_ref()?;
    let declared = integration.at(&options.environment);
    let missing = Run::mappers(jobs, plugin).into_iter().find(|(mapper, _)| !declared.mappers.contains(mapper));
    if let Some((mapper, more)) = missing {
        let help = format!(
            "add `mappers = [\"{mapper}\"]` to its file, or run `{}`: without the mapper, records would arrive unmapped",
            more.command
        );
        return Some(Obstacle::new(more.why, help));
    }
    match Run::of(jobs, plugin) {
        Run::Otherwise(more) if declared.loader.is_none() => Some(Obstacle::of_job(more)),
        Run::Otherwise(_) | Run::As(_) | Run::Never => None,
    }
}
