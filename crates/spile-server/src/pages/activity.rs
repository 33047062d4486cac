//! Who did what, as sentences by day.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::when::When;
use spile_core::problem::counted;
use spile_world::Deed;

/// How many integrations an entry links to.
const MOST: usize = 5;

/// A kind of action, by which entries are filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Changes to files.
    Edits,
    /// Applies and rollbacks.
    Applies,
    /// Tests, syncs and discoveries.
    Runs,
    /// Changes to bookmarks.
    Bookmarks,
    /// Sign-ins, tokens and sessions.
    Access,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Edits, Self::Applies, Self::Runs, Self::Bookmarks, Self::Access];

    /// Returns the kind of an action in the audit log.
    #[must_use]
    pub fn of(action: &str) -> Self {
        match action {
            "apply" | "rollback" => Self::Applies,
            "test" | "sync" | "discover" | "notify" => Self::Runs,
            "bookmarks" => Self::Bookmarks,
            "sign-in" | "token" | "revoke" | "end-session" | "withdraw" => Self::Access,
            _ => Self::Edits,
        }
    }

    /// Returns its word in the address.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Edits => "edits",
            Self::Applies => "applies",
            Self::Runs => "runs",
            Self::Bookmarks => "bookmarks",
            Self::Access => "access",
        }
    }

    /// Returns its label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Edits => "Changes to files",
            Self::Applies => "Applies",
            Self::Runs => "Tests and syncs",
            Self::Bookmarks => "Bookmarks",
            Self::Access => "Access",
        }
    }
}

/// The entries of a day, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    /// `Today`, `Yesterday` or the date.
    pub label: String,
    /// Its entries.
    pub events: Vec<ActivityRow>,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActivityRow {
    /// Its icon.
    pub icon: &'static str,
    /// The tone of the icon.
    pub tone: &'static str,
    /// The person or program.
    pub who: String,
    /// What they did.
    pub what: String,
    /// The integrations, a run or a branch.
    pub links: Vec<ActivityLink>,
    /// The result, if there is more to say.
    pub detail: Option<String>,
    /// When, in words.
    pub when: When,
}

/// A link of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActivityLink {
    /// The page.
    pub path: String,
    /// Its label.
    pub label: String,
}

impl Day {
    /// Groups entries, which are sorted from the newest to the oldest, by day in the server's time zone.
    #[must_use]
    pub fn all(deeds: &[&Deed], now: Timestamp) -> Vec<Self> {
        let date = |at: Timestamp| at.to_zoned(TimeZone::system()).date();
        let today = date(now);
        let label = |deed: &Deed| match date(deed.at) {
            day if day == today => "Today".to_owned(),
            day if Some(day) == today.yesterday().ok() => "Yesterday".to_owned(),
            day => day.strftime("%A, %B %-d, %Y").to_string(),
        };
        let mut days: Vec<Self> = Vec::new();
        for deed in deeds {
            let (label, event) = (label(deed), ActivityRow::of(deed, now));
            match days.last_mut() {
                Some(day) if day.label == label => day.events.push(event),
                _ => days.push(Self { label, events: vec![event] }),
            }
        }
        days
    }
}

impl ActivityRow {
    fn of(deed: &Deed, now: Timestamp) -> Self {
        let is_failure = deed.result.as_deref().is_some_and(|result| result.contains("failed"));
        let (icon, verb) = sentence(&deed.action);
        let more = deed.integrations.len().saturating_sub(MOST);
        let mut links: Vec<ActivityLink> = deed
            .integrations
            .iter()
            .take(MOST)
            .map(|slug| ActivityLink { path: format!("/integrations/{slug}"), label: slug.to_string() })
            .collect();
        let result = deed.result.as_deref().unwrap_or_default();
        if let Some(id) = result.strip_prefix("run ") {
            links.push(ActivityLink { path: format!("/runs/{id}"), label: "run".to_owned() });
        }
        let is_linked = result.is_empty() || result.starts_with("run ");
        let more = (more > 0).then(|| format!("and {}", counted(more, "other integration")));
        let detail = more.or_else(|| (!is_linked).then(|| shortened(result)));
        Self {
            icon,
            tone: if is_failure { "bad" } else { tone(&deed.action) },
            who: deed.actor.clone(),
            what: verb.map_or_else(|| deed.action.clone(), str::to_owned),
            links,
            detail,
            when: When::relative(deed.at, now),
        }
    }
}

/// Returns the icon and the verb of an action; no verb if this version does not know it.
fn sentence(action: &str) -> (&'static str, Option<&'static str>) {
    let (icon, verb) = match action {
        "add" => ("plus", "added"),
        "change" => ("pencil", "changed"),
        "delete" => ("trash-2", "deleted"),
        "enable" => ("power", "enabled"),
        "disable" => ("power", "disabled"),
        "apply" => ("check", "applied changes to"),
        "rollback" => ("undo-2", "rolled back"),
        "pull" => ("file-text", "took drift into the file of"),
        "accept the source of" => ("check", "accepted the source of"),
        "test" => ("flask-conical", "tested"),
        "sync" => ("play", "synced"),
        "discover" => ("search", "discovered the streams of"),
        "bookmarks" => ("rotate-ccw", "changed bookmarks of"),
        "notify" => ("send", "sent a test notification"),
        "sign-in" => ("log-in", "signed in"),
        "token" => ("key-round", "created a token"),
        "revoke" => ("key-round", "revoked a token"),
        "end-session" => ("log-out", "ended a session"),
        "withdraw" => ("key-round", "withdrew an invitation"),
        _ => return ("history", None),
    };
    (icon, Some(verb))
}

fn tone(action: &str) -> &'static str {
    match action {
        "add" | "enable" | "apply" => "good",
        "delete" | "revoke" | "end-session" | "withdraw" => "warn",
        _ => "",
    }
}

/// Shortens the hash of a plan: it has 64 characters, and the first identify it.
fn shortened(result: &str) -> String {
    let word = |word: &str| if word.len() >= 64 { word.chars().take(12).collect() } else { word.to_owned() };
    result.split(' ').map(word).collect::<Vec<String>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(at: &str, action: &str, result: Option<&str>) -> Deed {
        Deed {
            at: at.parse().unwrap(),
            actor: "ada".to_owned(),
            subject: None,
            role: "editor".to_owned(),
            action: action.to_owned(),
            integrations: vec!["shop".parse().unwrap()],
            result: result.map(str::to_owned),
        }
    }

    #[test]
    fn entries_are_sentences_by_day_with_links_to_what_they_name() {
        let deeds = [
            deed("2026-11-30T11:00:00Z", "sync", Some("run 00000000-0000-4000-8000-000000000001")),
            deed("2026-11-30T10:00:00Z", "change", Some("branch spile/change-shop")),
            deed("2026-11-27T10:00:00Z", "sync", Some("failed: spile::run::busy")),
        ];
        let all: Vec<&Deed> = deeds.iter().collect();
        let days = Day::all(&all, "2026-11-30T12:00:00Z".parse().unwrap());
        assert_eq!(
            days.iter().map(|day| day.label.as_str()).collect::<Vec<_>>(),
            ["Today", "Friday, November 27, 2026"]
        );
        let [sync, change] = &days[0].events[..] else { panic!("{days:?}") };
        assert_eq!(
            (sync.what.as_str(), sync.links[1].path.as_str()),
            ("synced", "/runs/00000000-0000-4000-8000-000000000001")
        );
        assert_eq!((sync.detail.as_deref(), change.detail.as_deref()), (None, Some("branch spile/change-shop")));
        assert_eq!(days[1].events[0].tone, "bad");
    }

    #[test]
    fn an_action_of_a_newer_version_is_shown_by_its_name() {
        let deed = deed("2026-11-30T11:00:00Z", "teleport", None);
        let days = Day::all(&[&deed], "2026-11-30T12:00:00Z".parse().unwrap());
        assert_eq!(days[0].events[0].what, "teleport");
    }
}
