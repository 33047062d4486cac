//! Records: what a target keeps for one integration.

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

/// The table of settings.
const CONFIG: FieldPath = FieldPath::of("config");

/// One field of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// A value that everyone may see.
    Plain(Value),
    /// The same, of which the order of tables counts.
    Ordered(Value),
    /// The ciphertext of a secret.
    Secret(String),
}

impl Field {
    /// Tells whether two fields are the same: values by value, ciphertexts byte for byte.
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

/// What one target keeps for one integration.
pub trait Record: Clone + PartialEq + Debug + Serialize + Send + Sync + 'static {
    /// Where records of this kind are kept.
    const TARGET: Target;

    /// What the target holds besides its records: the text of a file, nothing in a table.
    type Document: Clone + PartialEq + Debug + Default + Serialize + Send + Sync + 'static;

    /// Returns the integration's name.
    fn slug(&self) -> &Slug;

    /// Returns the connector's or plugin's name, for people.
    fn kind(&self) -> &str;

    /// Returns what the target calls the record: the plugin's name, the integration's.
    fn title(&self) -> &str;

    /// Returns the fields by path; the id is not one of them.
    fn fields(&self) -> Fields;
}

/// Adds the members of a table to `fields`.
fn spread<'a>(fields: &mut Fields, table: &FieldPath, members: impl IntoIterator<Item = (&'a String, &'a Value)>) {
    fields.extend(members.into_iter().map(|(key, value)| (table.join(key), Field::Plain(value.clone()))));
}

#[cfg(test)]
mod tests;
