//! What Meltano needs from the machine: programs on the path, and a Python that is new enough.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{InstallError, Warm};
use crate::ChildEnvironment;
use spile_core::settings::RunEnvironment;

/// The oldest Python that Meltano supports (`Requires-Python` of 4.4.1).
const OLDEST: (u32, u32) = (3, 10);

/// The names of Python, most likely first.
const NAMES: [&str; 7] = ["python3", "python3.13", "python3.12", "python3.11", "python3.10", "python3.14", "python"];

/// The parts of the user's environment that child processes and installers need. The command line reads them once.
#[derive(Debug, Clone, Default)]
pub struct Host {
    /// `PATH`.
    pub path: OsString,
    /// The Python that the user prefers.
    pub python: Option<OsString>,
    /// The running program itself, which relays records; `None` leaves the copying to Meltano.
    pub program: Option<PathBuf>,
    /// The variables that child processes get a selection of.
    pub environment: ChildEnvironment,
    /// The prepared Meltano that runs are forked from.
    pub warm: Warm,
}

/// A Python that can run Meltano.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Python {
    /// Its version, for example `3.11.7`.
    pub version: String,
    /// Its real path, not that of a shim.
    pub path: PathBuf,
}

impl Host {
    /// Returns the path of a program.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        // Relative folders are ignored, because they may be in the project.
        let folders = std::env::split_paths(&self.path).filter(|folder| folder.is_absolute());
        folders.map(|folder| folder.join(name)).find(|path| is_program(path))
    }

    /// Returns the preferred Python, or the first one on the path that is new enough.
    ///
    /// # Errors
    /// When there is none, or all are too old.
    pub fn python(&self) -> Result<Python, InstallError> {
        let mut too_old = None;
        for path in self.pythons() {
            match self.ask(&path) {
                Some((python, version)) if version < OLDEST => too_old = too_old.or(Some(python)),
                Some((python, _)) => return Ok(python),
                None => {}
            }
        }
        let needed = format!("{}.{}", OLDEST.0, OLDEST.1);
        Err(match too_old {
            Some(Python { version, path }) => InstallError::OldPython { found: version, path, needed },
            None => InstallError::NoPython { needed },
        })
    }

    /// Returns a Python that a connector names; `None` if it is not on this machine.
    #[must_use]
    pub fn named_python(&self, name: &str) -> Option<Python> {
        let path = if name.contains('/') { PathBuf::from(name) } else { self.find(name)? };
        Some(self.ask(&path)?.0)
    }

    /// Asks a Python for its version and path; `None` if it does not run, for example because it is an empty shim.
    fn ask(&self, path: &Path) -> Option<(Python, (u32, u32))> {
        let mut command = self.environment.command(path, &RunEnvironment::default());
        let question = "import sys; print(*sys.version_info[:3], sep='.'); print(sys.executable)";
        let output = command.args(["-I", "-c", question]).env("PATH", &self.path).output().ok()?;
        said(output.stdout).filter(|_| output.status.success())
    }

    fn pythons(&self) -> Vec<PathBuf> {
        match &self.python {
            Some(named) => {
                let path = PathBuf::from(named);
                let on_path = named.to_str().filter(|name| !name.contains('/')).and_then(|name| self.find(name));
                vec![on_path.unwrap_or(path)]
            }
            // A wheel installs the program beside the Python of its environment.
            None => NAMES.iter().filter_map(|name| self.find(name)).chain(self.beside()).collect(),
        }
    }

    /// Returns the Python in the folder of the program itself.
    fn beside(&self) -> Option<PathBuf> {
        let python = self.program.as_ref()?.with_file_name("python3");
        is_program(&python).then_some(python)
    }
}

/// Parses a Python's answer.
fn said(output: Vec<u8>) -> Option<(Python, (u32, u32))> {
    let text = String::from_utf8(output).ok()?;
    let (version, executable) = text.trim_end().split_once('\n')?;
    let mut numbers = version.split('.').filter_map(|number| number.parse().ok());
    let number = (numbers.next()?, numbers.next()?);
    Some((Python { version: version.to_owned(), path: executable.into() }, number))
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test makes its own script")]
    fn host(script: &str) -> (tempfile::TempDir, Host) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("python3");
        // Another process writes it: a file that this one has open for writing is inherited for a moment by children that
        // other tests start, and cannot be run meanwhile ("text file busy").
        let write = "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$0\" && chmod 755 \"$0\"";
        let status = std::process::Command::new("sh").args(["-c", write]).arg(&path).arg(script).status().unwrap();
        assert!(status.success());
        let host = Host { path: folder.path().into(), ..Host::default() };
        (folder, host)
    }

    #[test]
    fn programs_in_relative_folders_are_not_found() {
        let found = |path: &str| Host { path: path.into(), ..Host::default() }.find("run");
        assert_eq!((found(".ci"), found("")), (None, None));
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci");
        assert_eq!(found(folder.to_str().unwrap()), Some(folder.join("run")));
    }

    #[test]
    fn the_python_beside_the_program_is_the_last_choice() {
        let (folder, host) = host("echo 3.12.1; echo /opt/python/bin/python3");
        let program = Some(folder.path().join("spile"));
        let nowhere = Host { path: OsString::new(), program: program.clone(), ..host.clone() };
        assert_eq!(nowhere.python().unwrap().version, "3.12.1");
        let (_other, other) = super::tests::host("echo 3.11.9; echo /usr/bin/python3");
        assert_eq!(Host { program, ..other }.python().unwrap().version, "3.11.9");
    }

    #[test]
    fn an_old_python_is_reported_with_its_version() {
        let (_folder, host) = host("echo 3.8.10; echo /usr/bin/python3");
        let error = host.python().unwrap_err();
        assert!(matches!(&error, InstallError::OldPython { found, .. } if found == "3.8.10"), "{error}");
    }

    #[test]
    fn an_empty_shim_does_not_count_as_python() {
        let (_folder, host) = host("exit 127");
        assert!(matches!(host.python(), Err(InstallError::NoPython { .. })));
    }

    #[test]
    fn a_new_python_is_found_at_its_real_path() {
        let (_folder, host) = host("echo 3.12.1; echo /opt/python/bin/python3");
        let python = host.python().unwrap();
        assert_eq!((python.version.as_str(), python.path.as_path()), ("3.12.1", Path::new("/opt/python/bin/python3")));
    }
}
