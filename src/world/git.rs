//! git, where only it can do something: its configuration, and the merge of two texts.

use std::ffi::OsStr;
use std::path::Path;

use miette::Diagnostic;
use tokio::process::Command;

/// Why git was of no use.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum GitError {
    /// It cannot be started.
    #[error("git cannot be started")]
    #[diagnostic(code(spile::git::start), help("install git, or leave out `--git`"))]
    Start(#[source] std::io::Error),
    /// It refuses.
    #[error("git {what} fails: {said}")]
    #[diagnostic(code(spile::git::failed), help("run it in a repository: `git init` makes one"))]
    Failed {
        /// What it was to do.
        what: &'static str,
        /// Its own words.
        said: String,
    },
}

async fn git(folder: &Path, words: &[&OsStr]) -> Result<std::process::Output, GitError> {
    Command::new("git").current_dir(folder).args(words).output().await.map_err(GitError::Start)
}

/// Sets a key of the repository's configuration.
///
/// # Errors
/// When the folder is in no repository.
pub async fn configure(folder: &Path, name: &str, value: &str) -> Result<(), GitError> {
    let output = git(folder, &["config".as_ref(), "--local".as_ref(), name.as_ref(), value.as_ref()]).await?;
    if output.status.success() {
        return Ok(());
    }
    Err(GitError::Failed { what: "config", said: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}

/// Merges texts line by line, as git does: base, ours, theirs. Tells whether there are conflicts, which are marked.
///
/// # Errors
/// When git fails, or a temporary file cannot be written.
pub async fn merge_texts(texts: &[String; 3]) -> Result<(String, bool), GitError> {
    let folder = tempfile::tempdir().map_err(GitError::Start)?;
    let names = ["base", "ours", "theirs"].map(|name| folder.path().join(name));
    for (path, text) in names.iter().zip(texts) {
        super::project::replace(path, text.as_bytes()).map_err(GitError::Start)?;
    }
    let [base, ours, theirs] = names.each_ref().map(|path| path.as_os_str());
    let labels = ["-L", "ours", "-L", "base", "-L", "theirs"].map(OsStr::new);
    let words = [["merge-file", "-p"].map(OsStr::new).as_slice(), &labels, &[ours, base, theirs]].concat();
    let output = git(folder.path(), &words).await?;
    match output.status.code() {
        // The exit code is the number of conflicts; from 128 on it is an error.
        Some(conflicts @ 0..128) => Ok((String::from_utf8_lossy(&output.stdout).into_owned(), conflicts > 0)),
        _ => Err(GitError::Failed {
            what: "merge-file",
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        }),
    }
}
