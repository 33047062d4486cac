//! Delivery to one channel: reads what was sent to it, decides what is due, claims and sends that, and records it.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

use super::Watched;
use crate::Event;
use spile_core::alert::due::{self, Outcome};
use spile_core::alert::message::Frame;
use spile_core::alert::render::{MessageFormat, built_in, render};
use spile_core::alert::{Decision, Message, Policy, Seen, Sending, Told};
use spile_core::name::EnvironmentName;
use spile_core::problem::Problems;
use spile_core::settings::Channel;
use spile_world::net::notify::{NotSent, Parcel};
use spile_world::stores::delivery_log::DeliveryRecord;
use spile_world::{Alerts, Local, TargetError, World};

/// How long a channel may delay the end of a command. This is well below the duration of a claim.
const DEADLINE: Duration = Duration::from_mins(1);

/// How many times a change of the record is tried if others change it at the same time.
const TRIES: u64 = 20;

/// The origin of messages.
#[derive(Debug, Clone)]
pub(super) struct Letterhead {
    project: String,
    environment: EnvironmentName,
    pages: Option<String>,
}

impl Letterhead {
    pub(super) fn new(watched: Watched<'_>) -> Self {
        let settings = watched.settings;
        let environment = watched.environment.clone();
        Self { project: settings.name.clone(), environment, pages: settings.url.clone() }
    }

    pub(super) fn frame<'a>(&'a self, channel: &'a Channel) -> Frame<'a> {
        let Self { project, environment, pages } = self;
        Frame { project, environment, pages: pages.as_deref(), channel: &channel.name }
    }
}

/// A delivery to one channel.
pub(super) struct Delivery {
    pub(super) world: World,
    pub(super) channel: Channel,
    pub(super) head: Letterhead,
}

impl Delivery {
    /// Sends what is due, and returns the events to report.
    pub(super) async fn run(self, seen: &Seen) -> Vec<Event> {
        let mut events = Vec::new();
        let here = self.here();
        // If the registry is down, messages are still sent, and are then recorded on this machine.
        let (store, messages) = match self.claimed(&*self.world.alerts, seen).await {
            Ok(messages) => (&*self.world.alerts, messages),
            Err(error) => {
                let messages = match self.claimed(&here, seen).await {
                    Ok(messages) => messages,
                    Err(_) => self.decide(seen, Told::default()).messages,
                };
                events.extend((!messages.is_empty()).then(|| self.not_shared(&error)));
                (&here as &dyn Alerts, messages)
            }
        };
        let until = Instant::now() + DEADLINE;
        let mut outcomes = Vec::new();
        let mut goes = true;
        for message in &messages {
            let outcome = if goes { self.send(message, until, &mut events).await } else { Outcome::NotSent };
            // After one failure, the next message would probably wait just as long and fail too.
            goes = goes && outcome == Outcome::Sent;
            outcomes.push((message, outcome));
        }
        if !outcomes.is_empty()
            && let Err(error) = self.settle(store, &outcomes).await
        {
            events.push(self.not_shared(&error));
        }
        events
    }

    /// Returns the local record of what was sent.
    fn here(&self) -> Local {
        Local::new(self.world.project.registry_path(), &self.head.project, &self.head.environment)
    }

    fn decide(&self, seen: &Seen, told: Told) -> Decision {
        due::decide(seen, &Policy::from(&self.channel), told, self.now(), Uuid::new_v4())
    }

    fn now(&self) -> Timestamp {
        (self.world.clock)()
    }

    /// Decides what is due and claims it, so that nobody else sends it at the same time.
    async fn claimed(&self, store: &dyn Alerts, seen: &Seen) -> Result<Vec<Sending>, TargetError> {
        let mut messages = Vec::new();
        self.write(store, |told| {
            let decision = self.decide(seen, told.clone());
            messages = decision.messages;
            decision.told
        })
        .await?;
        Ok(messages)
    }

    async fn settle(&self, store: &dyn Alerts, outcomes: &[(&Sending, Outcome)]) -> Result<(), TargetError> {
        let now = self.now();
        self.write(store, |told| {
            let mut told = told.clone();
            for (message, outcome) in outcomes {
                due::settle(&mut told, message, *outcome, now);
            }
            told
        })
        .await
    }

    /// Changes the channel's record. Tries again if somebody else has changed it in between.
    async fn write(&self, store: &dyn Alerts, mut change: impl FnMut(&Told) -> Told + Send) -> Result<(), TargetError> {
        for attempt in 0..TRIES {
            let kept = store.told(&self.channel.name).await?;
            let told = change(&kept.told);
            if told == kept.told || store.keep(&self.channel.name, &DeliveryRecord { told, ..kept }).await? {
                return Ok(());
            }
            // The pause is partly random, so that concurrent writers do not all retry at once.
            let pause = 5 * (attempt + 1) + u64::from(Uuid::new_v4().as_bytes()[0] % 20);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        Err(TargetError::AlertsInUse)
    }

    async fn send(&self, sending: &Sending, until: Instant, events: &mut Vec<Event>) -> Outcome {
        let message = Message::of(sending, self.head.frame(&self.channel));
        let posted = tokio::time::timeout_at(until, post(&self.world, &self.channel, &message)).await;
        let late = |_| (Err(NotSent::Timeout { seconds: DEADLINE.as_secs() }), None);
        let (answer, template) = posted.unwrap_or_else(late);
        let channel = self.channel.name.value.clone();
        if let Some(complaint) = template {
            let message = format!("used the built-in template instead: {complaint}");
            events.push(Event::NotNotified { channel: channel.clone(), message, help: None });
        }
        match answer {
            Ok(_) => {
                events.push(Event::Notified { channel, title: message.title, more: message.more });
                Outcome::Sent
            }
            Err(error) => {
                events.push(not_sent(channel, &error));
                Outcome::NotSent
            }
        }
    }

    fn not_shared(&self, error: &TargetError) -> Event {
        let message = format!("could not record what was sent, so other machines may send it again: {error}");
        let help = miette::Diagnostic::help(error).map(|help| help.to_string());
        Event::NotNotified { channel: self.channel.name.value.clone(), message, help }
    }
}

fn not_sent(channel: spile_core::name::ChannelName, error: &NotSent) -> Event {
    let help = miette::Diagnostic::help(error).map(|help| help.to_string());
    Event::NotNotified { channel, message: format!("not sent: {error}"), help }
}

/// Renders a message and sends it. If the project's own template fails, it uses the built-in one and returns the mistake.
pub(super) async fn post(
    world: &World,
    channel: &Channel,
    message: &Message,
) -> (Result<String, NotSent>, Option<String>) {
    let form = MessageFormat::of(&channel.sender);
    let own = channel.template.as_ref().map(|path| {
        let mut problems = Problems::default();
        let template = world.project.notify_template(Path::new(&path.value), &mut problems);
        let template = template.ok_or_else(|| format!("the template `{}` cannot be read", path.value))?;
        render(message, form, &template).map_err(|mistake| mistake.to_string())
    });
    let (text, complaint) = match own {
        Some(Ok(text)) => (text, None),
        failed => {
            let complaint = failed.and_then(Result::err);
            // Tests check that the built-in templates render every message.
            (render(message, form, &built_in(&channel.sender)).unwrap_or_else(|_| message.title.clone()), complaint)
        }
    };
    let parcel = Parcel { id: message.id, at: message.at, text };
    (world.notifier.send(&channel.sender, &parcel).await, complaint)
}
