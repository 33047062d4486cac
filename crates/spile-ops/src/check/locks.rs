//! Lock files that cannot be used, and plugins without a lock in a project that has locks.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Loaded;
use crate::{Error, lock};
use spile_core::lint::Lint;
use spile_core::locks::{Lock, YankedPackage};
use spile_core::problem::Problems;
use spile_core::source::Source;
use spile_world::Project;
use spile_world::processes::meltano::{Meltano, lock_path};

/// Adds the problems of lock files to a checked project.
///
/// # Errors
/// When a lock file is invalid.
pub fn with_locks(project: &Project, loaded: Loaded) -> Result<Loaded, Error> {
    let mut problems = Problems::default();
    for source in project.locks(&mut problems) {
        drop(Lock::read(&source, &mut problems));
    }
    loaded.with_found(problems)
}

/// Reports plugins without a lock, if the project has any lock, and locks that were made for another `pip_url`, are old or
/// have withdrawn versions.
pub(super) fn lint(project: &Project, loaded: &Loaded, now: Timestamp, problems: &mut Problems) {
    // Invalid files were reported before.
    let sources = project.locks(&mut Problems::default());
    if sources.is_empty() {
        return;
    }
    // The project is valid, so it can be rendered.
    let subjects = lock::subjects(&Meltano::new(project.root(), &loaded.settings), loaded).unwrap_or_default();
    let settings = &loaded.settings.lint;
    let may = |name: &str| !settings.allow.contains(name);
    let today = now.to_zoned(TimeZone::UTC).date();
    for subject in subjects.values() {
        let (path, span) = (lock_path(&subject.name), (0..0).into());
        let name = subject.name.clone();
        match sources.iter().find(|source| source.path() == Path::new(&path)) {
            None if may("unlocked") && subject.unlockable.is_none() => {
                problems.push(&Source::new(path, ""), Lint::Unlocked { name, span });
            }
            None => {}
            Some(source) => {
                let Some(lock) = Lock::read(source, &mut Problems::default()) else { continue };
                if let Some(reason) = subject.misfit(&lock).filter(|_| may("stale_lock")) {
                    problems.push(source, Lint::StaleLock { name: name.clone(), reason, span });
                }
                let days = lock.days_old(today).filter(|days| *days > i32::from(settings.lock_days));
                if let Some(days) = days.filter(|_| may("old_lock")) {
                    problems.push(source, Lint::OldLock { name: name.clone(), days, span });
                }
                for one in lock.yanked.into_iter().filter(|_| may("yanked_package")) {
                    let YankedPackage { package, version, reason } = one;
                    problems.push(source, Lint::YankedPackage { name: name.clone(), package, version, reason, span });
                }
            }
        }
    }
}
