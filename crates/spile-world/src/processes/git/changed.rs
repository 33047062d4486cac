//! What has changed since a commit. git says what was committed; the files themselves are compared here, for git would run
//! the filters that a repository names over them, and follow links and pipes.

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

/// The names of what was committed, by path. Of a file that is the digest of its bytes.
type Committed = BTreeMap<PathBuf, String>;

/// Returns the files below some folders that differ from where a commit and HEAD part: committed, not yet committed, and
/// gone. The folders and the files are relative to the one that git is in.
///
/// # Errors
/// When the folder is in no repository, or there is no such commit.
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
    // What is left is gone.
    changed.extend(committed.into_keys());
    Ok(changed)
}

/// Returns the commit where the named one and HEAD part.
async fn base(git: &Git<'_>, name: &str) -> Result<String, GitError> {
    let unknown = || GitError::Commit { name: name.to_owned() };
    // No name of a commit begins so: git is not even asked.
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
    // Without a common history, the commit itself.
    Ok(base.filter(|_| bases.status.success()).unwrap_or(commit))
}

/// Reads a list of `ls-tree`: mode, kind and digest, a tab, and the path.
fn committed(output: &[u8]) -> Committed {
    let entry = |part: &OsStr| {
        let part = part.as_bytes();
        let tab = part.iter().position(|byte| *byte == b'\t')?;
        let digest = std::str::from_utf8(&part[..tab]).ok()?.split(' ').nth(2)?.to_owned();
        Some((PathBuf::from(OsStr::from_bytes(&part[tab + 1..])), digest))
    };
    parts(output).filter_map(entry).collect()
}

/// Tells whether a file holds what was committed, but for the ends of its lines: git may have been asked to write those
/// otherwise. One that cannot be read holds something else.
fn is_same(item: &DirEntry, was: &str) -> bool {
    let Ok(Some(found)) = read(item) else { return false };
    let unix = || found.split(|byte| *byte == b'\r').collect::<Vec<_>>().concat();
    git_blob(&found, was.len()) == was || found.contains(&b'\r') && git_blob(&unix(), was.len()) == was
}

/// Returns what git keeps of a file: of a link where it leads.
fn read(item: &DirEntry) -> io::Result<Option<Vec<u8>>> {
    if item.path_is_symlink() {
        return Ok(Some(item.path().read_link()?.into_os_string().into_encoded_bytes()));
    }
    bytes(item.path())
}
