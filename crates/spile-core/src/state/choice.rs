//! What an apply chose for streams that its plan would have read again: their older rows stay, or they are read again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What was chosen for streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StreamChoice {
    /// They continue from their bookmarks, and older rows keep their values.
    ForwardOnly {
        /// The streams.
        streams: BTreeSet<String>,
    },
    /// They are read again from the start.
    Resync {
        /// The streams.
        streams: BTreeSet<String>,
    },
    /// They are read again from a date on.
    Backfill {
        /// The dates, by stream.
        since: BTreeMap<String, String>,
    },
}

/// A choice, and the plan whose apply made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedChoice {
    /// The id of the plan.
    pub plan: String,
    /// What was chosen.
    #[serde(flatten)]
    pub what: StreamChoice,
}

impl StreamChoice {
    /// Returns the choice for some of its streams; `None` if it is for none of them.
    #[must_use]
    pub fn only(&self, is_meant: impl Fn(&str) -> bool) -> Option<Self> {
        let some = |streams: &BTreeSet<String>| {
            let streams: BTreeSet<String> = streams.iter().filter(|stream| is_meant(stream)).cloned().collect();
            Some(streams).filter(|streams| !streams.is_empty())
        };
        Some(match self {
            Self::ForwardOnly { streams } => Self::ForwardOnly { streams: some(streams)? },
            Self::Resync { streams } => Self::Resync { streams: some(streams)? },
            Self::Backfill { since } => {
                let dates = since.iter().filter(|(stream, _)| is_meant(stream));
                let since: BTreeMap<String, String> =
                    dates.map(|(stream, date)| (stream.clone(), date.clone())).collect();
                Self::Backfill { since: Some(since).filter(|since| !since.is_empty())? }
            }
        })
    }

    /// Returns the choice in the words of the history of bookmarks.
    #[must_use]
    pub fn words(&self) -> String {
        let listed = |streams: &BTreeSet<String>| streams.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        match self {
            Self::ForwardOnly { streams } => format!("forward-only {}", listed(streams)),
            Self::Resync { streams } => format!("resync {}", listed(streams)),
            Self::Backfill { since } => {
                let dates: Vec<String> = since.iter().map(|(stream, date)| format!("{stream}={date}")).collect();
                format!("backfill {}", dates.join(" "))
            }
        }
    }
}
