//! Variables in strings: what Meltano expands in `$NAME` and `${NAME}`, and how a string escapes them.
//!
//! In spile's files, a string is literal unless all of it is a reference. Elsewhere, it has Meltano's form, in which a
//! variable is expanded unless a backslash precedes it (`ENV_VAR_PATTERN` of Meltano 4.4).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Value, json};

#[expect(clippy::unwrap_used, reason = "the pattern is a constant, and tests compile it")]
static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?<escape>\\)?\$(?:\{(?<curly>\w+)\}|(?<normal>[A-Z][A-Z0-9_]*))").unwrap());

/// The key of a table that stands for a string with variables: `{ env = "NAME" }`, `{ env = "Bearer ${TOKEN}" }`.
pub const KEY: &str = "env";

/// Returns the variables that Meltano expands in a string.
pub fn variables(text: &str) -> impl Iterator<Item = &str> {
    let found = may_have_one(text).then(|| VARIABLE.captures_iter(text)).into_iter().flatten();
    found.filter(|found| found.name("escape").is_none()).filter_map(|found| name(&found))
}

/// Tells whether a string may contain a variable. Most strings contain no dollar sign, and most projects have no string
/// with one, so the pattern is not even compiled.
fn may_have_one(text: &str) -> bool {
    text.contains('$')
}

fn name<'a>(found: &Captures<'a>) -> Option<&'a str> {
    found.name("curly").or_else(|| found.name("normal")).map(|name| name.as_str())
}

/// Tells whether Meltano expands a variable in a string.
#[must_use]
pub fn has_variable(text: &str) -> bool {
    variables(text).next().is_some()
}

/// Returns the variable of a string that consists of a reference: `$NAME`, `${NAME}`.
#[must_use]
pub fn reference(text: &str) -> Option<&str> {
    let found = may_have_one(text).then(|| VARIABLE.captures(text))?.filter(|found| found.name("escape").is_none())?;
    found.get(0).filter(|whole| whole.as_str() == text)?;
    name(&found)
}

/// Converts a string from a file so that Meltano passes it on unchanged: a backslash escapes what it would take for a
/// variable. A reference stays one, and existing backslashes are kept.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !may_have_one(text) || reference(text).is_some() {
        return Cow::Borrowed(text);
    }
    VARIABLE.replace_all(text, |found: &Captures<'_>| match found.name("escape") {
        Some(_) => found[0].to_owned(),
        None => format!("\\{}", &found[0]),
    })
}

/// Returns what a plugin gets for a string in Meltano's form; `None` if that depends on variables.
#[must_use]
pub fn plain(text: &str) -> Option<Cow<'_, str>> {
    if !may_have_one(text) {
        return Some(Cow::Borrowed(text));
    }
    if has_variable(text) {
        return None;
    }
    Some(VARIABLE.replace_all(text, |found: &Captures<'_>| found[0][1..].to_owned()))
}

/// Does the same as [`plain`] for all strings in a value.
#[must_use]
pub fn given(value: &Value) -> Option<Value> {
    Some(match value {
        Value::String(text) => Value::String(plain(text)?.into_owned()),
        Value::Array(items) => Value::Array(items.iter().map(given).collect::<Option<_>>()?),
        Value::Object(members) => {
            let members = members.iter().map(|(key, member)| Some((key.clone(), given(member)?)));
            Value::Object(members.collect::<Option<_>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

/// Adds the variables that Meltano expands in any string of a value.
pub fn named(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => found.extend(variables(text).map(str::to_owned)),
        Value::Array(items) => items.iter().for_each(|item| named(item, found)),
        Value::Object(members) => members.values().for_each(|member| named(member, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns the string in Meltano's form that a table stands for; `None` if it is just a table.
#[must_use]
pub fn of_table(value: &Value) -> Option<String> {
    let text = value.as_object().filter(|table| table.len() == 1)?.get(KEY)?.as_str()?;
    if has_variable(text) {
        return Some(text.to_owned());
    }
    is_name(text).then(|| format!("${{{text}}}"))
}

/// Tells whether a word is a conventional variable name. Lowercase words are more often data.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Converts a value from a file to Meltano's form, and reports each string with a variable that is not expanded.
#[must_use]
pub fn from_file(value: &Value, literal: &mut dyn FnMut(&str)) -> Value {
    match value {
        Value::String(text) => {
            if reference(text).is_none() && has_variable(text) {
                literal(text);
            }
            Value::String(escaped(text).into_owned())
        }
        Value::Array(items) => items.iter().map(|item| from_file(item, literal)).collect(),
        Value::Object(members) => match of_table(value) {
            Some(text) => Value::String(text),
            None => members.iter().map(|(key, member)| (key.clone(), from_file(member, literal))).collect(),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Converts a value from Meltano's form to the form in files.
#[must_use]
pub fn to_file(value: &Value) -> Value {
    match value {
        Value::String(text) if reference(text).is_none() && has_variable(text) => json!({ KEY: text }),
        Value::Array(items) => items.iter().map(to_file).collect(),
        Value::Object(members) => members.iter().map(|(key, member)| (key.clone(), to_file(member))).collect(),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_recognized_as_in_meltano() {
        let found = |text: &str| variables(text).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(found("cost in $USD or ${eur}"), ["USD", "eur"]);
        for text in ["pa$$word", "$.page", "$5", "$usd", "${a-b}", r"cost in \$USD", r"\${X}"] {
            assert!(!has_variable(text), "{text}");
        }
        assert_eq!(
            (reference("$A_1"), reference("${a}"), reference("$A b"), reference(r"\$A")),
            (Some("A_1"), Some("a"), None, None,)
        );
    }

    #[test]
    fn a_string_in_a_file_reaches_the_plugin_as_written() {
        for text in ["cost in $USD", "a${b}c$D", r"\\$A", "$A$B", "x$$Y"] {
            let escaped = escaped(text);
            assert_eq!(super::escaped(&escaped), escaped, "{text}");
            assert!(!has_variable(&escaped), "{text}");
        }
        assert_eq!(plain(&escaped("cost in $USD")).unwrap(), "cost in $USD");
        assert_eq!((escaped("$A"), plain("$A"), plain(r"\$A").unwrap()), ("$A".into(), None, "$A".into()));
    }

    #[test]
    fn strings_with_variables_are_written_as_tables_and_read_back() {
        let values = json!(["cost in ${USD}", "$USD", r"\$USD", {"a": ["x$Y", 1, null]}]);
        let file = to_file(&values);
        assert_eq!(file, json!([{"env": "cost in ${USD}"}, "$USD", r"\$USD", {"a": [{"env": "x$Y"}, 1, null]}]));
        let mut literal = Vec::new();
        assert_eq!(from_file(&file, &mut |text| literal.push(text.to_owned())), values);
        assert_eq!(literal, Vec::<String>::new());
        assert_eq!(from_file(&json!({"env": "NAME"}), &mut |_| ()), json!("${NAME}"));
        assert_eq!(from_file(&json!({"env": "prod"}), &mut |_| ()), json!({"env": "prod"}));
        assert_eq!(from_file(&json!(["a $B"]), &mut |text| literal.push(text.to_owned())), json!([r"a \$B"]));
        assert_eq!(literal, ["a $B"]);
    }
}
