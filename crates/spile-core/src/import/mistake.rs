//! What can be wrong with a `meltano.yml` to import.

use miette::{Diagnostic, SourceSpan};

use crate::yaml;

/// What can be wrong with a `meltano.yml` to import.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum ImportMistake {
    /// The text is not valid YAML.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Yaml(#[from] yaml::YamlMistake),
    /// The file is too large.
    #[error("the file has {bytes} bytes; import accepts at most {most}")]
    #[diagnostic(
        code(spile::import::too_large),
        help("move everything that is not configuration out of it, then import again; nothing was written")
    )]
    TooLarge {
        /// Its size in bytes.
        bytes: u64,
        /// The maximum size in bytes.
        most: u64,
        /// The start of the file.
        #[label("this file")]
        span: SourceSpan,
    },
    /// A part has a structure that Meltano does not accept.
    #[error("{what} is {found}, not {wanted}")]
    #[diagnostic(code(spile::import::form), help("fix it, then import again; Meltano rejects the file too"))]
    Form {
        /// The part.
        what: String,
        /// What was found.
        found: &'static str,
        /// What Meltano accepts.
        wanted: &'static str,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
    /// A name is not valid in Meltano.
    #[error("`{name}` is not a valid name in Meltano: it contains a `:`")]
    #[diagnostic(code(spile::import::name), help("rename it, then import again"))]
    Name {
        /// The name.
        name: String,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
    /// An included file cannot be merged.
    #[error("`{key}` is set in this file and in an earlier one, in forms that cannot be merged")]
    #[diagnostic(code(spile::import::include), help("set it in only one of them, then import again"))]
    Include {
        /// The key.
        key: String,
        /// The position in the later file.
        #[label("here")]
        span: SourceSpan,
    },
    /// An included file would mean something else after merging.
    #[error("the file cannot be merged into `meltano.yml`: its meaning would change")]
    #[diagnostic(
        code(spile::import::include_differs),
        help("write the keys that both files have with indentation and without anchors, then import again")
    )]
    IncludeDiffers {
        /// The start of the file.
        #[label("this file")]
        span: SourceSpan,
    },
    /// A copy of a secret would stay in plaintext.
    #[error("this copy of a secret that import encrypts would stay in plain text")]
    #[diagnostic(
        code(spile::import::secret_left),
        help(
            "replace it with a variable (`${{NAME}}`) and put its value in `.env`, or remove it, then import again; nothing was written"
        )
    )]
    SecretLeft {
        /// The position of the copy.
        #[label("a copy of a secret")]
        span: SourceSpan,
    },
    /// The text that import would write does not mean the same as the file.
    #[error("what import would write differs from the file: {what}")]
    #[diagnostic(
        code(spile::import::unfaithful),
        help("write this part without brackets, anchors and tags, then import again; nothing was written")
    )]
    Unfaithful {
        /// The difference, and its path.
        what: String,
        /// The start of the file.
        #[label("this file")]
        span: SourceSpan,
    },
}
