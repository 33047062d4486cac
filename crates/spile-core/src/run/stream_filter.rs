//! Which streams a sync reads, and which of them it reads from the beginning.

use serde::{Deserialize, Serialize};

/// The streams of one sync. By default, all selected streams, each from its bookmark.
///
/// A pattern is the name of a stream, with `*`, `?` and `[...]` as wildcards: `orders`, `public-*`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamFilter {
    /// If not empty, only these streams are read; the bookmarks of all others stay as they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// These streams are read from the beginning.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refresh: Vec<String>,
}

impl StreamFilter {
    /// Tells whether a sync reads all selected streams from their bookmarks.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.only.is_empty() && self.refresh.is_empty()
    }

    /// Returns the patterns of the streams that are read, in the form of Meltano's `select_filter`, in which a period
    /// without a backslash ends the stream's name.
    #[must_use]
    pub fn select_filter(&self) -> Vec<String> {
        self.only.iter().map(|pattern| pattern.replace('.', "\\.")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(only: &[&str], refresh: &[&str]) -> StreamFilter {
        let owned = |patterns: &[&str]| patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        StreamFilter { only: owned(only), refresh: owned(refresh) }
    }

    #[test]
    fn without_patterns_a_sync_does_nothing_special() {
        assert!(filter(&[], &[]).is_default());
        assert!(!filter(&["orders"], &[]).is_default() && !filter(&[], &["orders"]).is_default());
    }

    #[test]
    fn a_period_belongs_to_the_name() {
        assert_eq!(filter(&["main.orders"], &[]).select_filter(), ["main\\.orders"]);
    }
}
