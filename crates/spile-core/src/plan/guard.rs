//! Guards: a plan with an unusual number of changes must be acknowledged with the exact number.

use serde::{Deserialize, Serialize};

use super::{Action, Plan};
use crate::settings::Guard;

/// From how many integrations on the share of changed ones is watched; the same bound as octoDNS'.
const FEW: usize = 10;

/// A guard that a plan runs into.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Breach {
    /// What there is too much of: deletions or changes.
    pub action: Action,
    /// How many.
    pub count: usize,
    /// Of how many.
    pub of: usize,
    /// The most that passes, in percent.
    pub max_percent: u8,
}

impl Breach {
    /// Returns the option of apply that acknowledges it.
    #[must_use]
    pub fn lifted_by(&self) -> String {
        let what = if self.action == Action::Delete { "delete" } else { "change" };
        format!("--allow {what}={}", self.count)
    }
}

/// What the user acknowledged, by the exact number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Deletions.
    pub delete: Option<usize>,
    /// Changes.
    pub change: Option<usize>,
    /// Edits by hand that are overwritten in `meltano.yml`.
    pub overwrite: Option<usize>,
}

impl Plan {
    /// Returns the guards that the plan runs into and the allowance does not lift.
    #[must_use]
    pub fn breaches(&self, guard: Guard, allowance: Allowance) -> Vec<Breach> {
        let summary = self.summary();
        let share = |count: usize, percent: u8| count * 100 > self.existing * usize::from(percent);
        let deletes = summary.delete > 1 || share(summary.delete, guard.max_delete_percent);
        let changes = self.existing >= FEW && share(summary.update, guard.max_change_percent);
        let breach = |action, count, max_percent| Breach { action, count, of: self.existing, max_percent };
        let mut breaches = Vec::new();
        if deletes && allowance.delete != Some(summary.delete) {
            breaches.push(breach(Action::Delete, summary.delete, guard.max_delete_percent));
        }
        if changes && allowance.change != Some(summary.update) {
            breaches.push(breach(Action::Update, summary.update, guard.max_change_percent));
        }
        breaches
    }
}
