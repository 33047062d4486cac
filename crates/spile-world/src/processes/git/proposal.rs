//! What a branch of a server already proposes for some files, so that the next change of them goes on from there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::GitError;
use super::branches::branches;
use super::command::{Git, Reach, parts};

/// The most branches that are looked at, the newest first.
const MOST: usize = 20;

/// A branch that changes files, waits for review, and can be continued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Its name: `spile/change-shop`.
    pub branch: String,
    /// Its newest commit.
    pub commit: String,
    /// The files that it changes among those that were asked about, relative to the folder, with their content; `None` is a
    /// file that it deletes.
    pub files: BTreeMap<PathBuf, Option<String>>,
}

/// Returns the newest branch that begins with `spile/`, waits for review and changes some of the files in question.
///
/// A branch cannot be continued if these files have changed since it began: what it shows would be outdated, and after a
/// merge that squashes commits there would be nothing left to review.
///
/// # Errors
/// When the folder is not in a repository.
pub async fn proposal(folder: &Path, is_in_question: impl Fn(&Path) -> bool) -> Result<Option<Proposal>, GitError> {
    let git = Git::at(folder, Reach::Repository);
    let waiting = branches(folder).await?.into_iter().filter(|branch| !branch.is_merged);
    for branch in waiting.take(MOST) {
        let reference = format!("refs/heads/{}", branch.name);
        let bases = git.run(&["merge-base", "HEAD", &reference], None).await?;
        let Some(base) = line(&bases.stdout) else { continue };
        let mut changed = changed(&git, &base, &reference).await?;
        changed.retain(|path| is_in_question(path));
        if changed.is_empty() || !self::changed(&git, &base, "HEAD").await?.is_disjoint(&changed) {
            continue;
        }
        let commit = git.succeeds("rev-parse", &["rev-parse", "--verify", &format!("{reference}^{{commit}}")]).await?;
        let commit = line(&commit).unwrap_or_default();
        let mut files = BTreeMap::new();
        for path in changed {
            let text = git.run(&["cat-file", "blob", &format!("{commit}:./{}", path.display())], None).await?;
            let text = text.status.success().then(|| String::from_utf8(text.stdout).unwrap_or_default());
            files.insert(path, text);
        }
        return Ok(Some(Proposal { branch: branch.name, commit, files }));
    }
    Ok(None)
}

/// Returns the files below the folder that differ between two commits.
async fn changed(git: &Git<'_>, before: &str, after: &str) -> Result<BTreeSet<PathBuf>, GitError> {
    let words = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--relative", before, after];
    Ok(parts(&git.succeeds("diff-tree", &words).await?).map(PathBuf::from).collect())
}

fn line(output: &[u8]) -> Option<String> {
    String::from_utf8_lossy(output).lines().next().map(str::to_owned)
}
