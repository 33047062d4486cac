//! The names and contents of the files in a project's folder.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use super::{Project, ProjectFileMistake, SETTINGS, is_almost_one};
use crate::files::door::{Door, Listing, MOST_BYTES, Shut};
use spile_core::discovered::contract;
use spile_core::problem::Problems;
use spile_core::source::Source;

impl Project {
    /// Opens the door to the project's folder, through which all its files are read and written.
    ///
    /// # Errors
    /// When the folder does not exist.
    pub fn door(&self) -> Result<Door, Shut> {
        Door::to_project(&self.root)
    }

    /// Returns the text of a file of the project: the unwritten one if there is one, else the one on disk.
    ///
    /// # Errors
    /// When it is not a regular file inside the project, is too large, or is not UTF-8.
    pub fn text(&self, path: &Path) -> Result<String, Shut> {
        self.text_through(&self.door()?, path)
    }

    /// Returns the text of a file on disk, ignoring unwritten changes.
    ///
    /// # Errors
    /// As for [`Self::text`].
    pub fn text_on_disk(&self, path: &Path) -> Result<String, Shut> {
        self.door()?.text_up_to(path, most_bytes(path))
    }

    /// Reads the contract of an integration in an environment, if there is one.
    pub fn contract(&self, path: &Path, problems: &mut Problems) -> Option<Source> {
        match self.text(path) {
            Err(Shut::Missing) => None,
            text => source_of(path, text, problems),
        }
    }

    /// Returns the paths of all contracts with one listing of their folder.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn contracts(&self) -> Result<BTreeSet<PathBuf>, Shut> {
        let folder = Path::new(contract::FOLDER);
        let listed = match self.door()?.entries(folder) {
            Err(Shut::Missing) => Vec::new(),
            entries => entries?,
        };
        let unwritten = self.unwritten.keys().filter(|path| path.starts_with(folder)).cloned();
        Ok(listed.into_iter().map(|entry| folder.join(entry.name)).chain(unwritten).collect())
    }

    fn text_through(&self, door: &Door, path: &Path) -> Result<String, Shut> {
        match self.unwritten.get(path) {
            Some(Some(text)) => Ok(text.clone()),
            Some(None) => Err(Shut::Missing),
            None => door.text_up_to(path, most_bytes(path)),
        }
    }

    /// Returns a fingerprint of the project's files, which changes when a file is added, removed or written.
    #[must_use]
    pub fn mark(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let Ok(door) = self.door() else { return hasher.finish() };
        let settings = door.open(Path::new(SETTINGS)).ok().and_then(|file| file.metadata().ok());
        settings.map(|metadata| (metadata.len(), metadata.modified().ok())).hash(&mut hasher);
        for top in ["integrations", "connectors", "contracts", "templates"] {
            let Listing { mut files, refused, .. } = door.list(Path::new(top));
            files.sort();
            for path in files {
                // Only links that stay inside are listed as files.
                let metadata = self.root.join(&path).metadata();
                let written = metadata.map(|metadata| (metadata.len(), metadata.modified().ok()));
                (path, written.ok()).hash(&mut hasher);
            }
            refused.into_iter().map(|refused| refused.path).collect::<BTreeSet<_>>().hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Returns the files below a folder, relative to the project and sorted. Hidden files are skipped.
    pub(super) fn files(&self, folder: &str, problems: &mut Problems) -> Vec<PathBuf> {
        let listing = self.door().map(|door| door.list(Path::new(folder))).unwrap_or_default();
        for refused in listing.refused {
            problems.push(&Source::new(refused.path, ""), ProjectFileMistake::from(refused.why));
        }
        // The user probably meant a file, and would wonder why it is not read.
        for path in listing.folders.iter().filter(|path| is_named_like_a_file(path)) {
            problems.push(&Source::new(path, ""), ProjectFileMistake::from(Shut::NotRegular));
        }
        let mut found = listing.files;
        found.retain(|path| self.unwritten.get(path).is_none_or(Option::is_some));
        let known: BTreeSet<&PathBuf> = found.iter().filter(|path| self.unwritten.contains_key(*path)).collect();
        let more: Vec<PathBuf> = self.unwritten(folder).filter(|path| !known.contains(path)).cloned().collect();
        found.extend(more);
        // The same order as comparing paths part by part, but faster. No name contains a zero byte.
        let parts = |path: &PathBuf| -> Vec<u8> {
            let bytes = path.as_os_str().as_encoded_bytes().iter();
            bytes.map(|byte| if *byte == b'/' { 0 } else { *byte }).collect()
        };
        found.sort_by_cached_key(parts);
        found
    }

    pub(super) fn source(&self, path: &Path, problems: &mut Problems) -> Option<Source> {
        source_of(path, self.text(path), problems)
    }

    /// Reads a file that the project may omit. The built-in text replaces a missing file.
    pub(super) fn source_or(&self, path: &Path, built_in: &str, problems: &mut Problems) -> Option<Source> {
        match self.text(path) {
            Err(Shut::Missing) => Some(Source::new(path, built_in)),
            text => source_of(path, text, problems),
        }
    }

    /// Reads files on all cores and keeps their order. `name` returns what each file is, or reports an invalid name.
    pub(super) fn sources<T: Send>(
        &self,
        paths: Vec<PathBuf>,
        name: impl Fn(&Path, &Source, &mut Problems) -> Option<T> + Sync + Send,
        problems: &mut Problems,
    ) -> Vec<(T, Source)> {
        let Ok(door) = self.door() else { return Vec::new() };
        problems.of_each(paths, |path, problems| {
            let source = source_of(&path, self.text_through(&door, &path), problems)?;
            name(&path, &source, problems).map(|name| (name, source))
        })
    }

    /// Returns the unwritten files below a folder.
    fn unwritten(&self, folder: &str) -> impl Iterator<Item = &PathBuf> {
        self.unwritten
            .iter()
            .filter(move |(path, text)| path.starts_with(folder) && text.is_some())
            .map(|(path, _)| path)
    }
}

/// Returns the most bytes of a file of the project. Contracts may be larger, because spile writes them and sources can
/// be of any size.
fn most_bytes(path: &Path) -> u64 {
    if path.starts_with(contract::FOLDER) { contract::MOST_BYTES } else { MOST_BYTES }
}

/// Tells whether a folder is named like a file that spile would read.
fn is_named_like_a_file(path: &Path) -> bool {
    is_almost_one(path) || path.extension().is_some_and(|end| end == "j2")
}

/// Returns a text with its path, or reports why it cannot be read.
fn source_of(path: &Path, text: Result<String, Shut>, problems: &mut Problems) -> Option<Source> {
    match text {
        Ok(text) => Some(Source::new(path, text)),
        Err(why) => {
            problems.push(&Source::new(path, ""), ProjectFileMistake::from(why));
            None
        }
    }
}
