//! `lock`: fixes the version and the hashes of every package that Meltano and the plugins of a project install.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tokio::sync::watch;

use super::edits::Edits;
use super::{Error, Event, Loaded, Tell, invocation};
use spile_core::integration::Integrations;
use spile_core::locks::{Difference, Lock, MELTANO};
use spile_core::problem::{Problems, did_you_mean, listed};
use spile_core::source::Source;
use spile_world::World;
use spile_world::files::door::Shut;
use spile_world::processes::meltano::{Host, InstallError, Meltano, ToResolve, lock_path};

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
    /// There is none.
    Missing,
    /// It was made for another `pip_url`, or is incomplete.
    Stale,
}

impl LockState {
    /// Returns whether an installation can use the lock.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Unchanged | Self::Created | Self::Changed)
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
    /// Why it is stale.
    pub reason: Option<String>,
    /// How many packages it has.
    pub packages: usize,
    /// What was changed, compared with the previous lock.
    pub changes: Difference,
}

/// Something that can be locked.
pub(crate) struct Subject {
    /// The plugin, or `meltano`.
    pub name: String,
    /// What is installed.
    pub pip_url: String,
    interpreter: Option<String>,
    /// The list of plugins that it is in; `None` for Meltano itself.
    list: Option<&'static str>,
}

/// Locks plugins and Meltano. Writes all files, or none.
///
/// # Errors
/// When a name is unknown, an existing lock is invalid, or something cannot be resolved.
pub async fn lock(world: &World, loaded: &Loaded, options: &Options, tell: Tell<'_>) -> Result<Vec<PluginLock>, Error> {
    let (mut edits, mut locks) = (Edits::default(), Vec::new());
    for subject in chosen(world, loaded, &options.names)? {
        let path = lock_path(&subject.name);
        let before = text(world, &path)?;
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
            spile: env!("CARGO_PKG_VERSION"),
        };
        let new = world.meltano.resolve(&asked, &options.host, &mut options.interrupt.clone()).await?;
        let packages = old.map(|old| old.packages).unwrap_or_default();
        let after = new.text(&subject.name);
        let state = match &before {
            None => LockState::Created,
            Some(before) if *before == after => LockState::Unchanged,
            Some(_) => LockState::Changed,
        };
        locks.push(PluginLock {
            name: subject.name,
            path: path.clone(),
            state,
            reason: None,
            packages: new.packages.len(),
            changes: Difference::between(&packages, &new.packages),
        });
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
    let (mut locks, mut problems) = (Vec::new(), Problems::default());
    for subject in chosen(world, loaded, names)? {
        let path = lock_path(&subject.name);
        let lock = match text(world, &path)? {
            Some(text) => match read(&path, &text, &mut problems) {
                Some(lock) => Some(lock),
                None => continue,
            },
            None => None,
        };
        let reason = lock.as_ref().and_then(|lock| lock.misfit(&subject.pip_url));
        let state = match (&lock, &reason) {
            (None, _) => LockState::Missing,
            (Some(_), Some(_)) => LockState::Stale,
            (Some(_), None) => LockState::Unchanged,
        };
        let packages = lock.map_or(0, |lock| lock.packages.len());
        locks.push(PluginLock { name: subject.name, path, state, reason, packages, changes: Difference::default() });
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
    let locks = check(world, loaded, &options.names)?;
    for lock in &locks {
        if !lock.state.is_good() {
            let (path, name) = (lock.path.clone(), lock.name.clone());
            let reason = lock.reason.clone().unwrap_or_else(|| "it does not exist".to_owned());
            return Err(InstallError::StaleLock { path, name, reason }.into());
        }
        tell(Event::Downloading { name: lock.name.clone() });
        let text = text(world, &lock.path)?.unwrap_or_default();
        let Some(lock) = read(&lock.path, &text, &mut Problems::default()) else { continue };
        world.meltano.download(&lock, to, &options.host, &mut options.interrupt.clone()).await?;
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
    for subject in subjects(world.project.root(), loaded).unwrap_or_default().into_values() {
        let path = lock_path(&subject.name);
        let source = sources.iter().find(|source| source.path() == path);
        let Some(new) = source.and_then(|source| Lock::read(source, &mut problems)) else { continue };
        let Some(old) = subject.list.and_then(|list| world.meltano.lock_in_use(list, &subject.name)) else { continue };
        let changes = Difference::between(&old.packages, &new.packages);
        if !changes.is_empty() {
            let packages = new.packages.len();
            locks.push(PluginLock {
                name: subject.name,
                path,
                state: LockState::Changed,
                reason: None,
                packages,
                changes,
            });
        }
    }
    locks
}

fn read(path: &Path, text: &str, problems: &mut Problems) -> Option<Lock> {
    Lock::read(&Source::new(path, text), problems)
}

fn text(world: &World, path: &Path) -> Result<Option<String>, Error> {
    match world.project.text(path) {
        Ok(text) => Ok(Some(text)),
        Err(Shut::Missing) => Ok(None),
        Err(why) => Err(Error::of_file("read", path, why)),
    }
}

/// Returns what can be locked and has one of these names, or everything.
fn chosen(world: &World, loaded: &Loaded, names: &[String]) -> Result<Vec<Subject>, Error> {
    let mut all = subjects(world.project.root(), loaded)?;
    if names.is_empty() {
        return Ok(all.into_values().collect());
    }
    let unknown: Vec<&str> = names.iter().filter(|name| !all.contains_key(*name)).map(String::as_str).collect();
    if !unknown.is_empty() {
        let names = unknown.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let known = all.keys().map(String::as_str);
        let near = unknown.iter().find_map(|name| did_you_mean(name, known.clone()));
        let help = near.unwrap_or_else(|| format!("spile can lock {}", listed(known)));
        return Err(Error::NotInstalled { names, help });
    }
    Ok(names.iter().filter_map(|name| all.remove(name)).collect())
}

/// Returns Meltano and all plugins that the project's integrations are installed as.
///
/// # Errors
/// When the template fails.
pub(crate) fn subjects(root: &Path, loaded: &Loaded) -> Result<BTreeMap<String, Subject>, Error> {
    let all: Integrations = loaded.integrations.filtered(|_| true);
    let text = invocation::project_file(root, loaded, &all)?;
    let mut subjects = Vec::new();
    for one in all.iter() {
        let plugin = invocation::installed(one, &text);
        let interpreter = plugin.passed.get("python").and_then(serde_json::Value::as_str).map(str::to_owned);
        let list = Some(one.role().plural());
        subjects.push(Subject { name: plugin.name, pip_url: plugin.pip_url, interpreter, list });
        for environment in loaded.settings.environments.keys() {
            let mappers = invocation::mappers(one, environment, &text).into_iter();
            subjects.extend(mappers.map(|mapper| Subject {
                name: mapper.plugin,
                pip_url: mapper.pip_url,
                interpreter: None,
                list: Some("mappers"),
            }));
        }
    }
    let pip_url = Meltano::new(root, &loaded.settings).requirement();
    subjects.push(Subject { name: MELTANO.to_owned(), pip_url, interpreter: None, list: None });
    let is_installed = |subject: &Subject| !subject.pip_url.trim().is_empty();
    Ok(subjects.into_iter().filter(is_installed).map(|subject| (subject.name.clone(), subject)).collect())
}
