//! Mistakes in `[oauth]`.

use miette::{Diagnostic, SourceSpan};

/// What can be wrong with the table.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum OAuthMistake {
    /// It refers to a setting that is not defined.
    #[error("`{key}` of `[oauth]` refers to unknown setting `{name}`")]
    #[diagnostic(code(spile::connector::oauth_setting), help("use a setting from this definition"))]
    UnknownSetting {
        /// The key.
        key: &'static str,
        /// The unknown setting.
        name: String,
        /// Where it is named.
        #[label("not a setting")]
        span: SourceSpan,
    },
    /// It has an address that no secret may be sent to.
    #[error("`{key}` of `[oauth]` is not an `https` address")]
    #[diagnostic(
        code(spile::connector::oauth_address),
        help("write it like `https://{{shop}}.example.com/oauth/token`, with settings in braces")
    )]
    Address {
        /// The key.
        key: &'static str,
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// It does not say where the token goes.
    #[error("`[oauth]` does not name exactly one setting for the token")]
    #[diagnostic(
        code(spile::connector::oauth_token),
        help("set `refresh_token` to the setting that takes it, or `access_token` if access tokens do not expire")
    )]
    Token {
        /// The table.
        #[label("this table")]
        span: SourceSpan,
    },
}
