//! What can be wrong with a `meltano.yml` to import.

use miette::{Diagnostic, SourceSpan};

use crate::yaml;

/// What can be wrong with a `meltano.yml` to import.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum ImportMistake {
    /// The text cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Yaml(#[from] yaml::YamlMistake),
    /// More bytes than are read.
    #[error("the file has {bytes} bytes; import accepts at most {most}")]
    #[diagnostic(
        code(spile::import::too_large),
        help("move everything that is not configuration out of it, then import again; nothing was written")
    )]
    TooLarge {
        /// How many it has.
        bytes: u64,
        /// How many it may have.
        most: u64,
        /// The file's start.
        #[label("this file")]
        span: SourceSpan,
    },
    /// A form that Meltano does not accept.
    #[error("{what} is {found}, not {wanted}")]
    #[diagnostic(code(spile::import::form), help("fix it, then import again; Meltano rejects the file too"))]
    Form {
        /// What has the form.
        what: String,
        /// What was found.
        found: &'static str,
        /// What Meltano accepts.
        wanted: &'static str,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// A name that Meltano refuses.
    #[error("`{name}` is not a valid name in Meltano: it contains a `:`")]
    #[diagnostic(code(spile::import::name), help("rename it, then import again"))]
    Name {
        /// The name.
        name: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// A file that is included cannot be merged in.
    #[error("`{key}` is set in this file and in an earlier one, in forms that cannot be merged")]
    #[diagnostic(code(spile::import::include), help("set it in only one of them, then import again"))]
    Include {
        /// The key.
        key: String,
        /// Where the later one is.
        #[label("here")]
        span: SourceSpan,
    },
    /// A file that is included means something else in one text with the others.
    #[error("the file cannot be merged into `meltano.yml`: its meaning would change")]
    #[diagnostic(
        code(spile::import::include_differs),
        help("write the keys that both files have with indentation and without anchors, then import again")
    )]
    IncludeDiffers {
        /// The file's start.
        #[label("this file")]
        span: SourceSpan,
    },
    /// A copy of a secret that would stay in plain text.
    #[error("this copy of a secret that import encrypts would stay in plain text")]
    #[diagnostic(
        code(spile::import::secret_left),
        help(
            "replace it with a variable (`${{NAME}}`) and put its value in `.env`, or remove it, then import again; nothing was written"
        )
    )]
    SecretLeft {
        /// Where it is.
        #[label("a copy of a secret")]
        span: SourceSpan,
    },
    /// The text that import would write does not mean what the file means.
    #[error("what import would write differs from the file: {what}")]
    #[diagnostic(
        code(spile::import::unfaithful),
        help("write this part without brackets, anchors and tags, then import again; nothing was written")
    )]
    Unfaithful {
        /// What is different, and where.
        what: String,
        /// The file's start.
        #[label("this file")]
        span: SourceSpan,
    },
}
