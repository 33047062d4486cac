//! Finds out whether git tracks anything in a folder of the project. If so, a clone, a branch or a pull request brought
//! it.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::index::{self, Broken};
use crate::files::door::{Door, Shut};

/// The most bytes of an index: a few million files.
const LARGEST: u64 = 1 << 30;

/// The most bytes of git's small files.
const SMALL: u64 = 1 << 20;

/// Whether git tracks a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tracked {
    /// Git tracks nothing in it.
    No,
    /// Git tracks this path, which is relative to the root of its repository.
    Yes(PathBuf),
    /// The repository cannot be read.
    Unknown {
        /// The file that cannot be read.
        path: PathBuf,
        /// The reason.
        why: String,
    },
}

/// The identity of an index file. If it changes, the index is read again.
#[derive(Debug, PartialEq, Eq)]
struct Stamp([i64; 5]);

/// The result for a folder, and the state of the indexes at that time.
struct TrackedFolder {
    stamps: Vec<Option<Stamp>>,
    found: Tracked,
}

/// The results by folder, so that an index of thousands of files is read only once.
static SEEN: Mutex<BTreeMap<PathBuf, TrackedFolder>> = Mutex::new(BTreeMap::new());

/// Tells whether a repository around the folder tracks it or anything in it. Checks all repositories up to the root,
/// because one may have been created inside another that brought the folder.
pub(super) fn tracked(root: &Path, name: &str) -> Tracked {
    let root = match root.canonicalize() {
        Ok(root) => root,
        Err(error) => return Tracked::Unknown { path: root.to_owned(), why: error.to_string() },
    };
    let mut repositories = Vec::new();
    for folder in root.ancestors().filter(|folder| folder.join(".git").symlink_metadata().is_ok()) {
        match Repository::of(folder) {
            Ok(repository) => repositories.push(repository),
            Err(unknown) => return unknown,
        }
    }
    let folder = root.join(name);
    let stamps: Vec<_> = repositories.iter().map(Repository::stamp).collect();
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = seen.get(&folder).filter(|known| known.stamps == stamps) {
        return known.found.clone();
    }
    let mut each = repositories.iter().map(|repository| repository.tracks(&folder));
    let found = each.find(|found| *found != Tracked::No).unwrap_or(Tracked::No);
    seen.insert(folder, TrackedFolder { stamps, found: found.clone() });
    found
}

/// A repository that contains a project.
struct Repository {
    /// The folder that its paths are relative to.
    top: PathBuf,
    /// Its git folder.
    git: PathBuf,
}

impl Repository {
    fn of(top: &Path) -> Result<Self, Tracked> {
        let path = top.join(".git");
        if path.is_dir() {
            return Ok(Self { top: top.to_owned(), git: path });
        }
        // In a worktree and in a submodule, `.git` is a file that names the folder.
        let text = small(top, ".git").map_err(|error| unknown(&path, &error))?.unwrap_or_default();
        let git = text.strip_prefix("gitdir: ").map(|git| top.join(git.trim_end_matches(['\n', '\r'])));
        match git.filter(|git| git.is_dir()) {
            Some(git) => Ok(Self { top: top.to_owned(), git }),
            None => Err(unknown(&path, &"the folder that it points to does not exist")),
        }
    }

    fn stamp(&self) -> Option<Stamp> {
        let of = |found: &Metadata| {
            let inode = found.ino().cast_signed();
            Stamp([inode, found.len().cast_signed(), found.mtime(), found.mtime_nsec(), found.ctime_nsec()])
        };
        self.git.join("index").metadata().ok().as_ref().map(of)
    }

    fn tracks(&self, folder: &Path) -> Tracked {
        let Ok(wanted) = folder.strip_prefix(&self.top) else { return Tracked::No };
        let hash = match self.hash_length() {
            Ok(hash) => hash,
            Err(error) => return unknown(&self.git.join("config"), &error),
        };
        let mut found = None;
        let rest = self.walk("index", hash, |_, path| found = found.take().or_else(|| concern(path, wanted)));
        let base = match rest {
            Ok(rest) => rest.and_then(|rest| rest.base),
            Err(unknown) => return unknown,
        };
        if let Some(base) = base.filter(|_| found.is_none()) {
            let shared = format!("sharedindex.{}", base.id);
            let see = |number, path: &[u8]| {
                if !base.deleted.contains(number) {
                    found = found.take().or_else(|| concern(path, wanted));
                }
            };
            match self.walk(&shared, hash, see) {
                Ok(Some(_)) => {}
                Ok(None) => return unknown(&self.git.join(shared), &"it does not exist"),
                Err(unknown) => return unknown,
            }
        }
        match found {
            None => Tracked::No,
            Some(Concern::Tracked(path)) => Tracked::Yes(path),
            Some(Concern::Hidden) => unknown(&self.git.join("index"), &"it is sparse and does not list the folder"),
        }
    }

    /// Visits the entries of an index; `None` if it does not exist.
    fn walk(&self, name: &str, hash: usize, see: impl FnMut(usize, &[u8])) -> Result<Option<index::Rest>, Tracked> {
        let path = self.git.join(name);
        let bytes = match Door::without_links(&self.git).and_then(|git| git.read_up_to(Path::new(name), LARGEST)) {
            Ok(bytes) => bytes,
            Err(Shut::Missing) => return Ok(None),
            Err(error) => return Err(unknown(&path, &error)),
        };
        index::walk(&bytes, hash, see).map(Some).map_err(|broken: Broken| unknown(&path, &broken))
    }

    /// Returns how many bytes the repository's hashes have, according to its configuration.
    fn hash_length(&self) -> Result<usize, Shut> {
        let common = small(&self.git, "commondir")?;
        let common = common.map_or_else(|| self.git.clone(), |common| self.git.join(common.trim_end()));
        let config = small(&common, "config")?.unwrap_or_default();
        Ok(if is_sha256(&config) { 32 } else { 20 })
    }
}

fn unknown(path: &Path, why: &dyn std::fmt::Display) -> Tracked {
    Tracked::Unknown { path: path.to_owned(), why: why.to_string() }
}

/// Reads a small file of git's; `None` if it does not exist.
fn small(folder: &Path, name: &str) -> Result<Option<String>, Shut> {
    match Door::without_links(folder).and_then(|folder| folder.read_up_to(Path::new(name), SMALL)) {
        Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| Shut::Io(io::ErrorKind::InvalidData.into())),
        Err(Shut::Missing) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads `extensions.objectformat`. An index that is read with the wrong hash length looks damaged, never empty.
fn is_sha256(config: &str) -> bool {
    let mut is_there = false;
    let mut found = false;
    for line in config.lines().map(str::trim) {
        let line = match line.strip_prefix('[').and_then(|head| head.split_once(']')) {
            Some((section, rest)) => {
                is_there = section.trim().eq_ignore_ascii_case("extensions");
                rest.trim()
            }
            None => line,
        };
        let Some((key, value)) = line.split_once('=').filter(|_| is_there) else { continue };
        if key.trim().eq_ignore_ascii_case("objectformat") {
            let value = value.split(['#', ';']).next().unwrap_or_default().trim().trim_matches('"');
            found = value.eq_ignore_ascii_case("sha256");
        }
    }
    found
}

/// How a path in an index relates to a folder.
enum Concern {
    /// The path is the folder, or in it.
    Tracked(PathBuf),
    /// The path is a sparse folder that contains the folder without listing it.
    Hidden,
}

fn concern(path: &[u8], wanted: &Path) -> Option<Concern> {
    let wanted = wanted.as_os_str().as_bytes();
    if let Some(hidden) = path.strip_suffix(b"/")
        && is_within(wanted, hidden)
        && wanted.len() != hidden.len()
    {
        return Some(Concern::Hidden);
    }
    is_within(path, wanted).then(|| Concern::Tracked(PathBuf::from(std::ffi::OsStr::from_bytes(path))))
}

/// Tells whether a path is a folder or inside it. Some file systems ignore case and Unicode normalization, so this
/// ignores ASCII case and treats any two non-ASCII names as equal.
fn is_within(path: &[u8], folder: &[u8]) -> bool {
    if folder.is_ascii() {
        let ends = || path.len() == folder.len() || path[folder.len()] == b'/';
        return path.get(..folder.len()).is_some_and(|head| head.eq_ignore_ascii_case(folder)) && ends();
    }
    let mut parts = path.split(|byte| *byte == b'/');
    folder.split(|byte| *byte == b'/').all(|name| {
        parts.next().is_some_and(|part| part.eq_ignore_ascii_case(name) || !part.is_ascii() && !name.is_ascii())
    })
}

#[cfg(test)]
mod tests;
