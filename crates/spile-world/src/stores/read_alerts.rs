//! Which alerts each user has read, and when each alert began. This is stored, so that a restart does not make alerts
//! new again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::files::own_folder::Own;
use crate::files::process_lock::{Lock, RunLock};
use spile_core::alert::{Alert, Key, Seen};

/// The name of the file.
const FILE: &str = "seen.json";

/// The current alerts, with who has read them.
pub struct SeenAlerts {
    own: Own,
    /// Entries that could not be stored. They are lost when the program ends, which is acceptable: nothing depends on
    /// them.
    unkept: Mutex<Option<Entries>>,
}

/// The records by alert key.
type Entries = BTreeMap<String, AlertRecord>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct AlertRecord {
    since: Timestamp,
    noticed: Timestamp,
    #[serde(default)]
    readers: BTreeSet<String>,
}

/// An alert as one user sees it.
#[derive(Debug, Clone)]
pub struct Noticed<'a> {
    /// The alert.
    pub alert: &'a Alert,
    /// When the problem began, as far as this server knows.
    pub since: Timestamp,
    /// When this server first noticed it.
    pub first: Timestamp,
    /// Whether the user has read it.
    pub is_read: bool,
}

impl SeenAlerts {
    /// Names the file in a project's own folder. Nothing is read or created.
    #[must_use]
    pub fn of(own_folder: &Path) -> Self {
        Self { own: Own::at(own_folder), unkept: Mutex::default() }
    }

    /// Returns the alerts as one user sees them. Resolved alerts are forgotten, so an alert that comes back is new
    /// again.
    pub fn look<'a>(&self, seen: &'a Seen, reader: &str) -> Vec<Noticed<'a>> {
        let now = Timestamp::now();
        let mut entries = self.entries();
        let before = entries.clone();
        take_in(&mut entries, seen, now);
        if entries != before {
            entries = self.change(|entries| take_in(entries, seen, now));
        }
        let noticed = |alert: &'a Alert| {
            let entry = entries.get(&alert.key.to_string());
            let is_read = entry.is_some_and(|entry| entry.readers.contains(reader));
            let since = entry.map_or(alert.since, |entry| entry.since.min(alert.since));
            Noticed { alert, since, first: entry.map_or(now, |entry| entry.noticed), is_read }
        };
        seen.alerts.iter().map(noticed).collect()
    }

    /// Marks alerts as read or unread. Keys of resolved alerts are ignored.
    pub fn mark(&self, keys: &[Key], reader: &str, is_read: bool) {
        self.change(|entries| {
            for key in keys {
                let Some(entry) = entries.get_mut(&key.to_string()) else { continue };
                if is_read {
                    entry.readers.insert(reader.to_owned());
                } else {
                    entry.readers.remove(reader);
                }
            }
        });
    }

    fn entries(&self) -> Entries {
        let unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
        unkept.clone().unwrap_or_else(|| self.read())
    }

    /// Changes the stored entries under a lock, so that concurrent changes are not lost.
    fn change(&self, change: impl FnOnce(&mut Entries)) -> Entries {
        let mut unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
        let lock = RunLock::hold(&self.own, Lock::Own);
        let mut entries = unkept.take().unwrap_or_else(|| self.read());
        change(&mut entries);
        let kept = lock.and_then(|_lock| self.own.make()?.replace(FILE, &serde_json::to_vec(&entries)?));
        *unkept = kept.is_err().then(|| entries.clone());
        entries
    }

    /// Reads the entries. If they cannot be read, every alert counts as unread.
    fn read(&self) -> Entries {
        let own = self.own.open().ok().flatten();
        let read = own.and_then(|own| own.read(FILE).ok().flatten());
        let kept = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        kept.unwrap_or_default()
    }
}

/// Adds new alerts and forgets resolved ones. An alert is resolved if its kind was checked completely and it was not
/// found.
fn take_in(entries: &mut Entries, seen: &Seen, now: Timestamp) {
    let keys: BTreeSet<String> = seen.alerts.iter().map(|alert| alert.key.to_string()).collect();
    let is_over = |key: &String| key.parse::<Key>().is_ok_and(|key| seen.whole.contains(&key.kind));
    entries.retain(|key, _| keys.contains(key) || !is_over(key));
    for alert in &seen.alerts {
        let new = || AlertRecord { since: alert.since, noticed: now, readers: BTreeSet::new() };
        entries.entry(alert.key.to_string()).or_insert_with(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spile_core::settings::AlertKind;

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

    /// Returns these alerts as the result of a complete check.
    fn all(alerts: &[Alert]) -> Seen {
        let whole = AlertKind::WORDS.into_iter().map(|(_, kind)| kind).collect();
        Seen { alerts: alerts.to_vec(), well: Vec::new(), whole }
    }

    #[test]
    fn a_read_alert_stays_read_until_it_is_resolved() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join(".spile");
        let seen = SeenAlerts::of(&own);
        let unread = |seen: &SeenAlerts, alerts: &[Alert], who: &str| {
            seen.look(&all(alerts), who).into_iter().filter(|one| !one.is_read).count()
        };
        let both = [alert("a", 1), alert("b", 2)];
        assert_eq!(unread(&seen, &both, "ada"), 2);
        seen.mark(&[both[0].key.clone()], "ada", true);
        assert_eq!((unread(&seen, &both, "ada"), unread(&seen, &both, "bob")), (1, 2));
        let again = SeenAlerts::of(&own);
        assert_eq!(unread(&again, &both, "ada"), 1, "a restart makes no alert new");
        let later = [alert("a", 9)];
        assert_eq!(again.look(&all(&later), "ada")[0].since.as_second(), 1, "it keeps the time when it was first seen");
        assert_eq!(unread(&again, &[], "ada"), 0);
        assert_eq!(unread(&again, &both, "ada"), 2, "an alert that comes back is new");
        again.mark(&[both[0].key.clone()], "ada", true);
        again.mark(&[both[0].key.clone()], "ada", false);
        assert_eq!(unread(&again, &both, "ada"), 2);
    }

    #[test]
    fn an_alert_that_was_not_checked_is_not_resolved() {
        let folder = tempfile::tempdir().unwrap();
        let seen = SeenAlerts::of(&folder.path().join(".spile"));
        let one = [alert("a", 1)];
        seen.look(&all(&one), "ada");
        seen.mark(&[one[0].key.clone()], "ada", true);
        let hiccup = Seen { whole: [AlertKind::Stale].into(), ..Seen::default() };
        assert!(seen.look(&hiccup, "ada").is_empty());
        assert!(seen.look(&all(&one), "ada")[0].is_read);
    }

    #[test]
    fn two_servers_keep_each_others_read_marks() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join(".spile");
        let (one, other) = (SeenAlerts::of(&own), SeenAlerts::of(&own));
        let both = [alert("a", 1), alert("b", 2)];
        one.look(&all(&both), "ada");
        other.mark(&[both[0].key.clone()], "ada", true);
        one.mark(&[both[1].key.clone()], "ada", true);
        assert!(other.look(&all(&both), "ada").iter().all(|one| one.is_read));
    }

    #[test]
    fn marks_that_cannot_be_stored_last_as_long_as_the_program() {
        let folder = tempfile::tempdir().unwrap();
        crate::files::door::replace_private(&folder.path().join(".spile"), b"in the way").unwrap();
        let seen = SeenAlerts::of(&folder.path().join(".spile"));
        let one = [alert("a", 1)];
        seen.look(&all(&one), "ada");
        seen.mark(&[one[0].key.clone()], "ada", true);
        assert!(seen.look(&all(&one), "ada")[0].is_read);
    }
}
