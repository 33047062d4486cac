//! Imports secrets from a `.env` file or from JSON.

use serde::Deserialize;

use super::Error;
use super::file::SecretsFile;
use spile_core::connector::Connector;
use spile_core::integration::check::environment_variable;
use spile_core::name::Slug;
use spile_core::secret::Secret;
use spile_core::sops::node::{Members, Node};

/// The content of a file of secrets.
#[derive(Debug)]
pub struct ImportedSecrets {
    /// The secrets by setting.
    pub secrets: Vec<(String, Secret)>,
    /// Names that are not settings of the connector. A `.env` file often serves several programs.
    pub passed_over: Vec<String>,
}

/// Reads the secrets of an integration from a text: JSON if it starts with `{`, or else a `.env` file. Keys can be
/// settings, also in upper case, or Meltano's variables: `TAP_SHOP__ORDERS_API_KEY`, `TAP_SHOP_API_KEY`.
///
/// # Errors
/// When it cannot be read, or a setting does not accept its value.
pub fn import(from: &str, text: &str, connector: &Connector, slug: &Slug) -> Result<ImportedSecrets, Error> {
    let unreadable = |form, message| Error::Import { from: from.to_owned(), form, message };
    let members = if text.trim_start().starts_with('{') {
        json(text).map_err(|message| unreadable("JSON", message))?
    } else {
        dotenv(text).map_err(|message| unreadable("a `.env` file", message))?
    };
    let mut found = ImportedSecrets { secrets: Vec::new(), passed_over: Vec::new() };
    for (key, value) in members {
        match setting(&key, connector, slug) {
            Some(name) => {
                SecretsFile::fits(connector, &name, &value)?;
                found.secrets.push((name, value));
            }
            None => found.passed_over.push(key),
        }
    }
    Ok(found)
}

/// Returns the setting that a key refers to.
fn setting(key: &str, connector: &Connector, slug: &Slug) -> Option<String> {
    let plugins = [connector.plugin_name(slug), connector.plugin.name.clone()];
    let settings = connector.settings.iter().filter(|setting| setting.secret || setting.name == key);
    let means = |name: &str| {
        let variables = plugins.iter().map(|plugin| environment_variable(plugin, name));
        key == name
            || key == environment_variable("", name).trim_start_matches('_')
            || variables.into_iter().any(|one| one == key)
    };
    settings.map(|setting| &setting.name).find(|name| means(name)).cloned()
}

fn json(text: &str) -> Result<Vec<(String, Secret)>, String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let place = |error: serde_json::Error| format!("line {}, column {}", error.line(), error.column());
    let node = Node::deserialize(&mut reader).map_err(place)?;
    reader.end().map_err(place)?;
    let Node::Map(members) = node else { return Err("it is not an object".to_owned()) };
    Ok(flattened("", members))
}

/// Flattens nested objects to dotted names. Lists stay JSON.
fn flattened(prefix: &str, members: Members) -> Vec<(String, Secret)> {
    let mut found = Vec::new();
    for (key, node) in members {
        let name = format!("{prefix}{key}");
        match node {
            Node::Map(inner) => found.extend(flattened(&format!("{name}."), inner)),
            Node::Text(text) => found.push((name, Secret::new(text))),
            Node::Null => {}
            Node::Bool(_) | Node::Integer(_) | Node::Float(_) | Node::List(_) => {
                found.push((name, Secret::new(serde_json::to_string(&node).unwrap_or_default())));
            }
        }
    }
    found
}

/// Reads lines of the form `KEY=value`, optionally with `export` before the key, with a value in single or double quotes
/// that may span several lines, and with a comment at the end. Unlike libraries, it expands nothing, because a password may
/// contain a `$`.
fn dotenv(text: &str) -> Result<Vec<(String, Secret)>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut number = 1;
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with('#') {
            (rest, number) = (after, number + 1);
            continue;
        }
        let (key, value) = line.split_once('=').ok_or_else(|| format!("line {number} is not `KEY=value`"))?;
        let key = key.trim().trim_start_matches("export ").trim();
        let start = value.trim_start();
        if let Some(quote) = start.chars().next().filter(|first| matches!(first, '"' | '\'')) {
            let from = rest.len() - after.len() - usize::from(rest.len() > line.len()) - start.len() + 1;
            let (value, length) =
                quoted(&rest[from..], quote).ok_or_else(|| format!("the quotes on line {number} are not closed"))?;
            let end = from + length;
            number += rest[..end].matches('\n').count() + 1;
            rest = rest[end..].split_once('\n').map_or("", |(_, after)| after);
            found.push((key.to_owned(), Secret::new(value)));
        } else {
            let value = value.split_once(" #").map_or(value, |(value, _)| value).trim();
            found.push((key.to_owned(), Secret::new(value)));
            (rest, number) = (after, number + 1);
        }
    }
    Ok(found)
}

/// Reads up to the closing quote, and returns the value and its length in bytes, including the quote. In double quotes, a
/// backslash escapes.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            _ if letter == quote => return Some((value, at + 1)),
            '\\' if quote == '"' => match letters.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                escaped @ ('"' | '\\' | '$' | '`') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            _ => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let found = dotenv(text).unwrap();
        found.into_iter().map(|(key, value)| (key, value.expose().to_owned())).collect()
    }

    #[test]
    fn env_files_are_read_as_people_write_them() {
        let text = "# a comment\n\nexport A=one # two\nB = \"x\\n\\\"y\\\" $Z\" # tail\nC='pa$$w#rd'\nD=\"line 1\nline 2\"\nE=a=b\r\nF=\n";
        let wanted =
            [("A", "one"), ("B", "x\n\"y\" $Z"), ("C", "pa$$w#rd"), ("D", "line 1\nline 2"), ("E", "a=b"), ("F", "")];
        assert_eq!(read(text), wanted.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn an_unreadable_text_is_reported_only_by_its_line() {
        assert_eq!(dotenv("A=1\nhunter2\n").unwrap_err(), "line 2 is not `KEY=value`");
        assert_eq!(dotenv("A=1\nB=\"hunter2\n").unwrap_err(), "the quotes on line 2 are not closed");
        assert_eq!(json("{\"a\": hunter2}").unwrap_err(), "line 1, column 7");
    }

    #[test]
    fn nested_objects_become_dotted_names() {
        let found = json(r#"{"a": {"b": "x", "c": [1, "y"]}, "d": null, "e": 1}"#).unwrap();
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        assert_eq!(found, [("a.b", "x"), ("a.c", "[1,\"y\"]"), ("e", "1")]);
    }
}
