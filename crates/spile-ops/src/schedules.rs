//! `schedules`: returns the next sync of each integration, and what is due now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::{Error, Loaded, RunSelection};
use spile_core::alert::runs::AllEnds;
use spile_core::integration::{Integration, Tick, Timetable};
use spile_core::name::{EnvironmentName, IntegrationId, Slug};
use spile_core::run::due::due;
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
        let due = known.due(&integration, &timetable).filter(|_| is_awake);
        let next = timetable.next_after(now).filter(|_| is_awake);
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

/// Returns what to run now in an environment.
///
/// # Errors
/// When the registry cannot be read.
pub async fn now(world: &World, loaded: &Loaded, environment: &EnvironmentName) -> Result<Now, Error> {
    let at = (world.clock)();
    let known = ScheduleFacts::read(world, at).await?;
    let mut found = Now::default();
    for integration in loaded.integrations.by_slug() {
        let Some(timetable) = Timetable::of(integration, environment) else { continue };
        if known.rest(integration, environment).is_some() {
            continue;
        }
        found.due.extend(known.due(integration, &timetable).map(|tick| (integration.clone(), tick)));
        let next = timetable.next_after(at).map(|tick| tick.at);
        found.next = [found.next, next].into_iter().flatten().min();
    }
    found.due.sort_by_key(|(_, tick)| *tick);
    Ok(found)
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
        match self.standings.get(&integration.id) {
            _ if !integration.at(environment).enabled => Some(Rest::Disabled),
            None => Some(Rest::NotApplied),
            Some(standing) if standing.status == PAUSED => Some(Rest::Paused),
            Some(_) => None,
        }
    }

    fn due(&self, integration: &Integration, timetable: &Timetable) -> Option<Tick> {
        let applied = self.standings.get(&integration.id)?.created_at;
        due(timetable, applied, self.tries.get(&integration.id), self.now)
    }
}
