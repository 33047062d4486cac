//! Parses texts into trees of limited depth. The parser limits the brackets around a value and the parts of a key, but
//! not the product of both: a text of 13 KB can nest 6,400 tables, and everything that walks them recursively, even
//! dropping them, overflows the stack. So every text is measured without recursion before its tree is walked.

use std::ops::Range;

use serde::de::Error as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};
use toml_edit::{Document, DocumentMut, TomlError};

/// The most levels of tables and arrays in a file.
pub const DEEPEST: usize = 32;

/// Why a text has no tree that can be walked.
#[derive(Debug)]
pub enum NotATree {
    /// It is not TOML, for these reasons.
    Syntax(Vec<Error>),
    /// It has more levels than [`DEEPEST`].
    TooDeep(Range<usize>),
}

/// Parses a text.
///
/// # Errors
/// When it is not TOML, or nested too deeply.
pub fn tree(text: &str) -> Result<DeTable<'_>, NotATree> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut table = document.into_inner();
    let deep = too_deep(&table);
    if errors.is_empty() && deep.is_none() {
        if text.contains("\r\n") {
            table.iter_mut().for_each(|(_, value)| unify(text, value));
        }
        return Ok(table);
    }
    take_apart(table);
    Err(deep.filter(|_| errors.is_empty()).map_or(NotATree::Syntax(errors), NotATree::TooDeep))
}

/// Converts line endings in strings to those in git: `core.autocrlf` changes the line endings of a file, but not its
/// meaning. TOML leaves that to its parsers (<https://toml.io/en/v1.0.0#string>).
fn unify(text: &str, value: &mut Spanned<DeValue<'_>>) {
    let written = text.get(value.span()).unwrap_or_default();
    // An `\r` escape is intended.
    let is_meant = written.starts_with("\"\"\"") && written.contains("\\r");
    match value.get_mut() {
        DeValue::String(said) if said.contains("\r\n") && written.contains("\r\n") && !is_meant => {
            *said = said.replace("\r\n", "\n").into();
        }
        DeValue::Array(items) => items.iter_mut().for_each(|item| unify(text, item)),
        DeValue::Table(table) => table.iter_mut().for_each(|(_, member)| unify(text, member)),
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}

/// Parses a text that will be edited and rewritten.
///
/// # Errors
/// When it is not TOML, or nested too deeply.
pub fn editable(text: &str) -> Result<DocumentMut, TomlError> {
    measure(text)?;
    text.parse()
}

/// Parses a text with the places of its comments and blanks.
///
/// # Errors
/// When it is not TOML, or nested too deeply.
pub fn layout(text: &str) -> Result<Document<&str>, TomlError> {
    measure(text)?;
    Document::parse(text)
}

/// Checks the depth of a text. Leaves syntax errors to the parser that follows, which reports them better.
fn measure(text: &str) -> Result<(), TomlError> {
    match tree(text) {
        Ok(_) | Err(NotATree::Syntax(_)) => Ok(()),
        Err(NotATree::TooDeep(_)) => {
            Err(toml_edit::de::Error::custom(format!("it has more than {DEEPEST} levels")).into())
        }
    }
}

/// Returns the first place that is nested too deeply.
fn too_deep(table: &DeTable<'_>) -> Option<Range<usize>> {
    let mut found: Option<Range<usize>> = None;
    let mut left: Vec<_> = table.values().map(|value| (value, 1)).collect();
    while let Some((value, depth)) = left.pop() {
        let inner = depth + 1;
        match value.get_ref() {
            DeValue::Table(_) | DeValue::Array(_) if depth > DEEPEST => {
                let is_first = found.as_ref().is_none_or(|found| value.span().start < found.start);
                found = if is_first { Some(value.span()) } else { found };
            }
            DeValue::Table(table) => left.extend(table.values().map(|value| (value, inner))),
            DeValue::Array(items) => left.extend(items.iter().map(|item| (item, inner))),
            _ => {}
        }
    }
    found
}

/// Drops a table level by level.
fn take_apart(table: DeTable<'_>) {
    let mut left = vec![DeValue::Table(table)];
    while let Some(value) = left.pop() {
        match value {
            DeValue::Table(table) => left.extend(table.into_iter().map(|(_, value)| value.into_inner())),
            DeValue::Array(items) => left.extend(items.into_iter().map(toml::Spanned::into_inner)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text of this form that is as deep as the parser allows.
    fn bottomless(broken: &str) -> String {
        let key = ["x"; 79].join(".");
        format!("{}x = 1{}{broken}", format!("{key} = {{ ").repeat(78), " }".repeat(78))
    }

    /// Runs something on a stack as small as those on which files are read.
    fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
        std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
    }

    #[test]
    fn a_text_of_thousands_of_levels_is_rejected_by_every_parser() {
        on_a_small_stack(|| {
            let text = bottomless("");
            assert!(text.len() < 20_000);
            assert!(matches!(tree(&text), Err(NotATree::TooDeep(_))));
            assert_eq!(editable(&text).unwrap_err().message(), "it has more than 32 levels");
            assert!(layout(&text).is_err());
            let broken = bottomless("\n= no");
            assert!(matches!(tree(&broken), Err(NotATree::Syntax(_))));
        });
    }

    #[test]
    fn line_endings_that_git_changed_do_not_change_the_values() {
        let text = "a = \"\"\"\nx\ny\"\"\"\nb = [{c = '''x\ny'''}]\nd = \"x\\r\\ny\"\n";
        let said = |text: &str| serde_json::to_string(&crate::sops::node::from_toml(&tree(text).unwrap())).unwrap();
        assert_eq!(said(&text.replace('\n', "\r\n")), said(text));
        assert!(said(text).contains(r"x\r\ny"), "an escape stays");
    }

    #[test]
    fn the_greatest_allowed_depth_is_accepted() {
        let nested = |levels: usize| format!("a = {}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(tree(&nested(DEEPEST)).is_ok());
        let Err(NotATree::TooDeep(place)) = tree(&nested(DEEPEST + 1)) else { panic!("it is taken") };
        assert_eq!(place, 36..39);
        let dotted = |levels: usize| format!("{} = 1", vec!["a"; levels + 1].join("."));
        assert!(editable(&dotted(DEEPEST)).is_ok() && editable(&dotted(DEEPEST + 1)).is_err());
    }
}
