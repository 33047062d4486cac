//! The state of an integration in words, and when it is synced next.

use jiff::Timestamp;

use crate::pages::when::When;
use crate::pages::words::{StatusWord, status};
use spile_core::connector::Role;
use spile_core::integration::Integration;
use spile_core::integration::timetable::{Tick, Timetable};
use spile_core::name::EnvironmentName;
use spile_core::run::{Run, RunStatus};
use spile_world::stores::runs::Standing;

/// Returns the state of an integration in an environment.
pub fn state(one: &Integration, environment: &EnvironmentName, known: Known<'_>) -> StatusWord {
    if !one.at(environment).enabled {
        return StatusWord { word: "disabled", tone: "" };
    }
    if one.role() == Role::Loader {
        return StatusWord { word: "destination", tone: "" };
    }
    let word = known.standing.map(|standing| standing.status.as_str());
    // The registry only counts runs that end after the first apply.
    match (word, known.newest.map(|run| run.status)) {
        (Some("pending"), Some(newest)) if newest.succeeded() => status(Some("active")),
        (Some("pending"), Some(RunStatus::Failed)) => status(Some("error")),
        _ => status(word),
    }
}

/// What is known of an integration besides its file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// What the registry says; `None` if it was never applied.
    pub standing: Option<&'a Standing>,
    /// Its newest run.
    pub newest: Option<&'a Run>,
}

/// Returns when it will be synced next, in words.
pub fn next(one: &Integration, environment: &EnvironmentName, now: Timestamp) -> Option<When> {
    next_tick(one, environment, now).map(|tick| When::relative(tick.at, now))
}

/// Returns when it will be synced next.
pub fn next_tick(one: &Integration, environment: &EnvironmentName, now: Timestamp) -> Option<Tick> {
    let timetable = Timetable::of(one, environment).filter(|_| one.at(environment).enabled)?;
    timetable.next_after(now)
}
