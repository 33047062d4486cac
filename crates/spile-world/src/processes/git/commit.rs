//! Creates commits without touching the working tree or its index.

use std::path::Path;

use super::GitError;
use super::command::{Git, Reach};
use super::proposal::Proposal;
use crate::files::project::FileEdit;

/// How many names to try for a branch.
const MOST_NAMES: usize = 100;

/// The author of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
}

/// A commit to create.
#[derive(Debug)]
pub struct Commit<'a> {
    /// The files that it changes: the expected content in the checked-out commit, and the new content.
    pub files: Vec<&'a FileEdit>,
    /// The author.
    pub author: &'a Author,
    /// Its message. A new branch is named after the first line.
    pub message: &'a str,
    /// The branch to continue; `None` begins one at HEAD.
    pub onto: Option<&'a Proposal>,
}

/// A commit that was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitOnBranch {
    /// The branch.
    pub branch: String,
    /// The commit.
    pub commit: String,
    /// The commit that the branch pointed to before; `None` if it is new.
    pub before: Option<String>,
}

/// git with its own index.
struct Plumbing<'a>(Git<'a>);

/// Commits file changes to a branch: a new one that starts at HEAD, or one that waits for review.
///
/// # Errors
/// When the folder is not in a repository, the repository has no commits, or a file has uncommitted changes.
pub async fn commit(folder: &Path, commit: &Commit<'_>) -> Result<CommitOnBranch, GitError> {
    let scratch = tempfile::tempdir().map_err(GitError::Start)?;
    let git = Plumbing::with(folder, &scratch.path().join("index"), commit.author);
    let head = match commit.onto {
        Some(onto) => onto.commit.clone(),
        None => git.says(&["rev-parse", "--verify", "HEAD^{commit}"], None).await?,
    };
    let prefix = git.says(&["rev-parse", "--show-prefix"], None).await?;
    git.says(&["read-tree", &head], None).await?;
    for file in &commit.files {
        let path = format!("{prefix}{}", file.path.display());
        let found = git.0.run(&["cat-file", "blob", &format!("{head}:{path}")], None).await?;
        let found = found.status.success().then_some(found.stdout);
        if found.as_deref() != file.before.as_deref().map(str::as_bytes) {
            return Err(GitError::Uncommitted { path: file.path.clone() });
        }
        if let Some(text) = &file.after {
            let blob = git.says(&["hash-object", "-w", "--no-filters", "--stdin"], Some(text)).await?;
            git.says(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{path}")], None).await?;
        } else {
            // Names are relative to the folder here.
            let path = file.path.display().to_string();
            git.says(&["update-index", "--force-remove", "--", &path], None).await?;
        }
    }
    let tree = git.says(&["write-tree"], None).await?;
    let made = git.says(&["commit-tree", "--no-gpg-sign", &tree, "-p", &head, "-F", "-"], Some(commit.message)).await?;
    let Some(onto) = commit.onto else {
        return Ok(CommitOnBranch { branch: git.branch(commit.message, &made).await?, commit: made, before: None });
    };
    // Refused if somebody moved the branch meanwhile.
    git.says(&["update-ref", &format!("refs/heads/{}", onto.branch), &made, &head], None).await?;
    Ok(CommitOnBranch { branch: onto.branch.clone(), commit: made, before: Some(head) })
}

/// Pushes a branch.
///
/// # Errors
/// When the remote does not exist, or refuses.
pub async fn push(folder: &Path, remote: &str, branch: &str) -> Result<(), GitError> {
    let branch = format!("refs/heads/{branch}");
    let git = Git::at(folder, Reach::Remote);
    git.succeeds("push", &["push", "--quiet", "--no-verify", "--end-of-options", remote, &branch]).await.map(drop)
}

/// Undoes a commit: removes its branch, or has it point to the commit before, if nobody has added another.
///
/// # Errors
/// When git refuses.
pub async fn put_back(folder: &Path, made: &CommitOnBranch) -> Result<(), GitError> {
    let branch = format!("refs/heads/{}", made.branch);
    let git = Git::at(folder, Reach::Repository);
    let words = match &made.before {
        Some(before) => vec!["update-ref", &branch, before, &made.commit],
        None => vec!["update-ref", "-d", &branch, &made.commit],
    };
    git.succeeds("update-ref", &words).await.map(drop)
}

impl<'a> Plumbing<'a> {
    fn with(folder: &'a Path, index: &Path, author: &Author) -> Self {
        let git = Git::at(folder, Reach::Repository).with("GIT_INDEX_FILE", index);
        let signed = ["AUTHOR", "COMMITTER"].into_iter().fold(git, |git, who| {
            let git = git.with(format!("GIT_{who}_NAME"), &author.name);
            git.with(format!("GIT_{who}_EMAIL"), &author.email)
        });
        Self(signed)
    }

    /// Creates a branch that is named after a message, with a number if the name is taken.
    async fn branch(&self, message: &str, commit: &str) -> Result<String, GitError> {
        let line = message.lines().next().unwrap_or_default().to_lowercase();
        let words = line.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let words: Vec<&str> = words.take(8).collect();
        let plain = format!("spile/{}", words.join("-"));
        let mut said = String::new();
        for number in 1..MOST_NAMES {
            let name = if number == 1 { plain.clone() } else { format!("{plain}-{number}") };
            // Zeros mean that the branch must not exist yet.
            let zeros = "0".repeat(commit.len());
            let made = self.0.run(&["update-ref", &format!("refs/heads/{name}"), commit, &zeros], None).await?;
            if made.status.success() {
                return Ok(name);
            }
            said = made.complaint();
        }
        Err(GitError::Failed { what: "update-ref", said })
    }

    async fn says(&self, words: &[&str], input: Option<&str>) -> Result<String, GitError> {
        let answer = self.0.run(words, input).await?;
        if answer.status.success() {
            return Ok(String::from_utf8_lossy(&answer.stdout).trim_end_matches('\n').to_owned());
        }
        Err(GitError::Failed { what: "commit", said: answer.complaint() })
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::proposal::proposal;
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "git itself says what it has")]
    fn git(folder: &Path, words: &[&str]) -> String {
        let output = Command::new("git").current_dir(folder).args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        crate::files::door::replace(path, text.as_bytes()).unwrap();
    }

    /// A repository with a project in one of its folders.
    fn repository() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "--quiet", "--initial-branch", "main"]);
        let project = folder.path().join("data");
        write(&project.join("integrations/a.toml"), "a\n");
        write(&project.join("integrations/b.toml"), "b\n");
        git(folder.path(), &["add", "."]);
        git(
            folder.path(),
            &["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "--quiet", "-m", "begin"],
        );
        (folder, project)
    }

    fn edit(path: &str, before: Option<&str>, after: Option<&str>) -> FileEdit {
        FileEdit { path: path.into(), before: before.map(str::to_owned), after: after.map(str::to_owned) }
    }

    #[tokio::test]
    async fn a_commit_on_a_branch_does_not_touch_the_working_tree_or_its_index() {
        let (_folder, project) = repository();
        write(&project.join("other"), "not committed");
        git(&project, &["add", "other"]);
        let before = git(&project, &["status", "--porcelain"]);
        let author = Author { name: "Ada".to_owned(), email: "ada@example.com".to_owned() };
        let edits = [
            edit("integrations/a.toml", Some("a\n"), Some("A\n")),
            edit("integrations/b.toml", Some("b\n"), None),
            edit("integrations/c.toml", None, Some("c\n")),
        ];
        let files = || edits.iter().collect();
        let message = "Add `Shop (EU)`\n\nBy the web.";
        let wanted = || Commit { files: files(), author: &author, message, onto: None };
        let CommitOnBranch { branch, commit: made, .. } = commit(&project, &wanted()).await.unwrap();
        assert_eq!(branch, "spile/add-shop-eu");
        assert_eq!(git(&project, &["status", "--porcelain"]), before);
        assert_eq!(git(&project, &["rev-parse", &branch]), made);
        assert_eq!(
            git(&project, &["log", "-1", "--format=%an <%ae> %s", &branch]),
            "Ada <ada@example.com> Add `Shop (EU)`"
        );
        let shown = git(&project, &["diff", "--name-status", "main", &branch]);
        assert_eq!(shown, "M\tdata/integrations/a.toml\nD\tdata/integrations/b.toml\nA\tdata/integrations/c.toml");
        assert_eq!(git(&project, &["show", &format!("{branch}:data/integrations/a.toml")]), "A");
        assert_eq!(commit(&project, &wanted()).await.unwrap().branch, "spile/add-shop-eu-2");
    }

    #[tokio::test]
    async fn a_branch_that_waits_for_review_is_continued_until_the_files_change_elsewhere() {
        let (_folder, project) = repository();
        let author = Author { name: "Ada".to_owned(), email: "ada@example.com".to_owned() };
        let is_a = |path: &Path| path == Path::new("integrations/a.toml");
        let made = async |edit: &FileEdit, onto: Option<&Proposal>| {
            commit(&project, &Commit { files: vec![edit], author: &author, message: "Change a", onto }).await.unwrap()
        };
        assert_eq!(proposal(&project, is_a).await.unwrap(), None);
        made(&edit("integrations/b.toml", Some("b\n"), Some("B\n")), None).await;
        assert_eq!(proposal(&project, is_a).await.unwrap(), None, "it changes another file");
        let first = made(&edit("integrations/a.toml", Some("a\n"), Some("A\n")), None).await;
        let found = proposal(&project, is_a).await.unwrap().unwrap();
        assert_eq!((&found.branch, &found.commit), (&first.branch, &first.commit));
        assert_eq!(found.files, [("integrations/a.toml".into(), Some("A\n".to_owned()))].into());
        let second = made(&edit("integrations/a.toml", Some("A\n"), None), Some(&found)).await;
        assert_eq!((&second.branch, &second.before), (&first.branch, &Some(first.commit.clone())));
        assert_eq!(git(&project, &["rev-parse", &format!("{}^", second.branch)]), first.commit);
        let deleted = proposal(&project, is_a).await.unwrap().unwrap();
        assert_eq!(deleted.files, [("integrations/a.toml".into(), None)].into());
        put_back(&project, &second).await.unwrap();
        assert_eq!(proposal(&project, is_a).await.unwrap().as_ref(), Some(&found));
        // As after a merge that squashes the branch.
        write(&project.join("integrations/a.toml"), "A\n");
        git(&project, &["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "--quiet", "-am", "squashed"]);
        assert_eq!(proposal(&project, is_a).await.unwrap(), None);
    }

    #[tokio::test]
    async fn uncommitted_changes_are_refused() {
        let (_folder, project) = repository();
        let author = Author { name: "Ada".to_owned(), email: "ada@example.com".to_owned() };
        let one = edit("integrations/a.toml", Some("edited\n"), Some("A\n"));
        let refused = commit(&project, &Commit { files: vec![&one], author: &author, message: "x", onto: None }).await;
        assert!(matches!(refused, Err(GitError::Uncommitted { .. })), "{refused:?}");
        assert_eq!(git(&project, &["branch", "--format=%(refname:short)"]), "main");
    }
}
