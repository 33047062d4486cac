//! The branches that a server has written.

use std::collections::BTreeSet;
use std::path::Path;

use super::command::{Git, Reach, parts};
use super::{CommitMessage, GitError};

/// The folder of their names.
const FOLDER: &str = "refs/heads/spile/";

/// A branch with a change that someone reviews.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its name: `spile/add-shop`.
    pub name: String,
    /// Its newest commit.
    pub last: CommitMessage,
    /// Whether the checked-out commit contains it.
    pub is_merged: bool,
}

/// Returns the branches that begin with `spile/`, the newest first.
///
/// # Errors
/// When the folder is not in a repository.
pub async fn branches(folder: &Path) -> Result<Vec<Branch>, GitError> {
    let git = Git::at(folder, Reach::Repository);
    let format = "--format=%(refname:short)%09%(objectname:short)%09%(committerdate:unix)%09%(authorname)%09%(subject)";
    let listed = git.succeeds("for-each-ref", &["for-each-ref", "--sort=-committerdate", format, FOLDER]).await?;
    let merged = ["for-each-ref", "--merged=HEAD", "--format=%(refname:short)", FOLDER];
    let merged = git.succeeds("for-each-ref", &merged).await?;
    let merged: BTreeSet<_> = parts(&merged).map(|name| name.to_string_lossy().into_owned()).collect();
    let branch = |line: &std::ffi::OsStr| {
        let line = line.to_string_lossy();
        let mut parts = line.splitn(5, '\t').map(str::to_owned);
        let (name, commit, at) = (parts.next()?, parts.next()?, parts.next()?);
        let at = jiff::Timestamp::from_second(at.parse().ok()?).ok()?;
        let last = CommitMessage { commit, at, author: parts.next()?, subject: parts.next()? };
        Some(Branch { is_merged: merged.contains(&name), name, last })
    };
    Ok(parts(&listed).filter_map(branch).collect())
}
