//! Moments and durations, as arguments name them.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Parses a duration. A plain number is seconds, as for the shell's `timeout`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => text.parse::<SignedDuration>().ok().map(SignedDuration::unsigned_abs),
    };
    // A zero timeout would leave no time to do anything.
    let parsed = parsed.filter(|duration| !duration.is_zero());
    parsed.ok_or_else(|| "use a number of seconds above 0, or a duration like `90s`, `10m` or `2h`".to_owned())
}

/// Parses a moment; a date is its midnight in UTC.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let date = text.parse::<Date>().and_then(|date| date.to_zoned(TimeZone::UTC));
    date.map(|midnight| midnight.timestamp())
        .map_err(|_| "use a date like `2026-01-31`, or a time like `2026-01-31T06:00:00Z`".to_owned())
}
