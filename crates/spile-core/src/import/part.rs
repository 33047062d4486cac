//! The parts of a plugin that become files: `config`, `select`, `metadata` and `load_schema`, of the plugin itself or
//! of one environment.

use std::collections::BTreeMap;

use serde_json::Value;

use super::comment::Within;
use crate::name::SettingName;
use crate::secret::Secret;
use crate::value::expansion::{has_variable, reference};
use crate::yaml::edit::line_end;
use crate::yaml::{Document, Node, Odd, ValueReader, comments};

/// The configuration of a plugin, or of its overlay in an environment.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// `config`.
    pub config: Vec<CommentedValue>,
    /// `select`; `None` if it is not set.
    pub select: Option<Vec<CommentedValue>>,
    /// `metadata`.
    pub metadata: Vec<CommentedValue>,
    /// The position of `metadata` if it is an empty table, which Meltano uses instead of inherited rules.
    pub no_rules: Option<usize>,
    /// `load_schema`.
    pub load_schema: Option<CommentedValue>,
    /// Settings that were moved out of `config` to be encrypted.
    pub secrets: BTreeMap<String, Secret>,
    /// Whether the secrets of an environment replace the base's, even if there are none.
    pub replaces: bool,
    /// Secrets that are numbers without a declared kind: in a variable, they become text.
    pub numbers: Vec<(String, usize)>,
    /// Secrets that only a definition elsewhere declares as such: neither their names nor their values tell.
    pub called: Vec<(String, usize)>,
    /// The settings without any value.
    pub valueless: Vec<(String, usize)>,
    /// The comments of settings that were moved out.
    pub comments: Vec<String>,
    /// The comments of an item that is moved as a whole.
    pub head: Vec<String>,
}

/// A member of a table or an item of a list, with its comments.
#[derive(Debug, Clone)]
pub struct CommentedValue {
    /// The key; empty for an item.
    pub name: String,
    /// The value.
    pub value: Value,
    /// The comments before it, and those inside it that are not about one of its keys.
    pub comments: Vec<String>,
    /// The comments about its keys.
    pub within: Vec<Within>,
    /// Its position.
    pub at: usize,
}

impl CommentedValue {
    /// Returns all its comments, if nothing remains that could contain them.
    #[must_use]
    pub fn into_comments(self) -> Vec<String> {
        self.comments.into_iter().chain(self.within.into_iter().map(|within| within.text)).collect()
    }
}

/// Why a plugin stays in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// The reason, as a phrase.
    pub what: String,
    /// The position of the reason.
    pub at: usize,
}

impl Part {
    /// Reads the parts of a plugin's item.
    ///
    /// # Errors
    /// With the first part that an integration file cannot express.
    pub fn read(document: &Document<'_>, item: &Node) -> Result<Self, Why> {
        let reader = Reader { document, values: ValueReader::of(document), item };
        let mut part =
            Self { config: reader.members("config")?, metadata: reader.members("metadata")?, ..Self::default() };
        if let Some(said) = part.config.iter().find(|said| !SettingName::new(&said.name).is_definable()) {
            return Err(Why { what: format!("`{}` is not a valid setting name", said.name), at: said.at });
        }
        if let Some(said) = part.metadata.iter().find(|said| !said.value.is_object()) {
            return Err(Why { what: "its `metadata` has an unsupported form".to_owned(), at: said.at });
        }
        part.no_rules = reader
            .value("metadata")?
            .filter(|(value, _)| value.is_object() && part.metadata.is_empty())
            .map(|(_, at)| at);
        part.valueless = reader.valueless()?;
        part.select = reader.select()?;
        part.load_schema = reader.load_schema()?;
        Ok(part)
    }

    /// Returns the part unless its `metadata` is an empty table.
    ///
    /// # Errors
    /// When it is, because integration files cannot express that.
    pub fn with_rules(self) -> Result<Self, Why> {
        match self.no_rules {
            Some(at) => Err(Why { what: "its empty `metadata` takes out rules that others say of it".to_owned(), at }),
            None => Ok(self),
        }
    }

    /// Tells whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.config.is_empty()
            && self.select.is_none()
            && self.metadata.is_empty()
            && self.load_schema.is_none()
            && self.secrets.is_empty()
            && !self.replaces
    }
}

/// Returns the comments of an item and of the lines before it, except for those inside its parts.
#[must_use]
pub fn head(document: &Document<'_>, from: usize, item: &Node) -> Vec<String> {
    let end = line_end(document.text, item.span.end);
    let parts: Vec<_> = super::inventory::managed(item)
        .map(|pair| pair.key.span.end..line_end(document.text, pair.span().end) + 1)
        .collect();
    let found = comments(document.text, from.min(end)..end, item).into_iter();
    found.filter(|(at, _)| !parts.iter().any(|part| part.contains(at))).map(|(_, text)| text.to_owned()).collect()
}

struct Reader<'a> {
    document: &'a Document<'a>,
    values: ValueReader<'a>,
    item: &'a Node,
}

impl Reader<'_> {
    /// Returns the value and the position of a key, with merge keys resolved.
    fn value(&self, key: &str) -> Result<Option<(Value, usize)>, Why> {
        let pair = self.item.pair(key);
        let merges = self.item.pairs().iter().any(|pair| pair.key.text() == Some("<<"));
        let mut odd: Vec<Odd> = Vec::new();
        let (value, at) = match pair {
            Some(pair) => (self.values.value(&pair.value, &mut odd), pair.key.span.start),
            None if merges => {
                let Value::Object(mut whole) = self.values.value(self.item, &mut Vec::new()) else { return Ok(None) };
                let Some(value) = whole.remove(key) else { return Ok(None) };
                (value, self.item.span.start)
            }
            None => return Ok(None),
        };
        match odd.into_iter().next() {
            Some(odd) => Err(Why { what: format!("its `{key}` contains {}", odd.what), at: odd.at }),
            None => Ok(Some((value, at))),
        }
    }

    fn members(&self, key: &str) -> Result<Vec<CommentedValue>, Why> {
        let Some((value, at)) = self.value(key)? else { return Ok(Vec::new()) };
        let mut members = match value {
            Value::Null => return Ok(Vec::new()),
            Value::Object(members) => members,
            _ => return Err(Why { what: format!("its `{key}` has an unsupported form"), at }),
        };
        // Meltano passes on a parent's or an environment's table with its nulls, and treats null rules as empty tables.
        let is_lost = |(name, value): &(&String, &Value)| {
            let is_unset = value.is_null() && key == "config" && !name.contains('.');
            holds_null(value) && !is_unset
        };
        if let Some((name, _)) = members.iter().find(is_lost) {
            let at = self.item.get(key).and_then(|node| node.pair(name)).map_or(at, |pair| pair.key.span.start);
            return Err(Why {
                what: format!("`{name}` holds a null, which TOML cannot say and Meltano may hand on"),
                at,
            });
        }
        let mut said = Vec::new();
        let table = self.item.get(key).and_then(|node| self.document.resolve(node));
        let mut before = self.first(key, table);
        for pair in table.map(Node::pairs).unwrap_or_default() {
            let Some((name, value)) = pair.key.text().and_then(|name| members.shift_remove_entry(name)) else {
                continue;
            };
            let end = line_end(self.document.text, pair.span().end);
            let comments = comments(self.document.text, before..end, table.unwrap_or(self.item));
            before = end;
            let within = |(at, comment): &(usize, &str)| Within::of(pair, *at, comment, self.document.text);
            let (inner, own): (Vec<_>, Vec<_>) = comments.into_iter().partition(|comment| within(comment).is_some());
            let at = pair.key.span.start;
            say(&mut said, name, value, own, at);
            if let Some(said) = said.last_mut().filter(|said| said.at == at) {
                said.within = inner.iter().filter_map(within).collect();
            }
        }
        // Comments on merged values stay where those are defined.
        for (name, value) in members {
            say(&mut said, name, value, Vec::new(), at);
        }
        Ok(said)
    }

    /// Returns the settings without a value, with their positions.
    fn valueless(&self) -> Result<Vec<(String, usize)>, Why> {
        let Some((Value::Object(members), at)) = self.value("config")? else { return Ok(Vec::new()) };
        let table = self.item.get("config").and_then(|node| self.document.resolve(node));
        let place = |name: &str| table.and_then(|table| table.pair(name)).map_or(at, |pair| pair.key.span.start);
        let found = members.iter().filter(|(name, value)| SettingName::new(name).is_definable() && value.is_null());
        Ok(found.map(|(name, _)| (name.clone(), place(name))).collect())
    }

    /// Returns where the comments of the first member can start.
    fn first(&self, key: &str, found: Option<&Node>) -> usize {
        let after_key = self.item.pair(key).map(|pair| (pair.key.span.end, pair.value.span.start));
        let start = found.map_or(0, |found| found.span.start);
        after_key.filter(|(_, value)| *value == start).map_or(start, |(end, _)| end)
    }

    fn load_schema(&self) -> Result<Option<CommentedValue>, Why> {
        let key = "load_schema";
        match self.value(key)? {
            None | Some((Value::Null, _)) => Ok(None),
            Some((Value::String(text), at)) if !text.trim().is_empty() && text.trim() == text && !is_mixed(&text) => {
                let found = self.item.pair(key).map(|pair| {
                    let end = line_end(self.document.text, pair.span().end);
                    comments(self.document.text, pair.key.span.end..end, self.item)
                });
                let comments = found.into_iter().flatten().map(|(_, text)| text.to_owned()).collect();
                Ok(Some(CommentedValue {
                    name: key.to_owned(),
                    value: Value::String(text),
                    comments,
                    within: Vec::new(),
                    at,
                }))
            }
            Some((_, at)) => Err(Why { what: format!("its `{key}` has an unsupported form"), at }),
        }
    }

    fn select(&self) -> Result<Option<Vec<CommentedValue>>, Why> {
        let Some((value, at)) = self.value("select")? else { return Ok(None) };
        let why = |what: &str| Why { what: what.to_owned(), at };
        let patterns = match value {
            Value::Null => return Ok(None),
            Value::Array(patterns) if patterns.is_empty() => {
                return Err(why("its `select` is empty, which selects nothing"));
            }
            Value::Array(patterns) if patterns.iter().all(Value::is_string) => patterns,
            _ => return Err(why("its `select` has an unsupported form")),
        };
        let is_mixed = |pattern: &Value| pattern.as_str().is_some_and(is_mixed);
        if patterns.iter().any(is_mixed) {
            return Err(why("its `select` has a variable inside a pattern"));
        }
        let list = self.item.get("select").and_then(|node| self.document.resolve(node));
        let nodes = list.map(Node::items).unwrap_or_default();
        let mut before = self.first("select", list);
        let mut said = Vec::new();
        for (index, value) in patterns.into_iter().enumerate() {
            let mut found = Vec::new();
            if let (Some(node), Some(list)) = (nodes.get(index), list) {
                let end = line_end(self.document.text, node.span.end);
                // Bracketed lists have several items on a line.
                found = comments(self.document.text, before.min(end)..end, list);
                before = end;
            }
            let comments = found.into_iter().map(|(_, text)| text.to_owned()).collect();
            said.push(CommentedValue { name: String::new(), value, comments, within: Vec::new(), at });
        }
        Ok(Some(said))
    }
}

/// Tells whether Meltano inserts a variable into a part of a text. Outside of settings, integration files cannot
/// express that.
fn is_mixed(text: &str) -> bool {
    has_variable(text) && reference(text).is_none()
}

fn say(said: &mut Vec<CommentedValue>, name: String, value: Value, comments: Vec<(usize, &str)>, at: usize) {
    if !value.is_null() {
        let comments = comments.into_iter().map(|(_, text)| text.to_owned()).collect();
        said.push(CommentedValue { name, value, comments, within: Vec::new(), at });
    }
}

fn holds_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(holds_null),
        Value::Object(members) => members.values().any(holds_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
