//! Mistakes in `[registry]`.

use miette::{Diagnostic, SourceSpan};

use crate::settings::{Agreement, VariableName};

/// A mistake in `[registry]` beyond its structure.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum RegistryMistake {
    /// A key in plain text, in a file that is committed to git.
    #[error("the registry key is in plain text")]
    #[diagnostic(
        code(spile::registry::literal_key),
        help(
            "use a variable, for example `key = \"${{SUPABASE_SECRET_KEY}}\"`; if this file was ever shared, create a new key"
        )
    )]
    LiteralKey {
        /// The key.
        #[label("a secret")]
        span: SourceSpan,
    },
    /// A variable among other text. What is sent would depend on both.
    #[error("`{key}` mixes a variable with other text")]
    #[diagnostic(
        code(spile::registry::mixed_variable),
        help("use only a variable, for example `{key} = {example}`{or}")
    )]
    Mixed {
        /// The key.
        key: &'static str,
        /// A suggested variable.
        example: &'static str,
        /// What else is allowed there.
        or: &'static str,
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// A variable in a place that does not read variables.
    #[error("`{key}` does not accept a variable")]
    #[diagnostic(code(spile::registry::no_variable), help("write the value itself, for example `{key} = {example}`"))]
    NoVariable {
        /// The key.
        key: &'static str,
        /// An allowed value.
        example: &'static str,
        /// Where it is.
        #[label("a variable")]
        span: SourceSpan,
    },
    /// A variable that `spile.toml` may not name.
    #[error("`spile.toml` may not read the environment variable `{name}`")]
    #[diagnostic(code(spile::registry::variable_not_allowed), help("{help}"))]
    NotAllowed {
        /// The variable.
        name: VariableName,
        /// How to allow it.
        help: String,
        /// Where it is named.
        #[label("not allowed on this machine")]
        span: SourceSpan,
    },
    /// A variable that is not set.
    #[error("the environment variable `{name}` is not set")]
    #[diagnostic(code(spile::registry::unset), help("set `{name}` where spile runs; `spile check` does not need it"))]
    Unset {
        /// The variable.
        name: VariableName,
        /// Where it is named.
        #[label("needs `{name}`")]
        span: SourceSpan,
    },
    /// A value that is not an address. The message does not quote it: it may contain a password, or come from a variable.
    #[error("`url` is not the address of a Supabase project")]
    #[diagnostic(
        code(spile::registry::url),
        help("use `https://<project>.supabase.co`, as shown in the project's API settings")
    )]
    Url {
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// An address that would let everyone on the way read the key.
    #[error("`url` is not encrypted")]
    #[diagnostic(
        code(spile::registry::insecure_url),
        help("use `https://`; `http://` is only for this machine, for example `http://127.0.0.1:54321`")
    )]
    Insecure {
        /// Where it is.
        #[label("the key would travel in plain text")]
        span: SourceSpan,
    },
    /// A schema that is not a plain SQL name.
    #[error("`schema` is not a valid schema name")]
    #[diagnostic(
        code(spile::registry::schema),
        help("use letters, digits, and underscores, starting with a letter, for example `schema = \"public\"`")
    )]
    Schema {
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// A table name that would need quotes, or is reserved.
    #[error("`table` is not a valid name for a registry's table")]
    #[diagnostic(
        code(spile::registry::table),
        help(
            "use at most 40 lowercase letters, digits, and underscores, starting with a letter, for example `table = \"spile_integrations\"`; `spile` alone is reserved"
        )
    )]
    Table {
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// A host that nobody has agreed to on this machine.
    #[error("nobody on this machine has agreed to send {}", .agreement)]
    #[diagnostic(code(spile::registry::host_not_agreed), help("{}", .agreement.help()))]
    NotAgreed {
        /// The agreement that is missing.
        agreement: Agreement,
        /// Where the host is named.
        #[label("a branch can change this")]
        span: SourceSpan,
    },
    /// A value that is not a key, pasted in place of one.
    #[error("the value of `key` is not a Supabase key")]
    #[diagnostic(
        code(spile::registry::key),
        help(
            "use a secret key (`sb_secret_...`) or the legacy service_role key (`eyJ...`) from the project's API settings"
        )
    )]
    Key {
        /// Where it is named.
        #[label("comes from here")]
        span: SourceSpan,
    },
    /// A key that every visitor of the dashboard can read.
    #[error("the value of `key` is a publishable key, which cannot write or read secrets")]
    #[diagnostic(
        code(spile::registry::publishable_key),
        help("use a secret key, `sb_secret_...`, from the project's API settings")
    )]
    PublishableKey {
        /// Where it is named.
        #[label("comes from here")]
        span: SourceSpan,
    },
}
