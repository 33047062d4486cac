//! `check --lint`: what is no mistake in the files, and may become one.

use jiff::Timestamp;

use super::{Loaded, drafts};
use crate::connector::read;
use crate::lint::Lints;
use crate::problem::Problems;
use crate::world::Project;

/// Adds to what was checked the lints of the files, which are read once more for their places.
#[must_use]
pub fn with_lints(project: &Project, mut loaded: Loaded, now: Timestamp) -> Loaded {
    let mut problems = Problems::default();
    let lints = Lints {
        settings: &loaded.settings.lint,
        integrations: &loaded.integrations,
        environment: &loaded.settings.default_environment,
        now,
    };
    // All is well with them: whatever is found now is a lint.
    let files = project.integrations(&mut problems);
    for draft in drafts(files, &mut problems) {
        lints.integration(&draft, &mut problems);
    }
    for source in project.connectors(&mut problems) {
        let Some(connector) = read::connector(&source, &mut problems) else { continue };
        let span = read::span_of_pip_url(&source).unwrap_or(0..0).into();
        lints.connector(&connector, (&source, span), &mut problems);
    }
    loaded.advice = std::mem::take(&mut loaded.advice).and(problems.into_report());
    loaded
}
