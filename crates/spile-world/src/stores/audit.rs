//! Who changed what through a server: a line for each write, only ever added to.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::files::own_folder::Own;
use spile_core::name::Slug;

/// How much is read at a time.
const PIECE: u64 = 64 * 1024;

/// How far back is looked for the newest of one integration: some hundred thousand lines.
const FURTHEST: u64 = 32 * 1024 * 1024;

/// The file of the lines.
const FILE: &str = "audit.jsonl";

/// Where the lines are kept.
#[derive(Debug, Clone)]
pub struct Audit(Own);

/// What somebody did. It names settings and files, and holds no value of any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// Who, as they are called.
    pub actor: String,
    /// Who they are, whatever they are called: `session`, `token:ci`, `jwt:ISSUER#SUBJECT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
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
        Self(Own::at(own_folder))
    }

    /// Adds a line, in one write: of several at once each stays whole. A line that a machine which went down left half-written
    /// stays by itself.
    ///
    /// # Errors
    /// When the file cannot be made or written to.
    pub fn add(&self, deed: &Deed) -> io::Result<()> {
        let mut file = self.0.make()?.append(FILE)?;
        let mut line = if ends_within_a_line(&mut file)? { vec![b'\n'] } else { Vec::new() };
        serde_json::to_writer(&mut line, deed)?;
        line.push(b'\n');
        file.write_all(&line)
    }

    /// Returns the newest, the newest first; of one integration where one is named. A line that is none is passed over:
    /// a machine that went down may have left the last one half-written. No more is read than that takes, and nothing that
    /// is further back than [`FURTHEST`].
    ///
    /// # Errors
    /// When the file is there and cannot be read.
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
            // What is before the first end of a line is the end of a line that begins further in front.
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
    fn lines_are_added_and_found_again_the_newest_first() {
        let folder = tempfile::tempdir().unwrap();
        let audit = Audit::of(&folder.path().join(".spile"));
        assert_eq!(audit.newest(None, 9).unwrap(), []);
        for second in 0..3 {
            audit.add(&deed(second, if second == 1 { "b" } else { "a" })).unwrap();
        }
        // A machine that went down.
        std::fs::OpenOptions::new()
            .append(true)
            .open(audit.0.path().join(FILE))
            .unwrap()
            .write_all(b"{\"at\":")
            .unwrap();
        assert_eq!(audit.newest(None, 2).unwrap(), [deed(2, "a"), deed(1, "b")]);
        assert_eq!(audit.newest(Some(&"a".parse().unwrap()), 9).unwrap(), [deed(2, "a"), deed(0, "a")]);
        assert_eq!(audit.0.path().join(FILE).metadata().unwrap().permissions().mode() & 0o777, 0o600);
        // What was half-written takes nothing with it.
        audit.add(&deed(3, "a")).unwrap();
        audit.add(&deed(4, "b")).unwrap();
        assert_eq!(audit.newest(None, 3).unwrap(), [deed(4, "b"), deed(3, "a"), deed(2, "a")]);
    }

    #[test]
    fn the_newest_are_found_from_the_end_wherever_pieces_part() {
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
