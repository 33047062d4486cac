//! The field of an integration's file at a place: `config.start_date`, `select`, `secrets.token`.

use std::ops::Range;

use toml_edit::{Item, TableLike};

use super::check::IntegrationMistake;
use crate::connector::Connector;
use crate::name::FieldPath;
use crate::problem::Problem;

/// Returns the field that a problem in an integration's file is about; `None` if it is about the whole file.
///
/// A missing setting has no place, so its name is used.
#[must_use]
pub fn of(problem: &Problem, connector: Option<&Connector>) -> Option<FieldPath> {
    if let Some(IntegrationMistake::MissingSetting { name, .. }) = problem.found() {
        let is_secret = connector.and_then(|connector| connector.setting(name)).is_some_and(|setting| setting.secret);
        return Some(FieldPath::of(if is_secret { "secrets" } else { "config" }).join(name));
    }
    let labels = problem.finding().labels();
    let first = labels.and_then(|mut labels| labels.next())?;
    at(problem.source.text(), first.offset())
}

/// Returns the field that contains a byte of a text, in its key or its value.
#[must_use]
pub fn at(text: &str, offset: usize) -> Option<FieldPath> {
    let document = crate::table::layout(text).ok()?;
    let mut found = None;
    search(document.as_table(), offset, None, &mut found);
    found
}

/// Returns the field that a line begins with. Lines are numbered from 1.
#[must_use]
pub fn at_line(text: &str, line: usize) -> Option<FieldPath> {
    at(text, text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum())
}

fn search(table: &dyn TableLike, offset: usize, outer: Option<&FieldPath>, found: &mut Option<FieldPath>) {
    for (name, item) in table.iter() {
        let key = table.key(name).and_then(toml_edit::Key::span);
        let path = outer.map_or_else(|| FieldPath::from(name.to_owned()), |outer| outer.join(name));
        let is_in = |span: Option<Range<usize>>| span.is_some_and(|span| (span.start..=span.end).contains(&offset));
        if is_in(key) || is_in(item.span()) {
            *found = Some(path.clone());
        }
        if let Item::Table(_) | Item::Value(toml_edit::Value::InlineTable(_)) = item
            && let Some(inner) = item.as_table_like()
        {
            search(inner, offset, Some(&path), found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_in_the_field_that_it_is_written_in() {
        let text = "type = \"x\"\nselect = [\"a\", \"b\"]\n[config]\nhost = \"h\"\nlocal.folders = [1]\n[config.deep]\ny = { z = 1 }\n";
        let field = |word: &str| at(text, text.find(word).unwrap());
        for (word, expected) in [
            ("\"x\"", "type"),
            ("type", "type"),
            ("\"b\"", "select"),
            ("host", "config.host"),
            ("\"h\"", "config.host"),
            ("folders", "config.local.folders"),
            ("[1]", "config.local.folders"),
            ("1 }", "config.deep.y.z"),
        ] {
            assert_eq!(field(word).as_ref().map(FieldPath::as_str), Some(expected), "{word}");
        }
        assert_eq!(at("= no", 0), None);
    }

    #[test]
    fn a_line_begins_with_a_field_and_lines_are_counted_from_one() {
        let text = "type = \"x\"\n\n[config]\nhost = \"h\"\nport = 1\n";
        let fields: Vec<Option<FieldPath>> = (0..=6).map(|line| at_line(text, line)).collect();
        let fields: Vec<Option<&str>> = fields.iter().map(|field| field.as_ref().map(FieldPath::as_str)).collect();
        let host = Some("config.host");
        assert_eq!(fields, [Some("type"), Some("type"), None, Some("config"), host, Some("config.port"), None]);
    }
}
