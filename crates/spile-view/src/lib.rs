//! Views of the results of operations: text, JSON, Markdown, `SARIF` and `JUnit`. Nothing here has side effects.
//!
//! One plan has many views: [`plan_data`] is what programs read and what a saved plan contains, and [`plan`] (text) and
//! [`plan_markdown`] (a comment on a pull request) are made from it. [`report`] shows problems with excerpts, [`check`]
//! formats them for code scanning and CI.
//!
//! Views always write colors. The command line's output removes them where they would not be seen, and passes every
//! text through [`harmless`] last: text from a file or a plugin can color a terminal and do nothing else to it.
//!
//! ```
//! assert_eq!(spile_view::harmless("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
//! assert_eq!(spile_view::value::in_line(&serde_json::json!({ "host": "db1" })), r#"{"host":"db1"}"#);
//! ```

mod access;
pub mod ago;
pub mod backfill;
pub mod bake;
pub mod changes;
pub mod check;
pub mod connectors;
pub mod discover;
pub mod drift;
mod excerpt;
pub mod history;
mod junit;
pub mod locks;
pub mod markdown;
pub mod notify;
pub mod plan;
pub mod plan_changes;
pub mod plan_data;
pub mod plan_markdown;
pub mod preview;
pub mod pulled;
pub mod report;
pub mod results;
pub mod runs;
pub mod schedules;
pub mod secrets;
pub mod states;
pub mod table;
pub mod table_check;
pub mod upgrade;
pub mod value;
pub mod verify;

use anstyle::{AnsiColor, Style};

use spile_core::plan::Action;
pub use spile_core::visible::plain;

/// Green: additions and success.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Yellow: changes and warnings.
pub const CHANGED: Style = AnsiColor::Yellow.on_default();
/// Red: removals and failures.
pub const BAD: Style = AnsiColor::Red.on_default();
/// Bold: what a reader looks for first.
pub const STRONG: Style = Style::new().bold();
/// Dim: secondary details.
pub const QUIET: Style = Style::new().dimmed();

/// Returns text in a style.
#[must_use]
pub fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Escapes everything in a text that controls a terminal or changes text direction, except colors: names and values may
/// come from anywhere, and a plan file from someone else. If no color of ours is in a text, [`plain`] leaves none.
#[must_use]
pub fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let step = match colour(rest) {
            Some(length) => length,
            // A Windows line ending stays as it is.
            None if rest.starts_with("\r\n") => "\r\n".len(),
            None => c.len_utf8(),
        };
        let (next, left) = rest.split_at(step);
        if step == c.len_utf8() {
            shown.push_str(&plain(next));
        } else {
            shown.push_str(next);
        }
        rest = left;
    }
    shown
}

/// Returns the length of the color sequence that a text starts with.
fn colour(text: &str) -> Option<usize> {
    let codes = text.strip_prefix("\u{1b}[")?;
    let end = codes.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    (codes[end..].starts_with('m') && !hides(&codes[..end])).then_some(end + 3)
}

/// Tells whether a style may hide text: it blinks, is inverse or concealed, black, or has a background.
fn hides(codes: &str) -> bool {
    let hides = |code: &str| code.parse::<u16>().is_ok_and(|code| matches!(code, 5..=8 | 30 | 40..=49 | 100..));
    !codes.starts_with("38;") && codes.split(';').any(hides)
}

/// Returns the sign of an action and its color, as Terraform shows them.
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
    fn only_colors_control_a_terminal() {
        let red = styled(BAD, "x");
        assert_eq!(harmless(&red), red);
        assert_eq!(harmless("a\u{1b}[2Jb\u{9b}1Ac\u{202e}d\te\n"), "a\\u{1b}[2Jb\\u{9b}1Ac\\u{202e}d\te\n");
        assert_eq!(harmless("\u{1b}[31"), "\\u{1b}[31");
        assert_eq!(harmless("\u{1b}[8mx\u{1b}[37;47my"), "\\u{1b}[8mx\\u{1b}[37;47my", "nothing is hidden");
        assert_eq!(harmless("a\rb\r\nc"), "a\\u{d}b\r\nc");
    }
}
