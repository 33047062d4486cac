//! What taps have said of their sources, kept: one file for each integration in each environment, for its owner alone.

use std::io;
use std::path::{Path, PathBuf};

use super::own::Own;
use crate::discovered::Discovered;
use crate::name::{EnvironmentName, Slug};

/// The folder of what taps have said.
#[derive(Debug, Clone)]
pub struct Discoveries(Own);

impl Discoveries {
    /// Names the folder in a project's own one; nothing is read or made.
    #[must_use]
    pub fn of(own_folder: &Path) -> Self {
        Self(Own::at(own_folder))
    }

    /// Returns what was said last, where that holds for `key`.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn find(&self, (slug, environment): (&Slug, &EnvironmentName), key: &str) -> io::Result<Option<Discovered>> {
        // Where the folder is not this user's own, nothing was said yet.
        let Ok(Some(own)) = self.0.open() else { return Ok(None) };
        let Some(bytes) = own.read(file(slug, environment))? else { return Ok(None) };
        // One of another form is asked for again.
        let kept = serde_json::from_slice::<Discovered>(&bytes).ok();
        Ok(kept.filter(|kept| kept.key == key))
    }

    /// Keeps what was said, in the place of what was said before.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, (slug, environment): (&Slug, &EnvironmentName), discovered: &Discovered) -> io::Result<()> {
        let bytes = serde_json::to_vec(discovered).map_err(io::Error::from)?;
        self.0.make()?.replace(file(slug, environment), &bytes)
    }

    /// Returns where it is kept. No dot is part of a name.
    #[must_use]
    pub fn path(&self, slug: &Slug, environment: &EnvironmentName) -> PathBuf {
        self.0.path().join(file(slug, environment))
    }
}

fn file(slug: &Slug, environment: &EnvironmentName) -> String {
    format!("catalogs/{slug}.{environment}.json")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_was_said_is_found_by_its_key_alone_and_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let discoveries = Discoveries::of(&folder.path().join(".spile"));
        let (slug, environment): (Slug, EnvironmentName) = ("shop".parse().unwrap(), "dev".parse().unwrap());
        let of = (&slug, &environment);
        assert_eq!(discoveries.find(of, "a").unwrap(), None);
        let said = Discovered { key: "a".to_owned(), discovered_at: Timestamp::UNIX_EPOCH, streams: Vec::new() };
        discoveries.keep(of, &said).unwrap();
        assert_eq!(discoveries.find(of, "a").unwrap(), Some(said));
        assert_eq!(discoveries.find(of, "b").unwrap(), None);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        let path = discoveries.path(&slug, &environment);
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        std::fs::File::options().write(true).truncate(true).open(&path).unwrap();
        assert_eq!(discoveries.find(of, "a").unwrap(), None, "a broken file is asked for again");
    }
}
