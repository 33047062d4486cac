//! The times at which an integration is synced.

use jiff::{SignedDuration, Timestamp};

use super::{Integration, Schedule, Timing};
use crate::connector::Role;
use crate::name::{EnvironmentName, IntegrationId};

/// The times at which an integration is synced.
#[derive(Debug, Clone)]
pub struct Timetable {
    /// The schedule as in the file.
    pub schedule: Schedule,
    /// How it is kept.
    pub timing: Timing,
    /// By how much the integration's runs are delayed: always the same, from 0 to the jitter.
    pub offset: SignedDuration,
}

/// One time in a timetable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tick {
    /// The time in the schedule, which a run records.
    pub moment: Timestamp,
    /// When the run begins: later by the offset.
    pub at: Timestamp,
}

/// The ticks around a time. They stay the same until the next one begins, so they need not be searched for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicksAround {
    from: Timestamp,
    applied: Timestamp,
    /// The newest tick that has begun.
    pub newest: Option<Tick>,
    /// The next tick.
    pub next: Option<Tick>,
    until: Option<Timestamp>,
}

impl TicksAround {
    /// Tells whether they are still the ticks around a time. A clock that jumps back, and another first apply, make them
    /// outdated.
    #[must_use]
    pub fn hold(&self, now: Timestamp, applied: Timestamp) -> bool {
        self.applied == applied && self.from <= now && self.until.is_none_or(|until| now < until)
    }
}

impl Timetable {
    /// Returns the timetable of an integration in an environment; `None` if it has no schedule, or nothing to sync.
    #[must_use]
    pub fn of(integration: &Integration, environment: &EnvironmentName) -> Option<Self> {
        let declared = integration.at(environment);
        let can_sync = integration.role() == Role::Extractor && declared.loader.is_some();
        let schedule = declared.schedule.clone().filter(|_| can_sync)?;
        let timing = declared.timing.clone();
        let offset = offset(integration.id, &timing);
        Some(Self { schedule, timing, offset })
    }

    /// Returns the first tick after a time. There is none for `@once`, or if the schedule never matches again.
    #[must_use]
    pub fn next_after(&self, moment: Timestamp) -> Option<Tick> {
        let from = moment.checked_sub(self.offset).ok()?.to_zoned(self.timing.zone.clone());
        let next = self.schedule.cron()?.find_next_occurrence(&from, false).ok()?;
        self.tick(next.timestamp())
    }

    /// Returns the newest tick that has begun by `now`, if it came after the integration was first applied. `@once` has
    /// its only tick at that first apply.
    #[must_use]
    pub fn newest(&self, now: Timestamp, applied: Timestamp) -> Option<Tick> {
        let Some(cron) = self.schedule.cron() else {
            return self.tick(applied).filter(|tick| tick.at <= now);
        };
        let until = now.checked_sub(self.offset).ok()?.to_zoned(self.timing.zone.clone());
        let newest = cron.find_previous_occurrence(&until, true).ok()?;
        self.tick(newest.timestamp()).filter(|tick| tick.moment > applied)
    }

    /// Returns the ticks around a time, for an integration that was first applied then.
    #[must_use]
    pub fn around(&self, now: Timestamp, applied: Timestamp) -> TicksAround {
        let (newest, next) = (self.newest(now, applied), self.next_after(now));
        let only = self.tick(applied).filter(|tick| self.schedule.cron().is_none() && now < tick.at);
        TicksAround { from: now, applied, newest, next, until: next.or(only).map(|tick| tick.at) }
    }

    fn tick(&self, moment: Timestamp) -> Option<Tick> {
        Some(Tick { moment, at: moment.checked_add(self.offset).ok()? })
    }
}

/// Derives an offset from an id. Ids are practically random, so offsets spread; and they are stable, so a run starts at
/// the same time every day.
fn offset(id: IntegrationId, timing: &Timing) -> SignedDuration {
    let (_, drawn) = id.0.as_u64_pair();
    let seconds = drawn % (timing.jitter.as_secs() + 1);
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::tz::TimeZone;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::integration::tests::{EXTRACTOR, LOADER, integrations};

    #[test]
    fn only_an_extractor_with_a_schedule_and_a_loader_has_a_timetable() {
        let shop = format!("loader = 'lake'\nschedule = '@daily'\njitter = '10m'\n{EXTRACTOR}");
        let (found, problems) = integrations(&[("lake", LOADER), ("shop", &shop)]);
        assert_eq!(problems, Vec::<String>::new());
        let of = |integration: &Integration| {
            let timetable = Timetable::of(integration, &"dev".parse().unwrap())?;
            Some((timetable.schedule.to_string(), timetable.timing.jitter))
        };
        let (shop, lake) = (Integration::clone(found.find("shop").unwrap()), found.find("lake").unwrap());
        assert_eq!(of(&shop), Some(("@daily".to_owned(), Duration::from_mins(10))));
        let with = |change: fn(&mut Integration)| {
            let mut changed = shop.clone();
            change(&mut changed);
            of(&changed)
        };
        assert_eq!(with(|shop| shop.base.loader = None), None);
        assert_eq!(with(|shop| shop.base.schedule = None), None);
        assert_eq!(of(&Integration { base: shop.base.clone(), ..Integration::clone(lake) }), None);
    }

    fn timetable(schedule: &str, zone: &str) -> Timetable {
        let timing = Timing { zone: TimeZone::get(zone).unwrap(), ..Timing::default() };
        Timetable { schedule: schedule.parse().unwrap(), timing, offset: SignedDuration::ZERO }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The first few times after a given one.
    fn moments(timetable: &Timetable, from: &str, count: usize) -> Vec<String> {
        let mut moment = at(from);
        let next = |_| {
            moment = timetable.next_after(moment).unwrap().at;
            moment.to_zoned(timetable.timing.zone.clone()).strftime("%a %H:%M %z").to_string()
        };
        (0..count).map(next).collect()
    }

    #[test]
    fn a_time_that_is_skipped_or_repeated_by_daylight_saving_runs_once() {
        let nightly = timetable("30 2 * * *", "Europe/Berlin");
        let spring = ["Sat 02:30 +0100", "Sun 03:00 +0200", "Mon 02:30 +0200"];
        assert_eq!(moments(&nightly, "2026-03-27T22:00:00Z", 3), spring);
        let autumn = ["Sat 02:30 +0200", "Sun 02:30 +0200", "Mon 02:30 +0100"];
        assert_eq!(moments(&nightly, "2026-10-23T22:00:00Z", 3), autumn);
        let hourly = timetable("@hourly", "Europe/Berlin");
        let hours = ["Sun 02:00 +0200", "Sun 02:00 +0100", "Sun 03:00 +0100"];
        assert_eq!(moments(&hourly, "2026-10-24T23:30:00Z", 3), hours);
        for (timetable, day) in [(&nightly, "2026-03-29"), (&nightly, "2026-10-25"), (&hourly, "2026-10-25")] {
            let noon = at(&format!("{day}T12:00:00Z"));
            let newest = timetable.newest(noon, Timestamp::UNIX_EPOCH).unwrap();
            assert!(timetable.next_after(newest.at).unwrap().at > noon, "{day}");
        }
    }

    #[test]
    fn ticks_before_the_first_apply_do_not_count() {
        let daily = timetable("0 6 * * *", "UTC");
        let now = at("2026-11-23T09:00:00Z");
        assert_eq!(daily.newest(now, at("2026-11-23T07:00:00Z")), None);
        assert_eq!(daily.newest(now, at("2026-11-23T06:00:00Z")), None);
        assert_eq!(daily.newest(now, at("2026-11-23T05:00:00Z")).unwrap().moment, at("2026-11-23T06:00:00Z"));
        let once = timetable("@once", "UTC");
        assert_eq!(once.newest(now, at("2026-11-23T07:00:00Z")).unwrap().moment, at("2026-11-23T07:00:00Z"));
        assert_eq!(once.next_after(now), None);
        assert_eq!(timetable("0 0 30 2 *", "UTC").next_after(now), None);
    }

    #[test]
    fn offsets_spread_over_the_jitter_and_stay() {
        let timing = Timing { jitter: Duration::from_mins(10), ..Timing::default() };
        let offset = |n: u32| {
            let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, &n.to_be_bytes());
            offset(IntegrationId(id), &timing).as_secs()
        };
        let offsets: Vec<i64> = (0..200).map(offset).collect();
        assert!(offsets.iter().all(|offset| (0..=600).contains(offset)));
        for minute in 0..10 {
            assert!(offsets.iter().filter(|offset| **offset / 60 == minute).count() > 5, "{offsets:?}");
        }
        assert_eq!(offsets, (0..200).map(offset).collect::<Vec<_>>());
    }

    fn expression() -> impl Strategy<Value = String> {
        let minute = prop_oneof![Just("*".to_owned()), Just("*/7".to_owned()), (0_u8..60).prop_map(|m| m.to_string())];
        let hour = prop_oneof![Just("*".to_owned()), Just("*/5".to_owned()), (0_u8..24).prop_map(|h| h.to_string())];
        let weekday = prop_oneof![Just("*".to_owned()), Just("1-5".to_owned())];
        (minute, hour, weekday).prop_map(|(minute, hour, weekday)| format!("{minute} {hour} * * {weekday}"))
    }

    #[test]
    fn ticks_are_searched_for_again_only_when_they_may_have_changed() {
        let offset = SignedDuration::from_secs(90);
        let applied = at("2026-11-23T05:00:00Z");
        let daily = Timetable { offset, ..timetable("0 6 * * *", "UTC") };
        let around = daily.around(at("2026-11-23T06:01:30Z"), applied);
        assert_eq!(around.newest.map(|tick| tick.moment), Some(at("2026-11-23T06:00:00Z")));
        assert!(around.hold(at("2026-11-23T06:01:30Z"), applied) && around.hold(at("2026-11-24T06:01:29Z"), applied));
        assert!(!around.hold(at("2026-11-24T06:01:30Z"), applied), "the next one has begun");
        assert!(!around.hold(at("2026-11-23T06:01:29Z"), applied), "the clock has jumped back");
        assert!(!around.hold(at("2026-11-23T07:00:00Z"), at("2026-11-23T06:30:00Z")), "it was applied anew");
        let once = Timetable { offset, ..timetable("@once", "UTC") };
        let before = once.around(applied, applied);
        assert_eq!(before.newest, None);
        assert!(before.hold(at("2026-11-23T05:01:29Z"), applied) && !before.hold(at("2026-11-23T05:01:30Z"), applied));
        let after = once.around(at("2026-11-23T05:01:30Z"), applied);
        assert!(after.newest.is_some() && after.hold(at("2027-11-23T05:00:00Z"), applied));
    }

    proptest! {
        #[test]
        fn ticks_ascend_and_the_newest_at_a_tick_is_that_tick(
            expression in expression(),
            zone in proptest::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
            from in 1_767_225_600_i64..1_798_761_600,
            offset in 0_i64..3600,
        ) {
            let timetable = Timetable { offset: SignedDuration::from_secs(offset), ..timetable(&expression, zone) };
            let mut last = Timestamp::from_second(from).unwrap();
            for _ in 0..5 {
                let next = timetable.next_after(last).unwrap();
                prop_assert!(next.at > last);
                let newest = |at| timetable.newest(at, Timestamp::UNIX_EPOCH);
                prop_assert_eq!(newest(next.at), Some(next));
                prop_assert!(newest(next.at - SignedDuration::from_secs(1)).unwrap() < next);
                last = next.at;
            }
        }
    }
}
