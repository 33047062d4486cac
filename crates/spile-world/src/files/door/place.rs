//! Writing through the door: a file stays in its folder, even if a link is in its place.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Door, Links, Shut};
use crate::files::project::{create, replace};

impl Door {
    /// Replaces a file as a whole, or makes it, with the folders above it. A link that stays inside stays a link.
    ///
    /// # Errors
    /// When the path leads elsewhere or to no regular file, or cannot be written to.
    pub fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), Shut> {
        let place = self.prepared(path)?;
        replace(&place, bytes).map_err(Shut::Io)
    }

    /// Makes a file as a whole where there is none, with the folders above it.
    ///
    /// # Errors
    /// As [`Self::replace`], and when there is one.
    pub fn create(&self, path: &Path, bytes: &[u8]) -> Result<(), Shut> {
        let place = self.prepared(path)?;
        create(&place, bytes).map_err(Shut::Io)
    }

    /// Removes a file; of a link, the link.
    ///
    /// # Errors
    /// When the folder it is in leads elsewhere, or it cannot be removed.
    pub fn remove(&self, path: &Path) -> Result<(), Shut> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Err(Shut::Outside) };
        std::fs::remove_file(self.real(folder)?.join(name)).map_err(Shut::Io)
    }

    /// Returns where a file is written to: its real path, with every link on the way followed.
    ///
    /// # Errors
    /// When that is outside or private, or no regular file is there.
    pub fn place(&self, path: &Path) -> Result<PathBuf, Shut> {
        let place = self.real(path)?;
        match place.symlink_metadata() {
            Ok(found) if !found.is_file() => Err(Shut::NotRegular),
            Ok(_) => Ok(place),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(place),
            Err(error) => Err(Shut::Io(error)),
        }
    }

    fn prepared(&self, path: &Path) -> Result<PathBuf, Shut> {
        let place = self.place(path)?;
        std::fs::create_dir_all(place.parent().unwrap_or(&self.path)).map_err(Shut::Io)?;
        Ok(place)
    }

    /// Returns the real path of a file or folder, which need not exist yet.
    fn real(&self, path: &Path) -> Result<PathBuf, Shut> {
        let names = self.names(path)?;
        let root = self.path.canonicalize().map_err(Shut::Io)?;
        let mut real = PathBuf::new();
        for (at, name) in names.iter().enumerate() {
            let next = real.join(name);
            match root.join(&next).symlink_metadata() {
                Ok(found) if found.is_symlink() && self.links == Links::Never => return Err(Shut::Outside),
                Ok(found) if found.is_symlink() => real = self.followed(&next)?,
                Ok(_) => real = next,
                // Below a folder that does not exist there are no links.
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Ok(names[at..].iter().fold(root.join(real), |path, name| path.join(name)));
                }
                Err(error) => return Err(Shut::Io(error)),
            }
        }
        // A link may lead to a private name that the path itself does not have.
        self.names(&real)?;
        Ok(root.join(real))
    }
}
