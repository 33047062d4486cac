//! `[[notify]]`: whom to tell of what goes wrong, as written; variables are put in when something is sent, not before,
//! so that `check` needs none.

mod channel;
mod mistake;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::name::{ChannelName, EnvironmentName};
use crate::problem::{Problems, did_you_mean, listed};
use crate::source::Placed;
use crate::table::Table;

use super::agreement::{Agreement, Sent};
use super::host::MailServer;
use super::variable_name::VariableName;
use super::variables::TextOrVariable;

pub use mistake::NotifyMistake;

/// How long an alert may last before it is repeated, by default.
pub const REPEAT: Duration = Duration::from_hours(24);

/// How many messages a channel gets in an hour, by default.
pub const MOST_PER_HOUR: u32 = 20;

/// What notifications are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A test or a sync failed.
    Failure,
    /// The files are wrong, or a plan is refused.
    Misconfigured,
    /// Somebody has to do something, though everything still runs.
    ActionRequired,
    /// A scheduled integration has not been synced for too long.
    Stale,
    /// A sync succeeded, and something about it needs a look.
    Warning,
    /// The first success after a failure.
    Recovery,
}

impl AlertKind {
    /// All of them, by the word that files and messages have.
    pub const WORDS: [(&'static str, Self); 6] = [
        ("failure", Self::Failure),
        ("misconfigured", Self::Misconfigured),
        ("action_required", Self::ActionRequired),
        ("stale", Self::Stale),
        ("warning", Self::Warning),
        ("recovery", Self::Recovery),
    ];

    /// Returns the word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.into_iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}

/// A place that notifications go to.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its name, which the environments and the registry know it by.
    pub name: Placed<ChannelName>,
    /// How it is reached.
    pub sender: Sender,
    /// What it gets notifications about.
    pub on: BTreeSet<AlertKind>,
    /// Of which integrations: names, patterns of names and tags; none means all.
    pub only: Vec<Placed<String>>,
    /// When an alert that lasts is repeated; `None` is never.
    pub repeat: Option<Duration>,
    /// How many messages it gets in an hour.
    pub most_per_hour: u32,
    /// The project's own template of its messages.
    pub template: Option<Placed<String>>,
}

/// How a channel is reached. What may hold a secret is a variable.
#[derive(Debug, Clone)]
pub enum Sender {
    /// An incoming webhook of Slack's, or of what takes the same.
    Slack {
        /// The variable that holds its address.
        url: Placed<TextOrVariable>,
    },
    /// Any address that takes JSON.
    Webhook {
        /// The address, or the variable that holds it.
        url: Placed<TextOrVariable>,
        /// The variable that holds what bodies are signed with.
        secret: Option<Placed<VariableName>>,
    },
    /// Mail, over a server of one's own.
    Email(Box<Email>),
    /// The notifications of the desktop that spile runs on.
    Desktop,
}

impl Sender {
    /// Returns the word that files have for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Slack { .. } => "slack",
            Self::Webhook { .. } => "webhook",
            Self::Email(_) => "email",
            Self::Desktop => "desktop",
        }
    }

    /// Returns the variables that it names, each where it is named.
    #[must_use]
    pub fn variables(&self) -> Vec<Placed<VariableName>> {
        let (given, secret) = match self {
            Self::Slack { url } => (Some(url), None),
            Self::Webhook { url, secret } => (Some(url), secret.as_ref()),
            Self::Email(email) => (Some(&email.server), email.password.as_ref()),
            Self::Desktop => (None, None),
        };
        let named = |given: &Placed<TextOrVariable>| match &given.value {
            TextOrVariable::Variable(name) => Some(Placed { value: name.clone(), place: given.place.clone() }),
            TextOrVariable::Literal(_) => None,
        };
        given.and_then(named).into_iter().chain(secret.cloned()).collect()
    }

    /// Returns what has to be agreed to before something is sent, where that is a password.
    #[must_use]
    pub fn agreement(&self) -> Option<Placed<Agreement>> {
        match self {
            Self::Email(email) => email.agreement(),
            Self::Slack { .. } | Self::Webhook { .. } | Self::Desktop => None,
        }
    }
}

/// A mail server, a sender, and recipients.
#[derive(Debug, Clone)]
pub struct Email {
    /// `smtps://user@host:port`, or `smtp://` with an upgrade to TLS; or the variable that holds it.
    pub server: Placed<TextOrVariable>,
    /// The variable that holds the password.
    pub password: Option<Placed<VariableName>>,
    /// Who writes.
    pub from: Placed<String>,
    /// The recipients.
    pub to: Vec<Placed<String>>,
}

impl Email {
    /// Returns what has to be agreed to before the password is sent. A server from a variable is the user's own word, as
    /// the password is: then nothing.
    #[must_use]
    pub fn agreement(&self) -> Option<Placed<Agreement>> {
        let (TextOrVariable::Literal(text), Some(password)) = (&self.server.value, &self.password) else { return None };
        let server: MailServer = text.parse().ok()?;
        let value = Agreement { host: server.host(), variable: password.value.clone(), what: Sent::Password };
        Some(Placed { value, place: self.server.place.clone() })
    }
}

/// Reads all channels; of two with one name the second is a mistake.
pub(super) fn read(table: &Table<'_>, problems: &mut Problems) -> Vec<Channel> {
    let mut channels: Vec<Channel> = Vec::new();
    for table in table.tables("notify", problems) {
        let Some(channel) = channel::read(table, problems) else { continue };
        if let Some(first) = channels.iter().find(|known| known.name.value == channel.name.value) {
            let name = channel.name.value.clone();
            let first = first.name.place.span.clone().into();
            let finding = NotifyMistake::Twice { name, span: channel.name.place.span.clone().into(), first };
            problems.push(&channel.name.place.source, finding);
        }
        channels.push(channel);
    }
    channels
}

/// Checks that the channels an environment names are there.
pub(super) fn check_names<'a>(
    named: impl Iterator<Item = (&'a EnvironmentName, &'a [Placed<String>])>,
    channels: &[Channel],
    problems: &mut Problems,
) {
    let known: BTreeSet<&str> = channels.iter().map(|channel| channel.name.as_str()).collect();
    for name in named.flat_map(|(_, names)| names).filter(|name| !known.contains(name.as_str())) {
        let help = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| {
            if known.is_empty() {
                return format!("add a `[[notify]]` with `name = \"{}\"`", name.value);
            }
            format!("the channels are {}", listed(known.iter().copied()))
        });
        let finding = NotifyMistake::Unknown { name: name.value.clone(), span: name.place.span.clone().into(), help };
        problems.push(&name.place.source, finding);
    }
}

#[cfg(test)]
mod tests;
