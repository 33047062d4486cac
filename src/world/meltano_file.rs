//! `meltano.yml` as a target: read whole, replaced whole, and never where spile did not render it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use async_trait::async_trait;

use super::project::{Project, replace, sweep_temporary};
use super::{Origin, Target, TargetError};
use crate::plan::{Revision, Snapshot, State, Step, hash};
use crate::record::Entry;
use crate::render::{FILE_NAME, read};

/// The rendered file of a project.
#[derive(Debug, Clone)]
pub struct MeltanoFile {
    path: PathBuf,
}

impl MeltanoFile {
    /// Names the file; nothing is read.
    #[must_use]
    pub fn new(project: &Project) -> Self {
        Self { path: project.root().join(FILE_NAME) }
    }

    /// Locks the folder, so that of two writers the later sees what the earlier has written. The lock makes no file
    /// and ends with the process, however that ends.
    fn lock(&self) -> std::io::Result<std::fs::File> {
        let folder = self.path.parent().unwrap_or(&self.path);
        let lock = std::fs::File::open(folder)?;
        lock.lock()?;
        sweep_temporary(folder)?;
        Ok(lock)
    }

    fn text(&self) -> Result<String, TargetError> {
        match std::fs::read(&self.path) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| TargetError::Foreign { path: FILE_NAME.into() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(source) => Err(TargetError::Io { doing: "read", path: FILE_NAME.into(), source }),
        }
    }
}

#[async_trait]
impl Target for MeltanoFile {
    type Record = Entry;

    async fn read(&self) -> Result<Snapshot<Entry>, TargetError> {
        let text = self.text()?;
        let state = match text.as_str() {
            "" => State::default(),
            rendered if read::is_rendered(rendered) => read::entries(rendered)
                .map_err(|error| TargetError::Unreadable { path: FILE_NAME.into(), message: error.to_string() })?,
            _ => return Err(TargetError::Foreign { path: FILE_NAME.into() }),
        };
        Ok(Snapshot {
            state,
            foreign: Vec::new(),
            drifted: BTreeSet::new(),
            revision: Revision(hash(text.as_bytes())),
            document: text,
        })
    }

    async fn write(&self, step: &Step<Entry>, _: &Origin) -> Result<(), TargetError> {
        let _lock = self.lock().map_err(|source| TargetError::Io { doing: "lock", path: FILE_NAME.into(), source })?;
        if Revision(hash(self.text()?.as_bytes())) != step.revision {
            return Err(TargetError::Stale { target: FILE_NAME });
        }
        replace(&self.path, step.after.as_bytes()).map_err(|source| TargetError::Io {
            doing: "write",
            path: FILE_NAME.into(),
            source,
        })
    }
}
