//! How a schedule is kept: its time zone, its jitter, and what happens to missed times.

use std::str::FromStr;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::value::duration::duration;

/// How a schedule is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// The time zone of its fields.
    pub zone: TimeZone,
    /// The longest delay of its runs, so that runs scheduled for the same time do not all begin at once.
    pub jitter: Duration,
    /// What happens to missed times.
    pub catch_up: CatchUp,
}

impl Timing {
    /// Returns the IANA name of its zone, in the spelling of that database.
    #[must_use]
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self { zone: TimeZone::UTC, jitter: Duration::ZERO, catch_up: CatchUp::Last }
    }
}

/// What happens to the times of a schedule that passed while no scheduler was running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// One run makes up for all of them, however late.
    Last,
    /// One run makes up for all of them, unless it is later than this.
    Within(Duration),
}

/// How late a run may be without catching up: a scheduler that checks every few minutes is late by that much.
const NONE: Duration = Duration::from_mins(10);

/// The longest jitter: a day.
pub const LONGEST_JITTER: Duration = Duration::from_hours(24);

/// An invalid value of `catch_up`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a valid value for `catch_up`")]
pub struct NoCatchUp(String);

impl FromStr for CatchUp {
    type Err = NoCatchUp;

    fn from_str(text: &str) -> Result<Self, NoCatchUp> {
        match text {
            "last" => Ok(Self::Last),
            "none" => Ok(Self::Within(NONE)),
            _ => duration(text).map(Self::Within).ok_or_else(|| NoCatchUp(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_runs_are_made_up_for_always_never_or_within_a_time() {
        assert_eq!("last".parse(), Ok(CatchUp::Last));
        assert_eq!("none".parse(), Ok(CatchUp::Within(Duration::from_mins(10))));
        assert_eq!("2h".parse(), Ok(CatchUp::Within(Duration::from_hours(2))));
        for bad in ["", "all", "-2h", "2", "1 month"] {
            assert!(bad.parse::<CatchUp>().is_err(), "{bad}");
        }
    }
}
