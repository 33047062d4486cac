//! What can be wrong with a `meltano.yml` that is to be imported.

use miette::{Diagnostic, SourceSpan};

use crate::yaml;

/// What can be wrong with a `meltano.yml` that is to be imported.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum ImportMistake {
    /// The text cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Yaml(#[from] yaml::YamlMistake),
    /// More bytes than are read.
    #[error("the file has {bytes} bytes; files of up to {most} bytes are imported")]
    #[diagnostic(
        code(spile::import::too_large),
        help("move what is no configuration out of it, then import again; nothing was written")
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
    /// Another form than Meltano takes.
    #[error("{what} is {found}, not {wanted}")]
    #[diagnostic(code(spile::import::form), help("give it that form, then import again; Meltano refuses the file too"))]
    Form {
        /// What has the form.
        what: String,
        /// What was found.
        found: &'static str,
        /// What Meltano takes.
        wanted: &'static str,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// A name that Meltano refuses.
    #[error("`{name}` is no name that Meltano takes: it holds a `:`")]
    #[diagnostic(code(spile::import::name), help("rename it, then import again"))]
    Name {
        /// The name.
        name: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// A file that is included cannot be merged in.
    #[error("`{key}` is said by this file and by one before it, in forms that cannot be merged as text")]
    #[diagnostic(code(spile::import::include), help("say it in one of the two, then import again"))]
    Include {
        /// The key.
        key: String,
        /// Where the later one is.
        #[label("here")]
        span: SourceSpan,
    },
    /// A file that is included means something else in one text with the others.
    #[error("the file cannot be put into one text with `meltano.yml`: it would mean something else there")]
    #[diagnostic(
        code(spile::import::include_differs),
        help("write the keys that both files have by indentation, without anchors, then import again")
    )]
    IncludeDiffers {
        /// The file's start.
        #[label("this file")]
        span: SourceSpan,
    },
    /// A copy of a secret that would stay in plain text.
    #[error("this is a copy of a secret that import encrypts, and would stay in plain text")]
    #[diagnostic(
        code(spile::import::secret_left),
        help(
            "write a variable (`${{NAME}}`) in its place and its value into `.env`, or take it out, then import again; nothing was written"
        )
    )]
    SecretLeft {
        /// Where it stands.
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
