//! Cached discoveries: one private file per integration and environment.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::files::own_folder::Own;
use spile_core::discovered::Discovered;
use spile_core::name::{EnvironmentName, Slug};
use spile_core::settings::CatalogAge;

/// The catalog that runs use. Meltano stores it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Used {
    /// The hash of everything that the catalog depends on, including the selection.
    pub key: String,
    /// When the tap returned it.
    pub discovered_at: Timestamp,
}

impl Used {
    /// Tells whether a run with this key may use it now.
    #[must_use]
    pub fn will_do(&self, key: &str, age: CatalogAge, now: Timestamp) -> bool {
        let is_young = match age {
            CatalogAge::Always => false,
            CatalogAge::Kept => true,
            // A time in the future comes from a clock that was wrong, so it does not count.
            CatalogAge::Within(most) => {
                Duration::try_from(now.duration_since(self.discovered_at)).is_ok_and(|age| age < most)
            }
        };
        is_young && self.key == key
    }
}

/// How many earlier discoveries are kept for an integration in an environment. Each differs from the next.
pub const EARLIER: usize = 5;

/// The folder of cached discoveries.
#[derive(Debug, Clone)]
pub struct Discoveries(Own);

impl Discoveries {
    /// Names the folder in a project's own folder. Nothing is read or created.
    #[must_use]
    pub fn of(own_folder: &Path) -> Self {
        Self(Own::at(own_folder))
    }

    /// Returns the last discovery if it is valid for `key`.
    ///
    /// # Errors
    /// When it exists but cannot be read.
    pub fn find(&self, slug: &Slug, environment: &EnvironmentName, key: &str) -> io::Result<Option<Discovered>> {
        // If the folder does not belong to this user, there is no discovery yet.
        let Ok(Some(own)) = self.0.open() else { return Ok(None) };
        let Some(bytes) = own.read(file(slug, environment))? else { return Ok(None) };
        // A file in another format is ignored, and the tap is asked again.
        let kept = serde_json::from_slice::<Discovered>(&bytes).ok();
        Ok(kept.filter(|kept| kept.key == key))
    }

    /// Stores a discovery in place of the last one, which moves to the earlier ones if it differs. The next run
    /// discovers its own catalog again.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, slug: &Slug, environment: &EnvironmentName, discovered: &Discovered) -> io::Result<()> {
        let bytes = serde_json::to_vec(discovered).map_err(io::Error::from)?;
        let own = self.0.make()?;
        self.remember(slug, environment, discovered)?;
        own.replace(file(slug, environment), &bytes)?;
        // The next run must also learn what is known now, so it discovers the catalog again.
        own.remove(used(slug, environment))
    }

    /// Stores the last discovery among the earlier ones if it differs from the new one, and deletes the oldest.
    fn remember(&self, slug: &Slug, environment: &EnvironmentName, now: &Discovered) -> io::Result<()> {
        let own = self.0.make()?;
        let before = own.read(file(slug, environment))?;
        let kept = before.as_ref().and_then(|bytes| serde_json::from_slice::<Discovered>(bytes).ok());
        let (Some(bytes), Some(kept)) = (before, kept.filter(|kept| kept.streams != now.streams)) else {
            return Ok(());
        };
        own.replace(earlier(slug, environment, kept.discovered_at.as_second()), &bytes)?;
        let seconds = self.earlier_seconds(slug, environment)?;
        let too_many = seconds.len().saturating_sub(EARLIER);
        seconds[..too_many].iter().try_for_each(|second| own.remove(earlier(slug, environment, *second)))
    }

    /// Returns the earlier discoveries, newest first.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn earlier(&self, slug: &Slug, environment: &EnvironmentName) -> io::Result<Vec<Discovered>> {
        let Ok(Some(own)) = self.0.open() else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for second in self.earlier_seconds(slug, environment)?.into_iter().rev() {
            let bytes = own.read(earlier(slug, environment, second))?;
            found.extend(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()));
        }
        Ok(found)
    }

    /// Returns the times of the earlier discoveries, oldest first.
    fn earlier_seconds(&self, slug: &Slug, environment: &EnvironmentName) -> io::Result<Vec<i64>> {
        let Ok(Some(own)) = self.0.open() else { return Ok(Vec::new()) };
        let start = format!("{slug}.{environment}.");
        let second =
            |name: &std::ffi::OsString| name.to_str()?.strip_prefix(&start)?.strip_suffix(".json")?.parse().ok();
        let mut seconds: Vec<i64> = own.list("catalogs")?.iter().filter_map(second).collect();
        seconds.sort_unstable();
        Ok(seconds)
    }

    /// Returns the catalog that an integration's runs last used, if they discovered it themselves.
    ///
    /// # Errors
    /// When it exists but cannot be read.
    pub fn used(&self, slug: &Slug, environment: &EnvironmentName) -> io::Result<Option<Used>> {
        let Ok(Some(own)) = self.0.open() else { return Ok(None) };
        let bytes = own.read(used(slug, environment))?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Records the catalog that runs use from now on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn use_from_now(&self, slug: &Slug, environment: &EnvironmentName, new: &Used) -> io::Result<()> {
        let bytes = serde_json::to_vec(new).map_err(io::Error::from)?;
        self.0.make()?.replace(used(slug, environment), &bytes)
    }

    /// Returns the path of the last discovery. Names contain no dots, so paths cannot collide.
    #[must_use]
    pub fn path(&self, slug: &Slug, environment: &EnvironmentName) -> PathBuf {
        self.0.path().join(file(slug, environment))
    }
}

fn file(slug: &Slug, environment: &EnvironmentName) -> String {
    format!("catalogs/{slug}.{environment}.json")
}

fn earlier(slug: &Slug, environment: &EnvironmentName, second: i64) -> String {
    format!("catalogs/{slug}.{environment}.{second}.json")
}

fn used(slug: &Slug, environment: &EnvironmentName) -> String {
    format!("catalogs/{slug}.{environment}.used.json")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_discovery_is_found_only_by_its_key_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let discoveries = Discoveries::of(&folder.path().join(".spile"));
        let (slug, environment): (Slug, EnvironmentName) = ("shop".parse().unwrap(), "dev".parse().unwrap());
        assert_eq!(discoveries.find(&slug, &environment, "a").unwrap(), None);
        let said = Discovered { key: "a".to_owned(), discovered_at: Timestamp::UNIX_EPOCH, streams: Vec::new() };
        discoveries.keep(&slug, &environment, &said).unwrap();
        assert_eq!(discoveries.find(&slug, &environment, "a").unwrap(), Some(said));
        assert_eq!(discoveries.find(&slug, &environment, "b").unwrap(), None);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        let path = discoveries.path(&slug, &environment);
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        std::fs::File::options().write(true).truncate(true).open(&path).unwrap();
        assert_eq!(discoveries.find(&slug, &environment, "a").unwrap(), None, "a broken file is ignored");
    }

    #[test]
    fn a_catalog_is_valid_while_it_is_recent_and_its_key_is_the_same() {
        let day = Duration::from_hours(24);
        let at = |hours: i64| Timestamp::from_second(hours * 3600).unwrap();
        let used = Used { key: "a".to_owned(), discovered_at: at(100) };
        let will_do = |key, age, hours| used.will_do(key, age, at(hours));
        assert!(will_do("a", CatalogAge::Within(day), 123) && !will_do("a", CatalogAge::Within(day), 124));
        assert!(!will_do("a", CatalogAge::Within(day), 99), "a clock that was set back");
        assert!(will_do("a", CatalogAge::Kept, 9000) && !will_do("b", CatalogAge::Kept, 101));
        assert!(!will_do("a", CatalogAge::Always, 100));
    }

    #[test]
    fn earlier_discoveries_are_kept_if_they_differ_and_the_oldest_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let discoveries = Discoveries::of(&folder.path().join(".spile"));
        let (slug, environment): (Slug, EnvironmentName) = ("shop".parse().unwrap(), "dev".parse().unwrap());
        let said = |name: &str, second: i64| Discovered {
            key: "a".to_owned(),
            discovered_at: Timestamp::from_second(second).unwrap(),
            streams: vec![spile_core::discovered::Stream::named(name)],
        };
        let names = |all: &[Discovered]| all.iter().map(|one| one.streams[0].name.clone()).collect::<Vec<_>>();
        for (name, second) in [("a", 1), ("a", 2), ("b", 3), ("b", 4)] {
            discoveries.keep(&slug, &environment, &said(name, second)).unwrap();
        }
        assert_eq!(names(&discoveries.earlier(&slug, &environment).unwrap()), ["a"]);
        for number in 0..8 {
            discoveries.keep(&slug, &environment, &said(&format!("c{number}"), 10 + number)).unwrap();
        }
        assert_eq!(names(&discoveries.earlier(&slug, &environment).unwrap()), ["c6", "c5", "c4", "c3", "c2"]);
        let other: Slug = "shop-2".parse().unwrap();
        assert_eq!(discoveries.earlier(&other, &environment).unwrap(), []);
    }

    #[test]
    fn runs_discover_again_after_a_discovery() {
        let folder = tempfile::tempdir().unwrap();
        let discoveries = Discoveries::of(&folder.path().join(".spile"));
        let (slug, environment): (Slug, EnvironmentName) = ("shop".parse().unwrap(), "dev".parse().unwrap());
        let used = Used { key: "a".to_owned(), discovered_at: Timestamp::UNIX_EPOCH };
        assert_eq!(discoveries.used(&slug, &environment).unwrap(), None);
        discoveries.use_from_now(&slug, &environment, &used).unwrap();
        assert_eq!(discoveries.used(&slug, &environment).unwrap(), Some(used));
        let said = Discovered { key: "a".to_owned(), discovered_at: Timestamp::UNIX_EPOCH, streams: Vec::new() };
        discoveries.keep(&slug, &environment, &said).unwrap();
        assert_eq!(discoveries.used(&slug, &environment).unwrap(), None);
    }
}
