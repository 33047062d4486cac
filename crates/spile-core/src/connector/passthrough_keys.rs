//! Keys that Meltano reads and spile does not use. Their types are checked, and they are passed on unchanged.

use serde_json::{Map, Value};

use crate::problem::Problems;
use crate::table::Table;

/// The type of a value that is passed on.
#[derive(Debug, Clone, Copy)]
pub enum KeyForm {
    /// A string.
    Text,
    /// A list of strings.
    Texts,
    /// `true` or `false`.
    Flag,
    /// A table.
    Table,
    /// One of these words.
    Word(&'static [(&'static str, ())]),
}

const POST_PROCESSORS: KeyForm =
    KeyForm::Word(&[("nest_object", ()), ("upcase_string", ()), ("stringify", ()), ("parse_date", ())]);

/// The keys of a setting (source: `base_setting` in Meltano's `meltano.schema.json`).
pub const OF_SETTINGS: [(&str, KeyForm); 8] = [
    ("aliases", KeyForm::Texts),
    ("env", KeyForm::Text),
    ("hidden", KeyForm::Flag),
    ("placeholder", KeyForm::Text),
    ("documentation", KeyForm::Text),
    ("tooltip", KeyForm::Text),
    ("value_processor", KeyForm::Word(&[("nest_object", ()), ("upcase_string", ())])),
    ("value_post_processor", POST_PROCESSORS),
];

/// The keys of a plugin (source: `plugin_generic`, `extractor_shared` and `loaders` in the same file).
pub const OF_PLUGINS: [(&str, KeyForm); 9] = [
    ("python", KeyForm::Text),
    ("requires_meltano", KeyForm::Text),
    ("env", KeyForm::Table),
    ("commands", KeyForm::Table),
    ("dialect", KeyForm::Text),
    ("load_schema", KeyForm::Text),
    ("schema", KeyForm::Table),
    ("select_filter", KeyForm::Texts),
    ("use_cached_catalog", KeyForm::Flag),
];

/// Reads those of the keys that a table contains.
pub fn read(table: &Table<'_>, keys: &[(&'static str, KeyForm)], problems: &mut Problems) -> Map<String, Value> {
    let mut passed = Map::new();
    for (key, form) in keys {
        let is_formed = match form {
            KeyForm::Text => table.text(key, problems).is_some(),
            KeyForm::Texts => table.texts(key, problems).is_some(),
            KeyForm::Flag => table.flag(key, problems).is_some(),
            KeyForm::Table => table.table(key, problems).is_some(),
            KeyForm::Word(words) => table.choice(key, words, problems).is_some(),
        };
        let value = is_formed.then(|| table.value(key, problems)).flatten();
        passed.extend(value.map(|value| ((*key).to_owned(), value.value)));
    }
    passed
}

/// Tells whether a value has the expected type.
#[must_use]
pub fn fits(form: KeyForm, value: &Value) -> bool {
    match form {
        KeyForm::Text => value.is_string(),
        KeyForm::Texts => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
        KeyForm::Flag => value.is_boolean(),
        KeyForm::Table => value.is_object(),
        KeyForm::Word(words) => value.as_str().is_some_and(|text| words.iter().any(|(word, ())| *word == text)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_passed_on_only_with_its_own_type() {
        let word = KeyForm::Word(&[("stringify", ()), ("parse_date", ())]);
        for (form, good, bad) in [
            (KeyForm::Text, json!("a"), json!(5)),
            (KeyForm::Texts, json!(["a", "b"]), json!(["a", 5])),
            (KeyForm::Texts, json!([]), json!("a")),
            (KeyForm::Flag, json!(false), json!("false")),
            (KeyForm::Table, json!({"a": 1}), json!([])),
            (word, json!("parse_date"), json!("parse")),
            (word, json!("stringify"), json!(null)),
        ] {
            assert!(fits(form, &good), "{form:?} takes {good}");
            assert!(!fits(form, &bad), "{form:?} refuses {bad}");
        }
    }
}
