//! Drift as people read it: what something else has changed, and what the files say to it.

use serde_json::{Value, json};

use super::{BAD, CHANGED, GOOD, QUIET, STRONG, styled};
use crate::plan::drift::{DriftField, DriftKind, Files};
use crate::plan::{Difference, Drift, Plan};
use crate::render::FILE_NAME;

/// Returns the drift of a plan, after its changes; nothing where there is none.
#[must_use]
pub fn text(plan: &Plan) -> String {
    if plan.drift.is_empty() && !plan.is_edited {
        return String::new();
    }
    let mut lines = vec![format!("  {}", styled(CHANGED, "Drift: changed by something else since the last apply"))];
    for drift in &plan.drift {
        let verb = match drift.kind {
            DriftKind::Changed => "has changed",
            DriftKind::Removed => "is gone",
            DriftKind::Added => "is there again, though apply had deleted it",
        };
        lines.push(format!("    {} {verb} in {}", styled(STRONG, drift.slug.as_str()), place(drift)));
        lines.extend(drift.fields.iter().map(|field| format!("      {}", self::field(field))));
    }
    if plan.is_edited && plan.drift.iter().all(|drift| drift.target == "registry") {
        lines.push(format!("    {} has changed outside of its integrations", styled(STRONG, FILE_NAME)));
    }
    let next = "apply makes all of it what the files say; `spile pull SLUG` writes a row into its file instead";
    lines.push(format!("    {}\n", styled(QUIET, next)));
    lines.join("\n")
}

fn place(drift: &Drift) -> &'static str {
    if drift.target == "registry" { "the registry" } else { FILE_NAME }
}

fn field(field: &DriftField) -> String {
    let path = &field.change.path;
    let value = |value: &Value| super::plan::value(value);
    let change = match &field.change.difference {
        Difference::Plain { before: None, after: Some(after) } => {
            format!("{} {path} = {}", styled(GOOD, "+"), value(after))
        }
        Difference::Plain { before: Some(before), after: None } => {
            format!("{} {path} = {}", styled(BAD, "-"), value(before))
        }
        Difference::Plain { before: Some(before), after: Some(after) } => {
            format!("{} {path} = {} -> {}", styled(CHANGED, "~"), value(before), value(after))
        }
        Difference::Plain { before: None, after: None } | Difference::Secret(_) => {
            format!("{} {path} (its ciphertext)", styled(CHANGED, "~"))
        }
    };
    let files = match field.files {
        Files::AsLeft => "the files have not changed here",
        Files::AsChanged => "the files now say the same",
        Files::Otherwise => "the files say a third thing",
    };
    format!("{change}  {}", styled(QUIET, &format!("({files})")))
}

/// Returns drift as data.
#[must_use]
pub fn data(drift: &Drift) -> Value {
    let fields = drift.fields.iter().map(|field| {
        let files = match field.files {
            Files::AsLeft => "as_left",
            Files::AsChanged => "as_changed",
            Files::Otherwise => "otherwise",
        };
        match &field.change.difference {
            Difference::Plain { before, after } => {
                json!({"path": field.change.path, "left": before, "found": after, "files": files})
            }
            Difference::Secret(change) => json!({"path": field.change.path, "secret": change, "files": files}),
        }
    });
    let kind = match drift.kind {
        DriftKind::Changed => "changed",
        DriftKind::Removed => "removed",
        DriftKind::Added => "added",
    };
    json!({
        "slug": drift.slug,
        "id": drift.id,
        "target": drift.target,
        "kind": kind,
        "fields": fields.collect::<Vec<_>>(),
    })
}
