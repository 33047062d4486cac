//! Values as literals in the language of an output, so that no name can become code.

use std::fmt::Write;

use minijinja::{AutoEscape, Error, ErrorKind, Output, State};
use serde_json::Value;

/// The name of the escaping for Python.
const PYTHON: &str = "python";

/// The name of the escaping for shells.
const SHELL: &str = "shell";

/// The name of the escaping for dbt.
const DBT: &str = "dbt";

/// Chooses how values are written by the template's name: Python literals in `.py.j2`, shell words in `.sh.j2`, JSON that
/// dbt does not take for a template in `dbt.yml.j2`, and JSON in all others, which is valid YAML and a literal in most
/// languages.
pub(super) fn language(name: &str) -> AutoEscape {
    let own = [(".py.j2", PYTHON), (".sh.j2", SHELL), ("dbt.yml.j2", DBT)]
        .into_iter()
        .find(|(ending, _)| name.ends_with(ending));
    own.map_or(AutoEscape::Json, |(_, form)| AutoEscape::Custom(form.into()))
}

/// Writes a value as a literal. The template's own text is not changed.
pub(super) fn formatted(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &minijinja::Value,
) -> Result<(), Error> {
    if value.is_safe() || *state.auto_escape() == AutoEscape::None {
        return minijinja::escape_formatter(out, state, value);
    }
    let bad = |error: serde_json::Error| Error::new(ErrorKind::BadSerialization, error.to_string());
    let text = match state.auto_escape() {
        AutoEscape::Custom(form) if form == PYTHON => python(&serde_json::to_value(value).map_err(bad)?),
        AutoEscape::Custom(form) if form == DBT => dbt(serde_json::to_value(value).map_err(bad)?),
        AutoEscape::Custom(form) if form == SHELL => shell(&serde_json::to_value(value).map_err(bad)?)?,
        _ => escaped(&serde_json::to_string(value).map_err(bad)?),
    };
    out.write_str(&text).map_err(Error::from)
}

/// Returns a value as a Python literal. A JSON string is a Python literal too.
fn python(value: &Value) -> String {
    let all = |items: Vec<String>| items.join(", ");
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(_) | Value::String(_) => escaped(&value.to_string()),
        Value::Array(items) => format!("[{}]", all(items.iter().map(python).collect())),
        Value::Object(members) => {
            let member =
                |(key, value): (&String, &Value)| format!("{}: {}", python(&Value::from(key.as_str())), python(value));
            format!("{{{}}}", all(members.iter().map(member).collect()))
        }
    }
}

/// Returns a value as JSON for dbt, which renders the texts of its YAML files as templates of its own.
fn dbt(value: Value) -> String {
    fn plain(value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(text.replace('{', "{{ '{' }}")),
            Value::Array(items) => items.into_iter().map(plain).collect(),
            Value::Object(members) => members.into_iter().map(|(key, value)| (key, plain(value))).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }
    escaped(&plain(value).to_string())
}

/// Returns a value as a shell word, and a list as several words.
fn shell(value: &Value) -> Result<String, Error> {
    if let Value::Array(items) = value {
        let words: Result<Vec<String>, Error> = items.iter().map(shell).collect();
        return Ok(words?.join(" "));
    }
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let quoted = shlex::try_quote(&text).map(std::borrow::Cow::into_owned);
    quoted.map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
}

/// Escapes characters that JSON allows but that others take for the end of a line, reject, or show misleadingly: text
/// from right to left can look like different code.
pub(super) fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if is_harmless(c) {
            text.push(c);
        } else {
            // Writing to a string does not fail.
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        }
    }
    text
}

/// All the others fit into four hexadecimal digits.
fn is_harmless(c: char) -> bool {
    !matches!(c, '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_literals_of_python() {
        let value = json!({"a": [true, false, null, 1, 1.5], "b": "'''\"\\ \n\u{2028}\u{202e}é{{ x }}\u{1f600}"});
        let written = r#"{"a": [True, False, None, 1, 1.5], "b": "'''\"\\ \n\u2028\u202eé{{ x }}😀"}"#;
        assert_eq!(python(&value), written);
    }

    #[test]
    fn no_value_is_a_template_of_dbt() {
        assert_eq!(dbt(json!(["{% x %}", 1, null])), r#"["{{ '{' }}% x %}",1,null]"#);
    }

    #[test]
    fn values_are_words_of_a_shell() {
        let words = json!(["a b", "$(x)", "it's", "", 1]);
        assert_eq!(shlex::split(&shell(&words).unwrap()).unwrap(), ["a b", "$(x)", "it's", "", "1"]);
        assert!(shell(&json!("\0")).is_err());
    }

    #[test]
    fn escaped_text_is_the_same_json() {
        let text: String = (0..=0xffff).filter_map(char::from_u32).collect();
        let json = escaped(&serde_json::to_string(&text).unwrap());
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        assert!(!json.chars().any(char::is_control));
    }
}
