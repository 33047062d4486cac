//! What can go wrong with the hub.

use miette::Diagnostic;

use crate::net::authorities::NoClient;

/// What can go wrong with the hub.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum HubError {
    /// The address is none.
    #[error("`{root}` is not the address of a hub")]
    #[diagnostic(
        code(spile::hub::address),
        help("write it with its scheme, as in `--hub https://hub.meltano.com`, or leave `MELTANO_HUB_URL` out")
    )]
    Address {
        /// What was given.
        root: String,
    },
    /// What is to go into a header cannot.
    #[error("`MELTANO_HUB_URL_AUTH` is no value of a header")]
    #[diagnostic(code(spile::hub::authorization), help("give it as one line, such as `Bearer …`"))]
    Authorization,
    /// No client can be made.
    #[error("no connection can be made from here")]
    #[diagnostic(code(spile::hub::client), help("check the machine's certificates"))]
    Client {
        /// Why.
        source: NoClient,
    },
    /// Nobody answers.
    #[error("the hub at `{root}` cannot be reached: {why}")]
    #[diagnostic(
        code(spile::hub::unreached),
        help("everything else works without it: what was kept of it stays, and `connectors import` takes files")
    )]
    Unreached {
        /// Where its API is.
        root: String,
        /// What the network says.
        why: String,
    },
    /// It answers with a refusal.
    #[error("the hub at `{root}` answers with {status}")]
    #[diagnostic(
        code(spile::hub::refused),
        help("check `MELTANO_HUB_URL` and `MELTANO_HUB_URL_AUTH`; with 429 or 5xx try again later")
    )]
    Refused {
        /// Where its API is.
        root: String,
        /// Its status.
        status: u16,
    },
    /// What is kept of it cannot be read or written.
    #[error("cannot {doing} what is kept of the hub, in `.spile/hub`")]
    #[diagnostic(code(spile::hub::kept), help("{}", crate::stores::target::io_help(.source)))]
    Kept {
        /// `read` or `write`.
        doing: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

impl HubError {
    /// Says what the network says, in the innermost words: those around them only name the address again.
    pub(super) fn unreached(root: &str, error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(next) = cause.source() {
            cause = next;
        }
        let why = if error.is_timeout() { "it does not answer in time".to_owned() } else { cause.to_string() };
        Self::Unreached { root: root.to_owned(), why }
    }
}
