//! Why nobody can sign in to the source of an integration yet.

use miette::Diagnostic;

use spile_core::name::Slug;
use spile_core::settings::Agreement;

/// What is missing before somebody can sign in.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SignInError {
    /// The file names no known connector.
    #[error("the connector of `{slug}` is not known")]
    #[diagnostic(code(spile::oauth::no_connector), help("set the connector with `type`, and run `spile check`"))]
    NoConnector {
        /// The integration.
        slug: Slug,
    },
    /// The connector's definition has no `[oauth]`.
    #[error("{provider} has no sign-in")]
    #[diagnostic(
        code(spile::oauth::not_offered),
        help(
            "set its token with `spile secrets set {slug} KEY`, or describe the sign-in under `[oauth]` in a connector of your own"
        )
    )]
    NotOffered {
        /// The connector.
        provider: String,
        /// The integration.
        slug: Slug,
    },
    /// An address needs a setting.
    #[error("the address for signing in needs `{name}`, which is not set")]
    #[diagnostic(code(spile::oauth::setting), help("set it first: `spile edit {slug} --set {name}=VALUE`"))]
    Unset {
        /// The setting.
        name: String,
        /// The integration.
        slug: Slug,
    },
    /// A setting cannot be a part of an address.
    #[error("the value of `{name}` cannot be a part of the address for signing in")]
    #[diagnostic(
        code(spile::oauth::unfit),
        help(
            "change it with `spile edit {slug} --set {name}=VALUE`: one word of letters, digits, `-`, `_` and dots, or an `https` address where the whole host is a setting"
        )
    )]
    Unfit {
        /// The setting.
        name: String,
        /// The integration.
        slug: Slug,
    },
    /// The client is a variable, which only a run reads.
    #[error("`{name}` is a variable, which spile reads only for a run")]
    #[diagnostic(
        code(spile::oauth::variable),
        help("remove it under `[config]`, and set the value with `spile secrets set {slug} {name}`")
    )]
    Variable {
        /// The setting.
        name: String,
        /// The integration.
        slug: Slug,
    },
    /// Nobody has agreed to send secrets to this host.
    #[error("you have not agreed to send {agreement}")]
    #[diagnostic(code(spile::oauth::host_not_agreed), help("{}", agreement.help()))]
    NotAgreed {
        /// What would be sent, and where.
        agreement: Box<Agreement>,
    },
}
