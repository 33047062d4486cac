//! Installs the plugins of a run, and checks whether they are installed without starting Python.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::sync::watch;

use super::call::Call;
use super::locks::{IN_USE, LockedInstall, is_as_locked, used};
use super::venv::remove_environment;
use super::{InstallError, Meltano, Outcome, Request, RunError};
use crate::files::door::replace;
use crate::files::own_folder::{Own, OwnFolder};
use crate::files::process_lock;
use crate::files::project::OWN_FOLDER;
use crate::processes::bundled;
use spile_core::connector::bundled::{Bundled, FOLDER};
use spile_core::connector::{Plugin, Role};
use spile_core::digest::hash;
use spile_core::locks::Lock;

/// The folder of a plugin's environment.
pub(super) const VENV: &str = "venv";

/// Where Meltano stores a hash of what it installed into an environment (see its `venv_service.py`).
const FINGERPRINT: &str = "venv/.meltano_plugin_fingerprint";

/// Where spile stores which `pip_url` gave which fingerprint, for values that Meltano expands before it hashes them.
pub(super) const MARKER: &str = ".spile-installed";

impl Meltano {
    /// Tells whether the plugins of a run and Meltano's database are ready, without starting Python.
    #[must_use]
    pub fn is_ready(&self, request: &Request) -> bool {
        self.has_database() && wanted(request).iter().all(|one| self.has_plugin(one))
    }

    /// Returns the plugins that a run installs, by name, and whether each is installed.
    #[must_use]
    pub fn plugins(&self, request: &Request) -> BTreeMap<String, bool> {
        let installs = |one: &&NeededPlugin<'_>| !one.pip_url.trim().is_empty();
        let wanted = wanted(request);
        wanted.iter().filter(installs).map(|one| (one.name.to_owned(), self.has_plugin(one))).collect()
    }

    /// Installs the missing plugins of a run, and lets Meltano create its database. Parallel runs wait for each other,
    /// because two Meltanos that create one database fail ("Cannot upgrade the system database").
    ///
    /// # Errors
    /// When Meltano cannot be started or a plugin cannot be installed, or the user interrupts.
    pub async fn make_ready(&self, request: &Request, interrupt: &mut watch::Receiver<bool>) -> Result<(), RunError> {
        let _lock = self.lock(process_lock::Lock::Plugins, interrupt).await?;
        self.link_baked_plugins(request)?;
        for one in wanted(request).iter().filter(|one| !self.has_plugin(one)) {
            self.remove_link(one)?;
            if let Some(wheel) = Bundled::of(one.pip_url) {
                // `pip_url` is relative to the project.
                bundled::lay(&Own::at(&self.root.join(OWN_FOLDER)), wheel)
                    .map_err(RunError::io("write", &self.root.join(FOLDER)))?;
            }
            let lock = self.lock_of(one.name, one.pip_url)?;
            let locked = match &lock {
                Some(lock) => {
                    self.check_plugin_python(lock, one.name, one.python, &request.host)?;
                    // Without it, Meltano makes the environment again.
                    self.forget_fingerprint(one)?;
                    Some(LockedInstall::of(lock, one.pip_url))
                }
                None => None,
            };
            // One at a time, so that an error names one plugin. A plugin takes seconds and is installed only once.
            let what = format!("{} `{}`", one.kind, one.name);
            let step =
                Step { what: &what, python: one.python, arguments: &["install", one.name], lock: locked.as_ref() };
            self.prepare(request, step, interrupt).await?;
            self.remember(one)?;
            self.remember_lock(one, lock.as_ref())?;
        }
        if !self.has_database() {
            self.make_database(request, interrupt).await?;
        }
        Ok(())
    }

    pub(super) async fn prepare(
        &self,
        request: &Request,
        step: Step<'_>,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<(), RunError> {
        let arguments: Vec<String> = step.arguments.iter().map(ToString::to_string).collect();
        let call = Call { lock: step.lock, ..Call::from(&arguments) };
        let (finished, lines) = self.invoke(&request.without_secrets(), call, interrupt, &mut |_| ()).await?;
        match finished.outcome {
            Outcome::Succeeded => Ok(()),
            Outcome::Interrupted => Err(InstallError::Interrupted.into()),
            Outcome::Failed { .. } | Outcome::TimedOut { .. } => {
                Err(InstallError::of_installer(step.what, step.python, &lines).into())
            }
        }
    }

    /// Returns Meltano's folder if it belongs to this user, because programs in it are run.
    pub(super) fn believed(&self) -> Option<OwnFolder> {
        self.theirs.open().ok().flatten()
    }

    pub(super) fn has_plugin(&self, wanted: &NeededPlugin<'_>) -> bool {
        wanted.pip_url.trim().is_empty() || self.believed().is_some_and(|theirs| self.has_plugin_in(&theirs, wanted))
    }

    /// Tells whether a plugin is installed in one of Meltano's folders.
    pub(super) fn has_plugin_in(&self, theirs: &OwnFolder, wanted: &NeededPlugin<'_>) -> bool {
        let folder = wanted.folder();
        let Some(found) = theirs.linked_text(folder.join(FINGERPRINT)) else { return false };
        let has_python = theirs.path().join(&folder).join("venv/bin/python").exists();
        let is_marked =
            || theirs.linked_text(folder.join(MARKER)).is_some_and(|marker| marker == remembered(wanted, &found));
        let lock = || self.lock_of(wanted.name, wanted.pip_url);
        let is_as_locked = || is_as_locked(&lock(), || used(theirs, &folder.join(VENV)));
        has_python && (fingerprint(wanted.pip_url).as_deref() == Some(found.as_str()) || is_marked()) && is_as_locked()
    }

    /// Returns the installed packages of a plugin with their versions, as the names of their folders tell; empty if it
    /// is not installed.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn installed(&self, role: Role, plugin: &Plugin) -> Result<Vec<String>, RunError> {
        let Some(theirs) = self.believed() else { return Ok(Vec::new()) };
        let folder = theirs.path().join(NeededPlugin::of(role, plugin).folder()).join("venv/lib");
        packages(&folder).map_err(RunError::io("read", &folder))
    }

    /// Returns the lock that a plugin of one of Meltano's lists was installed from; `None` if it is not installed, or
    /// without a lock.
    #[must_use]
    pub fn lock_in_use(&self, list: &str, name: &str) -> Option<Lock> {
        used(&self.believed()?, &Path::new(list).join(name).join(VENV))
    }

    fn remember_lock(&self, wanted: &NeededPlugin<'_>, lock: Option<&Lock>) -> Result<(), RunError> {
        let (Some(theirs), Some(lock)) = (self.believed(), lock) else { return Ok(()) };
        let path = theirs.path().join(wanted.folder()).join(VENV).join(IN_USE);
        replace(&path, lock.text(wanted.name).as_bytes()).map_err(RunError::io("write", &path))
    }

    /// Removes an environment that is only a link to one in the project's folder, because Meltano would write there.
    fn remove_link(&self, wanted: &NeededPlugin<'_>) -> Result<(), RunError> {
        let path = self.meltano_folder().join(wanted.folder()).join(VENV);
        if !path.is_symlink() {
            return Ok(());
        }
        remove_environment(&path).map_err(RunError::io("remove", &path))
    }

    /// Has Meltano install a plugin even if its `pip_url` has not changed.
    fn forget_fingerprint(&self, wanted: &NeededPlugin<'_>) -> Result<(), RunError> {
        let Some(theirs) = self.believed() else { return Ok(()) };
        let path = theirs.path().join(wanted.folder()).join(FINGERPRINT);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(RunError::io("remove", &path)(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn remember(&self, wanted: &NeededPlugin<'_>) -> Result<(), RunError> {
        let folder = wanted.folder();
        let Some(theirs) = self.believed() else { return Ok(()) };
        let Some(found) = theirs.linked_text(folder.join(FINGERPRINT)) else { return Ok(()) };
        let path = folder.join(MARKER);
        let path = theirs.path().join(path);
        replace(&path, remembered(wanted, &found).as_bytes()).map_err(RunError::io("write", &path))
    }
}

/// A Meltano command that prepares something for a run.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    /// What it prepares, as a phrase for people.
    pub(super) what: &'a str,
    /// The Python that it needs, if not Meltano's.
    pub(super) python: Option<&'a str>,
    pub(super) arguments: &'a [&'a str],
    /// What Meltano installs in place of the plugin's `pip_url`.
    pub(super) lock: Option<&'a LockedInstall>,
}

/// A plugin that a run needs.
pub(super) struct NeededPlugin<'a> {
    /// Its kind, as people say it.
    kind: String,
    /// The list of plugins that contains it, which is also the name of its folder in Meltano's.
    list: &'static str,
    name: &'a str,
    pip_url: &'a str,
    /// The Python to install it with, if not Meltano's.
    python: Option<&'a str>,
}

impl<'a> NeededPlugin<'a> {
    fn of(role: Role, plugin: &'a Plugin) -> Self {
        let python = plugin.passed.get("python").and_then(Value::as_str);
        Self { kind: role.to_string(), list: role.plural(), name: &plugin.name, pip_url: &plugin.pip_url, python }
    }

    /// Returns its path relative to Meltano's own folder.
    pub(super) fn folder(&self) -> PathBuf {
        Path::new(self.list).join(self.name)
    }
}

/// Returns all plugins of a request, including its mappers.
pub(super) fn wanted(request: &Request) -> Vec<NeededPlugin<'_>> {
    let plugins = request.plugins.iter().map(|(role, plugin)| NeededPlugin::of(*role, plugin));
    let mappers = request.mappers.iter().map(|mapper| NeededPlugin {
        kind: "mapper".to_owned(),
        list: "mappers",
        name: &mapper.plugin,
        pip_url: &mapper.pip_url,
        python: None,
    });
    plugins.chain(mappers).collect()
}

/// Finds the packages of each Python in an environment's `lib`.
fn packages(lib: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for python in children(lib)? {
        for package in children(&lib.join(python).join("site-packages"))? {
            found.extend(package.strip_suffix(".dist-info").map(str::to_owned));
        }
    }
    found.sort();
    Ok(found)
}

fn children(folder: &Path) -> io::Result<Vec<String>> {
    match fs::read_dir(folder) {
        Ok(items) => items.map(|item| Ok(item?.file_name().to_string_lossy().into_owned())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn remembered(wanted: &NeededPlugin<'_>, fingerprint: &str) -> String {
    format!("{}\n{fingerprint}\n", hash(wanted.pip_url.as_bytes()))
}

/// Returns Meltano's fingerprint of a `pip_url`, the hash of its sorted words; `None` if only Meltano can compute it,
/// because it unquotes or expands the words first.
fn fingerprint(pip_url: &str) -> Option<String> {
    if pip_url.contains(['$', '\'', '"', '\\', '#']) {
        return None;
    }
    let mut words: Vec<_> = pip_url.split_whitespace().collect();
    words.sort_unstable();
    words.dedup();
    Some(hash(words.join(" ").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_equal_those_of_meltano_4_4_1() {
        let target = fingerprint("target-jsonl").unwrap();
        assert_eq!(target, TARGET_JSONL);
        assert_eq!(fingerprint("tap-singer-jsonl setuptools<81").unwrap(), TAP_SINGER_JSONL);
        assert_eq!(fingerprint("setuptools<81  tap-singer-jsonl"), fingerprint("tap-singer-jsonl setuptools<81"));
        assert_eq!(fingerprint("git+https://$TOKEN@example.com/tap.git"), None);
    }

    const TARGET_JSONL: &str = "87ecca35f1adbbc28ebbddd9fb8c652bffbe7053a142548c14d65885d6e20fc1";
    const TAP_SINGER_JSONL: &str = "3952b21307274581d82f72c0b066dc7f6cddea2fd2fbf5761776fb8ac3dbf60a";
}
