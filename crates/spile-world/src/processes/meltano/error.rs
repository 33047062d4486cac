//! How installing and running Meltano can fail, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;

use crate::files::io_error::{IoError, io_help};
use crate::stores::rotated_secrets::NotSealed;
use spile_core::locks::Unlockable;

/// Why Meltano or one of its plugins cannot be installed.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum InstallError {
    /// No working Python was found on this machine.
    #[error("no Python was found on the PATH")]
    #[diagnostic(
        code(spile::meltano::no_python),
        help("install Python {needed} or newer, or uv (https://docs.astral.sh/uv), which brings its own")
    )]
    NoPython {
        /// The oldest supported version.
        needed: String,
    },
    /// Every Python found is too old.
    #[error("Python {found} at `{}` is too old for Meltano", path.display())]
    #[diagnostic(
        code(spile::meltano::old_python),
        help("install Python {needed} or newer; `SPILE_PYTHON=/path/to/python` chooses one")
    )]
    OldPython {
        /// Its version.
        found: String,
        /// Where it is.
        path: PathBuf,
        /// The oldest supported version.
        needed: String,
    },
    /// The Python has no `venv` module, as on Debian and Ubuntu.
    #[error("Python {version} cannot create a virtual environment: its `venv` module is missing")]
    #[diagnostic(
        code(spile::meltano::no_venv),
        help("run `apt install python3-venv`, or install uv (https://docs.astral.sh/uv)")
    )]
    VenvModuleMissing {
        /// The version of that Python.
        version: String,
    },
    /// A plugin needs a Python that this machine does not have.
    #[error("{what} needs `{python}`, which is not on this machine: {line}")]
    #[diagnostic(
        code(spile::meltano::no_interpreter),
        help(
            "install `{python}`, or set `python` of the connector to another command or path; without `python`, spile uses Meltano's own"
        )
    )]
    NoInterpreter {
        /// What is being installed.
        what: String,
        /// The Python that the connector names.
        python: String,
        /// The installer's message.
        line: String,
    },
    /// The package index cannot be reached.
    #[error("{what} cannot be downloaded: {line}")]
    #[diagnostic(
        code(spile::meltano::offline),
        help(
            "check the network; set `HTTPS_PROXY` if you are behind a proxy, and `PIP_INDEX_URL` or `UV_INDEX_URL` if you use your own package index"
        )
    )]
    Offline {
        /// What is being installed.
        what: String,
        /// The installer's message.
        line: String,
    },
    /// The package index does not have this version.
    #[error("cannot find {what} to install: {line}")]
    #[diagnostic(
        code(spile::meltano::no_such_version),
        help(
            "check `version` under `[meltano]` in `spile.toml` or the connector's `pip_url`, and that this machine can reach the package index; if the version is in a lock and no longer in the index, run `spile lock --upgrade`"
        )
    )]
    NoSuchVersion {
        /// What is being installed.
        what: String,
        /// The installer's message.
        line: String,
    },
    /// The packages require conflicting versions of another package.
    #[error("{what} cannot be installed, because its dependencies conflict: {reason}")]
    #[diagnostic(
        code(spile::meltano::conflict),
        help(
            "loosen the versions that you pin in `pip_url` or in a file of constraints (`UV_CONSTRAINT`, `PIP_CONSTRAINT`)"
        )
    )]
    Conflict {
        /// What is being installed.
        what: String,
        /// The resolver's explanation.
        reason: String,
    },
    /// A downloaded file is not the one that the lock names.
    #[error("{what} was not installed, because a file does not have the hash in its lock: {reason}")]
    #[diagnostic(
        code(spile::locks::hash),
        help(
            "nothing was installed: find out who changed the file on the package index or the line in `locks/`; if you trust the new file, run `spile lock --upgrade`"
        )
    )]
    Hash {
        /// What is being installed.
        what: String,
        /// The installer's message.
        reason: String,
    },
    /// A lock does not contain everything that its packages need.
    #[error("{what} was not installed, because its lock is incomplete: {line}")]
    #[diagnostic(
        code(spile::locks::incomplete),
        help("nothing was installed: run `spile lock` to write the lock again")
    )]
    IncompleteLock {
        /// What is being installed.
        what: String,
        /// The installer's message.
        line: String,
    },
    /// A lock does not fit the `pip_url` or the machine.
    #[error("`{}` is out of date: {reason}", path.display())]
    #[diagnostic(code(spile::locks::stale), help("run `spile lock {name}`, and commit the file"))]
    StaleLock {
        /// The lock file, relative to the project.
        path: PathBuf,
        /// The plugin.
        name: String,
        /// What differs.
        reason: String,
    },
    /// A lock file cannot be used.
    #[error("`{}` cannot be used: {reason}", path.display())]
    #[diagnostic(
        code(spile::locks::unusable),
        help("run `spile check` for the line, or `spile lock` to write the file again")
    )]
    UnusableLock {
        /// The lock file, relative to the project.
        path: PathBuf,
        /// The first problem.
        reason: String,
    },
    /// What a plugin installs cannot be locked.
    #[error("{what} cannot be locked: {reason}")]
    #[diagnostic(
        code(spile::locks::unlockable),
        help("name packages with versions in its `pip_url`; `spile lock` without names locks the other plugins")
    )]
    Unlockable {
        /// What should be locked.
        what: String,
        /// Why not.
        reason: String,
    },
    /// The disk is full.
    #[error("the disk is full: {what} cannot be installed")]
    #[diagnostic(
        code(spile::meltano::disk_full),
        help("free some disk space and try again: spile redoes incomplete installations")
    )]
    DiskFull {
        /// What is being installed.
        what: String,
    },
    /// The installer failed for another reason.
    #[error("{what} cannot be installed: {line}")]
    #[diagnostic(code(spile::meltano::install), help("{help}"))]
    Failed {
        /// What is being installed.
        what: String,
        /// Its last meaningful line.
        line: String,
        /// The lines before it, or where to find them.
        help: String,
    },
    /// The user interrupted.
    #[error("the installation was stopped")]
    #[diagnostic(
        code(spile::meltano::interrupted),
        help("run the command again: spile redoes incomplete installations")
    )]
    Interrupted,
    /// A file or a program cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Io(#[from] IoError),
}

/// Why a run cannot be started or followed. A run that fails is not an error but an `Outcome`.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum RunError {
    /// Meltano is not installed.
    #[error("Meltano {version} is not installed in this project")]
    #[diagnostic(code(spile::meltano::missing), help("run `spile up` to install it"))]
    NotInstalled {
        /// The version that `spile.toml` names.
        version: String,
    },
    /// A plugin cannot be installed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Install(#[from] InstallError),
    /// The log cannot be written, so the run was stopped, because nobody could tell afterwards what it did.
    #[error("the run was stopped: its log `{}` cannot be written", path.display())]
    #[diagnostic(code(spile::meltano::log), help("{}", io_help(source)))]
    Log {
        /// The log's file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The source has rotated a secret, which cannot be encrypted for the recipients of its file.
    #[error("`{plugin}` was given a new `{name}` by its source, which could not be kept: {why}")]
    #[diagnostic(
        code(spile::secrets::rotation_lost),
        help(
            "add an age recipient to `.sops.yaml` and run `spile secrets updatekeys`; then sign in at the source again and set the new value with `spile secrets set`"
        )
    )]
    RotatedLost {
        /// The plugin.
        plugin: String,
        /// The setting.
        name: String,
        /// The reason.
        why: NotSealed,
    },
    /// Bookmarks cannot be moved.
    #[error("the bookmarks of `{from}` cannot be moved to `{to}`: {reason}")]
    #[diagnostic(
        code(spile::meltano::state),
        help("until they are moved, a sync reads everything again; check `meltano state list`")
    )]
    State {
        /// The state id that has them now.
        from: String,
        /// The state id that should have them.
        to: String,
        /// Meltano's message.
        reason: String,
    },
    /// Meltano does not read or write a state.
    #[error("Meltano cannot {doing} the state `{id}`: {reason}")]
    #[diagnostic(
        code(spile::state::backend),
        help("check that the place of the bookmarks can be reached, for example with `meltano state list`")
    )]
    StoredState {
        /// `read` or `write`.
        doing: &'static str,
        /// The state id.
        id: String,
        /// What Meltano said.
        reason: String,
    },
    /// A file or a program cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Io(#[from] IoError),
}

impl InstallError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let io = IoError::of(doing, path);
        move |source| io(source).into()
    }

    /// Returns the error for something that cannot be locked.
    #[must_use]
    pub fn unlockable(what: &str, why: &Unlockable) -> Self {
        Self::Unlockable { what: what.to_owned(), reason: why.to_string() }
    }

    /// Interprets the last lines of an installer. `python` is set if the plugin needs another Python than Meltano's.
    pub(super) fn of_installer(what: &str, python: Option<&str>, lines: &[String]) -> Self {
        let found = |signs: &[&str]| {
            lines.iter().rev().find(|line| {
                let line = line.to_lowercase();
                signs.iter().any(|sign| line.contains(sign))
            })
        };
        let what = what.to_owned();
        if let (Some(python), Some(line)) = (python, found(&NO_INTERPRETER)) {
            return Self::NoInterpreter { what, python: python.to_owned(), line: tidy(line) };
        }
        // The order matters: without a network, pip finally reports that the version does not exist.
        if found(&["no space left on device", "os error 28", "errno 28"]).is_some() {
            return Self::DiskFull { what };
        }
        if let Some(reason) = wrong_hash(lines) {
            return Self::Hash { what, reason };
        }
        if let Some(line) = found(&INCOMPLETE) {
            return Self::IncompleteLock { what, line: tidy(line) };
        }
        if let Some(line) = found(&OFFLINE) {
            return Self::Offline { what, line: tidy(line) };
        }
        if let Some(reason) = conflict(lines) {
            return Self::Conflict { what, reason };
        }
        if let Some(line) = found(&NO_SUCH_VERSION) {
            return Self::NoSuchVersion { what, line: tidy(line) };
        }
        let says = |line: &&String| !line.trim().is_empty() && !line.contains("[notice]");
        let marked = found(&["error"]).or_else(|| lines.iter().rev().find(says));
        let line = marked.map_or_else(|| "the installer gave no reason".to_owned(), |line| tidy(line));
        let last: Vec<_> = lines.iter().rev().take(10).rev().map(|line| tidy(line)).collect();
        Self::Failed { what, line, help: format!("the installer's last lines:\n{}", last.join("\n")) }
    }
}

/// What uv and virtualenv print when they find no Python of that name and uv cannot download one.
const NO_INTERPRETER: [&str; 4] =
    ["no interpreter found", "failed to find interpreter", "python-build-standalone", "python installation found"];

/// What uv and pip print when a lock lacks a package that another one needs.
const INCOMPLETE: [&str; 3] =
    ["in `--require-hashes` mode", "in --require-hashes mode", "no trusted hash was provided for"];

/// Returns which file does not have the hash that a lock names: the installer's line, with both hashes.
fn wrong_hash(lines: &[String]) -> Option<String> {
    let signs = ["hash mismatch for", "do not match the hashes"];
    let at = lines.iter().position(|line| signs.iter().any(|sign| line.to_lowercase().contains(sign)))?;
    let told = lines[at..].iter().map(|line| tidy(line)).filter(|line| !line.is_empty());
    Some(told.take(MOST_REASONS).collect::<Vec<_>>().join(" "))
}

/// What pip and uv print when they cannot reach the package index.
const OFFLINE: [&str; 9] = [
    "name resolution",
    "dns error",
    "failed to lookup address",
    "connection refused",
    "network is unreachable",
    "connection broken",
    "connection timed out",
    "error sending request",
    "tunnel connection failed",
];

/// What pip and uv print when the package index does not have the version.
const NO_SUCH_VERSION: [&str; 5] = [
    "no matching distribution",
    "could not find a version",
    "there is no version of",
    "no solution found",
    "was not found in the package registry",
];

/// Returns why a resolver finds no compatible versions; `None` if it only misses one. uv explains below its first line
/// which package depends on which. pip lists the conflicting requirements.
fn conflict(lines: &[String]) -> Option<String> {
    let after = |sign: &str| {
        let at = lines.iter().position(|line| line.to_lowercase().contains(sign))?;
        Some(lines[at + 1..].iter().map(|line| tidy(line)).collect::<Vec<_>>())
    };
    if let Some(asked) = after("the conflict is caused by:") {
        let asked = asked.into_iter().take_while(|line| !line.is_empty());
        return Some(asked.take(MOST_REASONS).collect::<Vec<_>>().join("; "));
    }
    let reason = after("no solution found")?;
    // Hints about the machine follow after an empty line.
    let reason =
        reason.into_iter().take_while(|line| !line.is_empty()).take(MOST_REASONS).collect::<Vec<_>>().join(" ");
    reason.contains("depends on").then_some(reason)
}

/// How many lines of a resolver's explanation are shown.
const MOST_REASONS: usize = 12;

fn tidy(line: &str) -> String {
    let line = line.trim().trim_start_matches(['×', '╰', '─', '▶', '│', ' ']);
    let line = ["ERROR: ", "error: ", "cause: "].into_iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line);
    line.chars().take(400).collect()
}

impl RunError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let io = IoError::of(doing, path);
        move |source| io(source).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> InstallError {
        InstallError::of_installer("Meltano 4.4.1", None, &lines.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn a_missing_network_and_a_missing_version_are_distinguished() {
        let none = of(&["ERROR: No matching distribution found for meltano==99"]);
        assert!(matches!(none, InstallError::NoSuchVersion { .. }), "{none}");
        let offline = of(&[
            "WARNING: Retrying after connection broken by 'NewConnectionError(... Temporary failure in name resolution')",
            "ERROR: No matching distribution found for meltano==4.4.1",
        ]);
        assert!(matches!(offline, InstallError::Offline { .. }), "{offline}");
    }

    #[test]
    fn a_missing_python_is_named_and_not_reported_as_a_network_failure() {
        for lines in [
            &["RuntimeError: failed to find interpreter for Builtin discover of python_spec='python3.9'"][..],
            &["error: No interpreter found for Python 3.9 in managed installations or search path"],
            &[
                "error: Request failed after 3 retries",
                "  cause: Failed to download `https://github.com/astral-sh/python-build-standalone/releases/x.tar.gz`",
                "  cause: dns error",
            ],
        ] {
            let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
            let error = InstallError::of_installer("extractor `tap-x`", Some("python3.9"), &lines);
            assert!(matches!(error, InstallError::NoInterpreter { .. }), "{error}");
            let help = error.help().unwrap().to_string();
            assert!(help.starts_with("install `python3.9`, or set `python` of the connector"), "{help}");
            assert!(!help.contains("pip_url"), "{help}");
        }
    }

    #[test]
    fn a_conflict_is_reported_with_the_resolvers_reason() {
        let uv = of(&[
            "  × No solution found when resolving dependencies:",
            "  ╰─▶ Because meltano==4.4.1 depends on click>=8.2 and you require click<8, we can conclude that",
            "      meltano==4.4.1 cannot be used.",
            "      And because you require meltano==4.4.1, we can conclude that your requirements are unsatisfiable.",
        ]);
        assert!(matches!(uv, InstallError::Conflict { .. }), "{uv}");
        let said = uv.to_string();
        assert!(said.contains("meltano==4.4.1 depends on click>=8.2 and you require click<8"), "{said}");
        assert!(said.contains("conclude that meltano==4.4.1 cannot be used. And because"), "{said}");
        let pip = of(&[
            "ERROR: Cannot install click<8 and meltano==4.4.1 because these package versions have conflicting dependencies.",
            "",
            "The conflict is caused by:",
            "    The user requested click<8",
            "    meltano 4.4.1 depends on click>=8.2",
            "",
            "To fix this you could try to:",
            "ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/",
        ]);
        let said = pip.to_string();
        assert!(said.ends_with(": The user requested click<8; meltano 4.4.1 depends on click>=8.2"), "{said}");
        let none = of(&[
            "  × No solution found when resolving dependencies:",
            "  ╰─▶ Because there is no version of meltano==99 and you require meltano==99, we can conclude that your requirements are unsatisfiable.",
        ]);
        assert!(
            matches!(none, InstallError::NoSuchVersion { .. })
                && none.to_string().contains("no version of meltano==99"),
            "{none}"
        );
    }

    #[test]
    fn a_wrong_hash_and_an_incomplete_lock_are_reported_as_such() {
        let uv = of(&[
            "  × Failed to download `idna==3.7`",
            "  ╰─▶ Hash mismatch for `idna==3.7`",
            "",
            "      Expected:",
            "        sha256:aaaa",
            "",
            "      Computed:",
            "        sha256:bbbb",
        ]);
        assert!(matches!(uv, InstallError::Hash { .. }), "{uv}");
        let said = uv.to_string();
        assert!(said.ends_with("Hash mismatch for `idna==3.7` Expected: sha256:aaaa Computed: sha256:bbbb"), "{said}");
        let pip = of(&[
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated the package ...",
            "    idna==3.7 from https://example.com/idna.whl:",
            "        Expected sha256 aaaa",
            "             Got        bbbb",
        ]);
        assert!(matches!(&pip, InstallError::Hash { reason, .. } if reason.contains("Got        bbbb")), "{pip}");
        let lacks = of(&[
            "error: In `--require-hashes` mode, all requirements must be pinned upfront with `==`, but found: `requests`",
        ]);
        assert!(matches!(lacks, InstallError::IncompleteLock { .. }), "{lacks}");
        let lacks = of(&["error: Hash-checking is required, but no trusted hash was provided for: `simplejson`"]);
        assert!(matches!(lacks, InstallError::IncompleteLock { .. }), "{lacks}");
    }

    #[test]
    fn a_full_disk_is_reported_as_such() {
        let error = of(&["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"]);
        assert!(matches!(error, InstallError::DiskFull { .. }), "{error}");
    }
}
