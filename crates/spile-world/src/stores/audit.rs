//! The audit log: who changed what through a server, one line per write, append-only.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::files::own_folder::Own;
use spile_core::name::Slug;

/// How many bytes are read at a time.
const PIECE: u64 = 64 * 1024;

/// How far back to search for the newest entries of one integration, in bytes: a few hundred thousand lines.
const FURTHEST: u64 = 32 * 1024 * 1024;

/// The log's file name.
const FILE: &str = "audit.jsonl";

/// The audit log of a project.
#[derive(Debug, Clone)]
pub struct Audit(Own);

/// One action by one user. It names settings and files, and never contains their values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// When it happened.
    pub at: Timestamp,
    /// The user's display name.
    pub actor: String,
    /// The user's identity, which does not depend on the display name: `session`, `token:ci`, `jwt:ISSUER#SUBJECT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The user's role: `viewer`, `editor` or `admin`.
    pub role: String,
    /// The action: `add`, `change`, `delete`, `enable`, `disable`, `apply`, `test`, `sync`, `discover`, `sign-in`.
    pub action: String,
    /// The integrations it affected. Empty if it affected all of them or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub integrations: Vec<Slug>,
    /// The result: a branch, a commit, a plan, a run, or the error code if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

impl Audit {
    /// Names the log in a project's own folder. Nothing is read or created.
    #[must_use]
    pub fn of(own_folder: &Path) -> Self {
        Self(Own::at(own_folder))
    }

    /// Appends a line in one write, so that concurrent lines stay whole. If a crash left the last line half-written,
    /// the new entry starts on a line of its own.
    ///
    /// # Errors
    /// When the file cannot be created or written to.
    pub fn add(&self, deed: &Deed) -> io::Result<()> {
        let mut file = self.0.make()?.append(FILE)?;
        let mut line = if ends_within_a_line(&mut file)? { vec![b'\n'] } else { Vec::new() };
        serde_json::to_writer(&mut line, deed)?;
        line.push(b'\n');
        file.write_all(&line)
    }

    /// Returns the newest entries, newest first, of one integration if one is given. Lines that are not valid are
    /// skipped, because a crash may have left a half-written line. Reads backward from the end, no further than it
    /// needs to and no further than [`FURTHEST`].
    ///
    /// # Errors
    /// When the file exists but cannot be read.
    pub fn newest(&self, of: Option<&Slug>, most: usize) -> io::Result<Vec<Deed>> {
        let Some(own) = self.0.open()? else { return Ok(Vec::new()) };
        let Some(mut file) = own.open(FILE)? else { return Ok(Vec::new()) };
        let end = file.seek(SeekFrom::End(0))?;
        let first = end.saturating_sub(FURTHEST);
        let (mut found, mut rest, mut from) = (Vec::new(), Vec::new(), end);
        while from > first && found.len() < most {
            let before = from.saturating_sub(PIECE).max(first);
            let mut piece = vec![0; usize::try_from(from - before).unwrap_or_default()];
            file.seek(SeekFrom::Start(before))?;
            file.read_exact(&mut piece)?;
            piece.append(&mut rest);
            // What comes before the first line break is the end of a line that begins in an earlier piece.
            let whole = if before == 0 {
                0
            } else {
                piece.iter().position(|byte| *byte == b'\n').map_or(piece.len(), |at| at + 1)
            };
            let lines = piece[whole..].split(|byte| *byte == b'\n').rev();
            let deeds = lines.filter_map(|line| serde_json::from_slice::<Deed>(line).ok());
            found.extend(deeds.filter(|deed| of.is_none_or(|slug| deed.integrations.contains(slug))));
            piece.truncate(whole);
            (rest, from) = (piece, before);
        }
        found.truncate(most);
        Ok(found)
    }
}

fn ends_within_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != [b'\n'])
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn deed(second: i64, slug: &str) -> Deed {
        Deed {
            at: Timestamp::from_second(second).unwrap(),
            actor: "ada".to_owned(),
            subject: None,
            role: "editor".to_owned(),
            action: "change".to_owned(),
            integrations: vec![slug.parse().unwrap()],
            result: None,
        }
    }

    #[test]
    fn added_lines_are_found_newest_first() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::of(&folder.path().join(".spile"));
        assert_eq!(audit.newest(None, 9).unwrap(), []);
        for second in 0..3 {
            audit.add(&deed(second, if second == 1 { "b" } else { "a" })).unwrap();
        }
        // Simulates a crash during a write.
        std::fs::OpenOptions::new()
            .append(true)
            .open(audit.0.path().join(FILE))
            .unwrap()
            .write_all(b"{\"at\":")
            .unwrap();
        assert_eq!(audit.newest(None, 2).unwrap(), [deed(2, "a"), deed(1, "b")]);
        assert_eq!(audit.newest(Some(&"a".parse().unwrap()), 9).unwrap(), [deed(2, "a"), deed(0, "a")]);
        assert_eq!(audit.0.path().join(FILE).metadata().unwrap().permissions().mode() & 0o777, 0o600);
        // The half-written line does not damage the next one.
        audit.add(&deed(3, "a")).unwrap();
        audit.add(&deed(4, "b")).unwrap();
        assert_eq!(audit.newest(None, 3).unwrap(), [deed(4, "b"), deed(3, "a"), deed(2, "a")]);
    }

    #[test]
    fn the_newest_lines_are_found_across_piece_borders() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::of(&folder.path().join(".spile"));
        let odd = |second: i64| if second % 1000 == 0 { "rare" } else { "a" };
        let lines = (0..4000).map(|second| serde_json::to_string(&deed(second, odd(second))).unwrap());
        let text = lines.collect::<Vec<_>>().join("\n") + "\n";
        assert!(text.len() as u64 > 3 * PIECE);
        audit.0.make().unwrap().replace(FILE, text.as_bytes()).unwrap();
        let all = audit.newest(None, 9999).unwrap();
        assert!(all.iter().map(|deed| deed.at.as_second()).eq((0..4000).rev()), "{}", all.len());
        let rare = audit.newest(Some(&"rare".parse().unwrap()), 9).unwrap();
        assert_eq!(rare.iter().map(|deed| deed.at.as_second()).collect::<Vec<_>>(), [3000, 2000, 1000, 0]);
        assert_eq!(audit.newest(None, 2).unwrap().len(), 2);
    }
}
