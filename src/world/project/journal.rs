//! What several files are about to become. Whoever is killed in between leaves a journal, and who comes next puts the files
//! back: of a change of several files all is there or nothing.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{OWN_FOLDER, make_private, replace_private};
use crate::world::door::{Door, Shut};

/// The journal, in spile's own folder.
const NAME: &str = "edits.json";

/// The version of what is in it. One of another version is for the program that knows it.
const VERSION: u32 = 1;

/// A file that is to change: what it says, and what it is to say; `None` is a file that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEdit {
    /// The file, relative to the project.
    pub path: PathBuf,
    /// What it says.
    pub before: Option<String>,
    /// What it is to say.
    pub after: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    files: Vec<FileEdit>,
}

/// The right to change files of a project: nobody else does while it is there. It ends with the process, however that ends.
#[derive(Debug)]
pub struct Turn {
    root: PathBuf,
    _lock: File,
}

impl Turn {
    /// Waits until nobody else changes files of a project, and puts back what somebody left half-way who was killed.
    ///
    /// # Errors
    /// When the folder cannot be read, or a file cannot be put back.
    pub fn of(root: &Path) -> io::Result<Self> {
        let lock = File::open(root)?;
        lock.lock()?;
        let turn = Self { root: root.to_owned(), _lock: lock };
        turn.put_back()?;
        Ok(turn)
    }

    /// Changes files, all of them or none.
    ///
    /// # Errors
    /// With the file that cannot be written; all are as they were then.
    pub fn change(&self, files: &[FileEdit]) -> Result<(), NotWritten> {
        // One file is replaced as a whole in any case.
        let is_noted = files.len() > 1;
        let own = |source| NotWritten { doing: "write", path: Path::new(OWN_FOLDER).join(NAME), source };
        if is_noted {
            self.note(files).map_err(own)?;
        }
        for (at, file) in files.iter().enumerate() {
            if let Err(error) = put(&self.root, file) {
                for written in files[..at].iter().rev() {
                    // What cannot be put back now is put back by who comes next.
                    let _ = put(&self.root, &written.back());
                }
                if is_noted {
                    let _ = self.put_back();
                }
                return Err(error);
            }
        }
        if is_noted { self.forget().map_err(own) } else { Ok(()) }
    }

    fn journal(&self) -> PathBuf {
        self.root.join(OWN_FOLDER).join(NAME)
    }

    fn note(&self, files: &[FileEdit]) -> io::Result<()> {
        make_private(&self.root.join(OWN_FOLDER))?;
        let written = serde_json::to_vec(&Written { version: VERSION, files: files.to_vec() });
        replace_private(&self.journal(), &written.map_err(io::Error::from)?)
    }

    /// Forgets the journal for good: one that came back with the power would undo what was done since.
    fn forget(&self) -> io::Result<()> {
        fs::remove_file(self.journal())?;
        File::open(self.root.join(OWN_FOLDER))?.sync_all()
    }

    /// Puts back the files that a journal names and that are as it was about to make them. What somebody has changed since is
    /// theirs.
    fn put_back(&self) -> io::Result<()> {
        let bytes = match fs::read(self.journal()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            bytes => bytes?,
        };
        // A journal is there whole or not at all: what cannot be read is another version's.
        let written = serde_json::from_slice(&bytes).ok().filter(|written: &Written| written.version == VERSION);
        let Some(written) = written else { return Ok(()) };
        for file in &written.files {
            if read(&self.root, &file.path)? == file.after && file.before != file.after {
                put(&self.root, &file.back()).map_err(|error| error.source)?;
            }
        }
        self.forget()
    }
}

/// Puts back what somebody left half-way who was killed, where nobody is changing files just now.
///
/// # Errors
/// When a file cannot be put back.
pub fn recover(root: &Path) -> io::Result<()> {
    if !root.join(OWN_FOLDER).join(NAME).exists() {
        return Ok(());
    }
    let lock = File::open(root)?;
    if lock.try_lock().is_err() {
        // Who has it is at work, or puts back what is left.
        return Ok(());
    }
    Turn { root: root.to_owned(), _lock: lock }.put_back()
}

/// A file that cannot be written.
#[derive(Debug)]
pub struct NotWritten {
    /// What was tried.
    pub doing: &'static str,
    /// The file, relative to the project.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl FileEdit {
    fn back(&self) -> Self {
        Self { path: self.path.clone(), before: self.after.clone(), after: self.before.clone() }
    }
}

/// Returns the bytes of a file as text; `None` where it is not there.
fn read(root: &Path, path: &Path) -> io::Result<Option<String>> {
    match Door::to_project(root)?.read(path) {
        // What is no text is nothing that was written here.
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(Shut::Missing) => Ok(None),
        Err(why) => Err(why.into()),
    }
}

fn put(root: &Path, file: &FileEdit) -> Result<(), NotWritten> {
    let failed = |doing| move |why: Shut| NotWritten { doing, path: file.path.clone(), source: why.into() };
    let door = Door::to_project(root).map_err(failed("open the folder of"))?;
    match (&file.before, &file.after) {
        (_, None) => door.remove(&file.path).map_err(failed("remove")),
        (Some(_), Some(text)) => door.replace(&file.path, text.as_bytes()).map_err(failed("write")),
        // Nobody else's file is overwritten that came in the meantime.
        (None, Some(text)) => door.create(&file.path, text.as_bytes()).map_err(failed("write")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::project::{create, replace};

    fn edit(path: &str, before: Option<&str>, after: Option<&str>) -> FileEdit {
        FileEdit { path: path.into(), before: before.map(str::to_owned), after: after.map(str::to_owned) }
    }

    /// A folder in which somebody was killed while they changed these files, after the first of them.
    fn killed(files: &[FileEdit]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let turn = Turn::of(folder.path()).unwrap();
        for file in files.iter().filter(|file| file.before.is_some()) {
            put(folder.path(), &FileEdit { before: None, after: file.before.clone(), ..file.clone() }).unwrap();
        }
        turn.note(files).unwrap();
        put(folder.path(), &files[0]).unwrap();
        folder
    }

    fn text(folder: &tempfile::TempDir, path: &str) -> Option<String> {
        read(folder.path(), Path::new(path)).unwrap()
    }

    #[test]
    fn who_comes_next_puts_back_what_was_left_half_way() {
        let files = [edit("a", Some("1"), Some("2")), edit("b", None, Some("3")), edit("c", Some("4"), None)];
        let folder = killed(&files);
        assert_eq!(text(&folder, "a").as_deref(), Some("2"));
        recover(folder.path()).unwrap();
        assert_eq!(text(&folder, "a").as_deref(), Some("1"));
        assert_eq!((text(&folder, "b"), text(&folder, "c").as_deref()), (None, Some("4")));
        assert!(!folder.path().join(".spile/edits.json").exists());
        Turn::of(folder.path()).unwrap().change(&files).unwrap();
        assert_eq!((text(&folder, "b").as_deref(), text(&folder, "c")), (Some("3"), None));
        recover(folder.path()).unwrap();
        assert_eq!(text(&folder, "a").as_deref(), Some("2"), "what is done stays");
    }

    #[test]
    fn what_somebody_has_changed_since_is_theirs() {
        let folder = killed(&[edit("a", Some("1"), Some("2")), edit("b", None, Some("3"))]);
        replace(&folder.path().join("a"), b"by hand").unwrap();
        create(&folder.path().join("b"), b"by hand").unwrap();
        recover(folder.path()).unwrap();
        assert_eq!((text(&folder, "a").as_deref(), text(&folder, "b").as_deref()), (Some("by hand"), Some("by hand")));
    }

    #[test]
    fn nobody_puts_back_what_somebody_is_writing_just_now() {
        let folder = killed(&[edit("a", Some("1"), Some("2")), edit("b", None, Some("3"))]);
        let at_work = File::open(folder.path()).unwrap();
        at_work.lock().unwrap();
        recover(folder.path()).unwrap();
        assert_eq!(text(&folder, "a").as_deref(), Some("2"));
        drop(at_work);
        recover(folder.path()).unwrap();
        assert_eq!(text(&folder, "a").as_deref(), Some("1"));
    }

    #[test]
    fn a_journal_of_another_version_is_left_for_it() {
        let folder = tempfile::tempdir().unwrap();
        make_private(&folder.path().join(OWN_FOLDER)).unwrap();
        let journal = folder.path().join(OWN_FOLDER).join(NAME);
        replace(&journal, b"{\"version\": 2, \"steps\": []}").unwrap();
        recover(folder.path()).unwrap();
        assert!(journal.exists());
    }
}
