//! The door to a folder whose files may come from an attacker. A file below it is opened only if it is a regular file
//! of limited size.
//!
//! A clone can contain links as easily as files. So every part of a path is opened from the folder before it and never
//! through a link, which leaves no chance to swap anything in between. A link is followed only if its entire path stays
//! inside.

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
mod replace;

pub use listing::{EntryKind, FolderEntry, Listing, RefusedPath};
pub use named::{read_named, text_named};
pub(crate) use replace::sweep_temporary;
pub use replace::{create, make_private, replace, replace_named, replace_private};

/// The most bytes of a file of a project, a hundred times the size of the largest one known. Parsing takes up to forty
/// times as much memory, because every line and value keeps its position.
pub const MOST_BYTES: u64 = 1 << 20;

/// The private folders of a project, which no path may lead into: those of git, spile and Meltano.
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
    /// Follows links that stay inside, and allows no path into the private folders.
    Inside,
    /// Follows no links.
    Never,
}

/// Why a file was not opened.
#[derive(Debug, thiserror::Error)]
pub enum Shut {
    /// The file does not exist.
    #[error("the file does not exist")]
    Missing,
    /// The path, or a link in it, leads out of the folder or into a private folder.
    #[error("the path leads outside the folder, into a private folder, or nowhere")]
    Outside,
    /// It is a folder, a pipe, a device or a socket.
    #[error("it is not a regular file")]
    NotRegular,
    /// Something that is not a folder is where a folder has to be.
    #[error("it is not a folder")]
    NotAFolder,
    /// The link leads to a folder that contains it.
    #[error("the link is circular")]
    Circle,
    /// The folders are nested too deeply.
    #[error("the folders are nested more than {most} levels deep")]
    TooDeep {
        /// The maximum depth.
        most: usize,
    },
    /// There are too many files.
    #[error("there are more than {most} files")]
    TooMany {
        /// The maximum number.
        most: usize,
    },
    /// The content is not text.
    #[error("the file is not UTF-8")]
    NotUtf8,
    /// The file is too large.
    #[error("the file is larger than {} MiB", .most >> 20)]
    TooLarge {
        /// The maximum size in bytes.
        most: u64,
    },
    /// The system refused.
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

    /// Opens the door to a folder in which no links are followed.
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

    /// Opens a regular file by its path relative to the folder.
    ///
    /// # Errors
    /// When it is not a regular file, or is not below the folder.
    pub fn open(&self, path: &Path) -> Result<File, Shut> {
        let file = match self.walk(path) {
            Err(Shut::Outside) if self.links == Links::Inside => self.walk(&self.followed(path)?)?,
            walked => walked?,
        };
        let kind = FileType::from_raw_mode(fstat(&file).map_err(Shut::from)?.st_mode);
        if kind == FileType::RegularFile { Ok(File::from(file)) } else { Err(Shut::NotRegular) }
    }

    /// Reads a text file of at most [`MOST_BYTES`].
    ///
    /// # Errors
    /// When it cannot be opened or read, is larger, or is not UTF-8.
    pub fn text(&self, path: &Path) -> Result<String, Shut> {
        self.text_up_to(path, MOST_BYTES)
    }

    /// Reads a text file of at most `most` bytes.
    ///
    /// # Errors
    /// When it cannot be opened or read, is larger, or is not UTF-8.
    pub fn text_up_to(&self, path: &Path, most: u64) -> Result<String, Shut> {
        String::from_utf8(self.read_up_to(path, most)?).map_err(|_| Shut::NotUtf8)
    }

    /// Returns the size of a file in bytes.
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

    /// Reads a file of at most `most` bytes.
    ///
    /// # Errors
    /// When it cannot be opened or read, or is larger.
    pub fn read_up_to(&self, path: &Path, most: u64) -> Result<Vec<u8>, Shut> {
        let file = self.open(path)?;
        let length = file.metadata().map_err(Shut::Io)?.len();
        bounded(file, Bounds { length, most })
    }

    /// Opens a path part by part without following links. A link in the path gives [`Shut::Outside`].
    fn walk(&self, path: &Path) -> Result<OwnedFd, Shut> {
        let names = self.names(path)?;
        let Some((last, folders)) = names.split_last() else { return Err(Shut::NotRegular) };
        let folder = self.descend(folders).map_err(|why| match why {
            // A path below a file does not exist.
            Shut::NotAFolder => Shut::Missing,
            why => why,
        })?;
        let at = folder.as_ref().unwrap_or(&self.folder).as_fd();
        // Does not wait for the writer of a pipe, and does not make a terminal this process's controlling one.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        openat(at, *last, flags, Mode::empty()).map_err(|error| shut_at(at, last, error))
    }

    /// Opens nested folders without following links. Returns `None` for the door's own folder.
    fn descend(&self, names: &[&OsStr]) -> Result<Option<OwnedFd>, Shut> {
        let mut below = None::<OwnedFd>;
        for name in names {
            let at = below.as_ref().unwrap_or(&self.folder).as_fd();
            below = Some(open_folder(at, name)?);
        }
        Ok(below)
    }

    /// Returns the names in a path, provided that it stays below the folder.
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

    /// Resolves the links in a path. The result is relative to the folder.
    fn followed(&self, path: &Path) -> Result<PathBuf, Shut> {
        // A path that starts outside is not looked up at all.
        self.names(path)?;
        let root = self.path.canonicalize().map_err(Shut::Io)?;
        let full = self.path.join(path);
        let Ok(real) = full.canonicalize() else { return self.followed_above(path) };
        real.strip_prefix(&root).map(Path::to_owned).map_err(|_| Shut::Outside)
    }

    /// Resolves a path that does not fully exist: there may be no such name below a linked folder.
    fn followed_above(&self, path: &Path) -> Result<PathBuf, Shut> {
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return Err(Shut::Outside) };
        match self.path.join(path).symlink_metadata() {
            Err(error) if is_missing(&error) => Ok(self.followed(above)?.join(name)),
            // A dangling link may lead outside as soon as somebody creates its target.
            Ok(_) | Err(_) => Err(Shut::Outside),
        }
    }
}

/// Tells whether a folder of this name is private. Ignores case, as some file systems do.
#[must_use]
pub fn is_private(name: &OsStr) -> bool {
    PRIVATE.iter().any(|private| name.eq_ignore_ascii_case(private))
}

/// The expected and the maximum number of bytes.
struct Bounds {
    length: u64,
    most: u64,
}

/// Reads a whole file, up to its maximum size.
fn bounded(file: File, Bounds { length, most }: Bounds) -> Result<Vec<u8>, Shut> {
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(most)).unwrap_or(0) + 1);
    file.take(most + 1).read_to_end(&mut bytes).map_err(Shut::Io)?;
    if bytes.len() as u64 > most { Err(Shut::TooLarge { most }) } else { Ok(bytes) }
}

/// Opens a folder in a folder. A link in its place gives [`Shut::Outside`].
fn open_folder(at: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Shut> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(at, name, flags, Mode::empty()).map_err(|error| shut_at(at, name, error))
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Explains why a name could not be opened. Systems return different errors when a link is in the way.
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
        // A socket, or a device without a driver.
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
