//! The time between the runs of a schedule.

use std::collections::BTreeMap;

use croner::{Cron, Direction};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::integration::Schedule;

/// The fewest runs that are looked at, so that a monthly schedule is seen for a whole year.
const FEWEST: usize = 13;

/// The shortest time that is looked at, in minutes: eight days contain every gap between the days of a week.
const SHORTEST: i64 = 8 * 24 * 60;

/// The intervals of schedules, each worked out once.
#[derive(Debug, Default)]
pub(super) struct Intervals(BTreeMap<String, Option<i64>>);

impl Intervals {
    /// Returns the longest time between two runs of a schedule, in minutes: for `0 6 * * 1-5` it is the weekend. `None`
    /// for `@once`, and if the schedule never comes again. Ignores time zones, so that a day has 24 hours.
    pub(super) fn of(&mut self, schedule: &str) -> Option<i64> {
        let known = || schedule.parse().ok().as_ref().and_then(Schedule::cron).and_then(|cron| longest(&cron));
        *self.0.entry(schedule.to_owned()).or_insert_with(known)
    }
}

fn longest(cron: &Cron) -> Option<i64> {
    let start = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    let mut minutes = cron.iter_from(start, Direction::Forward).map(|at| at.timestamp().as_second() / 60);
    let first = minutes.next()?;
    let (mut before, mut found) = (first, None);
    for (number, at) in minutes.enumerate() {
        found = found.max(Some(at - before));
        before = at;
        if number + 1 >= FEWEST && at - first >= SHORTEST {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_the_longest_time_between_two_runs() {
        let day = 24 * 60;
        for (schedule, minutes) in [
            ("@hourly", Some(60)),
            ("*/5 * * * *", Some(5)),
            ("*/5 8-18 * * 1-5", Some(2 * day + 13 * 60 + 5)),
            ("0 6 * * 1-5", Some(3 * day)),
            ("0 0 L * *", Some(31 * day)),
            ("@monthly", Some(31 * day)),
            ("@yearly", Some(366 * day)),
            ("0 0 30 2 *", None),
            ("@once", None),
        ] {
            assert_eq!(Intervals::default().of(schedule), minutes, "{schedule}");
        }
    }
}
