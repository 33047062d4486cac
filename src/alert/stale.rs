//! What has not been synced for longer than its schedule allows.

use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Alert, Key, Subject};
use crate::connector::Role;
use crate::integration::{Integration, Schedule};
use crate::name::EnvironmentName;
use crate::settings::AlertKind;

/// How long a sync may take longer than usual before anybody is told.
const GRACE: SignedDuration = SignedDuration::from_mins(15);

/// What a preset means, as Meltano has it.
const PRESETS: [(&str, &str); 5] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
];

/// When an integration was last known to be as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// When its last sync that succeeded began.
    pub synced: Option<Timestamp>,
    /// When its row was made or last changed: before that it may not have been scheduled.
    pub applied: Timestamp,
}

/// Says that an integration has not been synced for too long, where that is so.
#[must_use]
pub fn stale(
    integration: &Integration,
    environment: &EnvironmentName,
    (since, now): (Since, Timestamp),
) -> Option<Alert> {
    let declaration = integration.at(environment);
    let runs = declaration.enabled && declaration.loader.is_some() && integration.role() == Role::Extractor;
    let schedule = declaration.schedule.as_ref().filter(|_| runs)?;
    let from = since.synced.map_or(since.applied, |synced| synced.max(since.applied));
    if now <= deadline(schedule, from)? {
        return None;
    }
    let sentence = match since.synced {
        Some(synced) => {
            format!("the last sync that succeeded began at {}; its schedule is `{schedule}`", minute(synced))
        }
        None => format!("no sync has succeeded yet; its schedule is `{schedule}`"),
    };
    Some(Alert {
        key: Key::new(AlertKind::Stale, integration.id),
        integration: Some(Subject::from(integration)),
        since: from,
        sentence,
        help: Some("look whether the scheduler runs, and whether a sync still does".to_owned()),
        file: Some(integration.path.clone()),
        command: Some(format!("spile runs {}", integration.slug)),
        run: None,
    })
}

/// Returns by when the next sync but one should have begun, and some grace: one may be late or fail and be tried again.
/// Nothing is ever late by `@once`.
fn deadline(schedule: &Schedule, from: Timestamp) -> Option<Timestamp> {
    let text =
        PRESETS.iter().find(|(preset, _)| *preset == schedule.as_str()).map_or(schedule.as_str(), |(_, cron)| cron);
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let cron = parser.parse(text).ok()?;
    let from = from.to_zoned(TimeZone::UTC);
    let next = cron.find_next_occurrence(&from, false).ok()?;
    let next_but_one = cron.find_next_occurrence(&next, false).ok()?;
    next_but_one.timestamp().checked_add(GRACE).ok()
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_by(schedule: &str, from: &str) -> Option<String> {
        deadline(&schedule.parse().unwrap(), from.parse().unwrap()).map(|at| at.to_string())
    }

    #[test]
    fn a_sync_may_be_missed_once() {
        let friday = "2026-11-20T09:00:05Z";
        assert_eq!(is_by("@hourly", friday).as_deref(), Some("2026-11-20T11:15:00Z"));
        assert_eq!(is_by("0 9 * * 1-5", friday).as_deref(), Some("2026-11-24T09:15:00Z"), "a weekend is no delay");
        assert_eq!(is_by("*/15 * * * *", friday).as_deref(), Some("2026-11-20T09:45:00Z"));
        assert_eq!(is_by("@yearly", friday).as_deref(), Some("2028-01-01T00:15:00Z"));
        assert_eq!(is_by("@once", friday), None);
        assert_eq!(is_by("0 0 30 2 *", friday), None, "a day that never comes");
    }
}
