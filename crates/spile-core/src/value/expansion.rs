//! Variables in strings: what Meltano puts into `$NAME` and `${NAME}`, and how a string escapes them.
//!
//! In spile's files a string is literal, unless all of it is a reference. Past the files it has Meltano's form: there
//! a variable is replaced wherever no backslash precedes it (`ENV_VAR_PATTERN` of Meltano 4.4).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Value, json};

#[expect(clippy::unwrap_used, reason = "the pattern is a constant, and tests compile it")]
static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?<escape>\\)?\$(?:\{(?<curly>\w+)\}|(?<normal>[A-Z][A-Z0-9_]*))").unwrap());

/// The key of the table that stands for a text with variables in it: `{ env = "NAME" }`, `{ env = "Bearer ${TOKEN}" }`.
pub const KEY: &str = "env";

/// Returns the variables that Meltano puts into a text.
pub fn variables(text: &str) -> impl Iterator<Item = &str> {
    let found = may_have_one(text).then(|| VARIABLE.captures_iter(text)).into_iter().flatten();
    found.filter(|found| found.name("escape").is_none()).filter_map(|found| name(&found))
}

/// Most texts have no dollar, and most projects no text with one: for them the pattern is not even compiled.
fn may_have_one(text: &str) -> bool {
    text.contains('$')
}

fn name<'a>(found: &Captures<'a>) -> Option<&'a str> {
    found.name("curly").or_else(|| found.name("normal")).map(|name| name.as_str())
}

/// Tells whether Meltano puts a variable into a text.
#[must_use]
pub fn has_variable(text: &str) -> bool {
    variables(text).next().is_some()
}

/// Returns the variable that a text names and nothing else: `$NAME`, `${NAME}`.
#[must_use]
pub fn reference(text: &str) -> Option<&str> {
    let found = may_have_one(text).then(|| VARIABLE.captures(text))?.filter(|found| found.name("escape").is_none())?;
    found.get(0).filter(|whole| whole.as_str() == text)?;
    name(&found)
}

/// Returns a string of a file in a form that Meltano passes on unchanged: a backslash escapes what it would take for a
/// variable. A reference stays one, and so does what has its backslash.
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

/// Returns what a plugin is given for a text of Meltano's form; `None` where that depends on variables.
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

/// Does what [`plain`] does, for all texts of a value.
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

/// Adds the variables that Meltano puts into any text of a value.
pub fn named(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => found.extend(variables(text).map(str::to_owned)),
        Value::Array(items) => items.iter().for_each(|item| named(item, found)),
        Value::Object(members) => members.values().for_each(|member| named(member, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns the text of Meltano's form that a table stands for; `None` of a table that is only a table.
#[must_use]
pub fn of_table(value: &Value) -> Option<String> {
    let text = value.as_object().filter(|table| table.len() == 1)?.get(KEY)?.as_str()?;
    if has_variable(text) {
        return Some(text.to_owned());
    }
    is_name(text).then(|| format!("${{{text}}}"))
}

/// Tells whether a word is the name of a variable as everyone writes one. Lower-case words are data more often.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Returns a value of a file in Meltano's form, and reports each string whose variable is not replaced.
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

/// Returns a value of Meltano's form as a file says it.
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
    fn a_variable_is_what_meltano_takes_for_one() {
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
    fn a_text_of_a_file_reaches_the_plugin_as_it_is_written() {
        for text in ["cost in $USD", "a${b}c$D", r"\\$A", "$A$B", "x$$Y"] {
            let escaped = escaped(text);
            assert_eq!(super::escaped(&escaped), escaped, "{text}");
            assert!(!has_variable(&escaped), "{text}");
        }
        assert_eq!(plain(&escaped("cost in $USD")).unwrap(), "cost in $USD");
        assert_eq!((escaped("$A"), plain("$A"), plain(r"\$A").unwrap()), ("$A".into(), None, "$A".into()));
    }

    #[test]
    fn what_holds_variables_is_said_as_a_table_and_read_back() {
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
