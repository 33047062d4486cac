//! Integrations that have not been synced for longer than their schedule allows.

use jiff::{SignedDuration, Timestamp};

use super::{Alert, Key, Subject};
use crate::integration::{Integration, Timetable};
use crate::name::EnvironmentName;
use crate::settings::AlertKind;

/// How late the next sync but one may be before an alert.
const GRACE: SignedDuration = SignedDuration::from_mins(15);

/// When an integration was last known to be up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// When its last successful sync began.
    pub synced: Option<Timestamp>,
    /// When its row was created or last changed: before that, it may not have been scheduled.
    pub applied: Timestamp,
}

/// Returns an alert if an integration has not been synced for too long.
#[must_use]
pub fn stale(integration: &Integration, environment: &EnvironmentName, since: Since, now: Timestamp) -> Option<Alert> {
    let timetable = Timetable::of(integration, environment).filter(|_| integration.at(environment).enabled)?;
    let schedule = &timetable.schedule;
    let from = since.synced.map_or(since.applied, |synced| synced.max(since.applied));
    if now <= deadline(&timetable, from)? {
        return None;
    }
    let sentence = match since.synced {
        Some(synced) => {
            format!("the last successful sync started at {}; the schedule is `{schedule}`", minute(synced))
        }
        None => format!("no sync has succeeded yet; the schedule is `{schedule}`"),
    };
    Some(Alert {
        key: Key::new(AlertKind::Stale, integration.id),
        integration: Some(Subject::from(integration)),
        since: from,
        sentence,
        help: Some("check that the scheduler is running, and whether a sync is still in progress".to_owned()),
        file: Some(integration.path.clone()),
        command: Some(format!("spile runs {}", integration.slug)),
        run: None,
    })
}

/// Returns the time by which the next sync but one should have begun, plus some grace: one sync may be late, or fail
/// and be retried. With `@once`, nothing is ever late.
fn deadline(timetable: &Timetable, from: Timestamp) -> Option<Timestamp> {
    let next = timetable.next_after(from)?;
    let next_but_one = timetable.next_after(next.at)?;
    next_but_one.at.checked_add(GRACE).ok()
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::integration::Timing;

    fn is_by(schedule: &str, from: &str) -> Option<String> {
        is_by_in(schedule, "UTC", from)
    }

    fn is_by_in(schedule: &str, zone: &str, from: &str) -> Option<String> {
        let timing = Timing { zone: TimeZone::get(zone).unwrap(), ..Timing::default() };
        let timetable = Timetable { schedule: schedule.parse().unwrap(), timing, offset: SignedDuration::ZERO };
        deadline(&timetable, from.parse().unwrap()).map(|at| at.to_string())
    }

    #[test]
    fn a_sync_may_be_missed_once() {
        let friday = "2026-11-20T09:00:05Z";
        assert_eq!(is_by("@hourly", friday).as_deref(), Some("2026-11-20T11:15:00Z"));
        assert_eq!(is_by("0 9 * * 1-5", friday).as_deref(), Some("2026-11-24T09:15:00Z"), "a weekend is no delay");
        assert_eq!(is_by("*/15 * * * *", friday).as_deref(), Some("2026-11-20T09:45:00Z"));
        assert_eq!(is_by("@yearly", friday).as_deref(), Some("2028-01-01T00:15:00Z"));
        assert_eq!(is_by_in("0 9 * * *", "Asia/Tokyo", friday).as_deref(), Some("2026-11-22T00:15:00Z"));
        assert_eq!(is_by("@once", friday), None);
        assert_eq!(is_by("0 0 30 2 *", friday), None, "a day that never comes");
    }

    #[test]
    fn a_time_is_shown_to_the_minute() {
        assert_eq!(minute("2026-11-20T09:00:05Z".parse().unwrap()), "2026-11-20 09:00 UTC");
    }
}
