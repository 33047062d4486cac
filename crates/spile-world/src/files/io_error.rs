//! Errors of the operating system about a file, a folder or a program, with the next step.

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;

/// A file, a folder or a program that cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("cannot {doing} `{}`", path.display())]
#[diagnostic(code(spile::files::io), help("{}", io_help(source)))]
pub struct IoError {
    /// What was tried: `read`, `write`, `start` and so on.
    pub doing: &'static str,
    /// The file, folder or program. A project's file is relative to the project.
    pub path: PathBuf,
    /// Why it failed.
    pub source: io::Error,
}

impl IoError {
    /// Returns a function that adds to a system error what was tried, and on which path.
    pub fn of(doing: &'static str, path: impl Into<PathBuf>) -> impl Fn(io::Error) -> Self {
        let path = path.into();
        move |source| Self { doing, path: path.clone(), source }
    }
}

/// Returns the next step for a file system error.
#[must_use]
pub fn io_help(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "check the owner and the permissions of the folder",
        io::ErrorKind::StorageFull => "free some disk space and try again; nothing is half-written",
        io::ErrorKind::ReadOnlyFilesystem => {
            "the disk is mounted read-only: to run syncs, set `SPILE_STATE_DIR` to a writable folder; to change files, work on a copy"
        }
        io::ErrorKind::NotFound => "check that the folder exists",
        _ => "fix the cause in the message and try again; nothing is half-written",
    }
}
