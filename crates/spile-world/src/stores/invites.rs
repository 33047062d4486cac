//! Invitations to the pages of a server: codes that let one person in. Only their hashes are stored.

use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::tokens::{Role, typed_code};
use crate::files::own_folder::Own;
use crate::files::process_lock::{Lock, RunLock};
use spile_core::digest::hash;

/// The name of the file that stores them.
const FILE: &str = "invites.json";

/// The most bytes of that file: about ten thousand invitations.
const MOST_BYTES: u64 = 4 << 20;

/// How many groups a code has: 80 bits, which can be guessed neither in a day nor in a year.
const GROUPS: usize = 4;

/// The invitations of a project. The command line makes them, and a server that runs accepts them.
#[derive(Debug, Clone)]
pub struct Invites(Own);

/// An invitation as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// The SHA-256 of its code, in hexadecimal.
    pub sha256: String,
    /// The name of the person.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// Until when the code can be used.
    pub until: Timestamp,
}

impl Invites {
    /// Names the file in a project's own folder. Nothing is read or created.
    #[must_use]
    pub fn of(own_folder: &Path) -> Self {
        Self(Own::at(own_folder))
    }

    /// Invites a person, and returns the code. It is shown only once.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn make(&self, name: &str, role: Role, now: Timestamp, until: Timestamp) -> io::Result<String> {
        let code = typed_code(GROUPS);
        let _lock = self.lock()?;
        let mut all = self.all(now)?;
        all.push(Invite { sha256: hash(code.as_bytes()), name: name.to_owned(), role, until });
        self.write(&all)?;
        Ok(code)
    }

    /// Returns the invitations that can still be used.
    ///
    /// # Errors
    /// When the file exists but cannot be read, or another user may have written it.
    pub fn all(&self, now: Timestamp) -> io::Result<Vec<Invite>> {
        let Some(own) = self.0.open()? else { return Ok(Vec::new()) };
        let Some(bytes) = own.read_private(FILE, MOST_BYTES)? else { return Ok(Vec::new()) };
        let all: Vec<Invite> = serde_json::from_slice(&bytes).map_err(io::Error::from)?;
        Ok(all.into_iter().filter(|one| one.until > now).collect())
    }

    /// Returns the invitation with a code, and leaves it as it is. If the file cannot be read, nobody is invited.
    #[must_use]
    pub fn find(&self, code: &str, now: Timestamp) -> Option<Invite> {
        let sha256 = hash(code.as_bytes());
        self.all(now).unwrap_or_default().into_iter().find(|one| one.sha256 == sha256)
    }

    /// Uses up the invitation with a code. Of two who bring the same code at once, one gets it.
    ///
    /// # Errors
    /// When that cannot be stored: then the code stays as it is.
    pub fn take(&self, code: &str, now: Timestamp) -> io::Result<Option<Invite>> {
        self.withdraw(&hash(code.as_bytes()), now)
    }

    /// Withdraws the invitation with this hash, and returns it; `None` if it has been used or is over.
    ///
    /// # Errors
    /// When that cannot be stored: then the code stays as it is.
    pub fn withdraw(&self, sha256: &str, now: Timestamp) -> io::Result<Option<Invite>> {
        let _lock = self.lock()?;
        let mut all = self.all(now)?;
        let Some(at) = all.iter().position(|one| one.sha256 == sha256) else { return Ok(None) };
        let withdrawn = all.remove(at);
        self.write(&all)?;
        Ok(Some(withdrawn))
    }

    fn lock(&self) -> io::Result<RunLock> {
        RunLock::hold(&self.0, Lock::Own)
    }

    fn write(&self, all: &[Invite]) -> io::Result<()> {
        self.0.make()?.replace(FILE, &serde_json::to_vec_pretty(all).map_err(io::Error::from)?)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_code_lets_one_person_in_until_it_expires() {
        let folder = tempfile::tempdir().unwrap();
        let invites = Invites::of(&folder.path().join(".spile"));
        let at = |second| Timestamp::from_second(second).unwrap();
        let [anna, ben] = ["anna", "ben"].map(|name| invites.make(name, Role::Editor, at(0), at(100)).unwrap());
        assert!(anna.len() == 19 && anna != ben);
        assert_eq!(invites.find(&anna, at(99)).unwrap().name, "anna");
        assert_eq!(invites.take(&anna, at(99)).unwrap().unwrap().role, Role::Editor);
        assert_eq!(invites.take(&anna, at(99)).unwrap(), None);
        assert_eq!((invites.find(&ben, at(100)), invites.take(&ben, at(100)).unwrap()), (None, None));
        let path = folder.path().join(".spile").join(FILE);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!std::fs::read_to_string(&path).unwrap().contains(&ben));
        // Somebody else could have written it.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(invites.find(&ben, at(1)), None);
    }
}
