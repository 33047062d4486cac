//! Identifies plugins, because names are unique only within one list.

use std::fmt;

use crate::connector::Role;
use crate::phrase;
use crate::phrase::{Phrase, code};

/// A plugin of a file: its list and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PluginKey {
    /// The list.
    pub role: Role,
    /// The name.
    pub name: String,
}

impl From<&PluginKey> for Phrase {
    fn from(key: &PluginKey) -> Self {
        phrase![key.role.to_string(), " ", code(&key.name)]
    }
}

impl fmt::Display for PluginKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Phrase::from(self).fmt(f)
    }
}
