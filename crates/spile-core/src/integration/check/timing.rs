//! Checks how a schedule is kept: `timezone`, `jitter` and `catch_up`.

use jiff::tz::{self, TimeZone};

use super::IntegrationMistake;
use crate::connector::Role;
use crate::integration::Draft;
use crate::integration::timing::{CatchUp, LONGEST_JITTER, Timing};
use crate::problem::{Problems, did_you_mean};
use crate::source::Placed;
use crate::value::duration::duration;

/// Returns how a schedule is kept. Invalid values count as not set.
pub(super) fn timing(draft: &Draft, problems: &mut Problems) -> Timing {
    let default = Timing::default();
    let zone = draft.timezone.as_ref().and_then(|written| zone(written, problems));
    let jitter = draft.jitter.as_ref().and_then(|written| {
        let found = duration(written).filter(|jitter| *jitter <= LONGEST_JITTER);
        let help = "use a duration, for example `90s` or `10m`";
        found.or_else(|| {
            wrong(written, "is not a valid jitter", "not a duration of up to one day", help.to_owned(), problems)
        })
    });
    let catch_up = draft.catch_up.as_ref().and_then(|written| {
        let help = "use `last`, `none`, or how late a run may be, for example `2h`";
        let found = written.parse::<CatchUp>().ok();
        found.or_else(|| {
            wrong(written, "is not a valid value for `catch_up`", "unknown value", help.to_owned(), problems)
        })
    });
    Timing {
        zone: zone.unwrap_or(default.zone),
        jitter: jitter.unwrap_or(default.jitter),
        catch_up: catch_up.unwrap_or(default.catch_up),
    }
}

fn zone(written: &Placed<String>, problems: &mut Problems) -> Option<TimeZone> {
    // `Etc/Unknown` is a name without a time zone.
    let found = TimeZone::get(written).ok().filter(|zone| zone.iana_name().is_some());
    found.or_else(|| {
        let known: Vec<String> = tz::db().available().map(|name| name.to_string()).collect();
        let near = did_you_mean(written, known.iter().map(String::as_str));
        let help = near.unwrap_or_else(|| "use a name from the IANA database, for example `Europe/Berlin`".to_owned());
        wrong(written, "is not a time zone", "not in the IANA database", help, problems)
    })
}

fn wrong<T>(
    written: &Placed<String>,
    what: &str,
    label: &'static str,
    help: String,
    problems: &mut Problems,
) -> Option<T> {
    let message = format!("`{}` {what}", written.value);
    let mistake = IntegrationMistake::Timing { message, span: written.place.span.clone().into(), label, help };
    problems.push(&written.place.source, mistake);
    None
}

/// Finds timing keys if neither the file nor its overlays have a schedule.
pub(super) fn without_schedule(base: &Draft, overlays: &[&Draft], problems: &mut Problems) {
    let files = || std::iter::once(base).chain(overlays.iter().copied());
    // In a loader, they are reported anyway.
    let is_loader = base.role.as_ref().is_some_and(|role| role.value == Role::Loader);
    if is_loader || files().any(|draft| draft.schedule.is_some()) {
        return;
    }
    for draft in files() {
        let said = [("timezone", &draft.timezone), ("jitter", &draft.jitter), ("catch_up", &draft.catch_up)];
        for (key, written) in said {
            let Some(written) = written else { continue };
            let span = written.place.span.clone().into();
            problems.push(&written.place.source, IntegrationMistake::TimingWithoutSchedule { key, span });
        }
    }
}
