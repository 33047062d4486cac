//! Values that keep their places all the way down, and keeping values out of excerpts.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::problem::Problems;
use crate::source::{Place, Placed, Source};

/// A key and its value with their places; those of a table's members too, for a dotted key has its value in one of
/// those.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where the key stands.
    pub key: Place,
    /// Where the value stands; a table under a head, or of a dotted key, has the place of that.
    pub place: Place,
    /// The value.
    pub content: Content,
}

/// What a node holds. A table is only its members: were it a value as well, each level of a nested table would be kept
/// once more for every level above it.
#[derive(Debug, Clone)]
pub enum Content {
    /// A value that is no table.
    Leaf(Value),
    /// The members of a table.
    Members(BTreeMap<String, Node>),
}

impl Node {
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

    /// Returns the whole value and where it stands.
    #[must_use]
    pub fn placed(&self) -> Placed<Value> {
        Placed { value: self.value(), place: self.place.clone() }
    }

    /// Returns the members, where the value is a table.
    #[must_use]
    pub fn members(&self) -> Option<&BTreeMap<String, Node>> {
        match &self.content {
            Content::Leaf(_) => None,
            Content::Members(members) => Some(members),
        }
    }

    /// Keeps the value, and what is in it, out of every excerpt.
    pub fn hide(&self, problems: &mut Problems) {
        match self.members() {
            Some(members) if !members.is_empty() => members.values().for_each(|member| member.hide(problems)),
            _ => problems.hide(&self.place),
        }
    }
}

/// The keys whose values are no secrets, whatever stands around them.
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

/// Keeps out of excerpts what may be a secret in a text that is not TOML: nobody can tell there what is a value of
/// what, so everything is hidden but heads, comments and the values of spile's own keys.
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
