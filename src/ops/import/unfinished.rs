//! What an import has left that was ended half-way: files of its own, which the next one may replace.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::plan::hash;
use crate::world::Project;
use crate::world::project::{make_private, replace_private};

/// The files that an import is about to make, each with the SHA-256 of what it is to say, and of what it said before where
/// that was an import's too.
#[derive(Debug)]
pub(super) struct Unfinished {
    root: PathBuf,
    list: PathBuf,
    hashes: BTreeMap<PathBuf, Vec<String>>,
}

impl Unfinished {
    /// Reads what the last import was about to make; nothing where it came to its end.
    pub(super) fn of(project: &Project) -> Self {
        let list = project.own_folder().join("importing.json");
        // A list that was never written, or by another program, names no file.
        let hashes = std::fs::read(&list).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { root: project.root().to_owned(), list, hashes: hashes.unwrap_or_default() }
    }

    /// Tells whether a file is there as that import made it: whatever somebody has changed since is theirs.
    pub(super) fn has(&self, path: &Path) -> bool {
        let Some(known) = self.hashes.get(path) else { return false };
        std::fs::read(self.root.join(path)).is_ok_and(|bytes| known.contains(&hash(&bytes)))
    }

    /// Returns the project as it would be without those files.
    pub(super) fn hidden_in(&self, project: Project) -> Project {
        let own = self.hashes.keys().filter(|path| self.has(path));
        own.fold(project, |project, path| project.without(path))
    }

    /// Notes what is about to be made, and removes what was made before and will not be again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn begin(&mut self, texts: &[(PathBuf, String)]) -> io::Result<()> {
        let is_made = |path: &&PathBuf| texts.iter().any(|(made, _)| made == *path);
        for path in self.hashes.keys().filter(|path| !is_made(path) && self.has(path)) {
            std::fs::remove_file(self.root.join(path))?;
        }
        let known = |path: &Path| self.hashes.get(path).filter(|_| self.has(path)).cloned().unwrap_or_default();
        let noted = |(path, text): &(PathBuf, String)| {
            let mut hashes = known(path);
            hashes.push(hash(text.as_bytes()));
            (path.clone(), hashes)
        };
        self.hashes = texts.iter().map(noted).collect();
        make_private(self.list.parent().unwrap_or(&self.root))?;
        replace_private(&self.list, &serde_json::to_vec_pretty(&self.hashes).map_err(io::Error::from)?)
    }

    /// Forgets it: everything is written.
    ///
    /// # Errors
    /// When the list cannot be removed.
    pub(super) fn end(self) -> io::Result<()> {
        std::fs::remove_file(self.list)
    }
}
