//! Which tick of a timetable is due now, derived from the timetable, the clock, and earlier attempts.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::integration::{CatchUp, Tick};

use super::{Cause, Run, RunStatus};

/// How often a scheduled time is attempted if its runs are killed or canceled.
pub const TRIES: u32 = 3;

/// The attempts at the newest scheduled time of an integration that has any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Tries {
    /// The scheduled time.
    pub moment: Timestamp,
    /// How many of its runs ended by themselves, whether they succeeded or failed.
    pub ended: u32,
    /// How many of its runs were killed or canceled.
    pub lost: u32,
}

impl Tries {
    /// Returns the attempts at the newest scheduled time that is not in the future. Times in the future come from a
    /// clock that was wrong for a while, and are ignored. Runs in progress are ignored too, because they may have died.
    #[must_use]
    pub fn of(runs: &[Run], now: Timestamp) -> Option<Self> {
        let known = || runs.iter().filter_map(|run| Some((run, run.scheduled_for.filter(|moment| *moment <= now)?)));
        let moment = known().map(|(_, moment)| moment).max()?;
        let mut tries = Self { moment, ended: 0, lost: 0 };
        for (run, _) in known().filter(|(_, of)| *of == moment) {
            match run.status {
                RunStatus::Running => {}
                RunStatus::Cancelled => tries.lost += 1,
                RunStatus::Failed if run.cause == Some(Cause::Killed) => tries.lost += 1,
                RunStatus::Ok | RunStatus::Warning | RunStatus::Failed => tries.ended += 1,
            }
        }
        Some(tries)
    }

    /// Tells whether a scheduled time needs no further run.
    #[must_use]
    pub fn have_served(&self, moment: Timestamp) -> bool {
        self.moment > moment || self.moment == moment && (self.ended > 0 || self.lost >= TRIES)
    }
}

/// Tells whether the newest tick that has begun needs a run now: it was not served, and is not too late.
#[must_use]
pub fn is_due(tick: Tick, catch_up: CatchUp, tries: Option<&Tries>, now: Timestamp) -> bool {
    let is_served = tries.is_some_and(|tries| tries.have_served(tick.moment));
    let is_too_late = match catch_up {
        CatchUp::Last => false,
        CatchUp::Within(late) => SignedDuration::try_from(late).is_ok_and(|late| now.duration_since(tick.at) > late),
    };
    !is_served && !is_too_late
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;
    use crate::integration::{Timetable, Timing};

    fn due(timetable: &Timetable, applied: Timestamp, tries: Option<&Tries>, now: Timestamp) -> Option<Tick> {
        let newest = timetable.around(now, applied).newest;
        newest.filter(|tick| is_due(*tick, timetable.timing.catch_up, tries, now))
    }

    fn timetable(schedule: &str, catch_up: CatchUp) -> Timetable {
        let timing = Timing { zone: TimeZone::UTC, catch_up, ..Timing::default() };
        Timetable { schedule: schedule.parse().unwrap(), timing, offset: SignedDuration::from_secs(90) }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn moment(text: &str, ended: u32, lost: u32) -> Tries {
        Tries { moment: at(text), ended, lost }
    }

    const APPLIED: &str = "2026-11-01T00:00:00Z";

    /// The time that is due in a timetable for six o'clock.
    fn daily(now: &str, tries: Option<Tries>) -> Option<Timestamp> {
        let timetable = timetable("0 6 * * *", CatchUp::Last);
        due(&timetable, at(APPLIED), tries.as_ref(), at(now)).map(|tick| tick.moment)
    }

    #[test]
    fn a_scheduled_time_is_due_until_it_is_served() {
        let six = at("2026-11-23T06:00:00Z");
        let yesterday = moment("2026-11-22T06:00:00Z", 1, 0);
        assert_eq!(daily("2026-11-23T06:01:00Z", Some(yesterday)), None, "the offset is a minute and a half");
        assert_eq!(daily("2026-11-23T06:01:30Z", Some(yesterday)), Some(six));
        assert_eq!(daily("2026-11-23T23:00:00Z", Some(yesterday)), Some(six), "a missed run is made up for");
        let today = |ended, lost| Some(moment("2026-11-23T06:00:00Z", ended, lost));
        assert_eq!(daily("2026-11-23T07:00:00Z", today(1, 0)), None);
        assert_eq!(daily("2026-11-23T07:00:00Z", today(0, 2)), Some(six), "killed runs do not count");
        assert_eq!(daily("2026-11-23T07:00:00Z", today(0, 3)), None, "three attempts are enough");
        assert_eq!(daily("2026-11-23T07:00:00Z", today(0, 0)), Some(six), "a run in progress may have died");
        assert_eq!(daily("2026-11-23T07:00:00Z", None), Some(six));
    }

    #[test]
    fn a_run_that_would_be_too_late_is_skipped() {
        let timetable = timetable("0 6 * * *", CatchUp::Within(Duration::from_hours(1)));
        let is_due = |now: &str| due(&timetable, at(APPLIED), None, at(now)).is_some();
        assert!(is_due("2026-11-23T07:01:30Z"));
        assert!(!is_due("2026-11-23T07:01:31Z"));
    }

    proptest! {
        /// The clock advances, jumps ahead and jumps back, and each check runs what is due.
        #[test]
        fn no_scheduled_time_runs_twice_and_the_newest_is_never_forgotten(
            steps in proptest::collection::vec((-7200_i64..7200, 0_u8..4), 1..60),
            schedule in proptest::sample::select(vec!["*/5 * * * *", "@hourly", "30 */2 * * *", "@once"]),
        ) {
            let timetable = timetable(schedule, CatchUp::Last);
            let mut now = at("2026-11-20T00:00:30Z");
            let applied = now;
            let mut served: Vec<Timestamp> = Vec::new();
            for (step, kind) in steps {
                // Most steps go forward.
                let step = if kind == 0 { step } else { step.abs() };
                now += SignedDuration::from_secs(step);
                let newest = served.iter().copied().filter(|moment| *moment <= now).max();
                let tries = newest.map(|moment| Tries { moment, ended: 1, lost: 0 });
                if let Some(tick) = due(&timetable, applied, tries.as_ref(), now) {
                    prop_assert!(!served.contains(&tick.moment), "{} twice", tick.moment);
                    prop_assert!(tick.at <= now);
                    served.push(tick.moment);
                }
                if let Some(tick) = timetable.newest(now, applied) {
                    let is_served = served.iter().any(|moment| *moment >= tick.moment && *moment <= now);
                    prop_assert!(is_served, "{} was forgotten", tick.moment);
                }
            }
        }
    }
}
