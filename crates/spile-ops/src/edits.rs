//! Changes to a project's files: checked together first, then written all or none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Error;
use spile_core::integration::rewrite::{Edit, rewrite};
use spile_world::Project;
use spile_world::files::door::Shut;
use spile_world::files::io_error::IoError;
use spile_world::files::project::{FileEdit, Turn};
use spile_world::processes::git::{self, Author, Commit, CommitOnBranch, Proposal};

/// The current and the desired content of files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits(BTreeMap<PathBuf, FileEdit>);

/// Where file changes are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To the files themselves.
    WorkingTree,
    /// To a commit on a branch. The files stay as they are.
    Branch {
        /// The remote that the branch is pushed to.
        push: Option<String>,
        /// The branch to continue; `None` begins a new one at what is checked out.
        onto: Option<Proposal>,
    },
}

/// The result of writing the changes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
pub enum WriteOutcome {
    /// Files, relative to the project.
    Files {
        /// Their paths.
        files: Vec<PathBuf>,
    },
    /// A commit on a branch.
    Branch {
        /// The branch.
        branch: String,
        /// The commit on it.
        commit: String,
        /// The remote that it was pushed to.
        pushed_to: Option<String>,
    },
}

impl Edits {
    /// Adds a file with its current and its desired content.
    pub fn set(&mut self, path: impl Into<PathBuf>, before: Option<String>, after: Option<String>) {
        let path = path.into();
        self.0.insert(path.clone(), FileEdit { path, before, after });
    }

    /// Adds a file with one key set, or removed. A file that does not exist is created.
    ///
    /// # Errors
    /// When the file cannot be read, or is not TOML.
    pub fn set_key(&mut self, project: &Project, path: PathBuf, edit: Edit) -> Result<(), Error> {
        let before = read(project, &path)?;
        let after = rewrite(before.as_deref().unwrap_or_default(), &[edit]);
        // Files that are not TOML were refused earlier.
        let after = after.map_err(|error| IoError::of("edit", &path)(std::io::Error::other(error.to_string())))?;
        self.set(path, before, Some(after));
        Ok(())
    }

    /// Adds the changes of another.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Tells whether no file would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changed().next().is_none()
    }

    /// Returns the desired content of a file, if it is among these and not deleted.
    #[must_use]
    pub fn text(&self, path: &Path) -> Option<&str> {
        self.0.get(path)?.after.as_deref()
    }

    /// Returns the project as it would be after the changes.
    #[must_use]
    pub fn over(&self, project: &Project) -> Project {
        let apply = |project: Project, edit: &FileEdit| match &edit.after {
            Some(text) => project.with(&edit.path, text.clone()),
            None => project.without(&edit.path),
        };
        self.0.values().fold(project.clone(), apply)
    }

    /// Returns the files whose content changes.
    fn changed(&self) -> impl Iterator<Item = &FileEdit> {
        self.0.values().filter(|edit| edit.before != edit.after)
    }

    /// Writes the changes to a destination.
    ///
    /// # Errors
    /// When a file has changed in the meantime, or cannot be written. All files then stay as they were.
    pub async fn carry_out(
        &self,
        project: &Project,
        destination: &Destination,
        author: &Author,
        message: &str,
    ) -> Result<WriteOutcome, Error> {
        // A branch with an empty commit would not be a proposal.
        if self.is_empty() {
            return Ok(WriteOutcome::Files { files: Vec::new() });
        }
        match destination {
            Destination::WorkingTree => Ok(WriteOutcome::Files { files: self.write(project)? }),
            Destination::Branch { push, onto } => {
                let commit = Commit { files: self.changed().collect(), author, message, onto: onto.as_ref() };
                let made = git::commit(project.root(), &commit).await?;
                if let Some(remote) = push
                    && let Err(error) = git::push(project.root(), remote, &made.branch).await
                {
                    // A commit that nobody else can see is not a proposal. The next attempt creates it again.
                    git::put_back(project.root(), &made).await?;
                    return Err(error.into());
                }
                let CommitOnBranch { branch, commit, .. } = made;
                Ok(WriteOutcome::Branch { branch, commit, pushed_to: push.clone() })
            }
        }
    }

    /// Writes the files, and returns their paths.
    ///
    /// # Errors
    /// See [`Self::carry_out`].
    pub fn write(&self, project: &Project) -> Result<Vec<PathBuf>, Error> {
        let changed: Vec<FileEdit> = self.changed().cloned().collect();
        let turn = Turn::of(project.root());
        let turn = turn.map_err(IoError::of("lock", "."))?;
        for edit in &changed {
            if written(project.text_on_disk(&edit.path), &edit.path)? != edit.before {
                return Err(Error::Moved { path: edit.path.display().to_string() });
            }
        }
        turn.change(&changed).map_err(not_written)?;
        Ok(changed.into_iter().map(|edit| edit.path).collect())
    }
}

/// Returns the error for a file that cannot be written, with the door's own reason if the door refused it.
fn not_written(IoError { doing, path, source }: IoError) -> Error {
    match source.downcast::<Shut>() {
        Ok(why) => Error::of_file(doing, &path, why),
        Err(source) => IoError { doing, path, source }.into(),
    }
}

/// Returns the content of a file, with unwritten changes of the project, or `None` if it does not exist.
///
/// # Errors
/// When it leads out of the project, is not a regular file, or cannot be read.
pub fn read(project: &Project, path: &Path) -> Result<Option<String>, Error> {
    written(project.text(path), path)
}

fn written(text: Result<String, Shut>, path: &Path) -> Result<Option<String>, Error> {
    match text {
        Ok(text) => Ok(Some(text)),
        Err(Shut::Missing) => Ok(None),
        Err(why) => Err(Error::of_file("read", path, why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spile_world::files::door::replace;

    fn project() -> (tempfile::TempDir, Project) {
        let folder = tempfile::tempdir().unwrap();
        replace(&folder.path().join("a"), b"1").unwrap();
        let project = Project::at(folder.path());
        (folder, project)
    }

    fn edits(files: &[(&str, Option<&str>, Option<&str>)]) -> Edits {
        let mut edits = Edits::default();
        for (path, before, after) in files {
            edits.set(*path, before.map(str::to_owned), after.map(str::to_owned));
        }
        edits
    }

    #[test]
    fn files_are_created_changed_and_deleted_together() {
        let (folder, project) = project();
        let all = edits(&[("a", Some("1"), Some("2")), ("b/c", None, Some("3")), ("d", None, None)]);
        let written = all.write(&project).unwrap();
        assert_eq!(written, [PathBuf::from("a"), PathBuf::from("b/c")]);
        assert_eq!(read(&project, Path::new("a")).unwrap().as_deref(), Some("2"));
        edits(&[("b/c", Some("3"), None)]).write(&project).unwrap();
        assert!(!folder.path().join("b/c").exists());
        assert!(edits(&[("a", Some("2"), Some("2"))]).is_empty());
    }

    #[tokio::test]
    async fn an_empty_change_makes_no_commit() {
        let (_folder, project) = project();
        let author = Author { name: "a".to_owned(), email: "a@localhost".to_owned() };
        let branch = Destination::Branch { push: Some("origin".to_owned()), onto: None };
        let same = edits(&[("a", Some("1"), Some("1"))]);
        let written = same.carry_out(&project, &branch, &author, "Change `a`").await.unwrap();
        assert_eq!(written, WriteOutcome::Files { files: Vec::new() });
    }

    #[test]
    fn a_file_changed_in_the_meantime_stops_all_edits() {
        let (folder, project) = project();
        let stale = edits(&[("a", Some("0"), Some("2")), ("b", None, Some("3"))]);
        assert!(matches!(stale.write(&project), Err(Error::Moved { .. })));
        let taken = edits(&[("a", None, Some("2"))]);
        assert!(matches!(taken.write(&project), Err(Error::Moved { .. })));
        assert!(!folder.path().join("b").exists());
        assert_eq!(read(&project, Path::new("a")).unwrap().as_deref(), Some("1"));
    }

    #[test]
    fn files_written_before_a_failure_are_restored() {
        let (folder, project) = project();
        // A file is in the place of a folder.
        let all = edits(&[("A", None, Some("new")), ("a/b", None, Some("3"))]);
        assert!(matches!(all.write(&project), Err(Error::Io(_))));
        assert!(!folder.path().join("A").exists());
        assert_eq!(read(&project, Path::new("a")).unwrap().as_deref(), Some("1"));
    }
}
