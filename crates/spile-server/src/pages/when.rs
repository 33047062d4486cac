//! Times as pages show them: in words, with the exact time for those who point at them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use spile_view::ago::ago;

/// A time on a page. A script replaces the exact time with the one in the viewer's time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct When {
    /// The time, for programs.
    pub at: Timestamp,
    /// The time as the page shows it.
    pub words: String,
    /// The exact time in the server's time zone.
    pub exact: String,
    /// Whether the page shows the exact time.
    pub is_exact: bool,
}

impl When {
    /// Returns a time relative to now: `3 hours ago`.
    #[must_use]
    pub fn relative(at: Timestamp, now: Timestamp) -> Self {
        Self { at, words: ago(at, now), exact: moment(at), is_exact: false }
    }

    /// Returns a time as date and time.
    #[must_use]
    pub fn exact(at: Timestamp) -> Self {
        let exact = moment(at);
        Self { at, words: exact.clone(), exact, is_exact: true }
    }

    /// Returns a time as the day that it is on: `Nov 30`.
    #[must_use]
    pub fn day(at: Timestamp) -> Self {
        let words = at.to_zoned(TimeZone::system()).strftime("%b %-d").to_string();
        Self { at, words, exact: moment(at), is_exact: false }
    }
}

/// Returns a time in the server's time zone, with the zone.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M %Z").to_string()
}
