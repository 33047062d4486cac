//! Notifications, as text for people and as data.

mod data;

use jiff::tz::TimeZone;

use super::runs::local;
use super::table::{Cell, table};
use super::{BAD, CHANGED, GOOD, QUIET, harmless, styled};
use spile_core::settings::AlertKind;
use spile_ops::counted;

pub use data::{AlertData, ChannelData, OverviewData, SentData, TestedData};

/// Returns the result for each tested channel.
#[must_use]
pub fn tested(tested: &[TestedData]) -> String {
    if tested.is_empty() {
        return NO_CHANNELS.to_owned();
    }
    let line = |one: &TestedData| {
        let head = format!("{} ({})", one.channel, one.kind);
        let mut text = match (&one.answer, &one.error) {
            (Some(answer), _) => format!("{} {head}: {answer}\n", styled(GOOD.bold(), "ok:")),
            (None, error) => {
                format!("{} {head}: {}\n", styled(BAD.bold(), "failed:"), error.clone().unwrap_or_default())
            }
        };
        for (word, sentence) in [("help", &one.help), ("template", &one.template)] {
            let line =
                sentence.as_ref().map(|sentence| format!("  {} {sentence}\n", styled(QUIET, &format!("{word}:"))));
            text.push_str(&line.unwrap_or_default());
        }
        text
    };
    harmless(&tested.iter().map(line).collect::<String>())
}

/// The message for an environment without channels.
const NO_CHANNELS: &str = "no channels in this environment: add a `[[notify]]` to `spile.toml`\n";

/// Returns the number of alerts and sent messages, in one line.
#[must_use]
pub fn sent(sent: &SentData, has_no_channels: bool) -> String {
    if has_no_channels {
        return NO_CHANNELS.to_owned();
    }
    format!("{} now, {} sent\n", counted(sent.alerts.len(), "alert"), counted(sent.sent.len(), "message"))
}

/// Returns the channels and the current alerts.
#[must_use]
pub fn overview(overview: &OverviewData, zone: &TimeZone) -> String {
    if overview.channels.is_empty() && overview.alerts.is_empty() {
        return NO_CHANNELS.to_owned();
    }
    let row = |channel: &ChannelData| -> [Cell; 5] {
        [
            channel.name.as_str().into(),
            channel.kind.as_str().into(),
            if channel.on.len() == AlertKind::WORDS.len() { "everything".to_owned() } else { channel.on.join(", ") }
                .into(),
            if channel.only.is_empty() { "all".to_owned() } else { channel.only.join(", ") }.into(),
            format!("{} of {}", channel.sent_last_hour, channel.most_per_hour).into(),
        ]
    };
    let rows: Vec<_> = overview.channels.iter().map(row).collect();
    let mut text = if rows.is_empty() {
        NO_CHANNELS.to_owned()
    } else {
        table(["channel", "kind", "on", "only", "last hour"], &rows)
    };
    text.push('\n');
    if overview.alerts.is_empty() {
        text.push_str("nothing is wrong\n");
        return text;
    }
    let told = |alert: &AlertData| {
        let one = |told: &data::ToldData| match told.at {
            Some(at) => format!("{} {}", told.channel, local(at, zone)),
            None => format!("{} not yet", told.channel),
        };
        alert.told.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let row = |alert: &AlertData| -> [Cell; 5] {
        let about = alert.integration.as_ref().map_or("-", |one| one.slug.as_str());
        [
            Cell::styled(alert.kind, if alert.kind == "failure" { BAD } else { CHANGED }),
            about.into(),
            local(alert.since, zone).into(),
            told(alert).into(),
            alert.sentence.as_str().into(),
        ]
    };
    let rows: Vec<_> = overview.alerts.iter().map(row).collect();
    text.push_str(&table(["alert", "integration", "since", "notified", "problem"], &rows));
    harmless(&text)
}
