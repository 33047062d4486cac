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
    /// The whole value.
    pub value: Placed<Value>,
    /// The members, where the value is a table.
    pub members: BTreeMap<String, Node>,
}

impl Node {
    /// Keeps the value, and what is in it, out of every excerpt.
    pub fn hide(&self, problems: &mut Problems) {
        if self.members.is_empty() {
            problems.hide(&self.value.place);
        }
        self.members.values().for_each(|member| member.hide(problems));
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
