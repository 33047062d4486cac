//! Drift as people read it: changes by something else, and whether the files agree with them.

use super::plan_data::{DriftData, DriftFieldData, HandEditData, PlanData};
use super::value::in_line;
use super::{BAD, CHANGED, GOOD, QUIET, STRONG, styled};
use spile_core::plan::drift::{DriftKind, Files};
use spile_core::plan::hand_edit::HandEditKind;
use spile_core::record::Target;
use spile_core::render::FILE_NAME;

/// Changes by something else.
#[derive(Debug, Clone, Copy)]
pub struct Drifted<'a> {
    /// Changed records.
    pub records: &'a [DriftData],
    /// Named parts of `meltano.yml` outside integrations.
    pub hand_edits: &'a [HandEditData],
    /// Whether the text of `meltano.yml` differs.
    pub is_edited: bool,
}

impl<'a> Drifted<'a> {
    /// Returns the drift of a plan.
    #[must_use]
    pub fn of(plan: &'a PlanData) -> Self {
        Self { records: &plan.drift, hand_edits: &plan.hand_edits, is_edited: plan.meltano_edited }
    }

    /// Tells whether there is any drift.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.is_edited || !self.records.is_empty() || !self.hand_edits.is_empty()
    }
}

/// Returns drift as people read it; empty if there is none.
#[must_use]
pub fn text(drifted: &Drifted<'_>) -> String {
    if !drifted.is_any() {
        return String::new();
    }
    let Drifted { records: drift, hand_edits, is_edited } = *drifted;
    let mut lines = vec![format!("  {}", styled(CHANGED, "Drift: changed by something else since the last apply"))];
    for drift in drift {
        lines.push(format!("    {} {}", styled(STRONG, drift.slug.as_str()), verb(drift)));
        lines.extend(drift.fields.iter().map(|field| format!("      {}", self::field(field))));
    }
    if !hand_edits.is_empty() {
        lines.push(format!("    {} is not what any of your files makes it:", styled(STRONG, FILE_NAME)));
        lines.extend(hand_edits.iter().map(|edit| format!("      {}", super::plain(&edit.phrase.to_string()))));
    }
    if is_edited && hand_edits.is_empty() && drift.iter().all(|drift| drift.target == Target::Registry) {
        lines.push(format!("    {} has changed outside its integrations", styled(STRONG, FILE_NAME)));
    }
    lines.push(format!("    {}\n", styled(QUIET, next_step(drifted))));
    super::harmless(&lines.join("\n"))
}

fn next_step(drifted: &Drifted<'_>) -> &'static str {
    let is_lost = drifted.hand_edits.iter().any(|edit| edit.edit != HandEditKind::Removed);
    let is_in_file = is_lost || drifted.records.iter().any(|drift| drift.target == Target::MeltanoFile);
    match (is_in_file, drifted.records.iter().any(|drift| drift.target == Target::Registry)) {
        (true, false) => "apply overwrites all of it with the files; `spile pull` writes it into the files instead",
        (true, true) => {
            "apply overwrites all of it with the files; `spile pull` writes what meltano.yml says into the files instead, and \
             `spile pull SLUG` a row"
        }
        (false, _) => "apply overwrites all of it with the files; `spile pull SLUG` writes a row into its file instead",
    }
}

/// Returns how something else changed a record, as a phrase.
#[must_use]
pub fn verb(drift: &DriftData) -> String {
    let verb = match drift.kind {
        DriftKind::Changed => "has changed",
        DriftKind::Removed => "is gone",
        DriftKind::Added => "exists again after apply deleted it",
    };
    format!("{verb} in {}", drift.target.words())
}

fn field(field: &DriftFieldData) -> String {
    let path = &field.path;
    let change = match (&field.left, &field.found) {
        (None, Some(found)) => format!("{} {path} = {}", styled(GOOD, "+"), in_line(found)),
        (Some(left), None) => format!("{} {path} = {}", styled(BAD, "-"), in_line(left)),
        (Some(left), Some(found)) => {
            format!("{} {path} = {} -> {}", styled(CHANGED, "~"), in_line(left), in_line(found))
        }
        (None, None) => format!("{} {path} (its ciphertext)", styled(CHANGED, "~")),
    };
    format!("{change}  {}", styled(QUIET, &format!("({})", files(field.files))))
}

/// Returns how the files compare with a field that something else has changed.
#[must_use]
pub fn files(files: Files) -> &'static str {
    match files {
        Files::AsLeft => "the files have not changed here",
        Files::AsChanged => "the files now say the same",
        Files::Otherwise => "the files say something else",
    }
}
