//! Notifications as data for programs.

use jiff::Timestamp;
use miette::Diagnostic;
use serde::Serialize;

use spile_core::alert::delivery_log::HOUR;
use spile_core::alert::message::MessageIntegration;
use spile_core::alert::{Alert, Told};
use spile_core::settings::Channel;
use spile_ops::Event;
use spile_ops::notify::{Overview, Tested};

/// The result of testing a channel.
#[derive(Debug, Serialize)]
pub struct TestedData {
    /// The channel.
    pub channel: String,
    /// Its kind.
    pub kind: &'static str,
    /// The channel's response, if the message arrived.
    pub answer: Option<String>,
    /// Why the message did not arrive.
    pub error: Option<String>,
    /// The next step.
    pub help: Option<String>,
    /// The problem in its template.
    pub template: Option<String>,
}

impl From<&Tested> for TestedData {
    fn from(tested: &Tested) -> Self {
        let error = tested.answer.as_ref().err();
        Self {
            channel: tested.channel.name.to_string(),
            kind: tested.channel.sender.word(),
            answer: tested.answer.as_ref().ok().cloned(),
            error: error.map(ToString::to_string),
            help: error.and_then(Diagnostic::help).map(|help| help.to_string()),
            template: tested.template.clone(),
        }
    }
}

/// The result of `notify send`.
#[derive(Debug, Serialize)]
pub struct SentData {
    /// The current alerts, whether a channel was notified or not.
    pub alerts: Vec<AlertData>,
    /// The messages that were sent.
    pub sent: Vec<MessageData>,
    /// Messages that could not be sent, and checks that failed.
    pub problems: Vec<ProblemData>,
}

/// A message that was sent.
#[derive(Debug, Serialize)]
pub struct MessageData {
    /// The channel.
    pub channel: String,
    /// Its title.
    pub title: String,
    /// How many more alerts it sums up.
    pub more: usize,
}

/// A message that could not be sent, or a check that failed.
#[derive(Debug, Serialize)]
pub struct ProblemData {
    /// The channel, if the problem is about one.
    pub channel: Option<String>,
    /// What went wrong.
    pub message: String,
    /// The next step.
    pub help: Option<String>,
}

impl SentData {
    /// Collects the sent messages and the problems from events.
    #[must_use]
    pub fn of(alerts: &[Alert], events: &[Event]) -> Self {
        let mut data =
            Self { alerts: alerts.iter().map(AlertData::from).collect(), sent: Vec::new(), problems: Vec::new() };
        for event in events {
            match event.clone() {
                Event::Notified { channel, title, more } => {
                    data.sent.push(MessageData { channel: channel.to_string(), title, more });
                }
                Event::NotNotified { channel, message, help } => {
                    data.problems.push(ProblemData { channel: Some(channel.to_string()), message, help });
                }
                Event::Unseen { message, help } => data.problems.push(ProblemData { channel: None, message, help }),
                _ => {}
            }
        }
        data
    }
}

/// The channels and the current alerts.
#[derive(Debug, Serialize)]
pub struct OverviewData {
    /// The channels of the environment.
    pub channels: Vec<ChannelData>,
    /// The current alerts.
    pub alerts: Vec<AlertData>,
}

/// A channel.
#[derive(Debug, Serialize)]
pub struct ChannelData {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The kinds of alerts it receives.
    pub on: Vec<&'static str>,
    /// The integrations it receives alerts about; empty means all.
    pub only: Vec<String>,
    /// After how many seconds an active alert is repeated; never, if it is missing.
    pub repeat_seconds: Option<u64>,
    /// The most messages it receives in an hour.
    pub most_per_hour: u32,
    /// How many messages it received in the last hour.
    pub sent_last_hour: usize,
}

/// A current alert.
#[derive(Debug, Serialize)]
pub struct AlertData {
    /// Its key, which stays the same while the alert is active.
    pub key: String,
    /// Its kind.
    pub kind: &'static str,
    /// The integration it is about; null for the whole project.
    pub integration: Option<MessageIntegration>,
    /// When it started.
    pub since: Timestamp,
    /// What happened, as a sentence.
    pub sentence: String,
    /// The next step.
    pub help: Option<String>,
    /// The file in which to fix it.
    pub file: Option<String>,
    /// The command that shows more.
    pub command: Option<String>,
    /// The channels that receive it, and when each was last notified.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<ToldData>,
}

/// When a channel was notified of an alert.
#[derive(Debug, Serialize)]
pub struct ToldData {
    /// The channel.
    pub channel: String,
    /// When it was last notified; null if it has not been yet.
    pub at: Option<Timestamp>,
}

impl From<&Alert> for AlertData {
    fn from(alert: &Alert) -> Self {
        Self {
            key: alert.key.to_string(),
            kind: alert.kind().word(),
            integration: alert
                .integration
                .as_ref()
                .map(|one| MessageIntegration { id: one.id, slug: one.slug.clone() }),
            since: alert.since,
            sentence: alert.sentence.clone(),
            help: alert.help.clone(),
            file: alert.file.as_ref().map(|file| file.display().to_string()),
            command: alert.command.clone(),
            told: Vec::new(),
        }
    }
}

impl From<&Overview> for OverviewData {
    fn from(overview: &Overview) -> Self {
        let channels = &overview.channels;
        let alert = |alert: &Alert| {
            let entries =
                || channels.iter().filter_map(|(channel, told)| Some((channel, told.alerts.get(&alert.key)?)));
            let since = entries().map(|(_, entry)| entry.since).chain([alert.since]).min();
            let wanting = channels.iter().filter(|(channel, _)| spile_core::alert::Policy::from(channel).wants(alert));
            let told = wanting.map(|(channel, told)| ToldData {
                channel: channel.name.to_string(),
                at: told.alerts.get(&alert.key).and_then(|entry| entry.told_at),
            });
            AlertData { since: since.unwrap_or(alert.since), told: told.collect(), ..AlertData::from(alert) }
        };
        Self {
            channels: channels.iter().map(|(channel, told)| ChannelData::new(channel, told, overview.at)).collect(),
            alerts: overview.seen.alerts.iter().map(alert).collect(),
        }
    }
}

impl ChannelData {
    fn new(channel: &Channel, told: &Told, at: Timestamp) -> Self {
        Self {
            name: channel.name.to_string(),
            kind: channel.sender.word().to_owned(),
            on: channel.on.iter().map(|kind| kind.word()).collect(),
            only: channel.only.iter().map(|word| word.value.clone()).collect(),
            repeat_seconds: channel.repeat.map(|repeat| repeat.as_secs()),
            most_per_hour: channel.most_per_hour,
            sent_last_hour: told.sent.iter().filter(|sent| at.duration_since(**sent) < HOUR).count(),
        }
    }
}
