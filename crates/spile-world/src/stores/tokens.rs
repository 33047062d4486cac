//! API tokens of programs that use a server. Only their hashes are stored.

use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use uuid::Uuid;

use crate::files::own_folder::Own;
use crate::files::process_lock::{Lock, RunLock};
use spile_core::digest::hash;

/// The prefix of tokens, which secret scanners recognize.
const PREFIX: &str = "spile_";

/// The name of the file that stores them.
const FILE: &str = "tokens.json";

/// The most bytes of that file: about ten thousand tokens.
const MOST_BYTES: u64 = 4 << 20;

/// The token store of a project.
#[derive(Debug, Clone)]
pub struct Tokens(Own);

/// What a user may do. Each role includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May view.
    Viewer,
    /// May also change files, test and sync.
    Editor,
    /// May also apply plans.
    Admin,
}

impl Role {
    /// The roles by name.
    pub const WORDS: [(&'static str, Self); 3] =
        [("viewer", Self::Viewer), ("editor", Self::Editor), ("admin", Self::Admin)];

    /// Returns the role's name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }
}

/// A stored token. Unknown fields are refused, so that an older spile does not drop the fields of a newer one when it
/// writes the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptToken {
    /// Its name.
    pub name: String,
    /// What its bearer may do.
    pub role: Role,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A newly created token. It is shown only once.
#[derive(Debug)]
pub struct Token(pub String);

impl Tokens {
    /// Tells whether a text has the form of such a token.
    #[must_use]
    pub fn is_one(token: &str) -> bool {
        token.starts_with(PREFIX)
    }

    /// Names the file in a project's own folder. Nothing is read or created.
    #[must_use]
    pub fn of(own_folder: &Path) -> Self {
        Self(Own::at(own_folder))
    }

    /// Returns all tokens.
    ///
    /// # Errors
    /// When the file exists but cannot be read, or another user may have written it.
    pub fn all(&self) -> io::Result<Vec<KeptToken>> {
        let Some(own) = self.0.open()? else { return Ok(Vec::new()) };
        let Some(bytes) = own.read_private(FILE, MOST_BYTES)? else { return Ok(Vec::new()) };
        serde_json::from_slice(&bytes).map_err(io::Error::from)
    }

    /// Creates a token, replacing any token of that name.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn make(&self, name: &str, role: Role, now: Timestamp) -> io::Result<Token> {
        let token = format!("{PREFIX}{}", random());
        let _lock = self.lock()?;
        let mut all = self.all()?;
        all.retain(|one| one.name != name);
        all.push(KeptToken { name: name.to_owned(), role, sha256: hash(token.as_bytes()), created_at: now });
        self.write(&all)?;
        Ok(Token(token))
    }

    /// Revokes a token; `false` if there is none of that name.
    ///
    /// # Errors
    /// When the change cannot be stored.
    pub fn revoke(&self, name: &str) -> io::Result<bool> {
        let _lock = self.lock()?;
        let mut all = self.all()?;
        let before = all.len();
        all.retain(|one| one.name != name);
        if all.len() == before {
            return Ok(false);
        }
        self.write(&all)?;
        Ok(true)
    }

    /// Returns the stored record of a token. The file is read each time, so that revoking takes effect at once.
    #[must_use]
    pub fn find(&self, token: &str) -> Option<KeptToken> {
        self.with_hash(&hash(token.as_bytes()))
    }

    /// Returns the stored record of the token with this SHA-256.
    #[must_use]
    pub fn with_hash(&self, sha256: &str) -> Option<KeptToken> {
        // If the file cannot be read, no token is accepted.
        self.all().unwrap_or_default().into_iter().find(|one| one.sha256 == sha256)
    }

    /// Locks the file, so that creating a token cannot undo a concurrent revocation.
    fn lock(&self) -> io::Result<RunLock> {
        RunLock::hold(&self.0, Lock::Own)
    }

    fn write(&self, all: &[KeptToken]) -> io::Result<()> {
        self.0.make()?.replace(FILE, &serde_json::to_vec_pretty(all).map_err(io::Error::from)?)
    }
}

/// Returns a random code that people can type: groups of four characters, 20 bits each. None of them look alike.
#[must_use]
pub fn typed_code(groups: usize) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let group = || {
        // The first bytes of a UUID are entirely random.
        let bytes = Uuid::new_v4().into_bytes();
        bytes.iter().take(4).map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect::<String>()
    };
    std::iter::repeat_with(group).take(groups).collect::<Vec<_>>().join("-")
}

/// Returns 244 random bits in hexadecimal.
#[must_use]
pub fn random() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_hashes_are_stored_in_a_private_file() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(&folder.path().join(".spile"));
        let Token(token) = tokens.make("ci", Role::Editor, Timestamp::UNIX_EPOCH).unwrap();
        let path = tokens.0.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&token) && text.contains("editor"), "{text}");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(tokens.find(&token).unwrap().name, "ci");
        assert_eq!(tokens.find("spile_nonsense"), None);
        let again = tokens.make("ci", Role::Viewer, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((tokens.find(&token), tokens.all().unwrap().len()), (None, 1));
        assert!(tokens.revoke("ci").unwrap() && !tokens.revoke("ci").unwrap());
        assert_eq!(tokens.find(&again.0), None);
    }
    #[test]
    fn concurrent_changes_neither_lose_nor_restore_tokens() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(&folder.path().join(".spile"));
        for number in 0..8 {
            tokens.make(&format!("old-{number}"), Role::Viewer, Timestamp::UNIX_EPOCH).unwrap();
        }
        std::thread::scope(|scope| {
            for number in 0..8 {
                let tokens = &tokens;
                scope.spawn(move || tokens.revoke(&format!("old-{number}")).unwrap());
                scope
                    .spawn(move || tokens.make(&format!("new-{number}"), Role::Viewer, Timestamp::UNIX_EPOCH).unwrap());
            }
        });
        let mut names: Vec<String> = tokens.all().unwrap().into_iter().map(|one| one.name).collect();
        names.sort();
        assert_eq!(names, (0..8).map(|number| format!("new-{number}")).collect::<Vec<_>>());
    }

    #[test]
    fn the_tokens_of_a_newer_program_are_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(&folder.path().join(".spile"));
        let Token(token) = tokens.make("ci", Role::Editor, Timestamp::UNIX_EPOCH).unwrap();
        let path = tokens.0.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap().replace("\"role\"", "\"until\": 1, \"role\"");
        crate::files::door::replace_private(&path, text.as_bytes()).unwrap();
        tokens.make("other", Role::Viewer, Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(tokens.find(&token), None, "a token with an unknown field is not accepted");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn tokens_that_others_could_have_written_are_not_accepted() {
        use std::fs::{Permissions, rename, set_permissions};
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join(".spile");
        let tokens = Tokens::of(&own);
        let Token(token) = tokens.make("ci", Role::Admin, Timestamp::UNIX_EPOCH).unwrap();
        let path = own.join(FILE);
        set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert_eq!(tokens.find(&token), None);
        set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert!(tokens.find(&token).is_some());
        set_permissions(&own, Permissions::from_mode(0o750)).unwrap();
        assert_eq!(tokens.find(&token), None);
        set_permissions(&own, Permissions::from_mode(0o700)).unwrap();
        rename(&path, folder.path().join("tokens")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("tokens"), &path).unwrap();
        assert_eq!(tokens.find(&token), None);
    }
}
