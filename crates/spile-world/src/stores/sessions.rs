//! The sessions of a server, so that a restart signs nobody out. Only hashes of their cookies are stored.

use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::tokens::Role;
use crate::files::own_folder::Own;

/// The most bytes of the file: about ten thousand sessions.
const MOST_BYTES: u64 = 4 << 20;

/// The sessions of one server. Each port has a file of its own, because it has a cookie of its own.
#[derive(Debug)]
pub struct SessionFile {
    own: Own,
    name: String,
}

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredSession {
    /// The SHA-256 of its cookie, in hexadecimal.
    pub sha256: String,
    /// The unique identifier of the user.
    pub subject: String,
    /// The name to show.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// The token that forms of the session must send. Without the cookie it is worth nothing.
    pub csrf: String,
    /// When it ends.
    pub until: Timestamp,
    /// The SHA-256 of the API token that began it, in hexadecimal. The session ends when that token is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl SessionFile {
    /// Names the file in a project's own folder. Nothing is read or created.
    #[must_use]
    pub fn of(own_folder: &Path, port: u16) -> Self {
        Self { own: Own::at(own_folder), name: format!("sessions-{port}.json") }
    }

    /// Returns the sessions that have not ended. If the file cannot be read, or another user may have written it, there
    /// are none.
    #[must_use]
    pub fn read(&self, now: Timestamp) -> Vec<StoredSession> {
        let bytes = self.own.open().ok().flatten().and_then(|own| own.read_private(&self.name, MOST_BYTES).ok()?);
        let all: Vec<StoredSession> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        all.into_iter().filter(|one| one.until > now).collect()
    }

    /// Replaces the stored sessions.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, all: &[StoredSession]) -> io::Result<()> {
        self.own.make()?.replace(&self.name, &serde_json::to_vec(all).map_err(io::Error::from)?)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn session(until: &str) -> StoredSession {
        StoredSession {
            sha256: "f00".to_owned(),
            subject: "session".to_owned(),
            name: "admin".to_owned(),
            role: Role::Admin,
            csrf: "c".to_owned(),
            until: until.parse().unwrap(),
            token: None,
        }
    }

    #[test]
    fn sessions_are_read_until_they_end_from_a_private_file_of_their_port() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join(".spile");
        let file = SessionFile::of(&own, 8320);
        assert_eq!(file.read(Timestamp::UNIX_EPOCH), vec![]);
        let all = [session("2026-12-01T00:00:00Z"), session("2026-12-02T00:00:00Z")];
        file.write(&all).unwrap();
        assert_eq!(file.read("2026-12-01T12:00:00Z".parse().unwrap()), [all[1].clone()]);
        assert_eq!(SessionFile::of(&own, 8321).read(Timestamp::UNIX_EPOCH), vec![]);
        let path = own.join("sessions-8320.json");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        // Somebody else could have written it.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(file.read(Timestamp::UNIX_EPOCH), vec![]);
    }
}
