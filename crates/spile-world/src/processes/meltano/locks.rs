//! Installs from lock files: reads them from the project and tells installers what to install instead of a `pip_url`.

use std::path::{Path, PathBuf};

use super::run_folder::Private;
use super::{Host, InstallError, Meltano, RunError};
use crate::files::door::{Door, MOST_BYTES, Shut};
use crate::files::io_error::IoError;
use crate::files::own_folder::OwnFolder;
use spile_core::locks::{FOLDER, Lock, MELTANO, PipRequest};
use spile_core::problem::Problems;
use spile_core::source::Source;

/// The folder of spile's own that the resolver and installers read requirements from.
pub(super) const SCRATCH: &str = "requirements";

/// The name of the file in a run's folder that has the packages.
const PACKAGES: &str = "lock.txt";

/// The name of the file in a run's folder that tells `launch.py` what to install.
const STEPS: &str = "lock.json";

/// The name of the file in an environment that has the lock from which it was installed. It goes with the environment.
pub(super) const IN_USE: &str = ".spile-lock.txt";

/// What Meltano installs in place of a plugin's `pip_url`.
#[derive(Debug)]
pub(super) struct LockedInstall {
    /// The packages, as a requirements file; empty if there are none.
    packages: String,
    /// The options of the `pip_url` that name an index.
    options: Vec<String>,
    /// The addresses and paths in the `pip_url`, which have no hashes. Their requirements are among the packages.
    direct: Vec<String>,
}

impl LockedInstall {
    /// Returns what a lock installs.
    pub(super) fn of(lock: &Lock, pip_url: &str) -> Self {
        // A lock exists only for what can be read, and its `pip_url` is known to be this one.
        let PipRequest { options, direct, .. } = PipRequest::read(pip_url).unwrap_or_default();
        Self { packages: lock.requirements(), options, direct: direct.concat() }
    }

    /// Returns the arguments of each call of the installer.
    fn steps(&self, packages: &Path) -> Vec<Vec<String>> {
        let mut steps = Vec::new();
        if !self.packages.is_empty() {
            steps.push([arguments(packages), self.options.clone()].concat());
        }
        if !self.direct.is_empty() {
            steps.push([vec!["--no-deps".to_owned()], self.options.clone(), self.direct.clone()].concat());
        }
        steps
    }
}

/// Returns the arguments that install the packages of a file, each only if its hash is right.
fn arguments(file: &Path) -> Vec<String> {
    vec!["--require-hashes".to_owned(), "-r".to_owned(), file.display().to_string()]
}

impl Meltano {
    /// Returns the lock of a plugin; `None` if it has none.
    ///
    /// # Errors
    /// When the file is invalid, or was made for another `pip_url`.
    pub(super) fn lock_of(&self, name: &str, pip_url: &str) -> Result<Option<Lock>, InstallError> {
        let path = lock_path(name);
        let text = match Door::to_project(&self.root).and_then(|door| door.text(&path)) {
            Err(Shut::Missing) => return Ok(None),
            Err(why) => return Err(InstallError::Io(IoError::of("read", &path)(why.into()))),
            Ok(text) => text,
        };
        let mut problems = Problems::default();
        let lock = Lock::read(&Source::new(&path, text), &mut problems);
        let Some(lock) = lock else {
            let report = problems.into_report();
            let first = report.problems().first();
            let reason = first.map(|first| format!("{}: {}", first.to_reference(), first.message()));
            return Err(InstallError::UnusableLock { path, reason: reason.unwrap_or_default() });
        };
        match lock.misfit(pip_url) {
            Some(reason) => Err(InstallError::StaleLock { path, name: name.to_owned(), reason }),
            None => Ok(Some(lock)),
        }
    }

    /// Returns the lock of Meltano itself; `None` if it has none.
    pub(super) fn lock_of_meltano(&self) -> Result<Option<Lock>, InstallError> {
        self.lock_of(MELTANO, &self.requirement())
    }

    /// Refuses to install a plugin with a Python that is too old for its lock.
    pub(super) fn check_plugin_python(
        &self,
        lock: &Lock,
        name: &str,
        python: Option<&str>,
        host: &Host,
    ) -> Result<(), InstallError> {
        let version = match python {
            // If it is missing, Meltano reports it.
            Some(named) => host.named_python(named).map(|python| python.version),
            None => self.python_version(host),
        };
        fits(name, lock, version.as_deref())
    }

    /// Returns the version of the Python that runs Meltano here, or that would run it.
    pub(super) fn python_version(&self, host: &Host) -> Option<String> {
        let own = host.named_python(&self.python().to_string_lossy());
        own.or_else(|| host.python().ok()).map(|python| python.version)
    }

    /// Writes the packages of a lock where an installer can read them, and returns its arguments.
    pub(super) fn locked_arguments(&self, lock: &Lock) -> Result<Vec<String>, InstallError> {
        let file = Path::new(SCRATCH).join(PACKAGES);
        let own = self.own.make().map_err(InstallError::io("use", self.own.path()))?;
        let path = own.path().join(&file);
        own.replace(&file, lock.requirements().as_bytes()).map_err(InstallError::io("write", &path))?;
        Ok(arguments(&path))
    }
}

/// Refuses to install Meltano with a Python that is too old for its lock.
pub(super) fn check_python(lock: &Lock, host: &Host) -> Result<(), InstallError> {
    // Without a Python, uv downloads the newest one.
    let version = host.python().ok().map(|python| python.version);
    fits(MELTANO, lock, version.as_deref())
}

/// Tells `launch.py` what to install.
pub(super) fn give_lock(private: &Private, lock: &LockedInstall) -> Result<(), RunError> {
    let packages = private.path(PACKAGES);
    let steps = serde_json::json!(lock.steps(&packages)).to_string();
    for (name, text) in [(PACKAGES, &lock.packages), (STEPS, &steps)] {
        private.write(name, text).map_err(RunError::io("write", &private.path(name)))?;
    }
    Ok(())
}

/// Reads the lock from which an environment in a folder was installed.
pub(super) fn used(folder: &OwnFolder, venv: &Path) -> Option<Lock> {
    let text = folder.linked_text_up_to(venv.join(IN_USE), MOST_BYTES)?;
    Lock::read(&Source::new(IN_USE, text), &mut Problems::default())
}

/// Tells whether an environment has what a lock names. Without a lock, it may have anything.
pub(super) fn is_as_locked(lock: &Result<Option<Lock>, InstallError>, used: impl FnOnce() -> Option<Lock>) -> bool {
    match lock {
        Ok(None) => true,
        Ok(Some(lock)) => used().is_some_and(|used| used.packages == lock.packages),
        // Installing reports it.
        Err(_) => false,
    }
}

fn fits(name: &str, lock: &Lock, python: Option<&str>) -> Result<(), InstallError> {
    match python.filter(|python| lock.needs_newer_than(python)) {
        Some(python) => Err(InstallError::StaleLock {
            path: lock_path(name),
            name: name.to_owned(),
            reason: format!("it was made for Python {} or newer, and this machine has {python}", lock.python),
        }),
        None => Ok(()),
    }
}

/// Returns the path of a plugin's lock file, relative to the project.
#[must_use]
pub fn lock_path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("{name}.txt"))
}
