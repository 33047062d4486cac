//! The results of requested runs: those that ran, and those that did not.

use super::ended::{RefusedRun, RunEnd};
use spile_core::name::Slug;
use spile_core::run::Run;

/// The results of the requested runs, sorted by name.
#[derive(Debug, Default)]
pub struct Results {
    /// Runs that took place, with any status. They are in the registry.
    pub ran: Vec<Run>,
    /// Runs that did not start.
    pub refused: Vec<RefusedRun>,
    /// Integrations that were skipped because another run already uses them.
    pub left: Vec<Slug>,
}

impl Results {
    /// Tells whether there was nothing to run, apart from skipped integrations.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ran.is_empty() && self.refused.is_empty()
    }

    /// Returns all runs to show, including those that did not start.
    #[must_use]
    pub fn all(&self) -> Vec<Run> {
        let mut all: Vec<Run> = self.ran.iter().chain(self.refused.iter().map(|one| &one.run)).cloned().collect();
        all.sort_by(|a, b| a.slug.cmp(&b.slug));
        all
    }

    pub(super) fn add(&mut self, ended: RunEnd) {
        match ended {
            RunEnd::Ran(run) => self.ran.push(*run),
            RunEnd::Refused(refused) => self.refused.push(*refused),
            RunEnd::Left(slug) => self.left.push(slug),
            RunEnd::Served => {}
        }
    }

    pub(crate) fn extend(&mut self, later: Self) {
        self.ran.extend(later.ran);
        self.refused.extend(later.refused);
        self.left.extend(later.left);
    }

    pub(super) fn sort(&mut self) {
        self.ran.sort_by(|a, b| a.slug.cmp(&b.slug));
        self.refused.sort_by(|a, b| a.run.slug.cmp(&b.run.slug));
        self.left.sort();
    }
}
