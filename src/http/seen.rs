//! Which alerts somebody has read, and since when each is there: kept, so that a restart makes nothing new again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alert::{Alert, Key};
use crate::world::project::{make_private, replace_private};

/// The alerts that last, as they were seen.
pub struct Seen {
    path: PathBuf,
    entries: Mutex<BTreeMap<String, Entry>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    since: Timestamp,
    noticed: Timestamp,
    #[serde(default)]
    readers: BTreeSet<String>,
}

/// An alert, as somebody sees it.
#[derive(Debug, Clone)]
pub struct Noticed<'a> {
    /// What is wrong.
    pub alert: &'a Alert,
    /// Since when, as far as this server knows.
    pub since: Timestamp,
    /// When this server noticed it.
    pub first: Timestamp,
    /// Whether they have read it.
    pub is_read: bool,
}

impl Seen {
    /// Reads what was kept in a project's own folder; what cannot be read is unread.
    pub fn of(own_folder: &Path) -> Self {
        let path = own_folder.join("seen.json");
        let kept = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { path, entries: Mutex::new(kept.unwrap_or_default()) }
    }

    /// Returns the alerts as somebody sees them. What is over is forgotten: should it come again, it is new.
    pub fn look<'a>(&self, alerts: &'a [Alert], reader: &str) -> Vec<Noticed<'a>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let keys: BTreeSet<String> = alerts.iter().map(|alert| alert.key.to_string()).collect();
        let before = entries.len();
        entries.retain(|key, _| keys.contains(key));
        let mut is_new = entries.len() != before;
        let noticed = alerts.iter().map(|alert| {
            let entry = entries.entry(alert.key.to_string()).or_insert_with(|| {
                is_new = true;
                Entry { since: alert.since, noticed: Timestamp::now(), readers: BTreeSet::new() }
            });
            let is_read = entry.readers.contains(reader);
            Noticed { alert, since: entry.since.min(alert.since), first: entry.noticed, is_read }
        });
        let noticed = noticed.collect();
        if is_new {
            self.keep(&entries);
        }
        noticed
    }

    /// Marks alerts as read, or as unread; those that are over are passed over.
    pub fn mark(&self, keys: &[Key], (reader, is_read): (&str, bool)) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            let Some(entry) = entries.get_mut(&key.to_string()) else { continue };
            if is_read {
                entry.readers.insert(reader.to_owned());
            } else {
                entry.readers.remove(reader);
            }
        }
        self.keep(&entries);
    }

    fn keep(&self, entries: &BTreeMap<String, Entry>) {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let Ok(bytes) = serde_json::to_vec(entries) else { return };
        // Marks that cannot be kept last as long as the server: nothing depends on them.
        let _ = make_private(folder).and_then(|()| replace_private(&self.path, &bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::AlertKind;

    fn alert(about: &str, second: i64) -> Alert {
        Alert {
            key: Key::new(AlertKind::Failure, about),
            integration: None,
            since: Timestamp::from_second(second).unwrap(),
            sentence: String::new(),
            help: None,
            file: None,
            command: None,
            run: None,
        }
    }

    #[test]
    fn what_was_read_stays_read_until_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join(".spile");
        let seen = Seen::of(&own);
        let unread = |seen: &Seen, alerts: &[Alert], who: &str| {
            seen.look(alerts, who).into_iter().filter(|one| !one.is_read).count()
        };
        let both = [alert("a", 1), alert("b", 2)];
        assert_eq!(unread(&seen, &both, "ada"), 2);
        seen.mark(&[both[0].key.clone()], ("ada", true));
        assert_eq!((unread(&seen, &both, "ada"), unread(&seen, &both, "bob")), (1, 2));
        let again = Seen::of(&own);
        assert_eq!(unread(&again, &both, "ada"), 1, "a restart makes nothing new");
        let later = [alert("a", 9)];
        assert_eq!(again.look(&later, "ada")[0].since.as_second(), 1, "it is as old as it was first seen");
        assert_eq!(unread(&again, &[], "ada"), 0);
        assert_eq!(unread(&again, &both, "ada"), 2, "what comes again is new");
        again.mark(&[both[0].key.clone()], ("ada", true));
        again.mark(&[both[0].key.clone()], ("ada", false));
        assert_eq!(unread(&again, &both, "ada"), 2);
    }
}
