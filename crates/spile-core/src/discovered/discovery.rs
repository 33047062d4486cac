//! A stored discovery.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Stream;

/// What a source offered at a time. It contains no values of settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Discovered {
    /// What it is valid for: a hash of everything that the answer depends on.
    pub key: String,
    /// When the tap reported it.
    pub discovered_at: Timestamp,
    /// The streams, sorted by name.
    pub streams: Vec<Stream>,
}

impl Discovered {
    /// Returns the stream with that name.
    #[must_use]
    pub fn stream(&self, name: &str) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.name == name)
    }
}
