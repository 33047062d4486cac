//! Runs git for what only git can do: configuration, merges of two texts, branches with commits, and the checked-out
//! commit.

mod branches;
mod changed;
mod checked_out;
mod command;
mod commit;
mod file;
mod proposal;

use std::path::{Path, PathBuf};

use miette::Diagnostic;

use crate::files::project::{Project, Trust};
use command::{Git, Reach, parts};

pub use branches::{Branch, branches};
pub use checked_out::checked_out;
pub use commit::{Author, Commit, CommitOnBranch, commit, push, put_back};
pub use proposal::{Proposal, proposal};

/// Why git could not do what was asked.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum GitError {
    /// It cannot be started.
    #[error("git cannot be started")]
    #[diagnostic(
        code(spile::git::start),
        help("install git, or do not use the options that need it: `--git`, `--changed-since`")
    )]
    Start(#[source] std::io::Error),
    /// The commit does not exist.
    #[error("git does not know the commit `{name}`")]
    #[diagnostic(
        code(spile::git::commit),
        help("use a branch, a tag or a commit; in CI, fetch it first: a shallow clone has only one commit")
    )]
    Commit {
        /// The name that was given.
        name: String,
    },
    /// A file has uncommitted changes.
    #[error("`{}` has uncommitted changes", path.display())]
    #[diagnostic(
        code(spile::git::uncommitted),
        help("commit or undo them: the new branch starts from the checked-out commit; nothing was written")
    )]
    Uncommitted {
        /// The file, relative to the project.
        path: PathBuf,
    },
    /// It did not finish in time.
    #[error("`git {what}` did not finish within {seconds} seconds")]
    #[diagnostic(
        code(spile::git::timeout),
        help(
            "run `git fsck`: git waits if another program is packing the repository, or if there are pipes among its files"
        )
    )]
    Slow {
        /// The attempted command.
        what: String,
        /// The timeout.
        seconds: u64,
    },
    /// It refused.
    #[error("`git {what}` failed: {said}")]
    #[diagnostic(code(spile::git::failed), help("run it in a repository: `git init` creates one"))]
    Failed {
        /// The attempted command.
        what: &'static str,
        /// Its error message.
        said: String,
    },
}

/// Checks that a folder is in a repository.
///
/// # Errors
/// When it is not, or git cannot be used.
pub async fn check(folder: &Path) -> Result<(), GitError> {
    Git::at(folder, Reach::Repository).succeeds("rev-parse", &["rev-parse", "--git-dir"]).await.map(drop)
}

/// Sets a key in the repository's configuration.
///
/// # Errors
/// When the folder is not in a repository.
pub async fn configure(folder: &Path, name: &str, value: &str) -> Result<(), GitError> {
    let git = Git::at(folder, Reach::Repository);
    git.succeeds("config", &["config", "--local", name, value]).await.map(drop)
}

/// Returns the files below some folders of a project that have changed since the merge base of a commit and HEAD:
/// committed, uncommitted and deleted. Folders and files are relative to the project.
///
/// # Errors
/// When the project is not in a repository, or the commit does not exist.
pub async fn changed_since(project: &Project, name: &str, folders: &[&str]) -> Result<Vec<PathBuf>, GitError> {
    let reach = match project.trust() {
        Trust::Own => Reach::Repository,
        Trust::Untrusted => Reach::RepositoryAlone,
    };
    changed::since(&Git::at(project.root(), reach), project.root(), name, folders).await
}

/// The summary of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitMessage {
    /// Its abbreviated id.
    pub commit: String,
    /// The author's name.
    pub author: String,
    /// The author's time.
    pub at: jiff::Timestamp,
    /// The first line of its message.
    pub subject: String,
}

/// Returns the newest commits that changed a file, newest first. Follows renames.
///
/// # Errors
/// When the folder is not in a repository, or the repository has no commits.
pub async fn log(folder: &Path, path: &Path, most: usize) -> Result<Vec<CommitMessage>, GitError> {
    let (most, path) = (format!("--max-count={most}"), path.to_string_lossy().into_owned());
    let plain = ["--no-patch", "--no-ext-diff", "--no-textconv", "--no-show-signature", "--no-mailmap"];
    let words = [&["log", "--follow", "--format=%h%x09%at%x09%an%x09%s", &most], &plain[..], &["--", &path]].concat();
    let output = Git::at(folder, Reach::Repository).succeeds("log", &words).await?;
    let lines: Vec<String> = parts(&output).map(|line| line.to_string_lossy().into_owned()).collect();
    let said = lines.iter().filter_map(|line| {
        let mut parts = line.splitn(4, '\t').map(str::to_owned);
        let (commit, at) = (parts.next()?, parts.next()?);
        let at = jiff::Timestamp::from_second(at.parse().ok()?).ok()?;
        Some(CommitMessage { commit, at, author: parts.next()?, subject: parts.next()? })
    });
    Ok(said.collect())
}

/// Merges texts line by line with git: base, ours, theirs. Tells whether there are conflicts, which are marked.
///
/// # Errors
/// When git fails, or a temporary file cannot be written.
pub async fn merge_texts(texts: &[String; 3]) -> Result<(String, bool), GitError> {
    let folder = tempfile::tempdir().map_err(GitError::Start)?;
    let names = ["base", "ours", "theirs"].map(|name| folder.path().join(name));
    for (path, text) in names.iter().zip(texts) {
        crate::files::door::replace(path, text.as_bytes()).map_err(GitError::Start)?;
    }
    // The names are relative to the folder that git runs in.
    let words = ["merge-file", "-p", "-L", "ours", "-L", "base", "-L", "theirs", "ours", "base", "theirs"];
    let output = Git::at(folder.path(), Reach::RepositoryAlone).run(&words, None).await?;
    match output.status.code() {
        // The exit code is the number of conflicts. From 128 on, it is an error.
        Some(conflicts @ 0..128) => Ok((String::from_utf8_lossy(&output.stdout).into_owned(), conflicts > 0)),
        _ => Err(GitError::Failed { what: "merge-file", said: output.complaint() }),
    }
}
