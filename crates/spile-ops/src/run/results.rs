//! The results of requested runs: those that ran, and those that did not.

use super::ended::{RefusedRun, RunEnd};
use spile_core::name::Slug;
use spile_core::run::Run;

/// What came of runs that were wanted, each by name.
#[derive(Debug, Default)]
pub struct Results {
    /// Those that ran, however they ended; the registry knows them.
    pub ran: Vec<Run>,
    /// Those that did not run.
    pub refused: Vec<RefusedRun>,
    /// Those that were left to what runs them already.
    pub left: Vec<Slug>,
}

impl Results {
    /// Tells whether there was nothing to run, but for what was left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ran.is_empty() && self.refused.is_empty()
    }

    /// Returns all of them as people are shown them, those that did not run too.
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

    pub(super) fn sort(&mut self) {
        self.ran.sort_by(|a, b| a.slug.cmp(&b.slug));
        self.refused.sort_by(|a, b| a.run.slug.cmp(&b.run.slug));
        self.left.sort();
    }
}
