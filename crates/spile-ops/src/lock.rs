//! `lock`: fixes the version and the hashes of every package that Meltano and the plugins of a project install.

mod subject;

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::Serialize;
use tokio::sync::watch;

use super::edits::Edits;
use super::{Error, Event, Loaded, Tell};
use spile_core::connector::Plugin;
use spile_core::locks::{Difference, Lock};
use spile_core::problem::Problems;
use spile_core::source::Source;
use spile_world::files::door::Shut;
use spile_world::processes::meltano::{Host, InstallError, ToResolve, lock_path};
use spile_world::{Project, World};
use subject::chosen;
pub(crate) use subject::{Subject, subjects};

/// Which versions a new lock takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// Those of the existing lock where they still fit.
    Kept,
    /// The newest ones that fit.
    Newest,
}

/// What to lock, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The plugins, or `meltano`; empty for all.
    pub names: Vec<String>,
    /// Which versions to take.
    pub versions: Versions,
    /// The oldest Python version to lock for, if not that of this machine.
    pub python: Option<String>,
    /// The day.
    pub today: Date,
    /// The part of the user's environment that resolving gets.
    pub host: Host,
    /// Whether the user interrupts.
    pub interrupt: watch::Receiver<bool>,
}

/// How a lock file is, or what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LockState {
    /// It fits, and is as it was.
    Unchanged,
    /// It was written for the first time.
    Created,
    /// It was replaced.
    Changed,
    /// Its versions are still the newest ones that fit; only the day on which they were chosen is new.
    Confirmed,
    /// There is none.
    Missing,
    /// It was made for another `pip_url`, or is incomplete.
    Stale,
    /// There is none, and there cannot be one.
    Unlockable,
}

impl LockState {
    /// Returns whether nothing is left to do.
    #[must_use]
    pub fn is_good(self) -> bool {
        !matches!(self, Self::Missing | Self::Stale)
    }
}

/// The lock of one plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PluginLock {
    /// The plugin, or `meltano`.
    pub name: String,
    /// The file, relative to the project.
    pub path: PathBuf,
    /// How it is.
    pub state: LockState,
    /// Why it is stale, or cannot exist.
    pub reason: Option<String>,
    /// How many packages it has.
    pub packages: usize,
    /// What was changed, compared with the previous lock.
    pub changes: Difference,
}

impl PluginLock {
    fn new(subject: Subject, state: LockState) -> Self {
        let path = lock_path(&subject.name);
        Self { name: subject.name, path, state, reason: None, packages: 0, changes: Difference::default() }
    }
}

/// Locks plugins and Meltano. Writes all files, or none. What cannot be locked is an error only if it is named.
///
/// # Errors
/// When a name is unknown, or something cannot be resolved.
pub async fn lock(world: &World, loaded: &Loaded, options: &Options, tell: Tell<'_>) -> Result<Vec<PluginLock>, Error> {
    let (mut edits, mut locks) = (Edits::default(), Vec::new());
    for subject in chosen(world, loaded, &options.names)? {
        if let Some(why) = unlockable(&subject, &options.names)? {
            locks.push(PluginLock { reason: Some(why), ..PluginLock::new(subject, LockState::Unlockable) });
            continue;
        }
        let path = lock_path(&subject.name);
        let before = text(&world.project, &path)?;
        // An invalid lock is replaced. `check` reports what is wrong with it.
        let old = before.as_ref().and_then(|text| read(&path, text, &mut Problems::default()));
        tell(Event::Locking { name: subject.name.clone() });
        let what = format!("`{}`", subject.name);
        let asked = ToResolve {
            what: &what,
            pip_url: &subject.pip_url,
            interpreter: subject.interpreter.as_deref(),
            python: options.python.as_deref(),
            keep: old.as_ref().filter(|_| options.versions == Versions::Kept),
            today: options.today,
            spile: env!("CARGO_PKG_VERSION"),
        };
        let mut new = world.meltano.resolve(&asked, &options.host, &mut options.interrupt.clone()).await?;
        let state = match &old {
            None if before.is_none() => LockState::Created,
            Some(old) if old.has_the_same_choices(&new) && options.versions == Versions::Newest => LockState::Confirmed,
            Some(old) if old.has_the_same_choices(&new) => {
                new.resolved = old.resolved;
                if *old == new { LockState::Unchanged } else { LockState::Changed }
            }
            _ => LockState::Changed,
        };
        let changes = Difference::between(&old.map(|old| old.packages).unwrap_or_default(), &new);
        let after = new.text(&subject.name);
        locks.push(PluginLock { packages: new.packages.len(), changes, ..PluginLock::new(subject, state) });
        edits.set(path, before, Some(after));
    }
    edits.write(&world.project)?;
    Ok(locks)
}

/// Returns how the existing locks fit the project. Nothing is resolved or written.
///
/// # Errors
/// When a name is unknown, or a lock is invalid.
pub fn check(world: &World, loaded: &Loaded, names: &[String]) -> Result<Vec<PluginLock>, Error> {
    Ok(checked(world, loaded, names)?.into_iter().map(|one| one.found).collect())
}

/// An existing lock, and how it fits.
struct Checked {
    found: PluginLock,
    lock: Option<Lock>,
}

fn checked(world: &World, loaded: &Loaded, names: &[String]) -> Result<Vec<Checked>, Error> {
    let (mut locks, mut problems) = (Vec::new(), Problems::default());
    for subject in chosen(world, loaded, names)? {
        let path = lock_path(&subject.name);
        let lock = match text(&world.project, &path)? {
            Some(text) => match read(&path, &text, &mut problems) {
                Some(lock) => Some(lock),
                None => continue,
            },
            None => None,
        };
        let (state, reason) = match &lock {
            None => match unlockable(&subject, names)? {
                Some(why) => (LockState::Unlockable, Some(why)),
                None => (LockState::Missing, None),
            },
            Some(lock) => match subject.misfit(lock) {
                Some(why) => (LockState::Stale, Some(why)),
                None => (LockState::Unchanged, None),
            },
        };
        let packages = lock.as_ref().map_or(0, |lock| lock.packages.len());
        let found = PluginLock { reason, packages, ..PluginLock::new(subject, state) };
        locks.push(Checked { found, lock });
    }
    if problems.any_error() { Err(Error::Problems(problems.into_report())) } else { Ok(locks) }
}

/// Downloads the files of the existing locks for this platform into a folder, from which installers can install them.
///
/// # Errors
/// When a name is unknown, a lock is missing or does not fit, or a file cannot be downloaded.
pub async fn download(
    world: &World,
    loaded: &Loaded,
    options: &Options,
    to: &Path,
    tell: Tell<'_>,
) -> Result<Vec<PluginLock>, Error> {
    let mut locks = Vec::new();
    for Checked { found, lock } in checked(world, loaded, &options.names)? {
        if !found.state.is_good() {
            let PluginLock { path, name, reason, .. } = found;
            let reason = reason.unwrap_or_else(|| "it does not exist".to_owned());
            return Err(InstallError::StaleLock { path, name, reason }.into());
        }
        // What cannot be locked has none.
        if let Some(lock) = lock {
            tell(Event::Downloading { name: found.name.clone() });
            world.meltano.download(&lock, to, &options.host, &mut options.interrupt.clone()).await?;
        }
        locks.push(found);
    }
    Ok(locks)
}

/// Returns the plugins that the next run reinstalls here because their locks have changed, with the differences. What is
/// not installed yet, or not from a lock, is left out: nothing is known about it.
#[must_use]
pub fn pending(world: &World, loaded: &Loaded) -> Vec<PluginLock> {
    // Invalid locks are reported by `check`, and by the run that needs them.
    let mut problems = Problems::default();
    let sources = world.project.locks(&mut problems);
    if sources.is_empty() {
        return Vec::new();
    }
    let mut locks = Vec::new();
    for subject in subjects(&world.meltano, loaded).unwrap_or_default().into_values() {
        let path = lock_path(&subject.name);
        let source = sources.iter().find(|source| source.path() == path);
        let Some(new) = source.and_then(|source| Lock::read(source, &mut problems)) else { continue };
        let Some(old) = subject.lock_in_use(&world.meltano) else { continue };
        let changes = Difference::between(&old.packages, &new);
        if !changes.is_empty() {
            let packages = new.packages.len();
            locks.push(PluginLock { packages, changes, ..PluginLock::new(subject, LockState::Changed) });
        }
    }
    locks
}

/// Returns why the existing lock of a plugin does not fit it any more; `None` if it does, or has none.
///
/// # Errors
/// When the file cannot be read.
pub fn outdated(project: &Project, plugin: &Plugin) -> Result<Option<String>, Error> {
    let path = lock_path(&plugin.name);
    let lock = text(project, &path)?.and_then(|text| read(&path, &text, &mut Problems::default()));
    Ok(lock.and_then(|lock| lock.misfit(&plugin.pip_url)))
}

/// Returns why something cannot be locked; `None` if it can.
///
/// # Errors
/// When it is asked for by its name.
fn unlockable(subject: &Subject, names: &[String]) -> Result<Option<String>, InstallError> {
    match &subject.unlockable {
        Some(why) if names.is_empty() => Ok(Some(why.to_string())),
        Some(why) => Err(InstallError::unlockable(&format!("`{}`", subject.name), why)),
        None => Ok(None),
    }
}

fn read(path: &Path, text: &str, problems: &mut Problems) -> Option<Lock> {
    Lock::read(&Source::new(path, text), problems)
}

fn text(project: &Project, path: &Path) -> Result<Option<String>, Error> {
    match project.text(path) {
        Ok(text) => Ok(Some(text)),
        Err(Shut::Missing) => Ok(None),
        Err(why) => Err(Error::of_file("read", path, why)),
    }
}
