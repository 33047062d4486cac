//! What is kept of the hub: every definition as it was given, and an index with what a search needs of them.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::HubError;
use crate::connector::Role;
use crate::definition::Indexed;
use crate::digest::hash;
use crate::world::project::replace;

/// The folder of what is kept of the hub.
#[derive(Debug, Clone)]
pub struct Kept(PathBuf);

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
    /// Its name, such as `tap-github`.
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
    /// The shelf of the catalog it stands on.
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

impl Kept {
    /// Names the folder in a project's own one; nothing is read or made.
    #[must_use]
    pub fn of(own_folder: &Path) -> Self {
        Self(own_folder.join("hub"))
    }

    /// Reads the index; `None` where the hub was never asked, or an older version has kept it otherwise.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn index(&self) -> Result<Option<Index>, HubError> {
        match std::fs::read(self.0.join("index.json")) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(HubError::Kept { doing: "read", source }),
        }
    }

    /// Reads a definition; `None` where it is not there as the index says it.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn definition(&self, plugin: &KeptPlugin) -> Result<Option<String>, HubError> {
        match std::fs::read(self.path(&plugin.indexed())) {
            Ok(bytes) if hash(&bytes) == plugin.sha256 => Ok(String::from_utf8(bytes).ok()),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(HubError::Kept { doing: "read", source }),
        }
    }

    /// Keeps a definition. The index has its hash: one that was written by half is asked for again.
    ///
    /// # Errors
    /// When it cannot be written.
    #[expect(
        clippy::disallowed_methods,
        reason = "the hash is what tells a whole file, and a thousand need no thousand syncs"
    )]
    pub fn keep(&self, plugin: &Indexed, text: &str) -> Result<(), HubError> {
        let path = self.path(plugin);
        let written =
            std::fs::create_dir_all(path.parent().unwrap_or(&self.0)).and_then(|()| std::fs::write(&path, text));
        written.map_err(|source| HubError::Kept { doing: "write", source })
    }

    /// Keeps an index, and lets go of the definitions that are no longer in it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_index(&self, index: &Index, gone: &[Indexed]) -> Result<(), HubError> {
        let bytes =
            serde_json::to_vec(index).map_err(|error| HubError::Kept { doing: "write", source: error.into() })?;
        let written = std::fs::create_dir_all(&self.0).and_then(|()| replace(&self.0.join("index.json"), &bytes));
        written.map_err(|source| HubError::Kept { doing: "write", source })?;
        for plugin in gone {
            match std::fs::remove_file(self.path(plugin)) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(HubError::Kept { doing: "write", source });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn path(&self, plugin: &Indexed) -> PathBuf {
        self.0.join(plugin.role.plural()).join(format!("{}.json", plugin.name()))
    }
}
