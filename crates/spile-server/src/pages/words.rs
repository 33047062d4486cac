//! Times, states and numbers as people read them on a page.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use spile_core::run::{Run, RunKind, RunStatus};

/// A state: a word, and the tone of its color.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StatusWord {
    /// The word.
    pub word: &'static str,
    /// `good`, `warn`, `bad`, or empty.
    pub tone: &'static str,
}

/// Returns the state of a run.
#[must_use]
pub fn run_state(status: RunStatus) -> StatusWord {
    match status {
        RunStatus::Ok => StatusWord { word: "ok", tone: "good" },
        RunStatus::Warning => StatusWord { word: "warning", tone: "warn" },
        RunStatus::Failed => StatusWord { word: "failed", tone: "bad" },
        RunStatus::Running => StatusWord { word: "running", tone: "warn" },
        RunStatus::Cancelled => StatusWord { word: "stopped", tone: "warn" },
    }
}

/// Returns the state that the registry gives an integration.
#[must_use]
pub fn status(word: Option<&str>) -> StatusWord {
    match word {
        Some("active") => StatusWord { word: "active", tone: "good" },
        Some("error") => StatusWord { word: "error", tone: "bad" },
        Some("paused") => StatusWord { word: "paused", tone: "warn" },
        Some(_) => StatusWord { word: "pending", tone: "" },
        None => StatusWord { word: "not applied", tone: "warn" },
    }
}

/// Returns how long ago something was, or how soon it will be.
#[must_use]
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let since = now.duration_since(at);
    let words = length(since.abs());
    match (words.as_str(), since.is_negative()) {
        // Rounded times may be a moment ahead.
        ("moments", _) if since > SignedDuration::from_secs(-2) => "just now".to_owned(),
        (words, false) => format!("{words} ago"),
        (words, true) => format!("in {words}"),
    }
}

fn length(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let (count, unit) = match seconds {
        ..45 => return "moments".to_owned(),
        45..5_400 => ((seconds + 30) / 60, "minute"),
        5_400..129_600 => ((seconds + 1_800) / 3_600, "hour"),
        _ => ((seconds + 43_200) / 86_400, "day"),
    };
    let count = count.max(1);
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// Returns a time in the server's time zone.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// A run in a table.
#[derive(Debug, Clone, Serialize)]
pub struct RunRow {
    /// Its id.
    pub id: String,
    /// The integration.
    pub slug: String,
    /// `test` or `sync`.
    pub kind: &'static str,
    /// Its state.
    pub state: StatusWord,
    /// When it started.
    pub when: String,
    /// How many records it synced.
    pub records: String,
    /// How long it took.
    pub took: String,
    /// Whether it is still running.
    pub is_running: bool,
}

impl RunRow {
    /// Returns a waiting run as a row.
    #[must_use]
    pub fn waiting(run: &Run, now: Timestamp) -> Self {
        Self { state: StatusWord { word: "waiting", tone: "" }, ..Self::of(run, now) }
    }

    /// Returns a run as a row.
    #[must_use]
    pub fn of(run: &Run, now: Timestamp) -> Self {
        Self {
            id: run.id.to_string(),
            slug: run.slug.to_string(),
            kind: run.kind.word(),
            state: run_state(run.status),
            when: ago(run.started_at, now),
            records: match (run.kind, run.records) {
                (RunKind::Sync, Some(records)) => records.to_string(),
                _ => String::new(),
            },
            took: run.seconds().map(|seconds| format!("{seconds:.1} s")).unwrap_or_default(),
            is_running: run.status == RunStatus::Running,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        let told = |seconds: i64| ago(now - SignedDuration::from_secs(seconds), now);
        assert_eq!(told(3), "just now");
        assert_eq!(told(-1), "just now");
        assert_eq!(told(60), "1 minute ago");
        assert_eq!(told(600), "10 minutes ago");
        assert_eq!(told(2 * 3_600), "2 hours ago");
        assert_eq!(told(3 * 86_400), "3 days ago");
        assert_eq!(told(-1_800), "in 30 minutes");
    }
}
