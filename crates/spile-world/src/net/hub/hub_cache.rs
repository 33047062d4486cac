//! The local copy of the hub: every definition as it was served, and an index for searches.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::HubError;
use crate::files::own_folder::Own;
use spile_core::connector::Role;
use spile_core::definition::Indexed;
use spile_core::digest::hash;

/// The most bytes of a definition.
const MOST_BYTES: u64 = 8 << 20;

/// The folder of what is kept of the hub.
#[derive(Debug, Clone)]
pub struct HubCache(Own);

/// What is kept, by plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Where the hub's API is.
    pub hub: String,
    /// When it was asked last.
    pub updated_at: Timestamp,
    /// Its plugins, a variant each; sorted.
    pub plugins: Vec<KeptPlugin>,
}

/// What is kept of one variant of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPlugin {
    /// Which side of a pipeline it is.
    pub kind: Role,
    /// Its name, for example `tap-github`.
    pub plugin: String,
    /// Whose implementation it is.
    pub variant: String,
    /// Whether it is what the hub gives to those who name no variant.
    pub is_default: bool,
    /// The mark by which the hub tells whether it has changed.
    pub etag: Option<String>,
    /// The SHA-256 of its definition, in hexadecimal.
    pub sha256: String,
    /// What people call it.
    pub label: String,
    /// One sentence for the catalog.
    pub description: String,
    /// The shelf of the catalog it is on.
    pub category: Option<String>,
    /// What else it is found by.
    pub keywords: Vec<String>,
}

impl KeptPlugin {
    /// Returns what `connectors import` takes: `hub:tap-github`, with its variant where it is not the hub's default.
    #[must_use]
    pub fn name(&self) -> String {
        let variant = if self.is_default { String::new() } else { format!("--{}", self.variant) };
        format!("hub:{}{variant}", self.plugin)
    }

    /// Returns it as the hub's index has it.
    #[must_use]
    pub fn indexed(&self) -> Indexed {
        let (role, plugin, variant) = (self.kind, self.plugin.clone(), self.variant.clone());
        Indexed { role, plugin, variant, is_default: self.is_default }
    }
}

impl HubCache {
    /// Names the folder in a project's own one; nothing is read or made.
    #[must_use]
    pub fn of(own_folder: &Path) -> Self {
        Self(Own::at(own_folder))
    }

    /// Reads the index; `None` where the hub was never asked, or an older version has kept it otherwise.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn index(&self) -> Result<Option<Index>, HubError> {
        // Where the folder is not this user's own, the hub was never asked.
        let Ok(Some(own)) = self.0.open() else { return Ok(None) };
        let read = own.read(INDEX).map_err(|source| HubError::Kept { doing: "read", source })?;
        Ok(read.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Reads a definition; `None` where it is not there as the index says it.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn definition(&self, plugin: &KeptPlugin) -> Result<Option<String>, HubError> {
        let Ok(Some(own)) = self.0.open() else { return Ok(None) };
        let read = own.read_up_to(path(&plugin.indexed()), MOST_BYTES);
        let bytes = read.map_err(|source| HubError::Kept { doing: "read", source })?;
        let whole = bytes.filter(|bytes| hash(bytes) == plugin.sha256);
        Ok(whole.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// Keeps a definition. The index has its hash: one that was written by half is asked for again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, plugin: &Indexed, text: &str) -> Result<(), HubError> {
        // The hash is what tells a whole file, and a thousand need no thousand syncs.
        let written = self.0.make().and_then(|own| own.write(path(plugin), text.as_bytes()));
        written.map_err(|source| HubError::Kept { doing: "write", source })
    }

    /// Keeps an index, and lets go of the definitions that are no longer in it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_index(&self, index: &Index, gone: &[Indexed]) -> Result<(), HubError> {
        let bytes =
            serde_json::to_vec(index).map_err(|error| HubError::Kept { doing: "write", source: error.into() })?;
        let failed = |source| HubError::Kept { doing: "write", source };
        let own = self.0.make().map_err(failed)?;
        own.replace(INDEX, &bytes).map_err(failed)?;
        gone.iter().try_for_each(|plugin| own.remove(path(plugin))).map_err(failed)
    }
}

/// The index, in spile's own folder.
const INDEX: &str = "hub/index.json";

fn path(plugin: &Indexed) -> PathBuf {
    Path::new("hub").join(plugin.role.plural()).join(format!("{}.json", plugin.name()))
}
