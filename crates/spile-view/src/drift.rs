//! Drift as people read it: what something else has changed, and what the files say to it.

use super::plan_data::{DriftData, DriftFieldData};
use super::{BAD, CHANGED, GOOD, QUIET, STRONG, styled};
use spile_core::plan::drift::{DriftKind, Files};
use spile_core::render::FILE_NAME;

/// Returns drift as people read it; nothing where there is none.
#[must_use]
pub fn text(drift: &[DriftData], meltano_edited: bool) -> String {
    if drift.is_empty() && !meltano_edited {
        return String::new();
    }
    let mut lines = vec![format!("  {}", styled(CHANGED, "Drift: changed by something else since the last apply"))];
    for drift in drift {
        lines.push(format!("    {} {}", styled(STRONG, drift.slug.as_str()), verb(drift)));
        lines.extend(drift.fields.iter().map(|field| format!("      {}", self::field(field))));
    }
    if meltano_edited && drift.iter().all(|drift| drift.target == "registry") {
        lines.push(format!("    {} has changed outside of its integrations", styled(STRONG, FILE_NAME)));
    }
    let next = "apply makes all of it what the files say; `spile pull SLUG` writes a row into its file instead";
    lines.push(format!("    {}\n", styled(QUIET, next)));
    super::harmless(&lines.join("\n"))
}

/// Returns what something else has done to a record, as a phrase.
#[must_use]
pub fn verb(drift: &DriftData) -> String {
    let verb = match drift.kind {
        DriftKind::Changed => "has changed",
        DriftKind::Removed => "is gone",
        DriftKind::Added => "is there again, though apply had deleted it,",
    };
    let place = if drift.target == "registry" { "the registry" } else { FILE_NAME };
    format!("{verb} in {place}")
}

fn field(field: &DriftFieldData) -> String {
    let path = &field.path;
    let value = super::plan::value;
    let change = match (&field.left, &field.found) {
        (None, Some(found)) => format!("{} {path} = {}", styled(GOOD, "+"), value(found)),
        (Some(left), None) => format!("{} {path} = {}", styled(BAD, "-"), value(left)),
        (Some(left), Some(found)) => {
            format!("{} {path} = {} -> {}", styled(CHANGED, "~"), value(left), value(found))
        }
        (None, None) => format!("{} {path} (its ciphertext)", styled(CHANGED, "~")),
    };
    format!("{change}  {}", styled(QUIET, &format!("({})", files(field.files))))
}

/// Returns what the files say to a field that something else has changed.
#[must_use]
pub fn files(files: Files) -> &'static str {
    match files {
        Files::AsLeft => "the files have not changed here",
        Files::AsChanged => "the files now say the same",
        Files::Otherwise => "the files say a third thing",
    }
}
