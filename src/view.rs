//! Values to words; pure. Colours are written always and taken out at the door where nobody sees them.

mod access;
pub mod check;
pub mod connectors;
pub mod discover;
pub mod drift;
mod excerpt;
pub mod history;
mod junit;
pub mod markdown;
pub mod moved;
pub mod notify;
pub mod plan;
pub mod plan_data;
pub mod plan_markdown;
pub mod report;
pub mod results;
pub mod runs;
pub mod schedules;
pub mod table;
pub mod upgrade;

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

/// Returns text without what would steer a terminal or turn its direction, colours apart: names and values may come from
/// anywhere, a plan file from somebody else.
#[must_use]
pub fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (kept, step) = match colour(rest) {
            Some(length) => (&rest[..length], length),
            None if is_steering(c) => ("\u{fffd}", c.len_utf8()),
            None => (&rest[..c.len_utf8()], c.len_utf8()),
        };
        shown.push_str(kept);
        rest = &rest[step..];
    }
    shown
}

/// Returns the length of the colour that a text begins with.
fn colour(text: &str) -> Option<usize> {
    let codes = text.strip_prefix("\u{1b}[")?;
    let end = codes.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    codes[end..].starts_with('m').then_some(end + 3)
}

fn is_steering(c: char) -> bool {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || c.is_control() && !matches!(c, '\n' | '\t')
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_steer_a_terminal() {
        let red = styled(BAD, "x");
        assert_eq!(harmless(&red), red);
        assert_eq!(harmless("a\u{1b}[2Jb\u{9b}1Ac\u{202e}d\te\n"), "a\u{fffd}[2Jb\u{fffd}1Ac\u{fffd}d\te\n");
        assert_eq!(harmless("\u{1b}[31"), "\u{fffd}[31");
    }
}
