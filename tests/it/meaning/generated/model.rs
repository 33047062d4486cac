//! The expected meaning of spile's files, computed without spile: text is literal, a reference becomes its variable's value,
//! keys are whole, and rules apply in the order of the file.

use serde_json::{Map, Value, json};

use super::files::{Declaration, Integration};
use crate::meaning::oracle::Variables;

/// Returns the length and the name of a variable that Meltano would replace at the start of a text (`ENV_VAR_PATTERN`).
fn variable_at(text: &str) -> Option<(usize, &str)> {
    let rest = text.strip_prefix('$')?;
    if let Some(inner) = rest.strip_prefix('{') {
        let end = inner.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
        return (end > 0 && inner[end..].starts_with('}')).then(|| (end + 3, &inner[..end]));
    }
    let end = rest.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')).unwrap_or(rest.len());
    rest.starts_with(|c: char| c.is_ascii_uppercase()).then(|| (end + 1, &rest[..end]))
}

/// Replaces each variable of a text. A backslash before a variable is removed, and the variable stays.
fn replaced(text: &str, mut each: impl FnMut(&str, &str) -> String) -> String {
    let (mut found, mut rest) = (String::new(), text);
    while let Some(next) = rest.chars().next() {
        if let Some((length, _)) = rest.strip_prefix('\\').and_then(variable_at) {
            found.push_str(&rest[1..=length]);
            rest = &rest[length + 1..];
        } else if let Some((length, name)) = variable_at(rest) {
            found.push_str(&each(&rest[..length], name));
            rest = &rest[length..];
        } else {
            found.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    found
}

/// Returns what a plugin gets for a text in a file.
pub fn text(text: &str, variables: &Variables) -> String {
    match whole_variable(text) {
        Some(name) => variables[name].clone(),
        None => replaced(text, |whole, _| whole.to_owned()),
    }
}

/// Returns the name of the variable, if a text is nothing but a reference to one.
pub fn whole_variable(text: &str) -> Option<&str> {
    variable_at(text).filter(|(length, _)| *length == text.len()).map(|(_, name)| name)
}

/// Returns the text that `{ env = ".." }` stands for, with its variables. `None` if the table is plain data.
fn reference(table: &Map<String, Value>) -> Option<String> {
    let text = table.get("env").filter(|_| table.len() == 1)?.as_str()?;
    if text.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
        return Some(format!("${{{text}}}"));
    }
    let mut has_variable = false;
    replaced(text, |_, _| {
        has_variable = true;
        String::new()
    });
    has_variable.then(|| text.to_owned())
}

/// Tells whether a table is a table to a plugin too.
pub fn is_plain(table: &Map<String, Value>) -> bool {
    !table.contains_key("bare") && reference(table).is_none()
}

/// Returns what a plugin gets for the value of a setting in a file.
pub fn value(name: &str, declared: &Value, variables: &Variables) -> Value {
    let found = member(declared, variables, Table::Setting);
    // The one setting that is a date; the generated ones have no time, or a whole one.
    match found.as_str() {
        Some(date) if name == "since" && date.len() == "2024-01-01".len() => json!(format!("{date}T00:00:00Z")),
        _ => found,
    }
}

/// Where a table is, which decides its order: Meltano flattens settings into leaves and nests them again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    /// It is a setting. Its leaves come first, then its tables.
    Setting,
    /// It is in a table.
    Nested,
    /// It is in a list, where Meltano doesn't look at keys.
    Listed,
}

fn member(declared: &Value, variables: &Variables, place: Table) -> Value {
    match declared {
        Value::String(found) => json!(text(found, variables)),
        Value::Array(items) => items.iter().map(|item| member(item, variables, Table::Listed)).collect(),
        Value::Object(table) => {
            if let Some(date) = table.get("bare") {
                return date.clone();
            }
            if let Some(text) = reference(table) {
                return json!(replaced(&text, |_, name| variables[name].clone()));
            }
            let inner = if place == Table::Listed { Table::Listed } else { Table::Nested };
            let members = table.iter().map(|(key, value)| (key.clone(), member(value, variables, inner)));
            match place {
                Table::Setting => {
                    let (tables, leaves): (Vec<_>, Vec<_>) =
                        members.partition(|(_, value)| value.as_object().is_some_and(|table| !table.is_empty()));
                    with_whole_keys(leaves.into_iter().chain(tables))
                }
                Table::Nested => with_whole_keys(members),
                Table::Listed => members.collect(),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => declared.clone(),
    }
}

/// Makes a table whose keys are whole. Meltano inserts those with a period after the others.
fn with_whole_keys(members: impl Iterator<Item = (String, Value)>) -> Value {
    let (late, early): (Vec<_>, Vec<_>) = members.partition(|(key, _)| key.contains('.'));
    early.into_iter().chain(late).map(|(key, value)| (key.replace(r"\.", "."), value)).collect()
}

/// Returns the declarations that apply in an environment.
pub fn at(declared: &Integration, environment: &str) -> Declaration {
    let Some(overlay) = declared.overlay.as_ref().filter(|_| environment == "prod") else {
        return declared.base.clone();
    };
    let mut declaration = declared.base.clone();
    for (name, value) in &overlay.config {
        merge(declaration.config.entry(name.clone()).or_insert(Value::Null), value);
    }
    declaration.select = overlay.select.clone().or(declaration.select);
    for (pattern, rule) in &overlay.metadata {
        // New rules come after those of the base. A pattern of the base keeps its place, because Meltano merges key by key.
        merge(declaration.metadata.entry(pattern.clone()).or_insert(Value::Null), rule);
    }
    declaration
}

fn merge(into: &mut Value, value: &Value) {
    match (into, value) {
        (Value::Object(into), Value::Object(value)) if is_plain(into) && is_plain(value) => {
            for (key, member) in value {
                merge(into.entry(key.clone()).or_insert(Value::Null), member);
            }
        }
        (into, value) => *into = value.clone(),
    }
}

/// Tells whether a pattern with `*` and `?` matches a whole name.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (mut patterns, mut names) = (pattern.chars(), name.chars());
    match (patterns.next(), names.next()) {
        (None, None) => true,
        (Some('*'), _) => {
            let rest = patterns.as_str();
            name.char_indices().any(|(at, _)| matches(rest, &name[at..])) || matches(rest, "")
        }
        (Some('?'), Some(_)) => matches(patterns.as_str(), names.as_str()),
        (Some(one), Some(other)) if one == other => matches(patterns.as_str(), names.as_str()),
        _ => false,
    }
}

/// A pattern of `select`. Without a field it applies to a stream and all its fields.
struct Pattern {
    includes: bool,
    stream: String,
    field: Option<String>,
}

impl Pattern {
    fn of(written: &str, variables: &Variables) -> Self {
        let whole = text(written, variables);
        let body = whole.strip_prefix('!').unwrap_or(&whole);
        let dot = body.char_indices().find(|(at, c)| *c == '.' && !body[..*at].ends_with('\\')).map(|(at, _)| at);
        let (stream, field) = dot.map_or((body, None), |at| (&body[..at], Some(body[at + 1..].to_owned())));
        let field = field.filter(|field| field != "*");
        Self { includes: !whole.starts_with('!'), stream: stream.replace(r"\.", "."), field }
    }
}

/// Returns the expected metadata of a stream, or of one of its fields.
pub fn metadata(
    declaration: &Declaration,
    stream: &str,
    field: Option<&str>,
    variables: &Variables,
) -> Map<String, Value> {
    let everything = vec!["*.*".to_owned()];
    let patterns =
        declaration.select.as_ref().unwrap_or(&everything).iter().map(|pattern| Pattern::of(pattern, variables));
    let (including, excluding): (Vec<_>, Vec<_>) =
        patterns.filter(|one| matches(&one.stream, stream)).partition(|one| one.includes);
    let is_about = |one: &Pattern| match (field, &one.field) {
        (_, None) => true,
        // Including a field includes its stream; excluding a field does not exclude the stream.
        (None, Some(_)) => one.includes,
        (Some(field), Some(pattern)) => matches(pattern, field),
    };
    let selected = including.iter().any(is_about) && !excluding.iter().any(is_about);
    let mut found = Map::from_iter([("selected".to_owned(), json!(selected))]);
    for (_, rule) in declaration.metadata.iter().filter(|(pattern, _)| matches(pattern, stream)) {
        let rule = match field {
            Some(field) => rule.get(field),
            None => Some(rule),
        };
        let members = rule.and_then(Value::as_object).into_iter().flatten();
        found.extend(
            members
                .filter(|(_, value)| !value.is_object())
                .map(|(key, one)| (key.clone(), member(one, variables, Table::Setting))),
        );
    }
    found
}

/// Returns what a plugin gets for a secret: the value itself. Keys of tables are whole.
pub fn secret(value: &Value) -> Value {
    match value {
        Value::Object(table) => with_whole_keys(table.iter().map(|(key, value)| (key.clone(), secret(value)))),
        value => value.clone(),
    }
}
