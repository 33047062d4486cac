//! A failed run as a card: the cause, the plugin's own words, the next step, and the field that fixes it.

use serde_json::{Value, json};

use super::section::Section;
use crate::pages::failure::FailureWords;
use crate::project_view::ProjectView;
use spile_core::integration::field;
use spile_core::name::FieldPath;
use spile_core::run::Run;
use spile_ops as ops;

/// Returns the card of a run; `None` if it has no error.
pub fn card(desk: &ProjectView, run: &Run) -> Option<Value> {
    let error = run.error.as_ref()?;
    let FailureWords { title, help } = FailureWords::of(run)?;
    Some(json!({ "title": title, "help": help, "error": error, "fix": fix_link(desk, run) }))
}

/// Returns a link to the field that fixes the cause of a failed run.
pub fn fix_link(desk: &ProjectView, run: &Run) -> Option<Value> {
    let hint = ops::run::mend(&desk.world, &desk.loaded, run)?;
    let integration = desk.loaded.integrations.get(&run.integration)?;
    let field = hint.line.and_then(|line| {
        let text = desk.world.project.text(&hint.path).ok()?;
        field::at_line(&text, line)
    });
    let setting = field.as_ref().and_then(FieldPath::rest);
    let label = setting.and_then(|name| integration.connector.setting(name)).map(spile_core::form::label);
    let label = label.map_or_else(|| "Open settings".to_owned(), |label| format!("Fix {label}"));
    // A form shows secrets in a group of their own, wherever the file has them.
    let is_secret = |name: &str| integration.connector.setting(name).is_some_and(|setting| setting.secret);
    let field = field.map(|field| match field.split() {
        ("config" | "secrets", Some(name)) if is_secret(name) => FieldPath::of("secrets").join(name),
        _ => field,
    });
    let shown = field.filter(|field| matches!(field.split(), (_, Some(_)) | ("select" | "schedule" | "loader", None)));
    let anchor = shown.map(|field| format!("#{field}-field")).unwrap_or_default();
    Some(json!({ "path": Section::Settings.path(&integration.slug) + &anchor, "label": label }))
}
