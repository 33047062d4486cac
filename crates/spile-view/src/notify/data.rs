//! Notifications as data: what programs read.

use jiff::Timestamp;
use miette::Diagnostic;
use serde::Serialize;

use spile_core::alert::delivery_log::HOUR;
use spile_core::alert::message::MessageIntegration;
use spile_core::alert::{Alert, Told};
use spile_core::settings::Channel;
use spile_ops::Event;
use spile_ops::notify::{Overview, Tested};

/// What came back when a channel was tried.
#[derive(Debug, Serialize)]
pub struct TestedData {
    /// The channel.
    pub channel: String,
    /// Its kind.
    pub kind: &'static str,
    /// What came back; none where it did not get through.
    pub answer: Option<String>,
    /// Why it did not get through.
    pub error: Option<String>,
    /// The next step.
    pub help: Option<String>,
    /// What is wrong with its template.
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

/// What `notify send` has done.
#[derive(Debug, Serialize)]
pub struct SentData {
    /// What is wrong now, whether a channel was notified or not.
    pub alerts: Vec<AlertData>,
    /// What was sent.
    pub sent: Vec<MessageData>,
    /// What could not be sent, or looked at.
    pub problems: Vec<ProblemData>,
}

/// A message that was sent.
#[derive(Debug, Serialize)]
pub struct MessageData {
    /// The channel.
    pub channel: String,
    /// What it tells, in a few words.
    pub title: String,
    /// How many more it sums up.
    pub more: usize,
}

/// What could not be sent, or looked at.
#[derive(Debug, Serialize)]
pub struct ProblemData {
    /// The channel, where it is about one.
    pub channel: Option<String>,
    /// What went wrong.
    pub message: String,
    /// The next step.
    pub help: Option<String>,
}

impl SentData {
    /// Collects what was sent.
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

/// The channels, and what is wrong now.
#[derive(Debug, Serialize)]
pub struct OverviewData {
    /// The channels of the environment.
    pub channels: Vec<ChannelData>,
    /// What is wrong now.
    pub alerts: Vec<AlertData>,
}

/// A channel.
#[derive(Debug, Serialize)]
pub struct ChannelData {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// What it gets notifications about.
    pub on: Vec<&'static str>,
    /// Of which integrations; none means all.
    pub only: Vec<String>,
    /// After how many seconds an active alert is repeated; never, if it is missing.
    pub repeat_seconds: Option<u64>,
    /// How many messages it gets in an hour.
    pub most_per_hour: u32,
    /// How many it got in the last hour.
    pub sent_last_hour: usize,
}

/// Something that is wrong now.
#[derive(Debug, Serialize)]
pub struct AlertData {
    /// What it is known by while it lasts.
    pub key: String,
    /// Its kind.
    pub kind: &'static str,
    /// What it is about; none where that is the project.
    pub integration: Option<MessageIntegration>,
    /// Since when.
    pub since: Timestamp,
    /// What happened.
    pub sentence: String,
    /// The next step.
    pub help: Option<String>,
    /// The file where it is fixed.
    pub file: Option<String>,
    /// The command that says more.
    pub command: Option<String>,
    /// Which channels get it, and when each was last notified.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<ToldData>,
}

/// When a channel was notified of an alert.
#[derive(Debug, Serialize)]
pub struct ToldData {
    /// The channel.
    pub channel: String,
    /// When it was last notified; none if it has yet to be.
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
