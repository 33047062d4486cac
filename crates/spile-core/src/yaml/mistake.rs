//! What can be wrong with a YAML text.

use miette::{Diagnostic, SourceSpan};

/// What can be wrong with a YAML text. Users see it when they import, so the codes belong to that area.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum YamlMistake {
    /// It is not valid YAML by the rules of Meltano's own reader.
    #[error("the file cannot be read as YAML: {message}")]
    #[diagnostic(code(spile::import::syntax), help("fix this place, then import again; Meltano rejects the file too"))]
    Syntax {
        /// The reason.
        message: String,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
    /// A table contains the same key twice.
    #[error("the key `{key}` appears twice in one table")]
    #[diagnostic(code(spile::import::duplicate_key), help("remove one of them; Meltano rejects the file too"))]
    DuplicateKey {
        /// The key.
        key: String,
        /// The first occurrence.
        #[label("first here")]
        first: SourceSpan,
        /// The second occurrence.
        #[label("again here")]
        span: SourceSpan,
    },
    /// The file contains more than one document.
    #[error("the file holds more than one YAML document")]
    #[diagnostic(code(spile::import::documents), help("keep one of them; Meltano rejects the file too"))]
    Documents {
        /// The start of the second document.
        #[label("the second starts here")]
        span: SourceSpan,
    },
    /// It is nested too deeply.
    #[error("the file is nested more than {levels} levels deep")]
    #[diagnostic(code(spile::import::too_deep), help("flatten it, then import again"))]
    TooDeep {
        /// The maximum depth.
        levels: usize,
        /// The position where it gets too deep.
        #[label("here")]
        span: SourceSpan,
    },
    /// The aliases expand to too many values or levels.
    #[error("the aliases in the file expand to more than a million values or 200 levels")]
    #[diagnostic(code(spile::import::aliases), help("write out the values, then import again"))]
    Aliases {
        /// The start of the file.
        #[label("this file")]
        span: SourceSpan,
    },
    /// An alias refers to something that contains it.
    #[error("an alias refers to something that contains it")]
    #[diagnostic(code(spile::import::recursive), help("write out the values, then import again"))]
    Recursive {
        /// The position of the alias.
        #[label("this alias")]
        span: SourceSpan,
    },
}
