//! Finds what has changed since a commit. git lists what was committed, but the files are compared here, because git
//! would run the filters that a repository configures, and follow links and pipes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::GitError;
use super::command::{Git, parts};
use super::file::bytes;
use spile_core::digest::git_blob;

/// The committed files by path, with the digest of their content.
type Committed = BTreeMap<PathBuf, String>;

/// Returns the files below some folders that have changed since the merge base of a commit and HEAD: committed,
/// uncommitted and deleted. Folders and files are relative to the folder that git runs in.
///
/// # Errors
/// When the folder is not in a repository, or the commit does not exist.
pub(super) async fn since(git: &Git<'_>, root: &Path, name: &str, folders: &[&str]) -> Result<Vec<PathBuf>, GitError> {
    let base = base(git, name).await?;
    let words = [&["ls-tree", "-r", "-z", &base, "--"], folders].concat();
    let mut committed = committed(&git.succeeds("ls-tree", &words).await?);
    let mut changed = Vec::new();
    for folder in folders {
        for item in WalkDir::new(root.join(folder)).follow_links(false).into_iter().flatten() {
            let Ok(path) = item.path().strip_prefix(root) else { continue };
            let was = committed.remove(path);
            if !item.file_type().is_dir() && was.is_none_or(|was| !is_same(&item, &was)) {
                changed.push(path.to_owned());
            }
        }
    }
    // The remaining files were deleted.
    changed.extend(committed.into_keys());
    Ok(changed)
}

/// Returns the merge base of the named commit and HEAD.
async fn base(git: &Git<'_>, name: &str) -> Result<String, GitError> {
    let unknown = || GitError::Commit { name: name.to_owned() };
    // No commit has such a name, and git might take it for an option.
    if name.is_empty() || name.starts_with('-') {
        return Err(unknown());
    }
    let commit = format!("{name}^{{commit}}");
    let known = git.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit], None).await?;
    if !known.status.success() {
        git.succeeds("rev-parse", &["rev-parse", "--git-dir"]).await?;
        return Err(unknown());
    }
    let commit = String::from_utf8_lossy(&known.stdout).trim().to_owned();
    let bases = git.run(&["merge-base", &commit, "HEAD"], None).await?;
    let base = String::from_utf8_lossy(&bases.stdout).lines().next().map(str::to_owned);
    // Without a common history, uses the commit itself.
    Ok(base.filter(|_| bases.status.success()).unwrap_or(commit))
}

/// Parses the output of `ls-tree`: mode, type and digest, a tab, and the path.
fn committed(output: &[u8]) -> Committed {
    let entry = |part: &OsStr| {
        let part = part.as_bytes();
        let tab = part.iter().position(|byte| *byte == b'\t')?;
        let digest = std::str::from_utf8(&part[..tab]).ok()?.split(' ').nth(2)?.to_owned();
        Some((PathBuf::from(OsStr::from_bytes(&part[tab + 1..])), digest))
    };
    parts(output).filter_map(entry).collect()
}

/// Tells whether a file still has its committed content, ignoring line endings, which git may be configured to convert.
/// A file that cannot be read counts as changed.
fn is_same(item: &DirEntry, was: &str) -> bool {
    let Ok(Some(found)) = read(item) else { return false };
    let unix = || found.split(|byte| *byte == b'\r').collect::<Vec<_>>().concat();
    git_blob(&found, was.len()) == was || found.contains(&b'\r') && git_blob(&unix(), was.len()) == was
}

/// Returns the content that git stores for a file. For a link that is its target.
fn read(item: &DirEntry) -> io::Result<Option<Vec<u8>>> {
    if item.path_is_symlink() {
        return Ok(Some(item.path().read_link()?.into_os_string().into_encoded_bytes()));
    }
    bytes(item.path())
}
