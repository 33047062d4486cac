//! Finds the variables in the tables of `spile.toml` that use them for access to a service.
//!
//! Reads the raw file instead of the parsed settings, so that keys that a parser ignores, or that are added later,
//! count as well.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::table::Table;

/// A variable in a table.
pub(super) struct NamedVariable {
    /// The variable.
    pub variable: String,
    /// The table, as written in files.
    pub table: &'static str,
    /// The place of the string that names it.
    pub span: Range<usize>,
}

const REGISTRY: &str = "[registry]";
const ENVIRONMENT: &str = "[environments.*.registry]";
const NOTIFY: &str = "[[notify]]";

/// Finds all variables in `[registry]`, also those of environments, and in `[[notify]]`.
pub(super) fn in_settings(top: &Table<'_>) -> Vec<NamedVariable> {
    let mut found = Vec::new();
    let top = top.raw();
    walk(top.get("registry"), REGISTRY, &mut found);
    walk(top.get("notify"), NOTIFY, &mut found);
    for environment in tables_in(top.get("environments")) {
        walk(environment.get("registry"), ENVIRONMENT, &mut found);
    }
    found
}

fn tables_in<'a>(value: Option<&'a Spanned<DeValue<'a>>>) -> impl Iterator<Item = &'a DeTable<'a>> {
    let table = value.and_then(|value| value.get_ref().as_table());
    table.into_iter().flat_map(|table| table.values()).filter_map(|value| value.get_ref().as_table())
}

fn walk(value: Option<&Spanned<DeValue<'_>>>, table: &'static str, found: &mut Vec<NamedVariable>) {
    let Some(value) = value else { return };
    match value.get_ref() {
        DeValue::String(text) => {
            let named =
                variables(text).map(|name| NamedVariable { variable: name.to_owned(), table, span: value.span() });
            found.extend(named);
        }
        DeValue::Array(items) => items.iter().for_each(|item| walk(Some(item), table, found)),
        DeValue::Table(members) => members.values().for_each(|member| walk(Some(member), table, found)),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}

/// Returns the names in references: `${NAME}`.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.trim())
}
