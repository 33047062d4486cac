//! Durations as people write them.

use std::time::Duration;

use jiff::SignedDuration;

/// Returns a duration that is written as `90s`, `10m` or `2h 30m`; `None` if it is negative.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let found: SignedDuration = text.parse().ok()?;
    found.try_into().ok()
}
