//! Notifications: what was decided and worded goes to Slack, a webhook, a mail server or the desktop.
//!
//! Nobody waits for them for long: each try has its time, each message few tries, and what does not get through is an
//! error that is only told.

mod desktop;
mod email;
mod error;
mod http;
mod patience;
mod slack;
mod webhook;

use jiff::Timestamp;
use uuid::Uuid;

use crate::secret::Secret;
use crate::settings::{self, Sender, Variables};
use crate::source::Placed;

pub use error::NotSent;
pub use patience::Patience;

/// A message, worded for its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Its id: one that is sent again has the same.
    pub id: Uuid,
    /// When it was written.
    pub at: Timestamp,
    /// Its text: JSON for a webhook; for mail and the desktop the first line is the subject.
    pub text: String,
}

/// What sends.
#[derive(Debug, Clone)]
pub struct Notifier {
    variables: Variables,
    patience: Patience,
}

impl Notifier {
    /// Makes one that puts in these variables when it sends.
    #[must_use]
    pub fn new(variables: Variables) -> Self {
        Self { variables, patience: Patience::default() }
    }

    /// Makes one that waits as long as it is told.
    #[must_use]
    pub fn with_patience(variables: Variables, patience: Patience) -> Self {
        Self { variables, patience }
    }

    /// Sends a message; tries again what may pass by itself. Returns what came back, in a word or two.
    ///
    /// # Errors
    /// When it did not get through.
    pub async fn send(&self, sender: &Sender, parcel: &Parcel) -> Result<String, NotSent> {
        let patience = &self.patience;
        match sender {
            Sender::Slack { url } => slack::send(&self.secret(url)?, parcel, patience).await,
            Sender::Webhook { url, secret } => {
                let secret = secret.as_ref().map(|secret| self.secret(secret)).transpose()?;
                webhook::send((&self.secret(url)?, secret.as_ref()), parcel, patience).await
            }
            Sender::Email(email) => {
                let server = self.secret(&email.server)?;
                let password = email.password.as_ref().map(|password| self.secret(password)).transpose()?;
                email::send(email, (&server, password.as_ref()), parcel, patience).await
            }
            Sender::Desktop => desktop::send(parcel, patience).await,
        }
    }

    /// Puts in variables; what comes of it may be a secret, whatever it is.
    fn secret(&self, written: &Placed<String>) -> Result<Secret, NotSent> {
        let text = settings::expanded(written, self.variables);
        text.map(Secret::new).map_err(|names| NotSent::Unset { names: names.join("`, `") })
    }
}
