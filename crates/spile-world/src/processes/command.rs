//! Runs the user's own command in the user's terminal, with variables that no other process sees.

use std::ffi::OsString;
use std::process::ExitStatus;

use miette::Diagnostic;

use crate::processes::child_environment::inheriting;
use spile_core::secret::Secret;

/// A command that cannot be started.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("`{program}` cannot be started")]
#[diagnostic(code(spile::exec::start), help("check that it is on the PATH and executable"))]
pub struct NotStarted {
    program: String,
    source: std::io::Error,
}

/// Runs a command with additional variables in the user's environment, and waits until it ends. It stays in the
/// terminal's process group, so the terminal's signals reach it.
///
/// # Errors
/// When it cannot be started.
pub async fn run(
    words: &[OsString],
    variables: &std::collections::BTreeMap<String, Secret>,
    hidden: &[String],
) -> Result<ExitStatus, NotStarted> {
    let program = words.first().cloned().unwrap_or_default();
    let failed = |source| NotStarted { program: program.to_string_lossy().into_owned(), source };
    let mut command = tokio::process::Command::from(inheriting(&program));
    command.args(&words[1.min(words.len())..]);
    for name in hidden {
        command.env_remove(name);
    }
    for (name, secret) in variables {
        command.env(name, secret.expose());
    }
    command.status().await.map_err(failed)
}
