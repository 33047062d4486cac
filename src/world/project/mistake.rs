//! What can be wrong with a file of a project as a whole.

use miette::{Diagnostic, SourceSpan};

/// What can be wrong with a file as a whole.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Mistake {
    /// Its name says neither a slug nor an environment.
    #[error("`{name}` is not the name of an integration's file")]
    #[diagnostic(
        code(spile::files::name),
        help(
            "name it `<slug>.toml` or `<slug>.<environment>.toml`, in lower-case letters, digits and dashes; secrets beside \
             it `<slug>.secrets.yaml` or `<slug>.secrets.json`"
        )
    )]
    Name {
        /// The file's name.
        name: String,
        /// Its start.
        #[label("this file")]
        span: SourceSpan,
    },
    /// It is not text.
    #[error("the file is not UTF-8")]
    #[diagnostic(code(spile::files::not_utf8), help("save it as UTF-8, or move it out of the folder"))]
    NotUtf8 {
        /// Its start.
        #[label("this file")]
        span: SourceSpan,
    },
    /// It cannot be read.
    #[error("the file cannot be read: {message}")]
    #[diagnostic(code(spile::files::unreadable), help("check that it is there and who may read it"))]
    Unreadable {
        /// The system's own sentence.
        message: String,
        /// Its start.
        #[label("this file")]
        span: SourceSpan,
    },
    /// More bytes than anybody writes.
    #[error("the file has more than {mebibytes} MiB")]
    #[diagnostic(
        code(spile::files::too_large),
        help("move what is no configuration out of the folder; a file as large as that is not read")
    )]
    TooLarge {
        /// How many MiB it may have.
        mebibytes: u64,
        /// Its start.
        #[label("this file")]
        span: SourceSpan,
    },
    /// A link leads back to a folder that it is in.
    #[error("the link leads in a circle and is passed over")]
    #[diagnostic(code(spile::files::link_loop), severity(Warning), help("remove the link"))]
    LinkLoop {
        /// Its start.
        #[label("this link")]
        span: SourceSpan,
    },
}
