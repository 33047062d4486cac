//! Lists the files below a folder. Links are followed if they stay inside, and every list is limited.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, statat};

use super::{Door, Links, Shut, open_folder};

/// The most files below a folder. A hundred thousand are slow, but a project may have them.
pub const MOST_FILES: usize = 200_000;

/// The deepest nesting of folders.
pub const MOST_DEPTH: usize = 64;

/// How many files a link to a folder counts as. Without this, links to folders full of links would never end.
const LINKED_FOLDER: usize = 100;

/// The files below a folder, and the paths that were refused.
#[derive(Debug, Default)]
pub struct Listing {
    /// Everything that is not a folder, by path relative to the door's folder, unsorted. A link is listed under its own
    /// path as what it leads to.
    pub files: Vec<PathBuf>,
    /// The folders, by path in the same way.
    pub folders: Vec<PathBuf>,
    /// The paths that were refused.
    pub refused: Vec<RefusedPath>,
    /// The folder that is listed.
    top: PathBuf,
    /// How many files were counted.
    count: usize,
}

/// A refused path, and the reason.
#[derive(Debug)]
pub struct RefusedPath {
    /// The path relative to the door's folder.
    pub path: PathBuf,
    /// The reason.
    pub why: Shut,
}

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FolderEntry {
    /// The name.
    pub name: OsString,
    /// What kind of entry it is.
    pub kind: EntryKind,
}

/// The kind of an entry in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A folder.
    Folder,
    /// A link.
    Link,
    /// Anything else. Whether it is a regular file shows when it is opened.
    File,
}

/// A folder on the way down.
struct Level {
    folder: OwnedFd,
    /// Its path as named, links included.
    path: PathBuf,
    /// Its path with all links resolved.
    real: PathBuf,
}

impl Door {
    /// Lists the files below a folder, except hidden ones. The list is empty if the folder does not exist.
    #[must_use]
    pub fn list(&self, folder: &Path) -> Listing {
        let mut listing = Listing { top: folder.to_owned(), ..Listing::default() };
        match self.level(folder) {
            Ok(top) => self.list_below(&top, &mut Vec::new(), &mut listing),
            Err(Shut::Missing) => {}
            Err(why) => listing.refuse(folder.to_owned(), why),
        }
        listing
    }

    /// Returns the names in a folder, sorted.
    ///
    /// # Errors
    /// When it cannot be opened or read, or has too many entries.
    pub fn entries(&self, folder: &Path) -> Result<Vec<FolderEntry>, Shut> {
        let mut entries = Vec::new();
        for entry in entries_of(&self.level(folder)?.folder)? {
            entries.push(entry?);
            if entries.len() > MOST_FILES {
                return Err(Shut::TooMany { most: MOST_FILES });
            }
        }
        entries.sort();
        Ok(entries)
    }

    fn level(&self, path: &Path) -> Result<Level, Shut> {
        match self.folder(path) {
            Err(Shut::Outside) if self.links == Links::Inside => {
                let real = self.followed(path)?;
                Ok(Level { folder: self.folder(&real)?, path: path.to_owned(), real })
            }
            folder => Ok(Level { folder: folder?, path: path.to_owned(), real: path.to_owned() }),
        }
    }

    /// Opens a folder without following links.
    fn folder(&self, path: &Path) -> Result<OwnedFd, Shut> {
        match self.descend(&self.names(path)?)? {
            Some(folder) => Ok(folder),
            None => self.folder.try_clone().map_err(Shut::Io),
        }
    }

    fn list_below(&self, level: &Level, above: &mut Vec<PathBuf>, listing: &mut Listing) {
        let entries = match entries_of(&level.folder) {
            Ok(entries) => entries,
            Err(why) => return listing.refuse(level.path.clone(), why),
        };
        above.push(level.real.clone());
        for entry in entries {
            let FolderEntry { name, kind } = match entry {
                Ok(entry) => entry,
                Err(why) => {
                    listing.refuse(level.path.clone(), why);
                    break;
                }
            };
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if !listing.counts(1) {
                break;
            }
            let path = level.path.join(&name);
            match kind {
                EntryKind::File => listing.files.push(path),
                EntryKind::Folder => match open_folder(level.folder.as_fd(), &name) {
                    Ok(folder) => self.list_next(Level { folder, path, real: level.real.join(&name) }, above, listing),
                    Err(why) => listing.refuse(path, why),
                },
                EntryKind::Link => self.list_link(path, above, listing),
            }
        }
        above.pop();
    }

    fn list_next(&self, level: Level, above: &mut Vec<PathBuf>, listing: &mut Listing) {
        if above.len() < MOST_DEPTH {
            listing.folders.push(level.path.clone());
            self.list_below(&level, above, listing);
        } else {
            listing.refuse(level.path, Shut::TooDeep { most: MOST_DEPTH });
        }
    }

    /// Lists what a link leads to under the link's path.
    fn list_link(&self, path: PathBuf, above: &mut Vec<PathBuf>, listing: &mut Listing) {
        let real = match self.target(&path) {
            Ok(Target::File) => return listing.files.push(path),
            Ok(Target::Folder(real)) => real,
            Err(why) => return listing.refuse(path, why),
        };
        if above.iter().any(|above| above.starts_with(&real)) {
            return listing.refuse(path, Shut::Circle);
        }
        if !listing.counts(LINKED_FOLDER) {
            return;
        }
        match self.folder(&real) {
            Ok(folder) => self.list_next(Level { folder, path, real }, above, listing),
            Err(why) => listing.refuse(path, why),
        }
    }

    /// Returns what a link leads to, provided that it is inside.
    fn target(&self, path: &Path) -> Result<Target, Shut> {
        if self.links == Links::Never {
            return Err(Shut::Outside);
        }
        let real = self.followed(path)?;
        self.names(&real)?;
        if real.as_os_str().is_empty() {
            return Ok(Target::Folder(real));
        }
        let found = statat(&self.folder, &real, AtFlags::SYMLINK_NOFOLLOW).map_err(Shut::from)?;
        let is_folder = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
        Ok(if is_folder { Target::Folder(real) } else { Target::File })
    }
}

/// What a link leads to.
enum Target {
    /// A folder, by its real path.
    Folder(PathBuf),
    /// Anything else.
    File,
}

impl Listing {
    fn refuse(&mut self, path: PathBuf, why: Shut) {
        self.refused.push(RefusedPath { path, why });
    }

    /// Counts files and tells whether the limit allows them. The first excess is reported.
    fn counts(&mut self, more: usize) -> bool {
        let was_full = self.count > MOST_FILES;
        self.count += more;
        if self.count > MOST_FILES && !was_full {
            self.refuse(self.top.clone(), Shut::TooMany { most: MOST_FILES });
        }
        self.count <= MOST_FILES
    }
}

/// Reads the entries of a folder.
fn entries_of(folder: &OwnedFd) -> Result<impl Iterator<Item = Result<FolderEntry, Shut>>, Shut> {
    let names = Dir::read_from(folder).map_err(Shut::from)?;
    Ok(names.filter_map(move |item| match item {
        Ok(item) => {
            let name = OsStr::from_bytes(item.file_name().to_bytes());
            let is_itself = name == "." || name == "..";
            (!is_itself).then(|| entry(folder, name, item.file_type()))
        }
        Err(error) => Some(Err(error.into())),
    }))
}

fn entry(folder: &OwnedFd, name: &OsStr, kind: FileType) -> Result<FolderEntry, Shut> {
    // Some file systems do not report the type of an entry in a listing.
    let kind = match kind {
        FileType::Unknown => {
            let found = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(Shut::from)?;
            FileType::from_raw_mode(found.st_mode)
        }
        known => known,
    };
    let kind = match kind {
        FileType::Directory => EntryKind::Folder,
        FileType::Symlink => EntryKind::Link,
        FileType::RegularFile
        | FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => EntryKind::File,
    };
    Ok(FolderEntry { name: name.to_owned(), kind })
}
