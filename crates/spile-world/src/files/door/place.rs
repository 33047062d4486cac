//! Writing through the door: a file stays in its folder, even if there is a link in its place.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::replace::{create, replace};
use super::{Door, Links, Shut};

impl Door {
    /// Replaces a file as a whole, or creates it, together with its parent folders. A link that stays inside stays a
    /// link.
    ///
    /// # Errors
    /// When the path leads outside or to something that is not a regular file, or cannot be written to.
    pub fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), Shut> {
        let place = self.prepared(path)?;
        replace(&place, bytes).map_err(Shut::Io)
    }

    /// Creates a file as a whole, together with its parent folders, if it does not exist.
    ///
    /// # Errors
    /// As for [`Self::replace`], and when the file exists.
    pub fn create(&self, path: &Path, bytes: &[u8]) -> Result<(), Shut> {
        let place = self.prepared(path)?;
        create(&place, bytes).map_err(Shut::Io)
    }

    /// Removes a file. If it is a link, removes only the link.
    ///
    /// # Errors
    /// When its folder leads outside, or it cannot be removed.
    pub fn remove(&self, path: &Path) -> Result<(), Shut> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Err(Shut::Outside) };
        std::fs::remove_file(self.real(folder)?.join(name)).map_err(Shut::Io)
    }

    /// Returns the path that a file is written to: its real path, with all links resolved.
    ///
    /// # Errors
    /// When the path is outside or private, or leads to something that is not a regular file.
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

    /// Returns the real path of a file or folder, which does not need to exist yet.
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
                // There are no links below a folder that does not exist.
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Ok(names[at..].iter().fold(root.join(real), |path, name| path.join(name)));
                }
                Err(error) => return Err(Shut::Io(error)),
            }
        }
        // A link may lead to a private name that the path itself does not contain.
        self.names(&real)?;
        Ok(root.join(real))
    }
}
