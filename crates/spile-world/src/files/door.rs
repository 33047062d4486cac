//! The door to a folder whose files may be an attacker's: a file below it is opened as a regular one of bounded size, or
//! not at all.
//!
//! A clone brings links as easily as files. Every part of a path is therefore opened from the folder before it and never
//! through a link, so that nothing can be swapped in between. A link is followed only where all of its way stays inside.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::io::Errno;

mod listing;
mod named;
mod place;

pub use listing::{EntryKind, FolderEntry, Listing, RefusedPath};
pub use named::{read_named, text_named};

/// How many bytes a file of a project may have: a hundred times what the largest one has. What reads it takes up to forty
/// times as much memory, for every line and value has a place.
pub const MOST_BYTES: u64 = 1 << 20;

/// The folders of a project that no file of it leads into: git's, spile's and Meltano's own.
const PRIVATE: [&str; 3] = [".git", ".spile", ".meltano"];

/// A folder whose files are opened one by one.
#[derive(Debug)]
pub struct Door {
    folder: OwnedFd,
    path: PathBuf,
    links: Links,
}

/// What a door does with links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Links {
    /// Follows those that stay inside, and lets nothing into the private folders.
    Inside,
    /// Follows none.
    Never,
}

/// Why a file was not opened.
#[derive(Debug, thiserror::Error)]
pub enum Shut {
    /// There is no such file.
    #[error("the file does not exist")]
    Missing,
    /// The path or a link in it leads elsewhere.
    #[error("the path leads outside the folder, into a private folder, or nowhere")]
    Outside,
    /// A folder, a pipe, a device or a socket.
    #[error("it is not a regular file")]
    NotRegular,
    /// Something else where a folder has to be.
    #[error("it is not a folder")]
    NotAFolder,
    /// A link to a folder that it is in.
    #[error("the link is circular")]
    Circle,
    /// Folders in folders in folders.
    #[error("the folders are nested more than {most} levels deep")]
    TooDeep {
        /// How deep they may be.
        most: usize,
    },
    /// More files than anybody has.
    #[error("there are more than {most} files")]
    TooMany {
        /// How many there may be.
        most: usize,
    },
    /// Bytes that are not text.
    #[error("the file is not UTF-8")]
    NotUtf8,
    /// More bytes than anybody writes.
    #[error("the file is larger than {} MiB", .most >> 20)]
    TooLarge {
        /// How many bytes it may have.
        most: u64,
    },
    /// The system refuses.
    #[error(transparent)]
    Io(io::Error),
}

impl Door {
    /// Opens the door to a project's folder. Links that stay inside are followed.
    ///
    /// # Errors
    /// When the folder cannot be opened.
    pub fn to_project(root: &Path) -> Result<Self, Shut> {
        Self::to(root, Links::Inside)
    }

    /// Opens the door to a folder in which no link is followed.
    ///
    /// # Errors
    /// When it cannot be opened, or is a link itself.
    pub fn without_links(folder: &Path) -> Result<Self, Shut> {
        Self::to(folder, Links::Never)
    }

    fn to(path: &Path, links: Links) -> Result<Self, Shut> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let flags = if links == Links::Never { flags | OFlags::NOFOLLOW } else { flags };
        let at = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let folder = openat(CWD, at, flags, Mode::empty()).map_err(Shut::from)?;
        Ok(Self { folder, path: at.to_owned(), links })
    }

    /// Opens a regular file by its path from the folder.
    ///
    /// # Errors
    /// When it is anything else, or not below the folder.
    pub fn open(&self, path: &Path) -> Result<File, Shut> {
        let file = match self.walk(path) {
            Err(Shut::Outside) if self.links == Links::Inside => self.walk(&self.followed(path)?)?,
            walked => walked?,
        };
        let kind = FileType::from_raw_mode(fstat(&file).map_err(Shut::from)?.st_mode);
        if kind == FileType::RegularFile { Ok(File::from(file)) } else { Err(Shut::NotRegular) }
    }

    /// Reads a text of at most [`MOST_BYTES`].
    ///
    /// # Errors
    /// When it cannot be opened or read, is larger, or is not UTF-8.
    pub fn text(&self, path: &Path) -> Result<String, Shut> {
        self.text_up_to(path, MOST_BYTES)
    }

    /// Reads a text of at most so many bytes.
    ///
    /// # Errors
    /// When it cannot be opened or read, is larger, or is not UTF-8.
    pub fn text_up_to(&self, path: &Path, most: u64) -> Result<String, Shut> {
        String::from_utf8(self.read_up_to(path, most)?).map_err(|_| Shut::NotUtf8)
    }

    /// Returns how many bytes a file has.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn size(&self, path: &Path) -> Result<u64, Shut> {
        Ok(self.open(path)?.metadata().map_err(Shut::Io)?.len())
    }

    /// Reads a file of at most [`MOST_BYTES`].
    ///
    /// # Errors
    /// When it cannot be opened or read, or is larger.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, Shut> {
        self.read_up_to(path, MOST_BYTES)
    }

    /// Reads a file of at most so many bytes.
    ///
    /// # Errors
    /// When it cannot be opened or read, or is larger.
    pub fn read_up_to(&self, path: &Path, most: u64) -> Result<Vec<u8>, Shut> {
        let file = self.open(path)?;
        let length = file.metadata().map_err(Shut::Io)?.len();
        bounded(file, Bounds { length, most })
    }

    /// Opens a path part by part, through no link. One that is in the way is [`Shut::Outside`].
    fn walk(&self, path: &Path) -> Result<OwnedFd, Shut> {
        let names = self.names(path)?;
        let Some((last, folders)) = names.split_last() else { return Err(Shut::NotRegular) };
        let folder = self.descend(folders).map_err(|why| match why {
            // There is nothing below a file.
            Shut::NotAFolder => Shut::Missing,
            why => why,
        })?;
        let at = folder.as_ref().unwrap_or(&self.folder).as_fd();
        // A pipe without a writer would be waited for, and a terminal would become this process's own.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        openat(at, *last, flags, Mode::empty()).map_err(|error| shut_at(at, last, error))
    }

    /// Opens folders one below the other, through no link; `None` is the door's own.
    fn descend(&self, names: &[&OsStr]) -> Result<Option<OwnedFd>, Shut> {
        let mut below = None::<OwnedFd>;
        for name in names {
            let at = below.as_ref().unwrap_or(&self.folder).as_fd();
            below = Some(open_folder(at, name)?);
        }
        Ok(below)
    }

    /// Returns the names that a path is made of, where it stays below the folder.
    fn names<'a>(&self, path: &'a Path) -> Result<Vec<&'a OsStr>, Shut> {
        let mut names = Vec::new();
        for part in path.components() {
            match part {
                Component::Normal(name) if self.links == Links::Inside && is_private(name) => {
                    return Err(Shut::Outside);
                }
                Component::Normal(name) => names.push(name),
                Component::CurDir => {}
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(Shut::Outside),
            }
        }
        Ok(names)
    }

    /// Returns where a path with links in it leads, from the folder.
    fn followed(&self, path: &Path) -> Result<PathBuf, Shut> {
        // A path that does not begin inside is not looked up at all.
        self.names(path)?;
        let root = self.path.canonicalize().map_err(Shut::Io)?;
        let full = self.path.join(path);
        let Ok(real) = full.canonicalize() else { return self.followed_above(path) };
        real.strip_prefix(&root).map(Path::to_owned).map_err(|_| Shut::Outside)
    }

    /// Returns where a path leads that cannot be followed to its end: below a link to a folder there may be no such name.
    fn followed_above(&self, path: &Path) -> Result<PathBuf, Shut> {
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return Err(Shut::Outside) };
        match self.path.join(path).symlink_metadata() {
            Err(error) if is_missing(&error) => Ok(self.followed(above)?.join(name)),
            // A link that leads nowhere may lead outside as soon as somebody makes what it names.
            Ok(_) | Err(_) => Err(Shut::Outside),
        }
    }
}

/// Tells whether nothing of a project may lead into a folder of this name. Some file systems take letters of either case
/// for the same.
#[must_use]
pub fn is_private(name: &OsStr) -> bool {
    PRIVATE.iter().any(|private| name.eq_ignore_ascii_case(private))
}

/// How many bytes are expected, and how many are too many.
struct Bounds {
    length: u64,
    most: u64,
}

/// Reads all that a file holds, and no more than it may.
fn bounded(file: File, Bounds { length, most }: Bounds) -> Result<Vec<u8>, Shut> {
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(most)).unwrap_or(0) + 1);
    file.take(most + 1).read_to_end(&mut bytes).map_err(Shut::Io)?;
    if bytes.len() as u64 > most { Err(Shut::TooLarge { most }) } else { Ok(bytes) }
}

/// Opens a folder in a folder. A link in its place is [`Shut::Outside`].
fn open_folder(at: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Shut> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(at, name, flags, Mode::empty()).map_err(|error| shut_at(at, name, error))
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Says why a name could not be opened: systems answer differently where a link is in the way.
fn shut_at(at: BorrowedFd<'_>, name: &OsStr, error: Errno) -> Shut {
    let kind = || {
        let found = statat(at, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(FileType::from_raw_mode(found.st_mode))
    };
    match error {
        Errno::LOOP | Errno::MLINK | Errno::NOTDIR => match kind() {
            Some(FileType::Symlink) => Shut::Outside,
            Some(_) => Shut::NotAFolder,
            None => error.into(),
        },
        // A socket, or a device that no driver answers for.
        Errno::NXIO | Errno::NODEV | Errno::OPNOTSUPP => Shut::NotRegular,
        error => error.into(),
    }
}

impl From<Errno> for Shut {
    fn from(error: Errno) -> Self {
        match error {
            Errno::NOENT | Errno::NOTDIR => Self::Missing,
            Errno::LOOP => Self::Outside,
            error => Self::Io(error.into()),
        }
    }
}

impl From<Shut> for io::Error {
    fn from(shut: Shut) -> Self {
        let kind = match &shut {
            Shut::Missing => io::ErrorKind::NotFound,
            Shut::Outside | Shut::NotRegular | Shut::NotAFolder | Shut::Circle => io::ErrorKind::PermissionDenied,
            Shut::TooLarge { .. } | Shut::TooDeep { .. } | Shut::TooMany { .. } => io::ErrorKind::FileTooLarge,
            Shut::NotUtf8 => io::ErrorKind::InvalidData,
            Shut::Io(_) => io::ErrorKind::Other,
        };
        match shut {
            Shut::Io(error) => error,
            shut => Self::new(kind, shut),
        }
    }
}

#[cfg(test)]
mod tests;
