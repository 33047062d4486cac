//! Mistakes in the form of any TOML file.

use miette::{Diagnostic, SourceSpan};

use super::DEEPEST;

/// Mistakes in the form of any TOML file.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum TomlMistake {
    /// A text that is not TOML.
    #[error("not valid TOML: {message}")]
    #[diagnostic(code(spile::toml::syntax), help("write TOML 1.0: https://toml.io/en/v1.0.0"))]
    Syntax {
        /// The parser's own message.
        message: String,
        /// Where the parser failed.
        #[label("here")]
        span: SourceSpan,
    },
    /// A merge conflict.
    #[error("the file has conflict markers from git")]
    #[diagnostic(
        code(spile::toml::conflict),
        help("resolve the conflict and remove the markers; `spile secrets init --git` lets git merge secrets")
    )]
    Conflict {
        /// The first conflict marker.
        #[label("one side starts here")]
        span: SourceSpan,
    },
    /// Tables or arrays that are nested too deeply.
    #[error("this has more than {DEEPEST} levels of tables and arrays")]
    #[diagnostic(code(spile::toml::too_deep), help("remove levels; write a value that needs more as one JSON string"))]
    TooDeep {
        /// The first value that is too deep.
        #[label("too deep")]
        span: SourceSpan,
    },
    /// An unknown key.
    #[error("unknown key `{key}`")]
    #[diagnostic(code(spile::toml::unknown_key))]
    UnknownKey {
        /// The key, as written.
        key: String,
        /// Where it is.
        #[label("not a known key")]
        span: SourceSpan,
        /// The nearest known key, or all of them.
        #[help]
        help: String,
    },
    /// A value of the wrong type for the key.
    #[error("`{key}` is {found}, not {wanted}")]
    #[diagnostic(code(spile::toml::wrong_kind), help("use {wanted}, for example {example}"))]
    WrongKind {
        /// The key.
        key: String,
        /// The kind of the value.
        found: String,
        /// The expected kind.
        wanted: &'static str,
        /// A valid value.
        example: &'static str,
        /// The value.
        #[label("{found}")]
        span: SourceSpan,
    },
    /// A value that is invalid for the key.
    #[error("`{key}`: {message}")]
    #[diagnostic(code(spile::toml::invalid))]
    Invalid {
        /// The key.
        key: String,
        /// Why it does not parse.
        message: String,
        /// The value.
        #[label("here")]
        span: SourceSpan,
        /// The valid values, or the nearest one.
        #[help]
        help: Option<String>,
    },
    /// A certain secret in plain text, for everyone with the file to read.
    #[error("`{key}` contains {what} in plain text")]
    #[diagnostic(
        code(spile::toml::secret),
        help(
            "remove it, or use a variable (`\"${{NAME}}\"`) if the key accepts one; if this file was ever committed or shared, change the secret at its source"
        )
    )]
    Secret {
        /// The key.
        key: String,
        /// The kind of secret, with an article.
        what: &'static str,
        /// The secret.
        #[label("a secret")]
        span: SourceSpan,
    },
    /// A required key that is missing.
    #[error("`{key}` is missing")]
    #[diagnostic(code(spile::toml::missing_key), help("add `{key} = {example}`"))]
    MissingKey {
        /// The key.
        key: String,
        /// A valid value.
        example: &'static str,
        /// The table that lacks it.
        #[label("needs `{key}`")]
        span: SourceSpan,
    },
}
