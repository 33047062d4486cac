//! Times, states and numbers as people read them on a page.

use jiff::Timestamp;
use serde::Serialize;

use super::when::When;
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
    pub when: When,
    /// How many records it synced.
    pub records: Option<u64>,
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
            when: When::relative(run.started_at, now),
            records: run.records.filter(|_| run.kind == RunKind::Sync),
            took: run.seconds().map(|seconds| format!("{seconds:.1} s")).unwrap_or_default(),
            is_running: run.status == RunStatus::Running,
        }
    }
}
