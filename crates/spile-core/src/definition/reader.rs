//! Reads the members of a definition: each is accepted, refused or noted.

use serde_json::{Value, json};

use super::{DefinitionMistake, Members, Notes};
use crate::connector::passthrough_keys::{self, KeyForm};
use crate::problem::Problems;
use crate::source::Source;
use crate::value::kind_of;

/// The definition being read, and the results so far.
pub(super) struct Reader<'a> {
    /// The definition.
    pub source: &'a Source,
    /// The mistakes in it.
    pub problems: &'a mut Problems,
    /// Where the result differs from the definition.
    pub notes: Notes,
    /// Whether there are any mistakes.
    pub failed: bool,
}

impl Reader<'_> {
    /// Reports a mistake. There will be no connector then.
    pub fn refuse(&mut self, mistake: DefinitionMistake) {
        self.failed = true;
        self.problems.push(self.source, mistake);
    }

    /// Returns a string. An empty string and null count as missing, and numbers are converted.
    pub fn text(&mut self, members: &Members, key: &str) -> Option<String> {
        match members.get(key)? {
            Value::String(text) if text.trim().is_empty() => None,
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other @ (Value::Number(_) | Value::Bool(_)) => Some(other.to_string()),
            other => {
                let what = format!("`{key}`");
                self.refuse(DefinitionMistake::Form {
                    what,
                    found: kind_of(other),
                    wanted: "a string",
                    span: (0..0).into(),
                });
                None
            }
        }
    }

    /// Returns the texts of a list.
    pub fn texts(&mut self, members: &Members, key: &str) -> Vec<String> {
        match members.get(key) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => {
                if items.iter().any(|item| !item.is_string()) {
                    self.notes.say(format!("not kept: items of `{key}` that are not strings"));
                }
                items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Some(other) => {
                let what = format!("`{key}`");
                self.refuse(DefinitionMistake::Form {
                    what,
                    found: kind_of(other),
                    wanted: "a list",
                    span: (0..0).into(),
                });
                Vec::new()
            }
        }
    }

    /// Returns the given keys, which only Meltano reads. Values of another form are noted.
    pub fn passed(&mut self, members: &Members, keys: &[(&str, KeyForm)], of: &str) -> Members {
        let mut kept = Members::new();
        for (key, form) in keys {
            let value = match (members.get(*key), form) {
                (None | Some(Value::Null), _) => continue,
                (Some(Value::String(text)), _) if text.is_empty() => continue,
                (Some(Value::Array(items)), _) if items.is_empty() => continue,
                (Some(Value::Object(items)), _) if items.is_empty() => continue,
                (Some(Value::Bool(false)), KeyForm::Flag) if *key == "hidden" => continue,
                (Some(value @ (Value::Number(_) | Value::Bool(_))), KeyForm::Text) => json!(value.to_string()),
                (Some(value), _) => value.clone(),
            };
            if passthrough_keys::fits(*form, &value) && !has_null(&value) {
                kept.insert((*key).to_owned(), value);
            } else {
                self.notes.lose(key, of);
            }
        }
        kept
    }
}

pub(super) fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::tests::{HEAD, good};

    #[test]
    fn an_empty_text_counts_as_missing() {
        let (connector, notes) = good(&format!("{HEAD}label: ''\nvariant: ' '\nrepo: r\ndocs: ''\n"));
        assert_eq!((connector.head.label.as_str(), connector.plugin.variant.as_str()), ("x", "custom"));
        assert_eq!((connector.head.docs.as_deref(), notes), (Some("r"), Vec::new()));
    }

    #[test]
    fn keys_that_only_meltano_reads_are_passed_on_if_they_are_valid() {
        let (connector, notes) = good(&format!(
            "{HEAD}python: ''\nenv: {{}}\ncommands: {{a: null}}\nselect_filter: []\nuse_cached_catalog: false\n\
             schema: {{a: {{b: 1}}}}\nload_schema: 5\nsettings:\n- {{name: a, hidden: false, env: '', aliases: [], placeholder: true}}\n\
             - {{name: b, hidden: true, aliases: [1], env: [X]}}\n"
        ));
        assert_eq!(
            Value::Object(connector.plugin.passed),
            json!({"load_schema": "5", "schema": {"a": {"b": 1}}, "use_cached_catalog": false})
        );
        let passed: Vec<_> = connector.settings.into_iter().map(|setting| Value::Object(setting.passed)).collect();
        assert_eq!(passed, [json!({"placeholder": "true"}), json!({"hidden": true})]);
        assert_eq!(notes, ["not kept: `aliases` of `b`", "not kept: `commands` of `tap-x`", "not kept: `env` of `b`"]);
    }
}
