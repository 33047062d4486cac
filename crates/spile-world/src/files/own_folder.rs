//! The folders inside a project that programs create for themselves, `.spile` and `.meltano`. They are trusted only if
//! they belong to this user.
//!
//! A clone can contain these folders too, with a journal that overwrites files, an admin's token, or a Python that the
//! next sync starts. So nothing below them is opened by its path. [`Own`] names a folder, and only its check returns an
//! [`OwnFolder`], which opens the files in it.

mod files;
mod index;
mod tracked;

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use miette::Diagnostic;

use crate::files::trust::Trust;
use tracked::Tracked;

pub use files::MOST_BYTES;

/// A file in a new folder that keeps `git add` away from it.
const IGNORE: &str = ".gitignore";

/// The path of a folder that a program creates for itself. It has not been checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    path: PathBuf,
    /// The mode bits that must not be set.
    closed: u32,
    /// Whether the project is trusted.
    trust: Trust,
}

/// A folder that is known to belong to this user alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnFolder {
    path: PathBuf,
}

/// Why a folder, or a file in it, is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum NotOwn {
    /// The folder is a link.
    #[error("`{folder}` is a link, so spile does not use its contents")]
    #[diagnostic(code(spile::own::link), help("remove the link: spile recreates the folder"))]
    Link {
        /// The folder's name.
        folder: String,
    },
    /// It is a file, or something else that is not a folder.
    #[error("`{folder}` cannot be used: it is not a folder")]
    #[diagnostic(code(spile::own::not_a_folder), help("move it away: spile recreates the folder"))]
    NotAFolder {
        /// The folder's name.
        folder: String,
    },
    /// The folder belongs to another user.
    #[error("`{folder}` belongs to another user (id {owner}), so spile does not use its contents")]
    #[diagnostic(
        code(spile::own::other_owner),
        help("run spile as that user, or delete `{folder}`: spile recreates it")
    )]
    OtherOwner {
        /// The folder's name.
        folder: String,
        /// The owner's user id.
        owner: u32,
    },
    /// Other users may read or write in the folder.
    #[error("`{folder}` is open to other users (mode {mode:o}), so spile does not use its contents")]
    #[diagnostic(
        code(spile::own::open_to_others),
        help("delete `{folder}` if you do not know where it came from; otherwise run `chmod {wanted} {folder}`")
    )]
    OpenToOthers {
        /// The folder's name.
        folder: String,
        /// The folder's mode.
        mode: u32,
        /// The mode to pass to `chmod`.
        wanted: &'static str,
    },
    /// The folder, or a file in it, is part of the repository.
    #[error("git tracks `{}`, so spile does not use the contents of `{folder}`", path.display())]
    #[diagnostic(
        code(spile::own::tracked),
        help("run `git rm -r --cached {folder}`, commit that, and delete `{folder}`: spile recreates it")
    )]
    Tracked {
        /// The folder's name.
        folder: String,
        /// The tracked path, relative to the root of its repository.
        path: PathBuf,
    },
    /// The folder is a git repository itself.
    #[error("`{folder}` is a git repository, so spile does not use its contents")]
    #[diagnostic(code(spile::own::repository), help("delete `{folder}`: spile recreates it"))]
    Repository {
        /// The folder's name.
        folder: String,
    },
    /// It is unknown whether git tracks the folder.
    #[error("spile cannot tell whether git tracks `{folder}`: `{}` cannot be read: {why}", path.display())]
    #[diagnostic(
        code(spile::own::unknown),
        help("run `git status` to see what is wrong with the repository; until then spile does not use `{folder}`")
    )]
    Unknown {
        /// The folder's name.
        folder: String,
        /// The file that cannot be read.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// A file in the folder is not one that spile created.
    #[error("`{}` is not used: {why}", path.display())]
    #[diagnostic(code(spile::own::file), help("delete it if you do not know where it came from; {help}"))]
    File {
        /// The file, including the folder's name.
        path: PathBuf,
        /// The reason.
        why: String,
        /// The other way to fix it.
        help: &'static str,
    },
}

impl Own {
    /// Names a folder of spile's own, which only this user may access.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), closed: 0o077, trust: Trust::Own }
    }

    /// Names the `.meltano` folder of a project. Meltano itself makes it readable for others.
    #[must_use]
    pub fn of_meltano(root: &Path) -> Self {
        Self { path: root.join(".meltano"), closed: 0o022, trust: Trust::Own }
    }

    /// Marks the folder as one of an untrusted project. It is never read, and nothing is created in it.
    #[must_use]
    pub(crate) fn unseen(self) -> Self {
        Self { trust: Trust::Untrusted, ..self }
    }

    /// Returns the folder's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the folder; `None` if it does not exist.
    ///
    /// # Errors
    /// When it exists but does not belong to this user alone.
    pub fn open(&self) -> Result<Option<OwnFolder>, NotOwn> {
        if self.trust == Trust::Untrusted {
            return Ok(None);
        }
        let found = match self.path.symlink_metadata() {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.unknown(self.path.clone(), &error)),
        };
        self.check(&found)?;
        self.check_git()?;
        Ok(Some(OwnFolder { path: self.path.clone() }))
    }

    /// Opens the folder, and creates it if it does not exist.
    ///
    /// # Errors
    /// When it does not belong to this user alone, or cannot be created.
    pub fn make(&self) -> io::Result<OwnFolder> {
        if self.trust == Trust::Untrusted {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "nothing is written into a stranger's project",
            ));
        }
        if let Some(folder) = self.open()? {
            return Ok(folder);
        }
        fs::create_dir_all(self.path.parent().unwrap_or(&self.path))?;
        self.check_git()?;
        match fs::DirBuilder::new().mode(0o700).create(&self.path) {
            // Even if somebody changes the project's `.gitignore`, these files are not committed by mistake.
            Ok(()) => self.ignore()?,
            // Another process created it first.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        self.open()?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Makes git ignore a new folder. Does not write through a temporary file, because a killed process would leave
    /// that behind.
    fn ignore(&self) -> io::Result<()> {
        let file = File::options().write(true).create_new(true).mode(0o600).open(self.path.join(IGNORE));
        match file.and_then(|mut file| file.write_all(b"*\n")) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn check(&self, found: &Metadata) -> Result<(), NotOwn> {
        let (folder, owner, mode) = (self.name(), found.uid(), found.mode() & 0o7777);
        if found.is_symlink() {
            return Err(NotOwn::Link { folder });
        }
        if !found.is_dir() {
            return Err(NotOwn::NotAFolder { folder });
        }
        if owner != this_user() {
            return Err(NotOwn::OtherOwner { folder, owner });
        }
        if mode & self.closed != 0 {
            let wanted = if self.closed == 0o077 { "700" } else { "go-w" };
            return Err(NotOwn::OpenToOthers { folder, mode, wanted });
        }
        Ok(())
    }

    fn check_git(&self) -> Result<(), NotOwn> {
        let folder = self.name();
        if self.path.join(".git").symlink_metadata().is_ok() {
            return Err(NotOwn::Repository { folder });
        }
        let root = self.path.parent().filter(|root| !root.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match tracked::tracked(root, &folder) {
            Tracked::No => Ok(()),
            Tracked::Yes(path) => Err(NotOwn::Tracked { folder, path }),
            Tracked::Unknown { path, why } => Err(NotOwn::Unknown { folder, path, why }),
        }
    }

    fn unknown(&self, path: PathBuf, why: &io::Error) -> NotOwn {
        NotOwn::Unknown { folder: self.name(), path, why: why.to_string() }
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Returns the user id that this process runs as.
fn this_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests;
