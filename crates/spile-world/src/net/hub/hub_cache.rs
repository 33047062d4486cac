//! The local copy of the hub: every definition as received, and an index for searching.

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

/// The folder of the local copy.
#[derive(Debug, Clone)]
pub struct HubCache(Own);

/// The index of the local copy, by plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// The root of the hub's API.
    pub hub: String,
    /// When the hub was last asked.
    pub updated_at: Timestamp,
    /// The plugins, one entry per variant, sorted.
    pub plugins: Vec<KeptPlugin>,
}

/// The index entry for one variant of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPlugin {
    /// Its role in a pipeline.
    pub kind: Role,
    /// Its name, for example `tap-github`.
    pub plugin: String,
    /// The variant, which names the implementation's author.
    pub variant: String,
    /// Whether the hub uses it if no variant is named.
    pub is_default: bool,
    /// The `ETag` that tells whether it has changed.
    pub etag: Option<String>,
    /// The SHA-256 of its definition, in hexadecimal.
    pub sha256: String,
    /// Its display name.
    pub label: String,
    /// One sentence for the catalog.
    pub description: String,
    /// Its category in the catalog.
    pub category: Option<String>,
    /// Other search terms.
    pub keywords: Vec<String>,
}

impl KeptPlugin {
    /// Returns the name that `connectors import` takes: `hub:tap-github`, with the variant if it is not the hub's
    /// default.
    #[must_use]
    pub fn name(&self) -> String {
        let variant = if self.is_default { String::new() } else { format!("--{}", self.variant) };
        format!("hub:{}{variant}", self.plugin)
    }

    /// Returns the entry in the form of the hub's own index.
    #[must_use]
    pub fn indexed(&self) -> Indexed {
        let (role, plugin, variant) = (self.kind, self.plugin.clone(), self.variant.clone());
        Indexed { role, plugin, variant, is_default: self.is_default }
    }
}

impl HubCache {
    /// Names the folder in a project's own folder. Nothing is read or created.
    #[must_use]
    pub fn of(own_folder: &Path) -> Self {
        Self(Own::at(own_folder))
    }

    /// Reads the index; `None` if there is none, or an older version stored it in another format.
    ///
    /// # Errors
    /// When it exists but cannot be read.
    pub fn index(&self) -> Result<Option<Index>, HubError> {
        // If the folder does not belong to this user, there is no local copy.
        let Ok(Some(own)) = self.0.open() else { return Ok(None) };
        let read = own.read(INDEX).map_err(|source| HubError::Kept { doing: "read", source })?;
        Ok(read.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Reads a definition; `None` if it is missing or does not match the index.
    ///
    /// # Errors
    /// When it exists but cannot be read.
    pub fn definition(&self, plugin: &KeptPlugin) -> Result<Option<String>, HubError> {
        let Ok(Some(own)) = self.0.open() else { return Ok(None) };
        let read = own.read_up_to(path(&plugin.indexed()), MOST_BYTES);
        let bytes = read.map_err(|source| HubError::Kept { doing: "read", source })?;
        let whole = bytes.filter(|bytes| hash(bytes) == plugin.sha256);
        Ok(whole.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// Stores a definition. The index has its hash, so a half-written one is detected and fetched again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, plugin: &Indexed, text: &str) -> Result<(), HubError> {
        // Written without syncing to disk, because the hash detects damage, and a thousand syncs would be slow.
        let written = self.0.make().and_then(|own| own.write(path(plugin), text.as_bytes()));
        written.map_err(|source| HubError::Kept { doing: "write", source })
    }

    /// Stores the index, and deletes the definitions that are no longer in it.
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
