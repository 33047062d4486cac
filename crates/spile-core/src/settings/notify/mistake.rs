//! What can be wrong with `[[notify]]` beyond its form.

use miette::{Diagnostic, SourceSpan};

use crate::name::ChannelName;
use crate::settings::agreement::Agreement;
use crate::settings::variable_name::VariableName;

/// What can be wrong with `[[notify]]` beyond its form.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum NotifyMistake {
    /// A webhook's address, a password or a key in a file that goes to git.
    #[error("{what} is in plain text")]
    #[diagnostic(
        code(spile::notify::literal_secret),
        help(
            "use a variable, for example `{key} = \"${{{variable}}}\"`; if this file was ever shared, create a new one"
        )
    )]
    LiteralSecret {
        /// What it is, as a phrase.
        what: &'static str,
        /// The key.
        key: &'static str,
        /// A name for the variable.
        variable: &'static str,
        /// Where it is.
        #[label("a secret")]
        span: SourceSpan,
    },
    /// A variable among other text: what is sent would depend on both.
    #[error("`{key}` mixes a variable with other text")]
    #[diagnostic(
        code(spile::notify::mixed_variable),
        help("use only a variable, for example `{key} = \"${{{variable}}}\"`, or only text")
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
    #[error("nobody on this machine has agreed to send {}", .agreement)]
    #[diagnostic(code(spile::notify::host_not_agreed), help("{}", .agreement.help()))]
    NotAgreed {
        /// What would have to be agreed to.
        agreement: Agreement,
        /// Where the server is named.
        #[label("a branch can change this")]
        span: SourceSpan,
    },
    /// A webhook's address that is none. It is not said: whoever knows it may post there.
    #[error("`url` is not a valid webhook address")]
    #[diagnostic(
        code(spile::notify::url),
        help("use `https://...`, or a variable that holds it: `url = \"${{SPILE_HOOK_URL}}\"`")
    )]
    Url {
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// A mail server that is none. It is not shown: it may contain a password.
    #[error("`server` is not a valid mail server")]
    #[diagnostic(
        code(spile::notify::server),
        help(
            "use `smtps://user@smtp.example.com:465`, or `smtp://user@smtp.example.com:587` for a server that upgrades to TLS"
        )
    )]
    Server {
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// An invalid mail address.
    #[error("`{address}` is not an email address: {reason}")]
    #[diagnostic(
        code(spile::notify::address),
        help("use an address like `data@example.com` or `Data <data@example.com>`")
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
    /// Mail without recipients.
    #[error("this email has no recipients")]
    #[diagnostic(code(spile::notify::nobody), help("add the recipients: `to = [\"data@example.com\"]`"))]
    Nobody {
        /// The empty list.
        #[label("empty")]
        span: SourceSpan,
    },
    /// Two channels with one name.
    #[error("two channels are named `{name}`")]
    #[diagnostic(
        code(spile::notify::twice),
        help("use a different name for each: the registry records by name what was sent")
    )]
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
        /// The nearest match, or all.
        #[help]
        help: String,
    },
}
