//! Lock files that cannot be used, and plugins without a lock in a project that has locks.

use std::path::Path;

use super::Loaded;
use crate::{Error, lock};
use spile_core::lint::Lint;
use spile_core::locks::Lock;
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

/// Reports plugins without a lock, if the project has any lock, and locks that were made for another `pip_url`.
pub(super) fn lint(project: &Project, loaded: &Loaded, problems: &mut Problems) {
    // Invalid files were reported before.
    let sources = project.locks(&mut Problems::default());
    if sources.is_empty() {
        return;
    }
    // The project is valid, so it can be rendered.
    let subjects = lock::subjects(&Meltano::new(project.root(), &loaded.settings), loaded).unwrap_or_default();
    let may = |name: &str| !loaded.settings.lint.allow.contains(name);
    for subject in subjects.values() {
        let (path, span) = (lock_path(&subject.name), (0..0).into());
        let name = subject.name.clone();
        match sources.iter().find(|source| source.path() == Path::new(&path)) {
            None if may("unlocked") && subject.unlockable.is_none() => {
                problems.push(&Source::new(path, ""), Lint::Unlocked { name, span });
            }
            None => {}
            Some(source) => {
                let lock = Lock::read(source, &mut Problems::default());
                let reason = lock.and_then(|lock| subject.misfit(&lock));
                if let Some(reason) = reason.filter(|_| may("stale_lock")) {
                    problems.push(source, Lint::StaleLock { name, reason, span });
                }
            }
        }
    }
}
