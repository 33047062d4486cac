//! Finds the checked-out commit from a repository's own files, because asking git would take longer than a whole plan.

use std::path::{Path, PathBuf};

use super::file::bytes;

/// Returns the commit that is checked out in the repository of a folder, if there is one.
#[must_use]
pub fn checked_out(folder: &Path) -> Option<String> {
    let root = folder.canonicalize().ok()?;
    let found = root.ancestors().map(|folder| folder.join(".git")).find(|git| git.exists())?;
    // In a worktree and in a submodule, `.git` is a file that names the folder.
    let git = if found.is_dir() { found } else { pointed(&found, &text(&found)?, "gitdir: ")? };
    let head = text(&git.join("HEAD"))?;
    let Some(name) = head.trim().strip_prefix("ref: ") else { return commit(&head) };
    // A branch is always below `refs`.
    if !name.starts_with("refs/") || name.split('/').any(|part| part == "..") {
        return None;
    }
    // Worktrees share the branches of their repository.
    let common = text(&git.join("commondir"))
        .and_then(|text| pointed(&git.join("commondir"), &text, ""))
        .unwrap_or_else(|| git.clone());
    if let Some(found) = text(&common.join(name)) {
        return commit(&found);
    }
    let packed = text(&common.join("packed-refs"))?;
    packed.lines().find_map(|line| commit(line.strip_suffix(name)?.strip_suffix(' ')?))
}

/// Reads a file of a repository, which may be untrusted.
fn text(path: &Path) -> Option<String> {
    String::from_utf8(bytes(path).ok()??).ok()
}

/// Returns the text if it is a commit id. Other content is not revealed, because a link may lead to any file.
fn commit(text: &str) -> Option<String> {
    let name = text.trim();
    let is_digest = [40, 64].contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| name.to_owned())
}

/// Returns the folder that one of git's files points to, resolved relative to that file.
fn pointed(file: &Path, text: &str, prefix: &str) -> Option<PathBuf> {
    Some(file.parent()?.join(text.trim().strip_prefix(prefix)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_elsewhere_is_not_mistaken_for_a_commit() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            std::fs::create_dir_all(folder.path().join(path).parent().unwrap()).unwrap();
            crate::files::door::replace(&folder.path().join(path), text.as_bytes()).unwrap();
        };
        write(".git/secret", "hunter2\n");
        for head in ["ref: secret", "ref: refs/../secret", "ref: /etc/hostname", "ref: refs/heads/main", "hunter2"] {
            write(".git/HEAD", head);
            write(".git/refs/heads/main", "hunter2\n");
            assert_eq!(checked_out(folder.path()), None, "{head}");
        }
        std::fs::remove_file(folder.path().join(".git/HEAD")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.path().join(".git/HEAD")).unwrap();
        assert_eq!(checked_out(folder.path()), None, "a device");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes its own repository")]
    fn the_commit_is_that_of_the_projects_repository_or_worktree() {
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
