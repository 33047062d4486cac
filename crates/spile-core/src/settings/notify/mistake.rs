//! Mistakes in a well-formed `[[notify]]`.

use miette::{Diagnostic, SourceSpan};

use crate::name::ChannelName;
use crate::settings::agreement::Agreement;
use crate::settings::variable_name::VariableName;

/// Mistakes in a well-formed `[[notify]]`.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum NotifyMistake {
    /// A webhook's address, a password or a key in a file that belongs to git.
    #[error("{what} is in plain text")]
    #[diagnostic(
        code(spile::notify::literal_secret),
        help(
            "use a variable, for example `{key} = \"${{{variable}}}\"`; if this file was ever shared, create a new one"
        )
    )]
    LiteralSecret {
        /// The kind of secret, as a phrase.
        what: &'static str,
        /// The key.
        key: &'static str,
        /// A suggested name for the variable.
        variable: &'static str,
        /// Where it is.
        #[label("a secret")]
        span: SourceSpan,
    },
    /// A variable mixed with other text, so that what is sent would depend on both.
    #[error("`{key}` mixes a variable with other text")]
    #[diagnostic(
        code(spile::notify::mixed_variable),
        help("use only a variable, for example `{key} = \"${{{variable}}}\"`, or only text")
    )]
    Mixed {
        /// The key.
        key: &'static str,
        /// A suggested name for the variable.
        variable: &'static str,
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// A variable that `spile.toml` may not name.
    #[error("`spile.toml` may not read the environment variable `{name}`")]
    #[diagnostic(code(spile::notify::variable_not_allowed), help("{help}"))]
    NotAllowed {
        /// The variable.
        name: VariableName,
        /// How to allow it.
        help: String,
        /// Where it is named.
        #[label("not allowed on this machine")]
        span: SourceSpan,
    },
    /// A mail server that nobody has agreed to on this machine.
    #[error("nobody on this machine has agreed to send {}", .agreement)]
    #[diagnostic(code(spile::notify::host_not_agreed), help("{}", .agreement.help()))]
    NotAgreed {
        /// The missing agreement.
        agreement: Agreement,
        /// Where the server is named.
        #[label("a branch can change this")]
        span: SourceSpan,
    },
    /// An invalid webhook address. It is not shown, because everyone who knows it may be able to post there.
    #[error("`url` is not a valid webhook address")]
    #[diagnostic(
        code(spile::notify::url),
        help("use `https://...`, or a variable that holds it: `url = \"${{SPILE_HOOK_URL}}\"`")
    )]
    Url {
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// An invalid mail server. It is not shown, because it may contain a password.
    #[error("`server` is not a valid mail server")]
    #[diagnostic(
        code(spile::notify::server),
        help(
            "use `smtps://user@smtp.example.com:465`, or `smtp://user@smtp.example.com:587` for a server that upgrades to TLS"
        )
    )]
    Server {
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// An invalid email address.
    #[error("`{address}` is not an email address: {reason}")]
    #[diagnostic(
        code(spile::notify::address),
        help("use an address like `data@example.com` or `Data <data@example.com>`")
    )]
    Address {
        /// What was written.
        address: String,
        /// The parser's own message.
        reason: String,
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// An email channel without recipients.
    #[error("this email has no recipients")]
    #[diagnostic(code(spile::notify::nobody), help("add the recipients: `to = [\"data@example.com\"]`"))]
    Nobody {
        /// The empty list.
        #[label("empty")]
        span: SourceSpan,
    },
    /// Two channels with the same name.
    #[error("two channels are named `{name}`")]
    #[diagnostic(
        code(spile::notify::twice),
        help("use a different name for each: the registry records by name what was sent")
    )]
    Twice {
        /// The name.
        name: ChannelName,
        /// The second channel's name.
        #[label("the second")]
        span: SourceSpan,
        /// The first channel's name.
        #[label("the first")]
        first: SourceSpan,
    },
    /// An environment that names a channel that does not exist.
    #[error("there is no channel `{name}`")]
    #[diagnostic(code(spile::notify::unknown))]
    Unknown {
        /// What was written.
        name: String,
        /// Where it is.
        #[label("not declared")]
        span: SourceSpan,
        /// The nearest match, or all names.
        #[help]
        help: String,
    },
}
