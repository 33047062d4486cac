//! Guards, as a page shows them: the numbers of a plan that need an acknowledgment.

use serde::Serialize;

use spile_core::plan::guard::Excess;
use spile_core::plan::hand_edit::HandEditKind;
use spile_core::plan::{Action, Breach};
use spile_core::problem::counted;
use spile_view::plan_data::PlanData;
use spile_view::runs::grouped;

/// A limit that a plan exceeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuardRow {
    /// What there is too much of: `delete`, `change`, `resync` or `overwrite`.
    pub name: &'static str,
    /// How much, which the acknowledgment must repeat.
    pub count: usize,
    /// The numbers in a sentence.
    pub sentence: String,
}

impl GuardRow {
    /// Returns the limits that a plan exceeds.
    #[must_use]
    pub fn all(plan: &PlanData) -> Vec<Self> {
        let lost = plan.hand_edits.iter().filter(|edit| edit.edit != HandEditKind::Removed).count();
        let overwrite = (lost > 0).then(|| Self {
            name: "overwrite",
            count: lost,
            sentence: format!("It overwrites {} in meltano.yml.", counted(lost, "edit")),
        });
        plan.guards.iter().map(|guard| Self::from(&guard.breach)).chain(overwrite).collect()
    }
}

impl From<&Breach> for GuardRow {
    fn from(breach: &Breach) -> Self {
        match breach {
            Breach::Share { action, count, of, max_percent } => {
                let (name, verb) = match action {
                    Action::Delete => ("delete", "deletes"),
                    Action::Create | Action::Update => ("change", "changes"),
                };
                let sentence = format!(
                    "It {verb} {count} of {}. The limit is {max_percent} %{}.",
                    counted(*of, "integration"),
                    if name == "delete" { ", and one at a time" } else { "" }
                );
                Self { name, count: *count, sentence }
            }
            Breach::Resync { resyncs, rows, seconds } => {
                let over = |what: &str, excess: &Excess| {
                    format!("{} {what} (the limit is {})", grouped(excess.found), grouped(excess.most))
                };
                let rows = rows.iter().map(|rows| over("rows", rows));
                let seconds = seconds.iter().map(|seconds| over("seconds", seconds));
                let cost: Vec<String> = rows.chain(seconds).collect();
                let sentence = format!("It reads {} again: {}.", counted(*resyncs, "source"), cost.join(", "));
                Self { name: "resync", count: *resyncs, sentence }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_says_its_numbers() {
        let breach = Breach::Share { action: Action::Delete, count: 2, of: 5, max_percent: 30 };
        let row = GuardRow::from(&breach);
        assert_eq!((row.name, row.count), ("delete", 2));
        assert_eq!(row.sentence, "It deletes 2 of 5 integrations. The limit is 30 %, and one at a time.");
        let rows = Some(Excess { found: 12_000, most: 1_000 });
        let row = GuardRow::from(&Breach::Resync { resyncs: 1, rows, seconds: None });
        assert_eq!(row.sentence, "It reads 1 source again: 12,000 rows (the limit is 1,000).");
    }
}
