//! Sentences of errors that list more than one thing.

use crate::counted;
use spile_core::phrase::{Phrase, code};
use spile_core::plan::{Action, Breach, HandEdit};

/// Returns how much a plan changes, and how much passes.
pub(super) fn refusal(breaches: &[Breach]) -> String {
    let sentence = |breach: &Breach| {
        let Breach { action, count, of, max_percent } = breach;
        let verb = if *action == Action::Delete { "deletes" } else { "changes" };
        let least = if *action == Action::Delete { "one, or " } else { "" };
        format!(
            "the plan {verb} {count} of {}; more than {least}{max_percent} % must be acknowledged",
            counted(*of, "integration")
        )
    };
    breaches.iter().map(sentence).collect::<Vec<_>>().join("; ")
}

/// Returns what was edited by hand.
pub(super) fn edits(edits: &[HandEdit]) -> String {
    Phrase::joined(edits.iter().map(HandEdit::phrase), "; ").to_string()
}

/// Returns the options that lift guards, as a user types them.
pub(super) fn allowances(breaches: &[Breach]) -> Phrase {
    Phrase::joined(breaches.iter().map(|breach| code(breach.lifted_by())), " and ")
}
