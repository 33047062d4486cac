//! Which streams a sync reads, and which of them it reads from the beginning.

use serde::{Deserialize, Serialize};

use crate::integration::select::Glob;

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

    /// Tells whether a stream is read.
    #[must_use]
    pub fn reads(&self, stream: &str) -> bool {
        self.only.is_empty() || matches(&self.only, stream)
    }

    /// Tells whether a stream is read from the beginning.
    #[must_use]
    pub fn refreshes(&self, stream: &str) -> bool {
        self.reads(stream) && matches(&self.refresh, stream)
    }
}

/// Tells whether a stream's name matches one of the patterns.
fn matches(patterns: &[String], stream: &str) -> bool {
    patterns.iter().any(|pattern| Glob::from(pattern.as_str()).matches(stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(only: &[&str], refresh: &[&str]) -> StreamFilter {
        let owned = |patterns: &[&str]| patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        StreamFilter { only: owned(only), refresh: owned(refresh) }
    }

    #[test]
    fn without_patterns_all_is_read_and_nothing_from_the_beginning() {
        let all = filter(&[], &[]);
        assert!(all.is_default() && all.reads("orders") && !all.refreshes("orders"));
    }

    #[test]
    fn a_period_belongs_to_the_name() {
        let one = filter(&["main.orders"], &[]);
        assert!(one.reads("main.orders") && !one.reads("main"));
        assert_eq!(one.select_filter(), ["main\\.orders"]);
    }

    #[test]
    fn a_stream_that_is_not_read_is_not_refreshed() {
        let some = filter(&["public-*"], &["*"]);
        assert_eq!(["public-orders", "other"].map(|stream| some.reads(stream)), [true, false]);
        assert_eq!(["public-orders", "other"].map(|stream| some.refreshes(stream)), [true, false]);
    }
}
