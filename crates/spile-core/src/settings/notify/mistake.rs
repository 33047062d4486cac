//! What can be wrong with `[[notify]]` beyond its form.

use miette::{Diagnostic, SourceSpan};

use crate::name::ChannelName;
use crate::settings::agreement::Agreement;
use crate::settings::variables::VariableName;

/// What can be wrong with `[[notify]]` beyond its form.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum NotifyMistake {
    /// A webhook's address, a password or a key in a file that goes to git.
    #[error("{what} stands in plain text")]
    #[diagnostic(
        code(spile::notify::literal_secret),
        help(
            "name a variable, such as `{key} = \"${{{variable}}}\"`, and make a new one if this file was ever shared"
        )
    )]
    LiteralSecret {
        /// What it is, as a phrase.
        what: &'static str,
        /// The key.
        key: &'static str,
        /// A name for the variable.
        variable: &'static str,
        /// Where it stands.
        #[label("a secret")]
        span: SourceSpan,
    },
    /// A variable among other text: what is sent would depend on both.
    #[error("`{key}` mixes a variable with other text")]
    #[diagnostic(
        code(spile::notify::mixed_variable),
        help("write one whole variable, such as `{key} = \"${{{variable}}}\"`, or the whole text without one")
    )]
    Mixed {
        /// The key.
        key: &'static str,
        /// A name for the variable.
        variable: &'static str,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// A variable that is not meant for spile.
    #[error("`spile.toml` may not read the environment variable `{name}`")]
    #[diagnostic(code(spile::notify::variable_not_allowed), help("{help}"))]
    NotAllowed {
        /// The variable.
        name: VariableName,
        /// The ways to allow it.
        help: String,
        /// Where it is named.
        #[label("not allowed on this machine")]
        span: SourceSpan,
    },
    /// The file names a mail server that nobody on this machine has agreed to.
    #[error("nobody agreed on this machine to send {}", .agreement)]
    #[diagnostic(code(spile::notify::host_not_agreed), help("{}", .agreement.help()))]
    NotAgreed {
        /// What would have to be agreed to.
        agreement: Agreement,
        /// Where the server is named.
        #[label("a branch can change this")]
        span: SourceSpan,
    },
    /// A webhook's address that is none. It is not said: whoever knows it may post there.
    #[error("`url` is no address that takes a webhook")]
    #[diagnostic(
        code(spile::notify::url),
        help("write `https://...`, or a variable that holds it: `url = \"${{SPILE_HOOK_URL}}\"`")
    )]
    Url {
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// A mail server that is none. It is not said: it may hold a password.
    #[error("`server` is no mail server")]
    #[diagnostic(
        code(spile::notify::server),
        help("write `smtps://user@smtp.example.com:465`, or `smtp://user@smtp.example.com:587` for one that upgrades")
    )]
    Server {
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// A mail address that is none.
    #[error("`{address}` is no mail address: {reason}")]
    #[diagnostic(
        code(spile::notify::address),
        help("write one such as `data@example.com` or `Data <data@example.com>`")
    )]
    Address {
        /// What was written.
        address: String,
        /// The parser's own sentence.
        reason: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// Mail to nobody.
    #[error("this mail goes to nobody")]
    #[diagnostic(code(spile::notify::nobody), help("write whom to tell: `to = [\"data@example.com\"]`"))]
    Nobody {
        /// The empty list.
        #[label("empty")]
        span: SourceSpan,
    },
    /// Two channels with one name.
    #[error("two channels are named `{name}`")]
    #[diagnostic(code(spile::notify::twice), help("give each its own: the registry remembers by name what was sent"))]
    Twice {
        /// The name.
        name: ChannelName,
        /// The second.
        #[label("the second")]
        span: SourceSpan,
        /// The first.
        #[label("the first")]
        first: SourceSpan,
    },
    /// An environment names a channel that is not there.
    #[error("there is no channel `{name}`")]
    #[diagnostic(code(spile::notify::unknown))]
    Unknown {
        /// What was written.
        name: String,
        /// Where.
        #[label("not declared")]
        span: SourceSpan,
        /// The nearest one, or all.
        #[help]
        help: String,
    },
}
