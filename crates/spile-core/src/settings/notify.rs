//! `[[notify]]`: the notification channels, as written. Variables are expanded when something is sent, so that `check`
//! needs none.

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

/// After how long an active alert is repeated, by default.
pub const REPEAT: Duration = Duration::from_hours(24);

/// How many messages a channel gets per hour, by default.
pub const MOST_PER_HOUR: u32 = 20;

/// The kinds of notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A test or a sync failed.
    Failure,
    /// The files have mistakes, or a plan was rejected.
    Misconfigured,
    /// Someone has to do something, although everything still runs.
    ActionRequired,
    /// A scheduled integration has not been synced for too long.
    Stale,
    /// A sync succeeded, but something about it needs attention.
    Warning,
    /// The first success after a failure.
    Recovery,
}

impl AlertKind {
    /// All kinds, by their words in files and messages.
    pub const WORDS: [(&'static str, Self); 6] = [
        ("failure", Self::Failure),
        ("misconfigured", Self::Misconfigured),
        ("action_required", Self::ActionRequired),
        ("stale", Self::Stale),
        ("warning", Self::Warning),
        ("recovery", Self::Recovery),
    ];

    /// Returns its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.into_iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}

/// A destination of notifications.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its name in environments and in the registry.
    pub name: Placed<ChannelName>,
    /// How messages are sent.
    pub sender: Sender,
    /// The kinds of notifications that it gets.
    pub on: BTreeSet<AlertKind>,
    /// The integrations that it gets notifications about: names, name patterns and tags; empty means all.
    pub only: Vec<Placed<String>>,
    /// After how long an active alert is repeated; `None` means never.
    pub repeat: Option<Duration>,
    /// How many messages it gets per hour.
    pub most_per_hour: u32,
    /// The project's own template for its messages.
    pub template: Option<Placed<String>>,
}

/// How messages are sent. Values that may contain a secret come from variables.
#[derive(Debug, Clone)]
pub enum Sender {
    /// An incoming webhook of Slack, or of a compatible service.
    Slack {
        /// The variable that contains its address.
        url: Placed<TextOrVariable>,
    },
    /// Any address that accepts JSON.
    Webhook {
        /// The address, or the variable that contains it.
        url: Placed<TextOrVariable>,
        /// The variable that contains the secret for signing bodies.
        secret: Option<Placed<VariableName>>,
    },
    /// Email, over the user's own server.
    Email(Box<Email>),
    /// The notifications of the desktop that spile runs on.
    Desktop,
}

impl Sender {
    /// Returns its word in files.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Slack { .. } => "slack",
            Self::Webhook { .. } => "webhook",
            Self::Email(_) => "email",
            Self::Desktop => "desktop",
        }
    }

    /// Returns the variables that it names, with their places.
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

    /// Returns the agreement that is needed before a password is sent, if any.
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
    /// `smtps://user@host:port`, or `smtp://` with an upgrade to TLS, or the variable that contains the address.
    pub server: Placed<TextOrVariable>,
    /// The variable that contains the password.
    pub password: Option<Placed<VariableName>>,
    /// The sender's address.
    pub from: Placed<String>,
    /// The recipients.
    pub to: Vec<Placed<String>>,
}

impl Email {
    /// Returns the agreement that is needed before the password is sent. A server from a variable needs none, because
    /// the variable is set by the user, like the password.
    #[must_use]
    pub fn agreement(&self) -> Option<Placed<Agreement>> {
        let (TextOrVariable::Literal(text), Some(password)) = (&self.server.value, &self.password) else { return None };
        let server: MailServer = text.parse().ok()?;
        let value = Agreement { host: server.host(), variable: password.value.clone(), what: Sent::Password };
        Some(Placed { value, place: self.server.place.clone() })
    }
}

/// Reads all channels. If two have the same name, the second is a mistake.
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

/// Checks that the channels that environments name exist.
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
