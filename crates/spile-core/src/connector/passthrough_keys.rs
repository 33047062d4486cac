//! Keys that Meltano reads and spile has no use for: checked for their form, and handed on as they stand.

use serde_json::{Map, Value};

use crate::problem::Problems;
use crate::table::Table;

/// The form of a value that is handed on.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// `true` or `false`.
    Flag,
    /// A table.
    Table,
    /// One of these words.
    Word(&'static [(&'static str, ())]),
}

const POST_PROCESSORS: Form =
    Form::Word(&[("nest_object", ()), ("upcase_string", ()), ("stringify", ()), ("parse_date", ())]);

/// The keys of a setting (reference: `base_setting` in Meltano's `meltano.schema.json`).
pub const OF_SETTINGS: [(&str, Form); 8] = [
    ("aliases", Form::Texts),
    ("env", Form::Text),
    ("hidden", Form::Flag),
    ("placeholder", Form::Text),
    ("documentation", Form::Text),
    ("tooltip", Form::Text),
    ("value_processor", Form::Word(&[("nest_object", ()), ("upcase_string", ())])),
    ("value_post_processor", POST_PROCESSORS),
];

/// The keys of a plugin (reference: `plugin_generic`, `extractor_shared` and `loaders` there).
pub const OF_PLUGINS: [(&str, Form); 9] = [
    ("python", Form::Text),
    ("requires_meltano", Form::Text),
    ("env", Form::Table),
    ("commands", Form::Table),
    ("dialect", Form::Text),
    ("load_schema", Form::Text),
    ("schema", Form::Table),
    ("select_filter", Form::Texts),
    ("use_cached_catalog", Form::Flag),
];

/// Reads those of the keys that a table has.
pub fn read(table: &Table<'_>, keys: &[(&'static str, Form)], problems: &mut Problems) -> Map<String, Value> {
    let mut passed = Map::new();
    for (key, form) in keys {
        let is_formed = match form {
            Form::Text => table.text(key, problems).is_some(),
            Form::Texts => table.texts(key, problems).is_some(),
            Form::Flag => table.flag(key, problems).is_some(),
            Form::Table => table.table(key, problems).is_some(),
            Form::Word(words) => table.choice(key, words, problems).is_some(),
        };
        let value = is_formed.then(|| table.value(key, problems)).flatten();
        passed.extend(value.map(|value| ((*key).to_owned(), value.value)));
    }
    passed
}

/// Tells whether a value has a form.
#[must_use]
pub fn fits(form: Form, value: &Value) -> bool {
    match form {
        Form::Text => value.is_string(),
        Form::Texts => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
        Form::Flag => value.is_boolean(),
        Form::Table => value.is_object(),
        Form::Word(words) => value.as_str().is_some_and(|text| words.iter().any(|(word, ())| *word == text)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_handed_on_in_its_form_alone() {
        let word = Form::Word(&[("stringify", ()), ("parse_date", ())]);
        for (form, good, bad) in [
            (Form::Text, json!("a"), json!(5)),
            (Form::Texts, json!(["a", "b"]), json!(["a", 5])),
            (Form::Texts, json!([]), json!("a")),
            (Form::Flag, json!(false), json!("false")),
            (Form::Table, json!({"a": 1}), json!([])),
            (word, json!("parse_date"), json!("parse")),
            (word, json!("stringify"), json!(null)),
        ] {
            assert!(fits(form, &good), "{form:?} takes {good}");
            assert!(!fits(form, &bad), "{form:?} refuses {bad}");
        }
    }
}
