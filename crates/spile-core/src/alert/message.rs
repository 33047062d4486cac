//! A message: the variables of templates, and the body of a webhook without a template.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{Alert, Sending, Subject};
use crate::name::{ChannelName, EnvironmentName, IntegrationId, Slug};
use crate::run::{Run, RunKind};
use crate::settings::AlertKind;
use crate::visible::is_steering;

/// The version of the message format.
const VERSION: u32 = 1;

/// How many of the summarized alerts are named.
const NAMED: usize = 20;

/// The most characters of a sentence: a plugin's last line may be long.
const LONGEST: usize = 600;

/// The origin of a message.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The project.
    pub project: &'a str,
    /// Its environment.
    pub environment: &'a EnvironmentName,
    /// The public address of its pages, if any.
    pub pages: Option<&'a str>,
    /// The channel.
    pub channel: &'a ChannelName,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The version of this format.
    pub version: u32,
    /// Its id. A message that is sent again keeps it.
    pub id: Uuid,
    /// The kind of its alert, or `test`.
    pub kind: &'static str,
    /// What it is about and what happened, in a few words.
    pub title: String,
    /// What happened, in a sentence.
    pub sentence: String,
    /// The next step.
    pub help: Option<String>,
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: EnvironmentName,
    /// The channel.
    pub channel: ChannelName,
    /// The integration; `None` if the message is about the project.
    pub integration: Option<MessageIntegration>,
    /// When the problem started.
    pub since: Timestamp,
    /// When the message was written.
    pub at: Timestamp,
    /// The file to fix, relative to the project.
    pub file: Option<String>,
    /// The page about it.
    pub url: Option<String>,
    /// The command that shows more.
    pub command: Option<String>,
    /// The run that shows it.
    pub run: Option<MessageRun>,
    /// How many more alerts there were than the hourly limit allows.
    pub more: usize,
    /// The first of those alerts.
    pub others: Vec<Other>,
}

/// The integration of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageIntegration {
    /// Its id, if known.
    pub id: Option<IntegrationId>,
    /// Its name.
    pub slug: Slug,
}

/// The run of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageRun {
    /// Its id.
    pub id: Uuid,
    /// What the run did.
    pub kind: RunKind,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How many records it moved, if they were counted.
    pub records: Option<u64>,
    /// The kind of failure.
    pub cause: Option<&'static str>,
}

/// One of the alerts that a message summarizes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Other {
    /// The kind of its alert.
    pub kind: &'static str,
    /// What it is about and what happened, in a few words.
    pub title: String,
}

impl Message {
    /// Writes the message that a channel is sent.
    #[must_use]
    pub fn of(sending: &Sending, frame: Frame<'_>) -> Self {
        let Sending { alert, more, claim, .. } = sending;
        let other = |alert: &Alert| Other { kind: alert.kind().word(), title: title(alert, frame) };
        let pages = frame.pages.map(|pages| match &alert.integration {
            Some(Subject { slug, .. }) => format!("{pages}/integrations/{slug}"),
            None => pages.to_owned(),
        });
        Self {
            version: VERSION,
            id: claim.by,
            kind: alert.kind().word(),
            title: title(alert, frame),
            sentence: plain(&alert.sentence),
            help: alert.help.as_deref().map(plain),
            project: frame.project.to_owned(),
            environment: frame.environment.clone(),
            channel: frame.channel.clone(),
            integration: alert
                .integration
                .as_ref()
                .map(|one| MessageIntegration { id: one.id, slug: one.slug.clone() }),
            since: alert.since,
            at: claim.at,
            file: alert.file.as_ref().map(|file| plain(&file.display().to_string())),
            url: pages,
            command: alert.command.clone(),
            run: alert.run.as_deref().map(MessageRun::from),
            more: more.len(),
            others: more.iter().take(NAMED).map(other).collect(),
        }
    }

    /// Writes a test message, which shows that a channel works.
    #[must_use]
    pub fn test(frame: Frame<'_>, at: Timestamp, id: Uuid) -> Self {
        Self {
            version: VERSION,
            id,
            kind: "test",
            title: format!("{}: a test", frame.project),
            sentence: "this is a test: nothing is wrong, and this channel receives notifications".to_owned(),
            help: None,
            project: frame.project.to_owned(),
            environment: frame.environment.clone(),
            channel: frame.channel.clone(),
            integration: None,
            since: at,
            at,
            file: None,
            url: frame.pages.map(str::to_owned),
            command: Some("spile notify list".to_owned()),
            run: None,
            more: 0,
            others: Vec::new(),
        }
    }
}

impl From<&Run> for MessageRun {
    fn from(run: &Run) -> Self {
        Self {
            id: run.id,
            kind: run.kind,
            started_at: run.started_at,
            finished_at: run.finished_at,
            records: run.records,
            cause: run.cause.map(crate::run::Cause::word),
        }
    }
}

fn title(alert: &Alert, frame: Frame<'_>) -> String {
    let about = alert.integration.as_ref().map_or(frame.project, |subject| subject.slug.as_str());
    let is_test = alert.run.as_ref().is_some_and(|run| run.kind == RunKind::Test);
    let what = match alert.kind() {
        AlertKind::Failure if is_test => "the test failed",
        AlertKind::Failure => "the sync failed",
        AlertKind::Misconfigured if alert.file.is_none() => "no plan can be applied",
        AlertKind::Misconfigured => "the project has invalid files",
        AlertKind::ActionRequired => "action required",
        AlertKind::Stale => "no sync for too long",
        AlertKind::Warning => "the sync succeeded with a warning",
        AlertKind::Recovery => "works again",
    };
    format!("{about}: {what}")
}

/// Returns a string on one line and of bounded length: it comes from plugins, and ends up in subjects and terminals.
fn plain(text: &str) -> String {
    let shown = |c: char| if is_steering(c) || c.is_control() { ' ' } else { c };
    let mut plain: String = text.trim().chars().take(LONGEST).map(shown).collect();
    if text.trim().chars().nth(LONGEST).is_some() {
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_a_plugin_becomes_one_line_of_bounded_length() {
        assert_eq!(plain(" a\r\nBcc: x\u{1b}[2J\u{202e}\n"), "a  Bcc: x [2J ");
        assert_eq!(plain("a\u{2028}b\u{2029}c"), "a b c", "these end lines too");
        assert_eq!(plain(&"é".repeat(700)).chars().count(), 601);
    }

    #[test]
    fn a_title_says_what_failed() {
        use crate::alert::tests::{alert, run};
        use crate::run::RunStatus;

        let (environment, channel) = ("dev".parse().unwrap(), "ops".parse().unwrap());
        let frame = Frame { project: "acme", environment: &environment, channel: &channel, pages: None };
        let failed = |kind| {
            let run = Some(Box::new(run(kind, RunStatus::Failed, 0)));
            title(&Alert { run, ..alert(AlertKind::Failure, 1, 0) }, frame)
        };
        assert_eq!(failed(RunKind::Test), "shop-1: the test failed");
        assert_eq!(failed(RunKind::Sync), "shop-1: the sync failed");
        let whole = Alert { integration: None, ..alert(AlertKind::Misconfigured, 1, 0) };
        assert_eq!(title(&whole, frame), "acme: no plan can be applied");
        assert_eq!(title(&Alert { file: Some("x".into()), ..whole }, frame), "acme: the project has invalid files");
    }
}
