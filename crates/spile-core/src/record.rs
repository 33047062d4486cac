//! Records: what a target keeps about one integration.

pub mod entry;
pub mod plugin;
pub mod row;
pub mod target;

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Serialize;
use serde_json::Value;

use crate::name::{FieldPath, Slug};
use crate::value;

pub use entry::Entry;
pub use plugin::PluginDefinition;
pub use row::Row;
pub use target::Target;

/// The fields of a record by path, for example `config.start_date`.
pub type Fields = BTreeMap<FieldPath, Field>;

/// The table of a record's settings.
const CONFIG: FieldPath = FieldPath::of("config");

/// One field of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// A value that everyone may see.
    Plain(Value),
    /// The same, if the order of its tables matters.
    Ordered(Value),
    /// The ciphertext of a secret.
    Secret(String),
}

impl Field {
    /// Tells whether two fields are equal: values by value, ciphertexts byte for byte.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ordered(a), Self::Ordered(b)) => value::same(a, b) && value::same_order(a, b),
            (Self::Plain(a) | Self::Ordered(a), Self::Plain(b) | Self::Ordered(b)) => value::same(a, b),
            (Self::Secret(a), Self::Secret(b)) => a == b,
            (Self::Plain(_) | Self::Ordered(_), Self::Secret(_))
            | (Self::Secret(_), Self::Plain(_) | Self::Ordered(_)) => false,
        }
    }
}

/// What one target keeps about one integration.
pub trait Record: Clone + PartialEq + Debug + Serialize + Send + Sync + 'static {
    /// The target that keeps records of this kind.
    const TARGET: Target;

    /// What the target contains besides records: the text of a file, or nothing for a table.
    type Document: Clone + PartialEq + Debug + Default + Serialize + Send + Sync + 'static;

    /// Returns the integration's name.
    fn slug(&self) -> &Slug;

    /// Returns the name of the connector or plugin, for people.
    fn kind(&self) -> &str;

    /// Returns the record's name in the target: the plugin's name, or the integration's.
    fn title(&self) -> &str;

    /// Returns the fields by path. Excludes the id.
    fn fields(&self) -> Fields;
}

/// Adds the members of a table to `fields`.
fn spread<'a>(fields: &mut Fields, table: &FieldPath, members: impl IntoIterator<Item = (&'a String, &'a Value)>) {
    fields.extend(members.into_iter().map(|(key, value)| (table.join(key), Field::Plain(value.clone()))));
}

#[cfg(test)]
mod tests;
