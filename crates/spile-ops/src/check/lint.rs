//! `check --lint`: finds what is valid in the files but likely to cause trouble.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Loaded, drafts};
use spile_core::connector::read;
use spile_core::lint::Lints;
use spile_core::name::{EnvironmentName, Slug};
use spile_core::problem::{Problems, Report};
use spile_world::Project;

/// Adds the lints to a checked project. Reads the files again to get their places.
#[must_use]
pub fn with_lints(project: &Project, mut loaded: Loaded, now: Timestamp) -> Loaded {
    let mut problems = Problems::default();
    let lints = Lints {
        settings: &loaded.settings.lint,
        integrations: &loaded.integrations,
        environment: &loaded.settings.default_environment,
        now,
    };
    // The files are known to be valid, so every problem that is found now is a lint.
    let files = project.integrations(&mut problems);
    for draft in drafts(files, &mut problems) {
        lints.integration(&draft, &mut problems);
    }
    for source in project.connectors(&mut problems) {
        let Some(connector) = read::connector(&source, &mut problems) else { continue };
        let span = read::span_of_pip_url(&source).unwrap_or(0..0).into();
        lints.connector(&connector, &source, span, &mut problems);
    }
    super::locks::lint(project, &loaded, now, &mut problems);
    loaded.advice = std::mem::take(&mut loaded.advice).and(problems.into_report());
    loaded
}

/// Returns a warning for each of the changed integrations that reads everything again in each run.
pub(crate) fn forgetting(
    project: &Project,
    loaded: &Loaded,
    changed: &BTreeSet<Slug>,
    environment: &EnvironmentName,
    now: Timestamp,
) -> Report {
    let forgets = |slug: &&Slug| loaded.integrations.find(slug.as_str()).is_some_and(|one| one.forgets());
    let changed: BTreeSet<&Slug> = changed.iter().filter(forgets).collect();
    if changed.is_empty() {
        return Report::default();
    }
    let lints = Lints { settings: &loaded.settings.lint, integrations: &loaded.integrations, environment, now };
    // The files are known to be valid, so problems of reading them again are not reported.
    let files = project.integrations(&mut Problems::default());
    let (drafts, mut problems) = (drafts(files, &mut Problems::default()), Problems::default());
    for draft in drafts.iter().filter(|draft| draft.environment.is_none() && changed.contains(&draft.slug)) {
        lints.no_state(draft, &mut problems);
    }
    problems.into_report()
}
