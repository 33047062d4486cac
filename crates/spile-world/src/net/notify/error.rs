//! Why a message was not delivered. No variant contains an address, because anyone who knows it can post.

use std::fmt;

use miette::Diagnostic;

use crate::net::authorities::NoClient;
use spile_core::settings::{NotifyMistake, VariableName};

/// Something that `spile.toml` asks for but the user of this machine has not allowed, with its position.
#[derive(Debug, thiserror::Error)]
#[error("{at}: {mistake}")]
pub struct Forbidden {
    pub(super) at: String,
    pub(super) mistake: NotifyMistake,
}

impl Diagnostic for Forbidden {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.mistake.code()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.mistake.help()
    }
}

/// Why a message was not delivered.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum NotSent {
    /// `spile.toml` asks for something that the user of this machine has not allowed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Forbidden(#[from] Box<Forbidden>),
    /// A variable of the channel is not set.
    #[error("the environment variable `{name}` is not set")]
    #[diagnostic(code(spile::notify::unset), help("set it where spile runs; `spile check` does not need it"))]
    Unset {
        /// The variable.
        name: VariableName,
    },
    /// A variable of the channel has an invalid value.
    #[error("the value of `{key}` is not a valid {what}")]
    #[diagnostic(code(spile::notify::value), help("copy the whole value again from its source"))]
    Value {
        /// The key in `spile.toml`.
        key: &'static str,
        /// What the value should be.
        what: &'static str,
    },
    /// The system has no trusted certificates.
    #[error("cannot make secure connections")]
    #[diagnostic(
        code(spile::notify::client),
        help("install the system's CA certificates, for example the package `ca-certificates`")
    )]
    Client {
        /// The cause.
        source: NoClient,
    },
    /// The channel's address cannot be reached.
    #[error("it cannot be reached")]
    #[diagnostic(code(spile::notify::unreached), help("check the address and the network"))]
    Unreached {
        /// The cause.
        source: reqwest::Error,
    },
    /// The channel did not respond in time.
    #[error("it did not respond within {seconds} seconds")]
    #[diagnostic(code(spile::notify::timeout), help("check the address and the network"))]
    Timeout {
        /// The timeout.
        seconds: u64,
    },
    /// The channel limits the rate of messages.
    #[error("it limits the rate of messages: status {status}")]
    #[diagnostic(code(spile::notify::busy), help("lower `most_per_hour`, or wait: the next run tries again"))]
    Busy {
        /// The status of the response.
        status: u16,
    },
    /// The channel is not available.
    #[error("it responded with status {status}")]
    #[diagnostic(code(spile::notify::unavailable), help("check the service; the next run tries again"))]
    Unavailable {
        /// The status of the response.
        status: u16,
    },
    /// The channel rejected the message.
    #[error("it rejected the message: status {status}{}", said.as_ref().map(|said| format!(", `{said}`")).unwrap_or_default())]
    #[diagnostic(
        code(spile::notify::refused),
        help("check the address, which may have been revoked; if you use your own template, check its output")
    )]
    Refused {
        /// The status of the response.
        status: u16,
        /// The service's error word.
        said: Option<String>,
    },
    /// The channel redirects, which spile does not follow.
    #[error("it redirects: status {status}")]
    #[diagnostic(
        code(spile::notify::redirected),
        help("spile does not follow redirects: set the address that it leads to, if you trust it")
    )]
    Redirected {
        /// The status of the response.
        status: u16,
    },
    /// The mail server rejected the message, or cannot be reached.
    #[error("the mail server rejected the message: {message}")]
    #[diagnostic(code(spile::notify::mail), help("check `server`, `password`, `from` and `to`"))]
    Mail {
        /// The server's message.
        message: String,
    },
    /// The mail cannot be composed.
    #[error("the message cannot be composed: {message}")]
    #[diagnostic(code(spile::notify::letter), help("check `from`, `to` and the template"))]
    Letter {
        /// The reason.
        message: String,
    },
    /// No desktop can show notifications.
    #[error("`{program}` cannot show the notification: {message}")]
    #[diagnostic(
        code(spile::notify::desktop),
        help("install `libnotify-bin` (Linux), or remove this channel on machines without a desktop")
    )]
    Desktop {
        /// The program that shows notifications.
        program: &'static str,
        /// The reason.
        message: String,
    },
}
