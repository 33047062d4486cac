//! What can be wrong with the form of any TOML file.

use miette::{Diagnostic, SourceSpan};

use super::DEEPEST;

/// What can be wrong with the form of any TOML file.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum TomlMistake {
    /// The text is not TOML.
    #[error("not valid TOML: {message}")]
    #[diagnostic(code(spile::toml::syntax), help("write TOML 1.0: https://toml.io/en/v1.0.0"))]
    Syntax {
        /// The parser's own sentence.
        message: String,
        /// Where the parser stumbled.
        #[label("here")]
        span: SourceSpan,
    },
    /// A merge was left half-way.
    #[error("the file has conflict markers from git")]
    #[diagnostic(
        code(spile::toml::conflict),
        help("resolve the conflict and remove the markers; `spile secrets init --git` lets git merge secrets")
    )]
    Conflict {
        /// The first mark.
        #[label("one side starts here")]
        span: SourceSpan,
    },
    /// Tables in tables without end.
    #[error("this has more than {DEEPEST} levels of tables and arrays")]
    #[diagnostic(code(spile::toml::too_deep), help("remove levels; write a value that needs more as one JSON string"))]
    TooDeep {
        /// What lies deeper.
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
        /// The kind found.
        found: String,
        /// The kind asked for.
        wanted: &'static str,
        /// A value that would do.
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
        /// What is known, or the nearest of it.
        #[help]
        help: Option<String>,
    },
    /// A text that surely is a secret, where everyone who has the file reads it.
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
        /// What it is, with its article.
        what: &'static str,
        /// The text.
        #[label("a secret")]
        span: SourceSpan,
    },
    /// A key that has to be there.
    #[error("`{key}` is missing")]
    #[diagnostic(code(spile::toml::missing_key), help("add `{key} = {example}`"))]
    MissingKey {
        /// The key.
        key: String,
        /// A value that would do.
        example: &'static str,
        /// The table that lacks it.
        #[label("needs `{key}`")]
        span: SourceSpan,
    },
}
