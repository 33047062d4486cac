//! Asks a tap or target for its settings: installs it temporarily, and runs it with `--about --format=json`.
//!
//! Separate from runs, because this needs neither Meltano nor a project, and leaves nothing behind.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use miette::Diagnostic;
use tokio::process::Command;
use tokio::sync::watch;

use super::call::Collected;
use super::child::{self, Channel, ChildEnd, Limits, Lost, Pieces};
use super::mask::Mask;
use super::venv::Venv;
use super::{Host, InstallError};
use crate::files::io_error::IoError;
use spile_core::connector::pip;
use spile_core::problem::{counted, listed};
use spile_core::settings::RunEnvironment;

/// The most bytes of the answer.
const LARGEST: usize = 2 * 1024 * 1024;

/// How many of its last lines are kept for an error.
const LAST_LINES: usize = 60;

/// What to ask, and how.
#[derive(Debug)]
pub struct AboutQuestion<'a> {
    /// The pip requirement, as in `pip_url`.
    pub requirement: &'a str,
    /// The command that it installs, if the user names one.
    pub executable: Option<&'a str>,
    /// The folder that paths in the requirement are relative to.
    pub root: &'a Path,
    /// The machine's environment, from which child processes get a part.
    pub host: &'a Host,
    /// Which variables child processes get.
    pub run: &'a RunEnvironment,
    /// The timeout for installing, and again for answering.
    pub timeout: Duration,
}

/// What a tap or target reports about itself.
#[derive(Debug)]
pub struct About {
    /// The command that was run.
    pub executable: String,
    /// Its output.
    pub text: String,
}

/// Why a tap or target could not be asked.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum AboutError {
    /// It cannot be installed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Install(#[from] InstallError),
    /// The requirement is not valid for pip.
    #[error("`{requirement}` is not a package")]
    #[diagnostic(code(spile::about::requirement), help("use pip's form, for example `pip:tap-github==1.0`"))]
    Requirement {
        /// The requirement.
        requirement: String,
    },
    /// The package does not contain the command.
    #[error("`{requirement}` installs no command {wanted}")]
    #[diagnostic(code(spile::about::executable), help("{help}"))]
    NoExecutable {
        /// The package that was installed.
        requirement: String,
        /// The command that was expected.
        wanted: String,
        /// The next step.
        help: String,
    },
    /// The command failed.
    #[error("`{executable} --about --format=json` failed: {line}")]
    #[diagnostic(
        code(spile::about::failed),
        help("only plugins built with the Singer SDK support `--about`: import a definition instead")
    )]
    Failed {
        /// The command.
        executable: String,
        /// Its last meaningful line.
        line: String,
    },
    /// The command took too long.
    #[error("`{executable} --about --format=json` did not respond within {}", counted(*.seconds, "second"))]
    #[diagnostic(code(spile::about::timeout), help("allow more time with `--timeout`, or import a definition instead"))]
    TimedOut {
        /// The command.
        executable: String,
        /// The timeout.
        seconds: u64,
    },
    /// The command printed something else.
    #[error("`{executable} --about --format=json` printed {what}")]
    #[diagnostic(
        code(spile::about::output),
        help("only plugins built with the Singer SDK support `--about`: import a definition instead")
    )]
    Output {
        /// The command.
        executable: String,
        /// What it printed.
        what: String,
    },
    /// The user interrupted.
    #[error("the command was stopped")]
    #[diagnostic(code(spile::about::interrupted), help("run the command again"))]
    Interrupted,
    /// A folder or a program cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Io(#[from] IoError),
}

impl About {
    /// Installs a tap or target into a temporary environment, and asks it.
    ///
    /// # Errors
    /// When it cannot be installed, or does not answer like plugins built with the Singer SDK.
    pub async fn ask(asked: &AboutQuestion<'_>, interrupt: &mut watch::Receiver<bool>) -> Result<Self, AboutError> {
        let requirement = asked.requirement;
        let packages = shlex::split(requirement).filter(|packages| !packages.is_empty());
        let packages = packages.ok_or_else(|| AboutError::Requirement { requirement: requirement.to_owned() })?;
        let folder = tempfile::Builder::new().prefix("spile-about-").tempdir();
        let folder = folder.map_err(IoError::of("create", std::env::temp_dir()))?;
        let home = folder.path().join("venv");
        let (root, host, run, timeout) = (asked.root, asked.host, asked.run, Some(asked.timeout));
        let venv = Venv { folder: &home, what: requirement, root, host, run, timeout };
        venv.make(&packages, interrupt).await?;
        let executable = executable(&venv, asked)?;
        let text = said(&venv, &executable, asked, folder.path(), interrupt).await?;
        Ok(Self { executable, text })
    }
}

/// Returns the command to ask: the one that the user names, the one named like the package, or the only one of a tap or
/// target.
fn executable(venv: &Venv<'_>, asked: &AboutQuestion<'_>) -> Result<String, AboutError> {
    let folder = venv.folder.join("bin");
    let read = std::fs::read_dir(&folder);
    let read = read.map_err(IoError::of("read", &folder))?;
    let all: Vec<String> = read.flatten().map(|file| file.file_name().to_string_lossy().into_owned()).collect();
    let mut plugins: Vec<&String> =
        all.iter().filter(|name| name.starts_with("tap-") || name.starts_with("target-")).collect();
    plugins.sort();
    let requirement = pip::first_requirement(asked.requirement).unwrap_or_default();
    let package = pip::package_name(&requirement);
    let found = match asked.executable {
        Some(wanted) => all.iter().find(|name| *name == wanted),
        None => match plugins.as_slice() {
            [only] => Some(*only),
            several => several.iter().find(|name| **name == package).copied(),
        },
    };
    found.cloned().ok_or_else(|| {
        let wanted = asked
            .executable
            .map_or_else(|| "that starts with `tap-` or `target-`".to_owned(), |name| format!("`{name}`"));
        let (wanted, help) = match plugins.as_slice() {
            [] => (wanted, "set its command with `--executable`, if it is a tap or a target".to_owned()),
            several => {
                let several = listed(several.iter().map(|name| name.as_str()));
                let wanted = if asked.executable.is_some() { wanted } else { "with the package's own name".to_owned() };
                (wanted, format!("choose one with `--executable`: it installs {several}"))
            }
        };
        AboutError::NoExecutable { requirement: asked.requirement.to_owned(), wanted, help }
    })
}

async fn said(
    venv: &Venv<'_>,
    executable: &str,
    asked: &AboutQuestion<'_>,
    folder: &Path,
    interrupt: &mut watch::Receiver<bool>,
) -> Result<String, AboutError> {
    let program = venv.program(executable);
    let mut command = Command::from(asked.host.environment.command(&program, asked.run));
    command.args(["--about", "--format=json"]).current_dir(folder).stdin(Stdio::null());
    command.env("PATH", search_path(&venv.folder.join("bin"), &asked.host.path));
    let mask = Mask::of(asked.host.environment.secrets(asked.run).iter());
    let mask = mask.map_err(IoError::of("mask secrets in the output of", &program))?;
    let mut output = Collected::up_to(LARGEST);
    let mut last = VecDeque::new();
    let limits = Limits { timeout: Some(asked.timeout), interrupt, pieces: Pieces::Chunks };
    let mut hear = |channel, piece: &[u8]| match channel {
        Channel::Output => output.take(piece),
        Channel::Errors => {
            last.push_back(String::from_utf8_lossy(&mask.apply(piece)).into_owned());
            last.drain(..last.len().saturating_sub(LAST_LINES));
            Ok(())
        }
    };
    let ended = child::follow(command, limits, &mut hear).await;
    output.strike(&mask);
    let name = executable.to_owned();
    let Some((bytes, _)) = output.into_bytes() else {
        return Err(AboutError::Output { executable: name, what: format!("more than {} MiB", LARGEST >> 20) });
    };
    match ended {
        Ok(ChildEnd::Exited(status)) if status.success() => json(executable, &bytes),
        Ok(ChildEnd::Exited(status)) => {
            let says = |line: &&String| !line.trim().is_empty();
            let line = last
                .iter()
                .rev()
                .find(says)
                .map_or_else(|| status.to_string(), |line| line.trim().chars().take(400).collect());
            Err(AboutError::Failed { executable: name, line })
        }
        Ok(ChildEnd::TimedOut) => Err(AboutError::TimedOut { executable: name, seconds: asked.timeout.as_secs() }),
        Ok(ChildEnd::Interrupted) => Err(AboutError::Interrupted),
        Err(Lost::Start(source) | Lost::Hearing(source)) => Err(IoError::of("start", program)(source).into()),
    }
}

/// Extracts the JSON from the output. Some plugins print lines before it.
fn json(executable: &str, bytes: &[u8]) -> Result<String, AboutError> {
    let text = String::from_utf8_lossy(bytes);
    let end = text.rfind('}').unwrap_or_default();
    let starts = text.match_indices('{').map(|(at, _)| at).filter(|at| *at == 0 || text[..*at].ends_with('\n'));
    let is_json = |found: &&str| serde_json::from_str::<serde_json::Value>(found).is_ok();
    // No program that supports this prints more lines before it.
    let found = starts.take(5).filter_map(|start| text.get(start..=end)).find(is_json);
    if let Some(found) = found {
        return Ok(found.to_owned());
    }
    let what = match text.trim().lines().next() {
        None => "nothing".to_owned(),
        Some(line) => format!("`{}` instead of JSON", line.trim().chars().take(100).collect::<String>()),
    };
    Err(AboutError::Output { executable: executable.to_owned(), what })
}

fn search_path(bin: &Path, path: &OsString) -> OsString {
    let folders =
        std::iter::once(bin.to_owned()).chain(std::env::split_paths(path).filter(|folder| folder.is_absolute()));
    std::env::join_paths(folders).unwrap_or_else(|_| path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_found_after_other_lines_and_garbage_is_reported() {
        assert_eq!(json("tap-x", b"WARNING {x\n{y\n{\"a\": 1}\n").unwrap(), "{\"a\": 1}");
        let garbage = json("tap-x", b"usage: tap-x {a}\n").unwrap_err().to_string();
        assert_eq!(garbage, "`tap-x --about --format=json` printed `usage: tap-x {a}` instead of JSON");
        assert_eq!(json("tap-x", b"hello\n{\"a\": {}}\n").unwrap(), "{\"a\": {}}");
        assert_eq!(json("tap-x", b" \n").unwrap_err().to_string(), "`tap-x --about --format=json` printed nothing");
        assert!(json("tap-x", b"} {").is_err());
    }
}
