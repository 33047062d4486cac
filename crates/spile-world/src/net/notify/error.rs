//! Why a message was not delivered. No variant holds an address, because whoever knows one may post.

use std::fmt;

use miette::Diagnostic;

use crate::net::authorities::NoClient;
use spile_core::settings::{NotifyMistake, VariableName};

/// What `spile.toml` asks for and nobody on this machine allows, and where it asks.
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

/// Why a message did not get through.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum NotSent {
    /// `spile.toml` asks for what nobody on this machine allows.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Forbidden(#[from] Box<Forbidden>),
    /// A variable of a channel that nobody set.
    #[error("the environment variable `{name}` is not set")]
    #[diagnostic(code(spile::notify::unset), help("set it where spile runs; `spile check` does not need it"))]
    Unset {
        /// The variable.
        name: VariableName,
    },
    /// What a variable of a channel holds is not what it should be.
    #[error("the value of `{key}` is not a valid {what}")]
    #[diagnostic(code(spile::notify::value), help("copy the whole value again from its source"))]
    Value {
        /// The key of `spile.toml`.
        key: &'static str,
        /// What it should be.
        what: &'static str,
    },
    /// The system has no certificates to trust.
    #[error("cannot make secure connections")]
    #[diagnostic(
        code(spile::notify::client),
        help("install the system's CA certificates, for example the package `ca-certificates`")
    )]
    Client {
        /// Why.
        source: NoClient,
    },
    /// Nobody answers at a channel's address.
    #[error("it cannot be reached")]
    #[diagnostic(code(spile::notify::unreached), help("check the address and the network"))]
    Unreached {
        /// Why.
        source: reqwest::Error,
    },
    /// A channel takes too long.
    #[error("it did not respond within {seconds} seconds")]
    #[diagnostic(code(spile::notify::timeout), help("check the address and the network"))]
    Timeout {
        /// How long was waited.
        seconds: u64,
    },
    /// A channel wants fewer messages.
    #[error("it limits the rate of messages: status {status}")]
    #[diagnostic(code(spile::notify::busy), help("lower `most_per_hour`, or wait: the next run tries again"))]
    Busy {
        /// The status of the answer.
        status: u16,
    },
    /// A channel has a fault of its own.
    #[error("it responded with status {status}")]
    #[diagnostic(code(spile::notify::unavailable), help("check the service; the next run tries again"))]
    Unavailable {
        /// The status of the answer.
        status: u16,
    },
    /// A channel refuses the message.
    #[error("it rejected the message: status {status}{}", said.as_ref().map(|said| format!(", `{said}`")).unwrap_or_default())]
    #[diagnostic(
        code(spile::notify::refused),
        help("check the address, which may have been revoked; if you use your own template, check its output")
    )]
    Refused {
        /// The status of the answer.
        status: u16,
        /// The service's own word.
        said: Option<String>,
    },
    /// A channel sends elsewhere; nobody follows.
    #[error("it redirects: status {status}")]
    #[diagnostic(
        code(spile::notify::redirected),
        help("spile does not follow redirects: set the address that it leads to, if you trust it")
    )]
    Redirected {
        /// The status of the answer.
        status: u16,
    },
    /// The mail server refuses, or cannot be reached.
    #[error("the mail server rejected the message: {message}")]
    #[diagnostic(code(spile::notify::mail), help("check `server`, `password`, `from` and `to`"))]
    Mail {
        /// The server's own sentence.
        message: String,
    },
    /// A mail cannot be written.
    #[error("the message cannot be composed: {message}")]
    #[diagnostic(code(spile::notify::letter), help("check `from`, `to` and the template"))]
    Letter {
        /// Why.
        message: String,
    },
    /// There is no desktop that shows notifications.
    #[error("`{program}` cannot show the notification: {message}")]
    #[diagnostic(
        code(spile::notify::desktop),
        help("install `libnotify-bin` (Linux), or remove this channel on machines without a desktop")
    )]
    Desktop {
        /// The program that shows notifications.
        program: &'static str,
        /// Why.
        message: String,
    },
}
