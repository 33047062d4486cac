//! Which plugin: names are unique within one list only.

use std::fmt;

use crate::connector::Role;

/// A plugin of a file: its list and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PluginKey {
    /// The list.
    pub role: Role,
    /// The name.
    pub name: String,
}

impl fmt::Display for PluginKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.role, self.name)
    }
}
