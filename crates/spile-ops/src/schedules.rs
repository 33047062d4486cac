//! `schedules`: returns the next sync of each integration, and what is due now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::{Error, Loaded, RunSelection};
use spile_core::alert::runs::AllEnds;
use spile_core::integration::{Integration, Tick, TicksAround, Timetable};
use spile_core::name::{EnvironmentName, IntegrationId, Slug};
use spile_core::run::due::is_due;
use spile_core::run::{Run, Tries};
use spile_world::World;
use spile_world::stores::runs::{PAUSED, Standing};

/// An integration with a schedule, and its status.
#[derive(Debug, Clone)]
pub struct Scheduled {
    /// The integration.
    pub integration: Arc<Integration>,
    /// When it is synced.
    pub timetable: Timetable,
    /// The reason why it is not synced, if there is one.
    pub rest: Option<Rest>,
    /// The tick to run now.
    pub due: Option<Tick>,
    /// The next tick to run.
    pub next: Option<Tick>,
    /// Its last sync that has ended.
    pub last_sync: Option<Run>,
}

/// The reason why an integration with a schedule is not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Its file has `enabled = false`.
    Disabled,
    /// It is paused.
    Paused,
    /// It has not been applied to this environment.
    NotApplied,
}

impl Rest {
    /// Returns the word to display.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Paused => PAUSED,
            Self::NotApplied => "not applied",
        }
    }
}

/// Returns the integrations with a schedule, sorted by name, with their current and next ticks.
///
/// # Errors
/// When a word matches nothing, or the registry cannot be read.
pub async fn schedules(
    world: &World,
    loaded: &Loaded,
    environment: &EnvironmentName,
    which: &RunSelection,
) -> Result<Vec<Scheduled>, Error> {
    let now = (world.clock)();
    let chosen = which.among(world, loaded).await?;
    let ends: AllEnds = world.alerts.ends(None).await?.into_iter().collect();
    let known = ScheduleFacts::read(world, now).await?;
    let scheduled = |integration: Arc<Integration>| {
        let timetable = Timetable::of(&integration, environment)?;
        let rest = known.rest(&integration, environment);
        let is_awake = rest.is_none();
        let last_sync = ends.of(&integration.id).and_then(|ends| ends.last_ended_sync()).cloned();
        let ticks = known.ticks(&integration, &timetable).filter(|_| is_awake);
        let due = ticks.and_then(|ticks| known.due(&integration, &timetable, &ticks));
        let next = ticks.and_then(|ticks| ticks.next);
        Some(Scheduled { integration, timetable, rest, due, next, last_sync })
    };
    Ok(chosen.into_iter().filter_map(scheduled).collect())
}

/// Returns at most `most` of the next ticks of all integrations, in the order of their start.
#[must_use]
pub fn coming(scheduled: &[Scheduled], most: usize) -> Vec<(&Slug, Tick)> {
    let mut next: BTreeSet<(Timestamp, usize, Tick)> = BTreeSet::new();
    for (place, one) in scheduled.iter().enumerate() {
        next.extend(one.next.map(|tick| (tick.at, place, tick)));
    }
    let mut coming = Vec::new();
    while coming.len() < most {
        let Some((_, place, tick)) = next.pop_first() else { break };
        let one = &scheduled[place];
        coming.push((&one.integration.slug, tick));
        next.extend(one.timetable.next_after(tick.at).map(|tick| (tick.at, place, tick)));
    }
    coming
}

/// What to run now, and when the next run starts.
#[derive(Debug, Clone, Default)]
pub struct Now {
    /// What to run now, oldest first.
    pub due: Vec<(Arc<Integration>, Tick)>,
    /// When the next run starts.
    pub next: Option<Timestamp>,
}

/// The timetables of a project's integrations in an environment, with the ticks that earlier looks have found. A scheduler
/// looks often, and most ticks are hours away.
#[derive(Debug, Default)]
pub struct Timetables {
    all: Vec<(Arc<Integration>, Timetable, Option<TicksAround>)>,
}

impl Timetables {
    /// Returns the timetables of all integrations that have one.
    #[must_use]
    pub fn of(loaded: &Loaded, environment: &EnvironmentName) -> Self {
        let enabled = loaded.integrations.by_slug().filter(|integration| integration.at(environment).enabled);
        let with = |one: &Arc<Integration>| Some((one.clone(), Timetable::of(one, environment)?, None));
        Self { all: enabled.filter_map(with).collect() }
    }

    /// Returns what to run now.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn now(&mut self, world: &World) -> Result<Now, Error> {
        let known = ScheduleFacts::read(world, (world.clock)()).await?;
        let mut found = Now::default();
        for (integration, timetable, kept) in &mut self.all {
            let Some(applied) = known.applied(integration).filter(|_| !known.is_paused(integration)) else { continue };
            let ticks = match *kept {
                Some(ticks) if ticks.hold(known.now, applied) => ticks,
                _ => *kept.insert(timetable.around(known.now, applied)),
            };
            let due = known.due(integration, timetable, &ticks);
            found.due.extend(due.map(|tick| (integration.clone(), tick)));
            found.next = [found.next, ticks.next.map(|tick| tick.at)].into_iter().flatten().min();
        }
        found.due.sort_by_key(|(_, tick)| *tick);
        Ok(found)
    }
}

/// The registry's data about schedules.
struct ScheduleFacts {
    now: Timestamp,
    standings: BTreeMap<IntegrationId, Standing>,
    tries: BTreeMap<IntegrationId, Tries>,
}

impl ScheduleFacts {
    async fn read(world: &World, now: Timestamp) -> Result<Self, Error> {
        Ok(Self { now, standings: world.runs.standings().await?, tries: world.runs.tries(now).await? })
    }

    fn rest(&self, integration: &Integration, environment: &EnvironmentName) -> Option<Rest> {
        match self.applied(integration) {
            _ if !integration.at(environment).enabled => Some(Rest::Disabled),
            None => Some(Rest::NotApplied),
            Some(_) if self.is_paused(integration) => Some(Rest::Paused),
            Some(_) => None,
        }
    }

    fn is_paused(&self, integration: &Integration) -> bool {
        self.standings.get(&integration.id).is_some_and(|standing| standing.status == PAUSED)
    }

    /// Returns when an integration was first applied.
    fn applied(&self, integration: &Integration) -> Option<Timestamp> {
        self.standings.get(&integration.id).map(|standing| standing.created_at)
    }

    fn ticks(&self, integration: &Integration, timetable: &Timetable) -> Option<TicksAround> {
        self.applied(integration).map(|applied| timetable.around(self.now, applied))
    }

    fn due(&self, integration: &Integration, timetable: &Timetable, ticks: &TicksAround) -> Option<Tick> {
        let (catch_up, tries) = (timetable.timing.catch_up, self.tries.get(&integration.id));
        ticks.newest.filter(|tick| is_due(*tick, catch_up, tries, self.now))
    }
}
