//! Tokens of programs: only their hashes are kept.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::session::random;
use super::who::Role;
use crate::plan::hash;
use crate::world::project::{make_private, replace_private};

/// How tokens begin: what scans for secrets knows them.
const PREFIX: &str = "spile_";

/// Where tokens are kept.
#[derive(Debug, Clone)]
pub struct Tokens(PathBuf);

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What it is called.
    pub name: String,
    /// What its bearer may do.
    pub role: Role,
    /// The SHA-256 of it, in hexadecimal.
    pub sha256: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A token that was made just now: it is shown once.
#[derive(Debug)]
pub struct Token(pub String);

impl Tokens {
    /// Tells whether a text looks like one of these.
    pub(super) fn is_one(token: &str) -> bool {
        token.starts_with(PREFIX)
    }

    /// Names the file in a project's own folder; nothing is read or made.
    #[must_use]
    pub fn of(own_folder: &Path) -> Self {
        Self(own_folder.join("tokens.json"))
    }

    /// Returns all of them.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn all(&self) -> io::Result<Vec<Kept>> {
        match std::fs::read(&self.0) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Makes one. One of that name is replaced.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn make(&self, (name, role): (&str, Role), now: Timestamp) -> io::Result<Token> {
        let token = format!("{PREFIX}{}", random());
        let mut all = self.all()?;
        all.retain(|one| one.name != name);
        all.push(Kept { name: name.to_owned(), role, sha256: hash(token.as_bytes()), created_at: now });
        self.write(&all)?;
        Ok(Token(token))
    }

    /// Revokes one; `false` where there is none of that name.
    ///
    /// # Errors
    /// When that cannot be kept.
    pub fn revoke(&self, name: &str) -> io::Result<bool> {
        let mut all = self.all()?;
        let before = all.len();
        all.retain(|one| one.name != name);
        if all.len() == before {
            return Ok(false);
        }
        self.write(&all)?;
        Ok(true)
    }

    /// Returns the one that a program brings. The file is read each time, so that a revoked one holds no longer.
    pub(super) fn find(&self, token: &str) -> Option<Kept> {
        let sha256 = hash(token.as_bytes());
        // A file that cannot be read lets nobody in.
        self.all().unwrap_or_default().into_iter().find(|one| one.sha256 == sha256)
    }

    fn write(&self, all: &[Kept]) -> io::Result<()> {
        make_private(self.0.parent().unwrap_or(Path::new(".")))?;
        replace_private(&self.0, &serde_json::to_vec_pretty(all).map_err(io::Error::from)?)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_hashes_are_kept_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(&folder.path().join(".spile"));
        let Token(token) = tokens.make(("ci", Role::Editor), Timestamp::UNIX_EPOCH).unwrap();
        let text = std::fs::read_to_string(&tokens.0).unwrap();
        assert!(!text.contains(&token) && text.contains("editor"), "{text}");
        assert_eq!(tokens.0.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(tokens.find(&token).unwrap().name, "ci");
        assert_eq!(tokens.find("spile_nonsense"), None);
        let again = tokens.make(("ci", Role::Viewer), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((tokens.find(&token), tokens.all().unwrap().len()), (None, 1));
        assert!(tokens.revoke("ci").unwrap() && !tokens.revoke("ci").unwrap());
        assert_eq!(tokens.find(&again.0), None);
    }
}
