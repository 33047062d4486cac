//! What can be wrong with a text of YAML.

use miette::{Diagnostic, SourceSpan};

/// What can be wrong with a text of YAML. Who wrote it hears of it where it is imported, so the codes are of that area.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum YamlMistake {
    /// It is not YAML, by the rules of Meltano's own reader.
    #[error("the file cannot be read as YAML: {message}")]
    #[diagnostic(code(spile::import::syntax), help("fix this place, then import again; Meltano rejects the file too"))]
    Syntax {
        /// What is wrong.
        message: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// A key twice in one table.
    #[error("the key `{key}` appears twice in one table")]
    #[diagnostic(code(spile::import::duplicate_key), help("remove one of them; Meltano rejects the file too"))]
    DuplicateKey {
        /// The key.
        key: String,
        /// The first.
        #[label("first here")]
        first: SourceSpan,
        /// The second.
        #[label("again here")]
        span: SourceSpan,
    },
    /// More than one document.
    #[error("the file holds more than one YAML document")]
    #[diagnostic(code(spile::import::documents), help("keep one of them; Meltano rejects the file too"))]
    Documents {
        /// Where the second begins.
        #[label("the second starts here")]
        span: SourceSpan,
    },
    /// Tables in tables in tables.
    #[error("the file is nested more than {levels} levels deep")]
    #[diagnostic(code(spile::import::too_deep), help("flatten it, then import again"))]
    TooDeep {
        /// How many levels are read.
        levels: usize,
        /// Where it gets too deep.
        #[label("here")]
        span: SourceSpan,
    },
    /// Aliases of aliases of aliases.
    #[error("the aliases in the file expand to more than a million values or 200 levels")]
    #[diagnostic(code(spile::import::aliases), help("write out the values, then import again"))]
    Aliases {
        /// The file's start.
        #[label("this file")]
        span: SourceSpan,
    },
    /// An alias that leads into itself.
    #[error("an alias refers to something that contains it")]
    #[diagnostic(code(spile::import::recursive), help("write out the values, then import again"))]
    Recursive {
        /// Where.
        #[label("this alias")]
        span: SourceSpan,
    },
}
