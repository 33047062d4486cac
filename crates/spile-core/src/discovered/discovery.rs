//! A discovery, as it is stored.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Stream;

/// What a source offered at a time. No value of a setting is in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Discovered {
    /// What it holds for: a hash of all that the answer depends on.
    pub key: String,
    /// When the tap reported it.
    pub discovered_at: Timestamp,
    /// The streams, sorted by name.
    pub streams: Vec<Stream>,
}

impl Discovered {
    /// Returns the stream of that name.
    #[must_use]
    pub fn stream(&self, name: &str) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.name == name)
    }
}
