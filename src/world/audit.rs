//! Who changed what through a server: a line for each write, only ever added to.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::project::make_private;
use crate::name::Slug;

/// Where the lines are kept.
#[derive(Debug, Clone)]
pub struct Audit(PathBuf);

/// What somebody did. It names settings and files, and holds no value of any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What they may do: `viewer`, `editor` or `admin`.
    pub role: String,
    /// What was done: `add`, `change`, `delete`, `enable`, `disable`, `apply`, `test`, `sync`, `discover`, `sign-in`.
    pub action: String,
    /// To which integrations; none where it was to all, or to none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub integrations: Vec<Slug>,
    /// What came of it: a branch, a commit, a plan, a run, or the code of what it failed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

impl Audit {
    /// Names the file in a project's own folder; nothing is read or made.
    #[must_use]
    pub fn of(own_folder: &Path) -> Self {
        Self(own_folder.join("audit.jsonl"))
    }

    /// Adds a line, in one write: of several at once each stays whole.
    ///
    /// # Errors
    /// When the file cannot be made or written to.
    pub fn add(&self, deed: &Deed) -> io::Result<()> {
        make_private(self.0.parent().unwrap_or(Path::new(".")))?;
        let mut line = serde_json::to_string(deed)?;
        line.push('\n');
        let file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&self.0);
        file?.write_all(line.as_bytes())
    }

    /// Returns the newest, the newest first; of one integration where one is named. A line that is none is passed over:
    /// a machine that went down may have left the last one half-written.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn newest(&self, (of, most): (Option<&Slug>, usize)) -> io::Result<Vec<Deed>> {
        let text = match std::fs::read(&self.0) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let deeds = text.lines().rev().filter_map(|line| serde_json::from_str::<Deed>(line).ok());
        Ok(deeds.filter(|deed| of.is_none_or(|slug| deed.integrations.contains(slug))).take(most).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn deed(second: i64, slug: &str) -> Deed {
        Deed {
            at: Timestamp::from_second(second).unwrap(),
            actor: "ada".to_owned(),
            role: "editor".to_owned(),
            action: "change".to_owned(),
            integrations: vec![slug.parse().unwrap()],
            result: None,
        }
    }

    #[test]
    fn lines_are_added_and_found_again_the_newest_first() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::of(&folder.path().join(".spile"));
        assert_eq!(audit.newest((None, 9)).unwrap(), []);
        for second in 0..3 {
            audit.add(&deed(second, if second == 1 { "b" } else { "a" })).unwrap();
        }
        // A machine that went down.
        std::fs::OpenOptions::new().append(true).open(&audit.0).unwrap().write_all(b"{\"at\":").unwrap();
        assert_eq!(audit.newest((None, 2)).unwrap(), [deed(2, "a"), deed(1, "b")]);
        assert_eq!(audit.newest((Some(&"a".parse().unwrap()), 9)).unwrap(), [deed(2, "a"), deed(0, "a")]);
        assert_eq!(audit.0.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
