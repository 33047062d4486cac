//! Notifications: sends finished messages to Slack, a webhook, a mail server or the desktop.
//!
//! Nothing waits long for a notification: each attempt has a timeout, each message has few attempts, and a failure is
//! only reported.

mod desktop;
mod email;
mod error;
mod http;
mod patience;
mod slack;
mod webhook;

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{Agreements, Authorities, ChildEnvironment, Outside};
use email::Login;
use spile_core::problem::Problems;
use spile_core::secret::Secret;
use spile_core::settings::{self, Allowed, NoValue, NotifyMistake, Sender, TextOrVariable, VariableName, Variables};
use spile_core::source::{Place, Placed};

pub use error::{Forbidden, NotSent};
pub use patience::Patience;

/// A message, worded for its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Its id. It stays the same if the message is sent again.
    pub id: Uuid,
    /// When it was written.
    pub at: Timestamp,
    /// Its text: JSON for a webhook. For mail and the desktop, the first line is the subject.
    pub text: String,
}

/// Sends messages to channels.
#[derive(Debug, Clone)]
pub struct Notifier {
    variables: Variables,
    agreements: Arc<Agreements>,
    children: ChildEnvironment,
    authorities: Authorities,
    patience: Patience,
}

/// How a message is sent.
struct Means<'a> {
    /// The certificate authorities to trust.
    authorities: &'a Authorities,
    /// The timeout and the number of attempts.
    patience: &'a Patience,
}

impl Notifier {
    /// Creates a notifier that resolves the user's variables when it sends, and sends passwords only with the user's
    /// agreement.
    #[must_use]
    pub fn new(outside: &Outside) -> Self {
        let Outside { variables, agreements, children, authorities, .. } = outside.clone();
        Self { variables, agreements, children, authorities, patience: Patience::default() }
    }

    /// Replaces the timeouts and retries.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Reports what prevents a channel from being used on this machine: variables that may not be read, or a mail
    /// server that the user has not agreed to.
    pub fn check(&self, sender: &Sender, problems: &mut Problems) {
        for name in sender.variables().iter().filter(|name| !self.variables.allowed().admits(name)) {
            problems.push(&name.place.source, not_allowed(name));
        }
        if let Some(Placed { value: agreement, place }) = self.missing_agreement(sender) {
            let span = place.span.clone().into();
            problems.push(&place.source, NotifyMistake::NotAgreed { agreement, span });
        }
    }

    /// Returns the agreement that is missing before anything may be sent.
    #[must_use]
    pub fn missing_agreement(&self, sender: &Sender) -> Option<Placed<settings::Agreement>> {
        sender.agreement().filter(|agreement| !self.agreements.cover(agreement))
    }

    /// Sends a message, and retries after temporary failures. Returns the response in a word or two.
    ///
    /// # Errors
    /// When the message was not delivered.
    pub async fn send(&self, sender: &Sender, parcel: &Parcel) -> Result<String, NotSent> {
        let (authorities, patience) = (&self.authorities, &self.patience);
        let means = Means { authorities, patience };
        match sender {
            Sender::Slack { url } => slack::send(&self.web(url)?, parcel, &means).await,
            Sender::Webhook { url, secret } => {
                let secret = secret.as_ref().map(|secret| self.value(secret)).transpose()?;
                webhook::send(&self.web(url)?, secret.as_ref(), parcel, &means).await
            }
            Sender::Email(email) => email::send(email, &Login::agreed(email, self)?, parcel, &means).await,
            Sender::Desktop => desktop::send(&self.children, parcel, patience).await,
        }
    }

    /// Returns an address. An address from a variable may itself be a secret, so it must use HTTPS.
    fn web(&self, url: &Placed<TextOrVariable>) -> Result<Secret, NotSent> {
        let secret = self.given(url)?;
        match &url.value {
            TextOrVariable::Variable(_) if settings::secure(secret.expose()).is_err() => {
                Err(NotSent::Value { key: "url", what: "`https://` address" })
            }
            TextOrVariable::Variable(_) | TextOrVariable::Literal(_) => Ok(secret),
        }
    }

    fn given(&self, given: &Placed<TextOrVariable>) -> Result<Secret, NotSent> {
        match &given.value {
            TextOrVariable::Literal(text) => Ok(Secret::new(text.clone())),
            TextOrVariable::Variable(name) => self.value(&Placed { value: name.clone(), place: given.place.clone() }),
        }
    }

    /// Returns the value of a variable, and always treats it as a secret.
    fn value(&self, name: &Placed<VariableName>) -> Result<Secret, NotSent> {
        self.variables.value(name).map(Secret::new).map_err(|why| match why {
            NoValue::Unset => NotSent::Unset { name: name.value.clone() },
            NoValue::NotAllowed => forbidden(&name.place, not_allowed(name)),
        })
    }
}

fn not_allowed(name: &Placed<VariableName>) -> NotifyMistake {
    let span = name.place.span.clone().into();
    NotifyMistake::NotAllowed { help: Allowed::help(name), name: name.value.clone(), span }
}

fn forbidden(place: &Place, mistake: NotifyMistake) -> NotSent {
    Box::new(Forbidden { at: place.to_reference(), mistake }).into()
}
