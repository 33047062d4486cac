//! Drafts of integrations, so that a restart of the server loses no answer. They contain secrets, so each is encrypted
//! with a key that only its address contains: the browser has it, and no file.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use crate::files::own_folder::{Own, OwnFolder};
use spile_core::digest::{hash, sha256};
use spile_core::sops::{DataKey, Enc, PlainKind};

/// The name of the folder that stores them.
const FOLDER: &str = "drafts";

/// The most bytes of a draft.
const MOST_BYTES: u64 = 4 << 20;

/// The drafts of the servers of a project.
#[derive(Debug)]
pub struct DraftFiles(Own);

impl DraftFiles {
    /// Names the folder in a project's own folder. Nothing is read or created.
    #[must_use]
    pub fn of(own_folder: &Path) -> Self {
        Self(Own::at(own_folder))
    }

    /// Stores a draft under its id, which has to be random and secret.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, id: &str, draft: &[u8]) -> io::Result<()> {
        let file = file(id);
        let sealed = key(id).and_then(|key| key.encrypt(draft, PlainKind::Bytes, file.as_os_str().as_encoded_bytes()));
        let sealed = sealed.ok_or(io::ErrorKind::InvalidInput)?;
        let own = self.0.make()?;
        own.folder(FOLDER)?;
        own.replace(&file, sealed.to_string().as_bytes())
    }

    /// Returns a draft that somebody has changed within a time; `None` if there is none with this id, or another user may
    /// have written it.
    #[must_use]
    pub fn read(&self, id: &str, lasts: Duration) -> Option<Zeroizing<Vec<u8>>> {
        let file = file(id);
        let own = self.0.open().ok()??;
        if age(&own, &file).is_none_or(|age| age >= lasts) {
            return None;
        }
        let bytes = own.read_private(&file, MOST_BYTES).ok()??;
        let sealed: Enc = String::from_utf8(bytes).ok()?.parse().ok()?;
        key(id)?.decrypt(&sealed, file.as_os_str().as_encoded_bytes())
    }

    /// Removes a draft. One that cannot be removed stays encrypted, and goes with the next sweep.
    pub fn remove(&self, id: &str) {
        if let Ok(Some(own)) = self.0.open() {
            let _ = own.remove(file(id));
        }
    }

    /// Removes the drafts that nobody has changed for a time.
    pub fn sweep(&self, lasts: Duration) {
        let Ok(Some(own)) = self.0.open() else { return };
        for name in own.list(FOLDER).unwrap_or_default() {
            let file = Path::new(FOLDER).join(name);
            if age(&own, &file).is_some_and(|age| age >= lasts) {
                let _ = own.remove(&file);
            }
        }
    }
}

/// Returns how long ago a file was changed.
fn age(own: &OwnFolder, file: &Path) -> Option<Duration> {
    let changed = own.open(file).ok().flatten()?.metadata().ok()?.modified().ok()?;
    Some(SystemTime::now().duration_since(changed).unwrap_or_default())
}

/// Returns the name of a draft's file, which does not reveal its id.
fn file(id: &str) -> PathBuf {
    Path::new(FOLDER).join(hash(format!("file of {id}").as_bytes()))
}

fn key(id: &str) -> Option<DataKey> {
    DataKey::from_bytes(&sha256(format!("key of {id}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_draft_is_read_with_its_id_and_its_file_shows_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let files = DraftFiles::of(&folder.path().join(".spile"));
        assert_eq!(files.read("one", HOUR), None);
        files.write("one", b"hunter2").unwrap();
        files.write("one", b"hunter3").unwrap();
        files.write("two", b"other").unwrap();
        assert_eq!(files.read("one", HOUR).unwrap().as_slice(), b"hunter3");
        for item in std::fs::read_dir(folder.path().join(".spile/drafts")).unwrap() {
            let text = std::fs::read_to_string(item.unwrap().path()).unwrap();
            assert!(text.starts_with("ENC[AES256_GCM,") && !text.contains("hunter") && !text.contains("other"));
        }
        // Another draft's file under this name is not this draft.
        let [one, two] = ["one", "two"].map(|id| folder.path().join(".spile").join(file(id)));
        std::fs::copy(two, one).unwrap();
        assert_eq!(files.read("one", HOUR), None);
        files.sweep(Duration::from_hours(1));
        assert!(files.read("two", HOUR).is_some());
        files.sweep(Duration::ZERO);
        assert_eq!(files.read("two", HOUR), None);
    }
}
