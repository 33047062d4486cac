//! What Meltano takes a value for when it merges what belongs to one setting.

use indexmap::IndexMap;
use serde_json::Value;

use super::is_reference;
use crate::integration::draft;
use crate::table::Node;
use crate::value::kind_of;

/// What Meltano takes a value for when it merges.
pub(super) enum Shape<'a> {
    /// A table with members, which Meltano merges key by key.
    Table(&'a IndexMap<String, Node>),
    /// A table without members, which is a leaf.
    EmptyTable,
    /// A reference to a variable, whose value is not known here.
    Reference,
    /// Any other value.
    Leaf(Value),
}

impl<'a> Shape<'a> {
    /// Returns the shape of a value.
    pub(super) fn of(node: &'a Node) -> Self {
        if draft::is_reference(node) {
            return Self::Reference;
        }
        match node.members() {
            Some(members) if members.is_empty() => Self::EmptyTable,
            Some(members) => Self::Table(members),
            None => match node.value() {
                Value::String(text) if is_reference(&text) => Self::Reference,
                value => Self::Leaf(value),
            },
        }
    }

    /// Returns its kind, for a message.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Table(_) | Self::EmptyTable => "a table",
            Self::Reference => "a string",
            Self::Leaf(value) => kind_of(value),
        }
    }

    /// Tells whether Meltano cannot replace this leaf of the base file with a leaf of an overlay.
    pub(super) fn refuses(&self, over: &Self) -> bool {
        match (self, over) {
            (Self::EmptyTable, Self::Reference) => true,
            // Meltano casts the variable's value to a decimal, which it cannot write as JSON.
            (Self::Leaf(base), Self::Reference) => base.is_f64(),
            (Self::EmptyTable, Self::Leaf(over)) => over.is_string(),
            (Self::Leaf(base), Self::Leaf(over)) => over.is_string() && !base.is_string(),
            (Self::Table(_) | Self::EmptyTable | Self::Leaf(_) | Self::Reference, _) => false,
        }
    }
}
