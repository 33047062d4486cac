//! The journal of a change to several files. If the process is killed during the change, the journal remains, and the
//! next process restores the files. So a change happens as a whole or not at all.
//!
//! A journal tells which files to overwrite. So it is trusted only if nobody but this user can have written it, and
//! only as a whole: if one path leads out of the project, nothing is undone.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use miette::Diagnostic;
use serde::{Deserialize, Serialize};

use super::{OWN_FOLDER, own_folder_of};
use crate::files::door::{Door, Shut, is_private};
use crate::files::io_error::IoError;
use crate::files::own_folder::{Own, OwnFolder};
use crate::files::process_lock::{Lock, RunLock};

/// The journal's name, in spile's own folder.
const NAME: &str = "edits.json";

/// The version of the format. A journal of another version is left to the program that knows it.
const VERSION: u32 = 1;

/// The most bytes of a journal.
const MOST_BYTES: u64 = 256 << 20;

/// The most files in a journal.
const MOST_FILES: usize = 100_000;

/// A change of one file: its old and its new text. `None` means that the file does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEdit {
    /// The file, relative to the project.
    pub path: PathBuf,
    /// The old text.
    pub before: Option<String>,
    /// The new text.
    pub after: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JournalEntry {
    version: u32,
    files: Vec<FileEdit>,
}

/// The part of a journal that every version has.
#[derive(Deserialize)]
struct JournalHead {
    version: u32,
}

/// A journal that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error("`.spile/edits.json` records an interrupted change, but spile does not trust it: {why}")]
#[diagnostic(
    code(spile::journal::refused),
    help("nothing was undone: check the files that it lists with `git diff`, then delete `.spile/edits.json`")
)]
pub struct BadJournal {
    why: String,
}

impl BadJournal {
    fn of(why: impl Into<String>) -> io::Error {
        Self { why: why.into() }.into()
    }
}

/// The exclusive right to change files of a project. It ends with the process, even if that is killed.
#[derive(Debug)]
pub struct Turn {
    root: PathBuf,
    own: OwnFolder,
    _lock: RunLock,
}

impl Turn {
    /// Waits until no other process changes files of a project, and restores the files of a change that was
    /// interrupted.
    ///
    /// # Errors
    /// When another process takes too long, spile's own folder does not belong to this user, the journal breaks a rule,
    /// or a file cannot be restored.
    pub fn of(root: &Path) -> io::Result<Self> {
        let own = own(root);
        let lock = RunLock::hold(&own, Lock::Project)?;
        let turn = Self { root: root.to_owned(), own: own.make()?, _lock: lock };
        turn.put_back()?;
        Ok(turn)
    }

    /// Changes all of the files or none.
    ///
    /// # Errors
    /// With the file that cannot be written; all are as they were then.
    pub fn change(&self, files: &[FileEdit]) -> Result<(), IoError> {
        // One file is replaced as a whole in any case.
        let is_noted = files.len() > 1;
        let own = IoError::of("write", Path::new(OWN_FOLDER).join(NAME));
        if is_noted {
            self.note(files)?;
        }
        for (at, file) in files.iter().enumerate() {
            if let Err(error) = put(&self.root, file) {
                for written in files[..at].iter().rev() {
                    // If this fails, the next process restores the file.
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

    /// Writes the journal, with nothing in it that its reader would refuse.
    fn note(&self, files: &[FileEdit]) -> Result<(), IoError> {
        let mut real = Vec::with_capacity(files.len());
        for file in files {
            let io = IoError::of("write", &file.path);
            real.push(FileEdit { path: self.real(&file.path).map_err(io)?, ..file.clone() });
        }
        self.write(real).map_err(IoError::of("write", Path::new(OWN_FOLDER).join(NAME)))
    }

    fn write(&self, files: Vec<FileEdit>) -> io::Result<()> {
        let written = serde_json::to_vec(&JournalEntry { version: VERSION, files }).map_err(io::Error::from)?;
        if written.len() as u64 > MOST_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.own.replace(NAME, &written)
    }

    /// Returns the real path of a file, relative to the project. Links that stay inside are allowed when a file is
    /// written, but not when it is restored.
    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        let root = self.root.canonicalize()?;
        let full = root.join(path);
        for there in full.ancestors() {
            let real = match there.canonicalize() {
                Ok(real) => real,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                // A file is in place of a folder. The write reports that.
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => continue,
                Err(error) => return Err(error),
            };
            let rest = full.strip_prefix(there).unwrap_or(Path::new(""));
            let real = real.strip_prefix(&root).map_err(|_| io::Error::from(Shut::Outside))?;
            let real = if rest.as_os_str().is_empty() { real.to_owned() } else { real.join(rest) };
            return if is_inside(&real) { Ok(real) } else { Err(Shut::Outside.into()) };
        }
        Err(Shut::Outside.into())
    }

    /// Deletes the journal durably. If it reappeared after a power loss, it would undo later changes.
    fn forget(&self) -> io::Result<()> {
        self.own.remove(NAME)?;
        fs::File::open(self.own.path())?.sync_all()
    }

    /// Restores the files in a journal whose content is what the interrupted change wrote. Files that have changed
    /// since are left alone.
    fn put_back(&self) -> io::Result<()> {
        let Some(bytes) = self.own.read_private(NAME, MOST_BYTES)? else { return Ok(()) };
        let Some(written) = parsed(&bytes)? else { return Ok(()) };
        // Checks all files before changing any.
        let mut left = Vec::new();
        for file in &written.files {
            if read(&self.root, &file.path)? == file.after && file.before != file.after {
                left.push(file.back());
            }
        }
        for file in &left {
            put(&self.root, file).map_err(|error| error.source)?;
        }
        self.forget()
    }
}

fn own(root: &Path) -> Own {
    Own::at(&own_folder_of(root))
}

/// Parses a journal; `None` if it has another version.
fn parsed(bytes: &[u8]) -> io::Result<Option<JournalEntry>> {
    let damaged = |error: serde_json::Error| BadJournal::of(format!("it cannot be read ({error})"));
    if serde_json::from_slice::<JournalHead>(bytes).map_err(damaged)?.version != VERSION {
        return Ok(None);
    }
    let written: JournalEntry = serde_json::from_slice(bytes).map_err(damaged)?;
    if written.files.len() > MOST_FILES {
        return Err(BadJournal::of(format!("it lists more than {MOST_FILES} files")));
    }
    if let Some(file) = written.files.iter().find(|file| !is_inside(&file.path)) {
        return Err(BadJournal::of(format!("it lists `{}`, which is not a file of the project", file.path.display())));
    }
    Ok(Some(written))
}

/// Tells whether a path names a file of a project: it stays inside and does not lead into a private folder.
fn is_inside(path: &Path) -> bool {
    let is_name = |part: Component<'_>| matches!(part, Component::Normal(name) if !is_private(name));
    path.components().next().is_some() && path.components().all(is_name)
}

/// Restores the files of an interrupted change. Waits for a process that is still running.
///
/// # Errors
/// When a file cannot be restored, or the journal is not trusted.
pub fn recover(root: &Path) -> io::Result<()> {
    let is_there = |own: &OwnFolder| own.path().join(NAME).symlink_metadata().is_ok();
    if own(root).open()?.as_ref().is_some_and(is_there) { Turn::of(root).map(drop) } else { Ok(()) }
}

/// Tells whether a change was interrupted and no running process is about to restore it.
#[must_use]
pub fn is_interrupted(root: &Path) -> bool {
    let left = |own: &OwnFolder| {
        let is_there = matches!(own.read_private(NAME, MOST_BYTES), Ok(Some(_)) | Err(_));
        is_there && !RunLock::is_held(own, Lock::Project)
    };
    own(root).open().ok().flatten().as_ref().is_some_and(left)
}

impl FileEdit {
    fn back(&self) -> Self {
        Self { path: self.path.clone(), before: self.after.clone(), after: self.before.clone() }
    }
}

/// Returns a file's content as text; `None` if it does not exist.
fn read(root: &Path, path: &Path) -> io::Result<Option<String>> {
    match Door::without_links(&root.canonicalize()?).and_then(|root| root.read_up_to(path, MOST_BYTES)) {
        // Content that is not text cannot be what spile wrote, so it will not match.
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(Shut::Missing) => Ok(None),
        Err(Shut::Io(error)) => Err(error),
        Err(shut) => Err(BadJournal::of(format!("it lists `{}`, but {shut}", path.display()))),
    }
}

fn put(root: &Path, file: &FileEdit) -> Result<(), IoError> {
    let failed = |doing| move |why: Shut| IoError::of(doing, &file.path)(why.into());
    let door = Door::to_project(root).map_err(failed("open the folder of"))?;
    match (&file.before, &file.after) {
        (_, None) => door.remove(&file.path).map_err(failed("remove")),
        (Some(_), Some(text)) => door.replace(&file.path, text.as_bytes()).map_err(failed("write")),
        // Does not overwrite a file that was created in the meantime.
        (None, Some(text)) => door.create(&file.path, text.as_bytes()).map_err(failed("write")),
    }
}

#[cfg(test)]
mod tests;
