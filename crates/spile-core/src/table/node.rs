//! Values whose members all have places, and hiding values from excerpts.

use std::ops::Range;

use indexmap::IndexMap;
use serde_json::Value;
use toml::Spanned;
use toml::de::DeValue;

use crate::problem::Problems;
use crate::source::{Place, Placed, Source};

/// A key and its value with their places. Members of tables have places too, because the value of a dotted key is in
/// one of them.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where the key is.
    pub key: Place,
    /// Where the value is. For a table under a header or of a dotted key, the place of the header or key.
    pub place: Place,
    /// The value.
    pub content: Content,
    /// The places that together contain the whole value. Used if the place is only a header or key.
    written: Vec<Range<usize>>,
}

/// The content of a node. A table is only stored as its members: if it were stored as a value too, each level of a
/// nested table would be copied once for every level above it.
#[derive(Debug, Clone)]
pub enum Content {
    /// A value that is not a table.
    Leaf(Value),
    /// The members of a table.
    Members(IndexMap<String, Node>),
}

impl Node {
    pub(super) fn new(key: Place, found: &Spanned<DeValue<'_>>, content: Content) -> Self {
        let source = &key.source;
        let mut places = Vec::new();
        match content {
            // The members have their own places.
            Content::Members(_) if is_under_head(source, found) => {}
            Content::Members(_) | Content::Leaf(_) => written(source, found, &mut places),
        }
        Self { place: source.place(found.span()), key, content, written: places }
    }

    /// Replaces the content and keeps the places.
    #[must_use]
    pub fn map(self, change: impl FnOnce(Content) -> Content) -> Self {
        Self { content: change(self.content), ..self }
    }

    /// Returns the whole value.
    #[must_use]
    pub fn value(&self) -> Value {
        match &self.content {
            Content::Leaf(value) => value.clone(),
            Content::Members(members) => {
                Value::Object(members.iter().map(|(name, member)| (name.clone(), member.value())).collect())
            }
        }
    }

    /// Returns the whole value with its place.
    #[must_use]
    pub fn placed(&self) -> Placed<Value> {
        Placed { value: self.value(), place: self.place.clone() }
    }

    /// Returns the members if the value is a table.
    #[must_use]
    pub fn members(&self) -> Option<&IndexMap<String, Node>> {
        match &self.content {
            Content::Leaf(_) => None,
            Content::Members(members) => Some(members),
        }
    }

    /// Keeps the value, including its members, out of all excerpts.
    pub fn hide(&self, problems: &mut Problems) {
        for span in &self.written {
            problems.hide(&self.place.source.place(span.clone()));
        }
        for member in self.members().into_iter().flat_map(IndexMap::values) {
            member.hide(problems);
        }
    }
}

/// Finds the places that together contain a whole value. The place of a table under a header or of a dotted key, and of
/// an array of tables, is only the header or key; the contents are at the places of its values.
pub(super) fn written(source: &Source, value: &Spanned<DeValue<'_>>, found: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) if is_under_head(source, value) => {
            for member in table.values() {
                written(source, member, found);
            }
        }
        DeValue::Array(items) if is_under_head(source, value) => {
            for item in items {
                written(source, item, found);
            }
        }
        _ => found.push(value.span()),
    }
}

/// Tells whether the contents of a table or an array are not at its place.
fn is_under_head(source: &Source, value: &Spanned<DeValue<'_>>) -> bool {
    let span = value.span();
    match value.get_ref() {
        DeValue::Table(_) => !source.text().get(span).is_some_and(|text| text.starts_with('{')),
        DeValue::Array(items) => items.iter().any(|item| item.span().start <= span.start),
        _ => false,
    }
}

/// Keys whose values are never secrets, whatever is around them.
const PLAIN: [&str; 13] = [
    "id",
    "type",
    "kind",
    "name",
    "label",
    "description",
    "enabled",
    "loader",
    "schedule",
    "select",
    "tags",
    "protect",
    "docs",
];

/// Keeps possible secrets in a text that is not TOML out of excerpts. Keys and values cannot be told apart reliably
/// there, so everything is hidden except headers, comments and the values of spile's own keys.
pub(super) fn hide_values(source: &Source, problems: &mut Problems) {
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        let key = line.split_once('=').map(|(key, _)| key.trim());
        let is_head = key.is_none() && line.trim_start().starts_with(['[', '#']);
        if !is_head && !key.is_some_and(|key| PLAIN.contains(&key)) {
            let from = start + line.find('=').map_or(0, |equals| equals + 1);
            problems.hide(&source.place(from..start + line.len()));
        }
        start += line.len();
    }
}
