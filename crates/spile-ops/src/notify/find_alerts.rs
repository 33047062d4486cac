//! Finds everything that users are notified about.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use miette::Diagnostic;

use super::Watched;
use crate::{self as ops, Error, Event, Loaded};
use spile_core::alert::runs::AllEnds;
use spile_core::alert::stale::{Since, stale};
use spile_core::alert::{Alert, Key, Seen, Subject};
use spile_core::discovered::{Change, ChangedSource, change};
use spile_core::integration::Integration;
use spile_core::name::{IntegrationId, Slug};
use spile_core::plan::drift::DriftKind;
use spile_core::plan::guard::Allowance;
use spile_core::plan::{Drift, Plan};
use spile_core::problem::{Problem, Report};
use spile_core::record::Target;
use spile_core::settings::AlertKind;
use spile_world::World;
use spile_world::stores::runs::Standing;

/// What was found, and what could not be checked.
pub(super) struct Looked {
    pub(super) seen: Seen,
    pub(super) unseen: Vec<Event>,
}

pub(super) async fn look(world: &World, watched: Watched<'_>) -> Looked {
    let mut looked = Looked { seen: Seen::default(), unseen: Vec::new() };
    let now = (world.clock)();
    match watched.files {
        Ok(loaded) => {
            looked.runs(world, loaded, watched, now).await;
            looked.plan(world, loaded, watched, now).await;
            looked.recipients(world, loaded, now);
        }
        Err(report) => {
            looked.seen.alerts.extend(files(report, now));
            looked.seen.whole.insert(AlertKind::Misconfigured);
        }
    }
    looked
}

impl Looked {
    /// Finds integrations that fail, succeed or are late, among those that are enabled and not paused.
    async fn runs(&mut self, world: &World, loaded: &Loaded, watched: Watched<'_>, now: Timestamp) {
        let known = async { Ok::<_, Error>((world.alerts.ends(None).await?, world.runs.standings().await?)) };
        let (ends, standings) = match known.await {
            Ok((ends, standings)) => (ends.into_iter().collect::<AllEnds>(), standings),
            Err(error) => return self.unseen.push(unseen(&error)),
        };
        let is_awake = |one: &Integration| {
            let rests = standings.get(&one.id).is_some_and(|standing| standing.status == "paused");
            one.at(watched.environment).enabled && !rests
        };
        let awake: Vec<&Integration> =
            loaded.integrations.iter().map(AsRef::as_ref).filter(|one| is_awake(one)).collect();
        let (failing, well) = ends.seen(awake.iter().copied());
        self.seen.alerts.extend(failing);
        self.seen.well.extend(well);
        for integration in awake {
            let Some(standing) = standings.get(&integration.id) else { continue };
            let since = since(&ends, integration.id, standing);
            self.seen.alerts.extend(stale(integration, watched.environment, since, now));
        }
        self.seen.whole.extend([AlertKind::Failure, AlertKind::Stale, AlertKind::Warning]);
    }

    /// Finds drift, and the reasons why a plan would be refused.
    async fn plan(&mut self, world: &World, loaded: &Loaded, watched: Watched<'_>, now: Timestamp) {
        let options = ops::plan::Options::everything(watched.environment.clone());
        match ops::plan(world, loaded, &options).await {
            Ok(plan) => {
                self.seen.alerts.extend(plan.drift.iter().map(|drift| drifted(loaded, drift, now)));
                self.seen.alerts.extend(edited(&plan, now));
                self.seen.alerts.extend(plan.findings.sources.iter().filter_map(|source| changed(loaded, source)));
                let breaches = plan.breaches(loaded.settings.guard, Allowance::default());
                let refused = (!breaches.is_empty()).then(|| Error::Refused(breaches));
                self.seen.alerts.extend(refused.map(|error| refusal("guard", &error, now)));
                self.seen.whole.extend([AlertKind::ActionRequired, AlertKind::Misconfigured]);
            }
            Err(Error::Problems(report)) => self.seen.alerts.extend(files(&report, now)),
            // A temporary failure needs no correction.
            Err(Error::Target(error)) if error.is_of_the_moment() => self.unseen.push(unseen(&Error::Target(error))),
            Err(error) => self.seen.alerts.push(refusal("plan", &error, now)),
        }
    }

    /// Finds secrets whose recipients differ from `.sops.yaml`. Without a `.sops.yaml`, it finds nothing.
    fn recipients(&mut self, world: &World, loaded: &Loaded, now: Timestamp) {
        let Ok(files) = ops::secrets::SecretsFile::all(&world.project) else { return };
        for file in files {
            let Some(integration) = loaded.integrations.find(file.name.slug.as_str()) else { continue };
            let Ok(Some(regranted)) = ops::secrets::regranted(&world.project, &file) else { continue };
            let counted = |count: usize| ops::counted(count, "recipient");
            let sentence = match (regranted.removed.len(), regranted.added.len()) {
                (0, added) => format!("{} in `.sops.yaml` cannot read its secrets yet", counted(added)),
                (removed, _) => {
                    format!("{} no longer in `.sops.yaml` can still read its secrets", counted(removed))
                }
            };
            self.seen.alerts.push(Alert {
                help: Some(
                    "run `spile secrets updatekeys`, then rotate the secrets that removed recipients know".to_owned(),
                ),
                command: Some("spile secrets updatekeys --check".to_owned()),
                ..to_do(format!("{}/recipients", integration.id), Some(integration), regranted.path, sentence, now)
            });
        }
    }
}

fn unseen(error: &Error) -> Event {
    let message = error.causes().into_iter().fold(error.to_string(), |line, cause| format!("{line}: {cause}"));
    Event::Unseen { message, help: error.help().map(|help| help.to_string()) }
}

fn since(ends: &AllEnds, id: IntegrationId, standing: &Standing) -> Since {
    let synced = ends.of(&id).and_then(|ends| ends.last_sync()).map(|run| run.started_at);
    Since { synced, applied: standing.created_at.max(standing.updated_at) }
}

/// Returns an alert for each invalid file.
fn files(report: &Report, now: Timestamp) -> Vec<Alert> {
    let mut by_file: BTreeMap<&Path, Vec<&Problem>> = BTreeMap::new();
    for problem in report.problems().iter().filter(|problem| problem.is_error()) {
        by_file.entry(problem.source.path()).or_default().push(problem);
    }
    let alert = |(path, problems): (&Path, Vec<&Problem>)| {
        let first = problems.first()?;
        let more = match problems.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        Some(Alert {
            key: Key::new(AlertKind::Misconfigured, path.display()),
            integration: slug_of(path).map(|slug| Subject { id: None, slug, tags: None }),
            since: now,
            sentence: format!("{}: {}{more}", first.to_reference(), first.message()),
            help: first.help().map(|help| help.to_string()),
            file: Some(path.to_owned()),
            command: Some("spile check".to_owned()),
            run: None,
        })
    };
    by_file.into_iter().filter_map(alert).collect()
}

/// Returns the integration that a file belongs to: `integrations/crm/shop.prod.toml` belongs to `shop`.
fn slug_of(path: &Path) -> Option<Slug> {
    let name = path.strip_prefix("integrations").ok()?.file_name()?.to_str()?;
    name.split('.').next()?.parse().ok()
}

fn refusal(about: &str, error: &Error, now: Timestamp) -> Alert {
    let sentence = error.causes().into_iter().fold(error.to_string(), |line, cause| format!("{line}: {cause}"));
    Alert {
        key: Key::new(AlertKind::Misconfigured, about),
        integration: None,
        since: now,
        sentence,
        help: error.help().map(|help| help.to_string()),
        file: None,
        command: Some("spile plan".to_owned()),
        run: None,
    }
}

fn drifted(loaded: &Loaded, drift: &Drift, now: Timestamp) -> Alert {
    let (place, about, pull) = match drift.target {
        Target::Registry => ("row", "drift", format!("spile pull {}", drift.slug)),
        Target::MeltanoFile => ("entry in `meltano.yml`", "edited", "spile pull".to_owned()),
    };
    let fields: Vec<String> = drift.fields.iter().map(|field| format!("`{}`", field.change.path)).collect();
    let sentence = match drift.kind {
        DriftKind::Changed if fields.is_empty() => format!("its {place} was changed outside spile"),
        DriftKind::Changed => format!("its {place} was changed outside spile: {}", fields.join(", ")),
        DriftKind::Removed => format!("its {place} was removed outside spile"),
        DriftKind::Added => format!("its {place} was restored outside spile after it was deleted"),
    };
    let integration = loaded.integrations.get(&drift.id);
    let file = integration.map_or_else(PathBuf::new, |one| one.path.clone());
    let alert = to_do(format!("{}/{about}", drift.id), integration.map(AsRef::as_ref), file, sentence, now);
    let gone = || Subject { id: Some(drift.id), slug: drift.slug.clone(), tags: None };
    Alert {
        integration: Some(alert.integration.unwrap_or_else(gone)),
        help: Some(format!("run `{pull}` to keep the change, or `spile apply` to undo it")),
        command: Some("spile drift".to_owned()),
        ..alert
    }
}

/// Returns an alert for changes of a source that somebody has to accept.
fn changed(loaded: &Loaded, source: &ChangedSource) -> Option<Alert> {
    let open: Vec<&Change> = source.changes.iter().filter(|change| change.is_open()).collect();
    let (argument, first) = (&source.argument, open.first()?);
    let more = match open.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let said = first.consequence(argument).map(|said| format!("; if accepted, {said}")).unwrap_or_default();
    let sentence = format!("its source has changed: {}{more}{said}", first.sentence());
    let integration = loaded.integrations.get(&source.id)?;
    let alert =
        to_do(format!("{}/contract", source.id), Some(integration), integration.path.clone(), sentence, source.at);
    Some(Alert {
        help: Some(format!("run `{}` to accept it, or exclude it in `select`", change::accept(argument))),
        command: Some(format!("spile discover {argument} --changes")),
        ..alert
    })
}

fn edited(plan: &Plan, now: Timestamp) -> Option<Alert> {
    plan.is_edited.then(|| Alert {
        key: Key::new(AlertKind::ActionRequired, "meltano.yml"),
        integration: None,
        since: now,
        sentence: "`meltano.yml` was changed outside spile since the last apply".to_owned(),
        help: Some("run `spile pull` to keep the change, or `spile apply` to undo it".to_owned()),
        file: Some("meltano.yml".into()),
        command: Some("spile drift".to_owned()),
        run: None,
    })
}

/// Returns an alert for something that somebody has to do about an integration.
fn to_do(about: String, integration: Option<&Integration>, file: PathBuf, sentence: String, now: Timestamp) -> Alert {
    Alert {
        key: Key::new(AlertKind::ActionRequired, about),
        integration: integration.map(Subject::from),
        since: now,
        sentence,
        help: None,
        file: Some(file).filter(|file| !file.as_os_str().is_empty()),
        command: None,
        run: None,
    }
}
