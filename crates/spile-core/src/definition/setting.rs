//! Converts one setting from Meltano's form.

use serde_json::{Value, json};

use super::place::span_of;
use super::reader::Reader;
use super::{DefinitionMistake, Members, default};
use crate::connector::kind::{Choice, word_of};
use crate::connector::passthrough_keys;
use crate::connector::{Kind, Setting};
use crate::name::SettingName;
use crate::problem::{did_you_mean, listed};
use crate::secrecy;
use crate::value::kind_of;

/// The keys that are read below.
const KNOWN: [&str; 10] =
    ["annotations", "description", "kind", "label", "name", "options", "required", "resync", "sensitive", "value"];

/// Kinds in definitions that have another name in Meltano.
const OTHER_WORDS: [(&str, &str); 14] = [
    ("text", "string"),
    ("str", "string"),
    ("int", "integer"),
    ("number", "decimal"),
    ("float", "decimal"),
    ("bool", "boolean"),
    ("date", "date_iso8601"),
    ("datetime", "date_iso8601"),
    ("timestamp", "date_iso8601"),
    ("list", "array"),
    ("dict", "object"),
    ("json", "object"),
    ("select", "options"),
    ("enum", "options"),
];

/// Reads a setting.
pub(super) fn setting(value: &Value, reader: &mut Reader<'_>) -> Option<Setting> {
    let Some(members) = value.as_object() else {
        let (what, found) = ("a setting".to_owned(), kind_of(value));
        reader.refuse(DefinitionMistake::Form { what, found, wanted: "a table with a `name`", span: (0..0).into() });
        return None;
    };
    let name = name(members, reader)?;
    let mut passed = reader.passed(members, &passthrough_keys::OF_SETTINGS, &name);
    let (kind, is_sensitive) = kind(members, &name, reader)?;
    if members.get("kind") == Some(&json!("hidden")) {
        passed.insert("hidden".to_owned(), json!(true));
    }
    let written = members.get("value").unwrap_or(&Value::Null);
    let (kind, default) = default::fit(kind, written, &name, reader);
    let kind = kind.unwrap_or(Kind::String);
    let said = if is_sensitive { Some(true) } else { members.get("sensitive").and_then(Value::as_bool) };
    let (secret, is_open) = secrecy(&name, &kind, said, reader);
    for key in members.keys().filter(|key| !KNOWN.contains(&key.as_str()) && !is_passed(key)) {
        if !matches!(members[key], Value::Null | Value::Bool(false))
            && members[key] != json!({})
            && members[key] != json!([])
        {
            reader.notes.lose(key, &name);
        }
    }
    Some(Setting {
        label: reader.text(members, "label"),
        description: reader.text(members, "description"),
        required: members.get("required") == Some(&json!(true)),
        secret,
        is_open,
        resync: false,
        advanced: false,
        is_own: false,
        hosts: Vec::new(),
        name,
        kind,
        default,
        passed,
    })
}

fn is_passed(key: &str) -> bool {
    passthrough_keys::OF_SETTINGS.iter().any(|(known, _)| *known == key)
}

fn name(members: &Members, reader: &mut Reader<'_>) -> Option<String> {
    let name = match members.get("name") {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Null) | None => {
            let said = listed(members.keys().take(4).map(String::as_str));
            let what = format!("the `name` of a setting with the keys {said}");
            reader.refuse(DefinitionMistake::Form { what, found: "missing", wanted: "a string", span: (0..0).into() });
            return None;
        }
        Some(other) => other.to_string(),
    };
    if SettingName::new(&name).is_definable() {
        return Some(name);
    }
    let help = "a setting name cannot contain spaces or quotes, or start or end with a dot";
    let span = span_of(reader.source, &name);
    reader.refuse(DefinitionMistake::Name { what: "setting", name, help, span });
    None
}

/// Returns the kind, if it is set, and whether it marks a secret.
fn kind(members: &Members, name: &str, reader: &mut Reader<'_>) -> Option<(Option<Kind>, bool)> {
    let word = match members.get("kind") {
        None | Some(Value::Null) => return Some((None, false)),
        Some(Value::String(word)) => word.as_str(),
        Some(other) => {
            let (what, found) = (format!("the kind of `{name}`"), kind_of(other));
            reader.refuse(DefinitionMistake::Form {
                what,
                found,
                wanted: "a string",
                span: span_of(reader.source, name),
            });
            return None;
        }
    };
    match word {
        "password" | "oauth" => return Some((Some(Kind::String), true)),
        "hidden" => return Some((None, false)),
        _ => {}
    }
    let other = OTHER_WORDS.iter().find(|(other, _)| *other == word).map(|(_, known)| *known);
    if let Some(known) = other {
        reader.notes.say(format!("`{name}` has the kind `{word}`, which Meltano does not know: using `{known}`"));
    }
    let known = other.unwrap_or(word);
    let Some((_, make)) = Kind::WORDS.iter().find(|(kind, _)| *kind == known) else {
        let words = || Kind::WORDS.iter().map(|(word, _)| *word);
        let help = did_you_mean(word, words()).unwrap_or_else(|| format!("choose one of {}", listed(words())));
        let (name, kind, span) = (name.to_owned(), word.to_owned(), span_of(reader.source, name));
        reader.refuse(DefinitionMistake::Kind { name, kind, help, span });
        return None;
    };
    let choices = if known == "options" { choices(members, name, reader) } else { Vec::new() };
    if known == "options" && choices.is_empty() {
        reader.notes.say(format!("`{name}` has the kind `options` but lists none: it is treated as a string"));
        return Some((Some(Kind::String), false));
    }
    if known != "options" && members.get("options").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
        reader.notes.lose("options", name);
    }
    Some((Some(make(choices)), false))
}

/// Returns the options. Each is a table with a value and a label, but some definitions only list values.
fn choices(members: &Members, name: &str, reader: &mut Reader<'_>) -> Vec<Choice> {
    let mut choices: Vec<Choice> = Vec::new();
    for option in members.get("options").and_then(Value::as_array).into_iter().flatten() {
        let value = option.get("value").unwrap_or(option);
        if !(value.is_string() || value.is_number() || value.is_boolean()) {
            reader.notes.say(format!("not kept: an option of `{name}` that is {}", kind_of(value)));
            continue;
        }
        let label = match option.get("label") {
            Some(Value::Null) | None => word_of(value),
            Some(label) => word_of(label),
        };
        if choices.iter().all(|known| known.value != *value) {
            choices.push(Choice { value: value.clone(), label });
        }
    }
    choices
}

/// Returns whether a setting is a secret, and whether it is explicitly marked as not secret, which must be kept.
fn secrecy(name: &str, kind: &Kind, said: Option<bool>, reader: &mut Reader<'_>) -> (bool, bool) {
    if said == Some(true) && secrecy::is_never(name) {
        reader.notes.say(format!(
            "`{name}` is not treated as a secret because of its name, although the definition marks it as one"
        ));
        return (false, true);
    }
    if let Some(is_secret) = said {
        return (is_secret, !is_secret);
    }
    let is_named_so = kind.is_secret_as(name);
    if is_named_so {
        reader.notes.say(format!(
            "`{name}` is treated as a secret because of its name, although the definition does not mark it as one"
        ));
    }
    (is_named_so, false)
}

#[cfg(test)]
mod tests {
    use crate::definition::tests::settings;

    #[test]
    fn a_definition_determines_secrecy_unless_the_name_rules_it_out() {
        let list = "- {name: sheet_id, sensitive: true}\n- {name: api_key, sensitive: false}\n\
                    - {name: next_page_token_path, kind: password}\n- {name: account_id, sensitive: true}\n\
                    - {name: user_key}\n- {name: password_policy}\n";
        let (connector, notes) = settings(list);
        let marks: Vec<_> = connector.settings.iter().map(|one| (one.secret, one.is_open)).collect();
        let (open, secret) = ((false, true), (true, false));
        assert_eq!(marks, [open, open, open, secret, secret, (false, false)]);
        assert_eq!(notes.len(), 3, "{notes:?}");
    }

    #[test]
    fn options_of_a_setting_of_another_kind_are_noted() {
        let notes = settings("- {name: a, kind: string, options: [x]}\n- {name: b, kind: string, options: []}\n").1;
        assert_eq!(notes, ["not kept: `options` of `a`"]);
    }
}
