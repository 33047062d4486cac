//! Sentences of errors that list several things.

use jiff::SignedDuration;

use crate::counted;
use crate::saved_plan::spoken;
use spile_core::phrase::{Phrase, code};
use spile_core::plan::guard::Excess;
use spile_core::plan::{Action, Breach, HandEdit};

/// Returns how much a plan changes, and how much is allowed.
pub(super) fn refusal(breaches: &[Breach]) -> String {
    let sentence = |breach: &Breach| match breach {
        Breach::Share { action, count, of, max_percent } => {
            let verb = if *action == Action::Delete { "deletes" } else { "changes" };
            let least = if *action == Action::Delete { "one, or " } else { "" };
            format!(
                "the plan {verb} {count} of {}; more than {least}{max_percent} % must be acknowledged",
                counted(*of, "integration")
            )
        }
        Breach::Resync { rows, seconds, .. } => {
            let rows = rows.map(|Excess { found, most }| format!("about {found} rows; more than {most}"));
            let whole = |count: u64| spoken(SignedDuration::from_secs(i64::try_from(count).unwrap_or(i64::MAX)));
            let seconds =
                seconds.map(|Excess { found, most }| format!("for about {}; more than {}", whole(found), whole(most)));
            let both: Vec<String> = [rows, seconds].into_iter().flatten().collect();
            format!("the plan makes syncs read {} must be acknowledged", both.join(", and "))
        }
    };
    breaches.iter().map(sentence).collect::<Vec<_>>().join("; ")
}

/// Returns a description of the hand edits.
pub(super) fn edits(edits: &[HandEdit]) -> String {
    Phrase::joined(edits.iter().map(HandEdit::phrase), "; ").to_string()
}

/// Returns the options that lift the guards, as a user types them.
pub(super) fn allowances(breaches: &[Breach]) -> Phrase {
    Phrase::joined(breaches.iter().map(|breach| code(breach.lifted_by())), " and ")
}
