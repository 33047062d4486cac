//! Changes values in an integration's file and leaves every other byte as it is.

use miette::Diagnostic;
use serde_json::Value;
use toml_edit::{DocumentMut, Item, Table, TableLike, TomlError, value};

use super::keys::KEYS;
use crate::name::SettingName;
use crate::value::{NotToml, to_toml};

/// A change to a value in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// The table: `config`, or `None` for top-level keys.
    pub table: Option<&'static str>,
    /// The key, with dots for nested settings.
    pub key: String,
    /// The new value; `None` removes the key.
    pub value: Option<Value>,
}

/// Why a text could not be rewritten.
#[derive(Debug, thiserror::Error)]
pub enum NotRewritten {
    /// The text is not TOML, or nested too deeply.
    #[error("{}", .0.message())]
    Toml(#[from] TomlError),
    /// TOML cannot express a value.
    #[error(transparent)]
    Value(#[from] NotWritable),
}

/// A value that TOML cannot express.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error("`{key}` is {reason}, which TOML cannot express")]
#[diagnostic(code(spile::settings::not_toml), help("leave nulls out of lists, and write larger numbers as strings"))]
pub struct NotWritable {
    /// The table; `None` for top-level keys.
    pub table: Option<&'static str>,
    /// The key in the table.
    pub key: String,
    /// The reason.
    pub reason: NotToml,
}

/// Returns the text with the edits applied.
///
/// # Errors
/// When the text is not TOML, or TOML cannot express a value.
pub fn rewrite(text: &str, edits: &[Edit]) -> Result<String, NotRewritten> {
    let mut file = crate::table::editable(text)?;
    for Edit { table, key, value } in edits {
        let to = value.as_ref().map_or(Ok(None), to_toml);
        let to = to.map_err(|reason| NotWritable { table: *table, key: key.clone(), reason })?;
        match *table {
            None => {
                let is_new = file.get(key).is_none();
                set(file.as_table_mut(), key, to);
                if is_new {
                    place(file.as_table_mut(), key);
                }
            }
            Some(name) => {
                if let Some(table) = self::table(&mut file, name) {
                    set(table, key, to);
                }
            }
        }
    }
    Ok(with_line_ends_of(text, file.to_string()))
}

/// Restores the line endings of the original, because the TOML editor writes LF.
fn with_line_ends_of(original: &str, text: String) -> String {
    let windows = original.matches("\r\n").count();
    if windows == 0 || windows < original.matches('\n').count() {
        return text;
    }
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

/// Returns a table. Inserts a new one before `[secrets]`, which belongs at the end of a file.
fn table<'a>(file: &'a mut DocumentMut, name: &str) -> Option<&'a mut dyn TableLike> {
    if file.get(name).is_none() {
        let mut table = Table::new();
        table.decor_mut().set_prefix("\n");
        // Without a position in the text, the table comes after the top-level keys.
        table.set_position(Some(-1));
        file.insert(name, Item::Table(table));
    }
    file.get_mut(name)?.as_table_like_mut()
}

/// Moves a new top-level key to where the formatter puts it: behind the last one that comes before it. So a formatted file
/// stays formatted. Where it would come first, it stays last, because the comment above the first key is about the file.
fn place(table: &mut Table, key: &str) {
    let rank = |name: &str| KEYS.iter().position(|(known, _)| *known == name);
    let Some(own) = rank(key) else { return };
    let others = table.iter().filter(|(name, item)| *name != key && item.is_value());
    let others: Vec<String> = others.map(|(name, _)| name.to_owned()).collect();
    let Some(before) = others.iter().rposition(|name| rank(name).is_some_and(|rank| rank < own)) else { return };
    // Between two of the others there is one place; tables are written after all keys anyway.
    let at = |name: &str| match others.iter().position(|other| other == name) {
        Some(at) => 2 * at,
        None if name == key => 2 * before + 1,
        None => usize::MAX,
    };
    table.sort_values_by(|a, _, b, _| at(a.get()).cmp(&at(b.get())));
}

/// Sets a key where it is written: as a dotted key, or in nested tables.
fn set(table: &mut dyn TableLike, key: &str, to: Option<toml_edit::Value>) {
    if !table.contains_key(key)
        && let Some((first, rest)) = SettingName::new(key).split()
        && let Some(inner) = table.get_mut(first).and_then(Item::as_table_like_mut)
    {
        return set(inner, rest.as_str(), to);
    }
    match (to, table.get_mut(key)) {
        (None, _) => drop(table.remove(key)),
        (Some(to), Some(item)) => replace(item, to),
        (Some(to), None) => drop(table.insert(key, value(to))),
    }
}

/// Replaces a value. Keeps the comment after it, and writes a string as a date if the old value is a date.
fn replace(item: &mut Item, to: toml_edit::Value) {
    let decor = item.as_value().map(|value| value.decor().clone());
    let date = item.as_datetime().and_then(|_| to.as_str()?.parse::<toml_edit::Datetime>().ok());
    *item = date.map_or_else(|| value(to), value);
    if let (Some(decor), Some(value)) = (decor, item.as_value_mut()) {
        *value.decor_mut() = decor;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FILE: &str = "# The shop.\nname = \"Shop\"  # for people\ntype='shop'\n\n[config]\nport = 1 # odd\n\
                        start = 2024-01-01T00:00:00Z\nlocal.folders = ['a']\n\"auth.kind\" = \"x\"\n\n[secrets]\na = 'ENC'\n";

    fn edit(table: Option<&'static str>, key: &str, value: Option<Value>) -> Edit {
        Edit { table, key: key.to_owned(), value }
    }

    #[test]
    fn edits_change_values_and_leave_every_other_byte() {
        let edits = [
            edit(None, "name", Some(json!("Store"))),
            edit(None, "enabled", Some(json!(false))),
            edit(Some("config"), "port", Some(json!(2))),
            edit(Some("config"), "start", Some(json!("2025-02-03T00:00:00Z"))),
            edit(Some("config"), "local.folders", Some(json!(["a", "b"]))),
            edit(Some("config"), "auth.kind", None),
            edit(Some("config"), "deep.new", Some(json!({"x": [1, {"y": 1.5}]}))),
        ];
        assert_eq!(
            rewrite(FILE, &edits).unwrap(),
            "# The shop.\nname = \"Store\"  # for people\ntype='shop'\nenabled = false\n\n[config]\nport = 2 # odd\n\
             start = 2025-02-03T00:00:00Z\nlocal.folders = [\"a\", \"b\"]\n\
             \"deep.new\" = { x = [1, { y = 1.5 }] }\n\n[secrets]\na = 'ENC'\n"
        );
        assert_eq!(rewrite(FILE, &[]).unwrap(), FILE);
    }

    #[test]
    fn a_formatted_file_stays_formatted() {
        let file = "# The shop.\ntype = \"shop\"\n# for people\nname = \"Shop\"\nloader = \"lake\" # there\nschedule = \"@daily\"\n\n[config]\nlocal.folders = [\"a\"]\n";
        let formatted = |text: &str| crate::format::integration(text, None).unwrap();
        assert_eq!(formatted(file), file);
        let edits = [
            edit(None, "enabled", Some(json!(false))),
            edit(None, "tags", Some(json!(["x"]))),
            edit(None, "description", Some(json!("all of it"))),
        ];
        let edited = rewrite(file, &edits).unwrap();
        assert_eq!(formatted(&edited), edited);
        assert!(
            edited.starts_with("# The shop.\ntype = ") && edited.contains("loader = \"lake\" # there\n"),
            "{edited}"
        );
        // A file that is not formatted keeps the order of its other keys.
        let odd = "schedule = \"@daily\"\ntype = \"shop\"\n[config]\n";
        let edited = rewrite(odd, &[edit(None, "name", Some(json!("Shop")))]).unwrap();
        assert_eq!(edited, "schedule = \"@daily\"\ntype = \"shop\"\nname = \"Shop\"\n[config]\n");
    }

    #[test]
    fn files_with_windows_line_endings_keep_them() {
        let file = FILE.replace('\n', "\r\n");
        let edits = [edit(Some("config"), "port", Some(json!(2))), edit(None, "description", Some(json!("a\nb")))];
        let edited = rewrite(&file, &edits).unwrap();
        let expected = rewrite(FILE, &edits).unwrap().replace('\n', "\r\n");
        assert_eq!(edited, expected);
        let read = crate::table::tree(&edited).unwrap();
        let description = crate::value::from_toml(read.get("description").unwrap().get_ref());
        assert_eq!(description, Ok(json!("a\nb")));
        assert_eq!(rewrite(&file, &[]).unwrap(), file);
    }

    #[test]
    fn a_value_that_toml_cannot_express_is_rejected_and_removes_nothing() {
        let refused = |value| rewrite(FILE, &[edit(Some("config"), "port", Some(value))]).unwrap_err().to_string();
        assert_eq!(refused(json!([1, null])), "`port` is a list that contains a null, which TOML cannot express");
        assert_eq!(
            refused(json!(u64::MAX)),
            "`port` is an integer that does not fit in 64 bits, which TOML cannot express"
        );
        let gone = rewrite(FILE, &[edit(Some("config"), "port", Some(json!(null)))]).unwrap();
        assert!(!gone.contains("port"), "{gone}");
    }

    #[test]
    fn a_new_table_comes_before_the_secrets() {
        let text = "name = 'x'\n\n[secrets]\na = 'ENC'\n";
        let edited = rewrite(text, &[edit(Some("config"), "port", Some(json!(1)))]).unwrap();
        assert_eq!(edited, "name = 'x'\n\n[config]\nport = 1\n\n[secrets]\na = 'ENC'\n");
    }
}
