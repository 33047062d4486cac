//! Notifications: decides which channel gets which message, from what is known and already sent. A run never waits for
//! delivery.
//!
//! [`after`] reports the results of runs. [`watch`] also reports what is late, invalid, or has drifted.

mod deliver;
mod find_alerts;

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Error, Loaded, Tell};
use deliver::{Delivery, Letterhead, post};
use spile_core::alert::runs::AllEnds;
use spile_core::alert::{Alert, Message, Seen, Told};
use spile_core::name::EnvironmentName;
use spile_core::problem::Report;
use spile_core::run::Run;
use spile_core::settings::{Channel, ProjectSettings};
use spile_world::World;

/// What is watched: a project's files in one environment, or the problems in them.
#[derive(Debug, Clone, Copy)]
pub struct Watched<'a> {
    /// The content of `spile.toml`.
    pub settings: &'a ProjectSettings,
    /// The files, or the problems that make them unusable.
    pub files: Result<&'a Loaded, &'a Report>,
    /// The environment.
    pub environment: &'a EnvironmentName,
}

impl<'a> Watched<'a> {
    /// Watches valid files.
    #[must_use]
    pub fn of(loaded: &'a Loaded, environment: &'a EnvironmentName) -> Self {
        Self { settings: &loaded.settings, files: Ok(loaded), environment }
    }
}

/// Runs that have just ended, with how notifications about them react to an interrupt.
#[derive(Debug, Clone, Copy)]
pub struct EndedRuns<'a> {
    /// The runs, all in one environment.
    pub runs: &'a [Run],
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// Turns true when the user interrupts. It is already true if an interrupt stopped the runs.
    pub interrupt: &'a watch::Receiver<bool>,
    /// What to do if it is already true.
    pub when_interrupted: WhenInterrupted,
}

/// What to do about notifications when an interrupt has stopped the runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenInterrupted {
    /// Send them, until there is another interrupt.
    Notify,
    /// Leave them for the next invocation.
    Leave,
}

/// Notifies users of the results of runs that have just ended: what fails, and what works again. Tests and syncs call this
/// themselves. Failed deliveries are reported as events, and the next invocation sends them, as well as the ones that an
/// interrupt leaves.
pub async fn after(world: &World, loaded: &Loaded, ended: EndedRuns<'_>, tell: Tell<'_>) {
    let EndedRuns { runs, environment, interrupt, when_interrupted } = ended;
    let mut interrupt = interrupt.clone();
    let was_interrupted = *interrupt.borrow_and_update();
    if was_interrupted && when_interrupted == WhenInterrupted::Leave {
        return;
    }
    tokio::select! {
        () = notify(world, loaded, environment, runs, tell) => {}
        Ok(()) = interrupt.changed() => {}
    }
}

async fn notify(world: &World, loaded: &Loaded, environment: &EnvironmentName, runs: &[Run], tell: Tell<'_>) {
    let watched = Watched::of(loaded, environment);
    let has_channels = !loaded.settings.channels_of(environment).is_empty();
    let of: Vec<_> = runs.iter().map(|run| run.integration).collect();
    if !has_channels || of.is_empty() {
        return;
    }
    // If the registry cannot be read, only these runs are known.
    let known = world.alerts.ends(Some(&of)).await.unwrap_or_default();
    let ends: AllEnds = known.into_iter().chain(runs.iter().cloned()).collect();
    let (alerts, well) = ends.seen_of(&loaded.integrations);
    deliver(world, watched, Seen { alerts, well, ..Seen::default() }, tell).await;
}

/// Checks everything, and notifies users of what is due: failures, late syncs, invalid files, and drift. Returns all
/// current alerts, whether or not they were due.
pub async fn watch(world: &World, watched: Watched<'_>, tell: Tell<'_>) -> Vec<Alert> {
    if watched.settings.channels_of(watched.environment).is_empty() {
        return Vec::new();
    }
    let looked = find_alerts::look(world, watched).await;
    for unseen in looked.unseen {
        tell(unseen);
    }
    let alerts = looked.seen.alerts.clone();
    deliver(world, watched, looked.seen, tell).await;
    alerts
}

/// Sends to each channel what is due there, to all channels in parallel.
async fn deliver(world: &World, watched: Watched<'_>, seen: Seen, tell: Tell<'_>) {
    let seen = Arc::new(seen);
    let mut deliveries = JoinSet::new();
    for channel in watched.settings.channels_of(watched.environment) {
        let head = Letterhead::new(watched);
        let delivery = Delivery { world: world.clone(), channel: channel.clone(), head };
        let seen = seen.clone();
        deliveries.spawn(async move { delivery.run(&seen).await });
    }
    for event in deliveries.join_all().await.into_iter().flatten() {
        tell(event);
    }
}

/// The result of testing a channel.
#[derive(Debug)]
pub struct Tested {
    /// The channel.
    pub channel: Channel,
    /// The channel's response.
    pub answer: Result<String, spile_world::net::notify::NotSent>,
    /// The mistake in its template, if the built-in one was sent instead.
    pub template: Option<String>,
}

/// Sends a test message to each of these channels.
pub async fn test(world: &World, watched: Watched<'_>, channels: &[&Channel]) -> Vec<Tested> {
    let mut tests = JoinSet::new();
    for (at, channel) in channels.iter().enumerate() {
        let (world, channel, head) = (world.clone(), (*channel).clone(), Letterhead::new(watched));
        tests.spawn(async move {
            let message = Message::test(head.frame(&channel), (world.clock)(), Uuid::new_v4());
            let (answer, template) = post(&world, &channel, &message).await;
            (at, Tested { channel, answer, template })
        });
    }
    let mut tested = tests.join_all().await;
    tested.sort_by_key(|(at, _)| *at);
    tested.into_iter().map(|(_, tested)| tested).collect()
}

/// The current alerts, and what was sent about them to each channel.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The current alerts.
    pub seen: Seen,
    /// The channels of the environment, with what was sent to them.
    pub channels: Vec<(Channel, Told)>,
    /// When this was checked.
    pub at: Timestamp,
}

/// Checks everything, and reads what was sent to each channel about it. Sends nothing.
///
/// # Errors
/// When the record of sent messages cannot be read.
pub async fn overview(world: &World, watched: Watched<'_>, tell: Tell<'_>) -> Result<Overview, Error> {
    let seen = seen(world, watched, tell).await;
    let mut channels = Vec::new();
    for channel in watched.settings.channels_of(watched.environment) {
        channels.push((channel.clone(), world.alerts.told(&channel.name).await?.told));
    }
    Ok(Overview { seen, channels, at: (world.clock)() })
}

/// Checks everything, and returns what is wrong now. Reports what could not be checked.
pub async fn seen(world: &World, watched: Watched<'_>, tell: Tell<'_>) -> Seen {
    let looked = find_alerts::look(world, watched).await;
    for unseen in looked.unseen {
        tell(unseen);
    }
    let mut seen = looked.seen;
    seen.alerts.sort_by(|a, b| (a.kind(), a.since, &a.key).cmp(&(b.kind(), b.since, &b.key)));
    seen
}
