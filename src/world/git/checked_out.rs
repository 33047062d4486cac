//! What a repository has checked out, read from its own files: to ask git for it would take longer than a plan.

use std::path::{Path, PathBuf};

/// Returns the commit that is checked out where a folder is, if that is in a repository.
#[must_use]
pub fn checked_out(folder: &Path) -> Option<String> {
    let root = folder.canonicalize().ok()?;
    let found = root.ancestors().map(|folder| folder.join(".git")).find(|git| git.exists())?;
    // Of a worktree and of a submodule it is a file that says where the folder is.
    let git = if found.is_dir() { found } else { pointed(&found, &std::fs::read_to_string(&found).ok()?, "gitdir: ")? };
    let head = std::fs::read_to_string(git.join("HEAD")).ok()?;
    let Some(name) = head.trim().strip_prefix("ref: ") else { return Some(head.trim().to_owned()) };
    // Worktrees share the branches of the repository that they are of.
    let common = std::fs::read_to_string(git.join("commondir")).ok();
    let common = common.and_then(|text| pointed(&git.join("commondir"), &text, "")).unwrap_or_else(|| git.clone());
    if let Ok(commit) = std::fs::read_to_string(common.join(name)) {
        return Some(commit.trim().to_owned());
    }
    let packed = std::fs::read_to_string(common.join("packed-refs")).ok()?;
    packed.lines().find_map(|line| Some(line.strip_suffix(name)?.strip_suffix(' ')?.to_owned()))
}

/// Returns the folder that a file of git's names, from the folder that the file is in.
fn pointed(file: &Path, text: &str, prefix: &str) -> Option<PathBuf> {
    Some(file.parent()?.join(text.trim().strip_prefix(prefix)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes its own repository")]
    fn the_commit_is_that_of_the_repository_or_worktree_that_the_project_is_in() {
        let folder = tempfile::tempdir().unwrap();
        let git = |at: &Path, words: &[&str]| {
            let mut git = std::process::Command::new("git");
            git.current_dir(at).args(["-c", "user.name=x", "-c", "user.email=x@example.com"]).args(words);
            let output = git.output().unwrap();
            assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let top = folder.path().join("top");
        std::fs::create_dir_all(top.join("project")).unwrap();
        assert_eq!(checked_out(&top.join("project")), None);
        git(&top, &["init", "--quiet", "--initial-branch", "main"]);
        let commit = || git(&top, &["commit", "--quiet", "--allow-empty", "-m", "x"]);
        commit();
        let other = folder.path().join("other");
        git(&top, &["worktree", "add", "--quiet", "-b", "side", &other.display().to_string()]);
        commit();
        let head = |at: &Path| Some(git(at, &["rev-parse", "HEAD"]));
        for at in [&top, &top.join("project"), &other] {
            assert_eq!(checked_out(at), head(at), "{}", at.display());
        }
        assert_ne!(head(&top), head(&other));
        git(&top, &["pack-refs", "--all"]);
        assert_eq!((checked_out(&top), checked_out(&other)), (head(&top), head(&other)));
    }
}
