//! How a schedule is kept: in which time zone, how far it may be moved, and what is done about moments that were missed.

use std::str::FromStr;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::value::duration::duration;

/// How a schedule is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// The time zone that its fields are in.
    pub zone: TimeZone,
    /// By how much runs may be moved, so that what is scheduled for one moment does not all begin at once.
    pub jitter: Duration,
    /// What is done about moments that were missed.
    pub catch_up: CatchUp,
}

impl Timing {
    /// Returns the IANA name of its zone, as it is written there.
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

/// What is done about moments of a schedule that passed while nothing ran them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// One run makes up for all of them, however late.
    Last,
    /// One run does, where it is not later than that.
    Within(Duration),
}

/// How late a run may be where nothing is made up for: a scheduler that looks every few minutes is late by as much.
const NONE: Duration = Duration::from_mins(10);

/// The longest jitter: a day.
pub const LONGEST_JITTER: Duration = Duration::from_hours(24);

/// A text says nothing of what to make up for.
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
    fn what_is_made_up_for_is_all_nothing_or_as_late_as_said() {
        assert_eq!("last".parse(), Ok(CatchUp::Last));
        assert_eq!("none".parse(), Ok(CatchUp::Within(Duration::from_mins(10))));
        assert_eq!("2h".parse(), Ok(CatchUp::Within(Duration::from_hours(2))));
        for bad in ["", "all", "-2h", "2", "1 month"] {
            assert!(bad.parse::<CatchUp>().is_err(), "{bad}");
        }
    }
}
