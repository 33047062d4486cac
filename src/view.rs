//! Values to words; pure. Colours are written always and taken out at the door where nobody sees them.

mod access;
pub mod check;
pub mod drift;
pub mod history;
pub mod markdown;
pub mod moved;
pub mod plan;
pub mod plan_data;
pub mod plan_markdown;
pub mod report;
pub mod runs;
pub mod table;

use anstyle::{AnsiColor, Style};

use crate::plan::Action;

/// Green: what comes, and what went well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Yellow: what changes, and what deserves a look.
pub const CHANGED: Style = AnsiColor::Yellow.on_default();
/// Red: what goes, and what went wrong.
pub const BAD: Style = AnsiColor::Red.on_default();
/// Bold: what a reader looks for first.
pub const STRONG: Style = Style::new().bold();
/// Dim: what is there for completeness.
pub const QUIET: Style = Style::new().dimmed();

/// Returns text in a style.
#[must_use]
pub fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Returns the sign of an action and its colour, as Terraform has them.
#[must_use]
pub fn sign(action: Action) -> (&'static str, Style) {
    match action {
        Action::Create => ("+", GOOD),
        Action::Update => ("~", CHANGED),
        Action::Delete => ("-", BAD),
    }
}
