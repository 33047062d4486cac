//! git, where only it can do something: its configuration, the merge of two texts, branches with commits; and what it has
//! checked out.

mod checked_out;
mod commit;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use miette::Diagnostic;
use tokio::process::Command;

pub use checked_out::checked_out;
pub use commit::{Author, Commit, commit, push, remove_branch};

/// Why git was of no use.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum GitError {
    /// It cannot be started.
    #[error("git cannot be started")]
    #[diagnostic(code(spile::git::start), help("install git, or do without what needs it: `--git`, `--changed-since`"))]
    Start(#[source] std::io::Error),
    /// There is no such commit.
    #[error("git knows no commit `{name}`")]
    #[diagnostic(
        code(spile::git::commit),
        help("name a branch, a tag or a commit; in CI, fetch it first: a shallow clone has one commit only")
    )]
    Commit {
        /// What was named.
        name: String,
    },
    /// A file is not as it was committed.
    #[error("`{}` has changes that are not committed", path.display())]
    #[diagnostic(
        code(spile::git::uncommitted),
        help("commit or undo them: a branch is made from what is checked out; nothing was written")
    )]
    Uncommitted {
        /// The file, relative to the project.
        path: PathBuf,
    },
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

/// Returns the command that starts git in a folder, which asks nobody anything: a server has no terminal, and who waits for
/// it would wait for an answer. It is gone with whom it is run for.
fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    // Of ssh no command is set, for that would take the place of the user's own.
    command.env("GIT_TERMINAL_PROMPT", "0").env("SSH_ASKPASS", "false").env("SSH_ASKPASS_REQUIRE", "force");
    command
}

async fn git(folder: &Path, words: &[&OsStr]) -> Result<Output, GitError> {
    command(folder).args(words).output().await.map_err(GitError::Start)
}

/// Sets a key of the repository's configuration.
///
/// # Errors
/// When the folder is in no repository.
pub async fn configure(folder: &Path, name: &str, value: &str) -> Result<(), GitError> {
    succeeded(folder, "config", &["config", "--local", name, value]).await.map(drop)
}

/// Returns what git says; where it refuses, that in its own words.
async fn succeeded(folder: &Path, what: &'static str, words: &[&str]) -> Result<Output, GitError> {
    let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
    let output = git(folder, &words).await?;
    if output.status.success() {
        return Ok(output);
    }
    Err(GitError::Failed { what, said: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}

/// Returns the files below a folder, relative to it, that differ from where a commit and HEAD part: committed, not yet
/// committed, and gone.
///
/// # Errors
/// When the folder is in no repository, or there is no such commit.
pub async fn changed_since(folder: &Path, name: &str) -> Result<Vec<PathBuf>, GitError> {
    let commit = format!("{name}^{{commit}}");
    let known = git(folder, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit].map(OsStr::new)).await?;
    if !known.status.success() {
        git_lines(folder, "rev-parse", &["rev-parse", "--git-dir"]).await?;
        return Err(GitError::Commit { name: name.to_owned() });
    }
    let commit = String::from_utf8_lossy(&known.stdout).trim().to_owned();
    let bases = git_lines(folder, "merge-base", &["merge-base", &commit, "HEAD"]).await;
    // Without a common history, the commit itself.
    let base = bases.ok().and_then(|bases| bases.into_iter().next()).unwrap_or(commit);
    let diff = ["diff", "--name-only", "--no-renames", "--relative", "-z", &base, "--", "."];
    let mut paths = git_lines(folder, "diff", &diff).await?;
    let untracked = ["ls-files", "--others", "--exclude-standard", "-z", "--", "."];
    paths.extend(git_lines(folder, "ls-files", &untracked).await?);
    Ok(paths.into_iter().map(PathBuf::from).collect())
}

/// Returns what git prints, parted by line ends or zeros.
async fn git_lines(folder: &Path, what: &'static str, words: &[&str]) -> Result<Vec<String>, GitError> {
    let output = succeeded(folder, what, words).await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.split(['\0', '\n']).filter(|part| !part.is_empty()).map(str::to_owned).collect())
}

/// What a commit says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its id, as short as it is clear.
    pub commit: String,
    /// Who wrote it.
    pub author: String,
    /// When.
    pub at: jiff::Timestamp,
    /// The first line of its message.
    pub subject: String,
}

/// Returns the newest commits that changed a file, under whatever name it had, the newest first.
///
/// # Errors
/// When the folder is in no repository, or nothing was ever committed.
pub async fn log(folder: &Path, path: &Path, most: usize) -> Result<Vec<Said>, GitError> {
    let (most, path) = (format!("--max-count={most}"), path.to_string_lossy().into_owned());
    let words = ["log", "--follow", "--format=%h%x09%at%x09%an%x09%s", &most, "--", &path];
    let lines = git_lines(folder, "log", &words).await?;
    let said = lines.iter().filter_map(|line| {
        let mut parts = line.splitn(4, '\t').map(str::to_owned);
        let (commit, at) = (parts.next()?, parts.next()?);
        let at = jiff::Timestamp::from_second(at.parse().ok()?).ok()?;
        Some(Said { commit, at, author: parts.next()?, subject: parts.next()? })
    });
    Ok(said.collect())
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
