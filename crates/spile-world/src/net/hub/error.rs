//! Errors of the hub.

use miette::Diagnostic;

use crate::net::authorities::NoClient;

/// What can go wrong with the hub.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum HubError {
    /// The address is not valid.
    #[error("`{root}` is not the address of a hub")]
    #[diagnostic(
        code(spile::hub::address),
        help("include the scheme, as in `--hub https://hub.meltano.com`, or unset `MELTANO_HUB_URL`")
    )]
    Address {
        /// The given address.
        root: String,
    },
    /// The authorization cannot be sent in a header.
    #[error("`MELTANO_HUB_URL_AUTH` is not a valid HTTP header value")]
    #[diagnostic(code(spile::hub::authorization), help("set it to one line, for example `Bearer …`"))]
    Authorization,
    /// No client can be created.
    #[error("cannot make secure connections")]
    #[diagnostic(code(spile::hub::client), help("install the system's CA certificates"))]
    Client {
        /// The cause.
        source: NoClient,
    },
    /// The hub did not respond.
    #[error("the hub at `{root}` cannot be reached: {why}")]
    #[diagnostic(
        code(spile::hub::unreached),
        help("everything else works without the hub: its local copy stays, and `connectors import` accepts files")
    )]
    Unreached {
        /// The root of its API.
        root: String,
        /// The network's error message.
        why: String,
    },
    /// The hub responded with an error status.
    #[error("the hub at `{root}` responded with status {status}")]
    #[diagnostic(
        code(spile::hub::refused),
        help("check `MELTANO_HUB_URL` and `MELTANO_HUB_URL_AUTH`; with 429 or 5xx try again later")
    )]
    Refused {
        /// The root of its API.
        root: String,
        /// The status.
        status: u16,
    },
    /// The local copy cannot be read or written.
    #[error("cannot {doing} the local copy of the hub in `.spile/hub`")]
    #[diagnostic(code(spile::hub::kept), help("{}", crate::files::io_error::io_help(.source)))]
    Kept {
        /// `read` or `write`.
        doing: &'static str,
        /// The cause.
        source: std::io::Error,
    },
}

impl HubError {
    /// Describes a network error by its innermost cause. The outer messages only repeat the address.
    pub(super) fn unreached(root: &str, error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(next) = cause.source() {
            cause = next;
        }
        let why = if error.is_timeout() { "it did not respond in time".to_owned() } else { cause.to_string() };
        Self::Unreached { root: root.to_owned(), why }
    }
}
