//! What can be wrong with a `meltano.yml` that is to be imported.

use miette::{Diagnostic, SourceSpan};

/// What can be wrong with a `meltano.yml` that is to be imported.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum Mistake {
    /// It is no YAML.
    #[error("the file is no YAML: {message}")]
    #[diagnostic(code(spile::import::syntax), help("mend it until `meltano compile` takes it, then import again"))]
    Syntax {
        /// The parser's own sentence.
        message: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// A key twice in one table.
    #[error("the key `{key}` stands twice in one table")]
    #[diagnostic(code(spile::import::duplicate_key), help("remove one of the two; Meltano refuses the file too"))]
    DuplicateKey {
        /// The key.
        key: String,
        /// The first.
        #[label("first here")]
        first: SourceSpan,
        /// The second.
        #[label("and here again")]
        span: SourceSpan,
    },
    /// More than one document.
    #[error("the file holds more than one YAML document")]
    #[diagnostic(code(spile::import::documents), help("keep one of them; Meltano refuses the file too"))]
    Documents {
        /// Where the second begins.
        #[label("the second begins here")]
        span: SourceSpan,
    },
    /// Tables in tables in tables.
    #[error("the file is nested more than {levels} levels deep")]
    #[diagnostic(code(spile::import::too_deep), help("make it flatter, then import again"))]
    TooDeep {
        /// How many levels are read.
        levels: usize,
        /// Where it gets too deep.
        #[label("here")]
        span: SourceSpan,
    },
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
    /// Aliases of aliases of aliases.
    #[error("the aliases of the file make it larger than a million values, or lead through more than 200 levels")]
    #[diagnostic(code(spile::import::aliases), help("write out what is meant, then import again"))]
    Aliases {
        /// The file's start.
        #[label("this file")]
        span: SourceSpan,
    },
    /// An alias that leads into itself.
    #[error("an alias stands for something that it is a part of")]
    #[diagnostic(code(spile::import::recursive), help("write out what is meant, then import again"))]
    Recursive {
        /// Where.
        #[label("this alias")]
        span: SourceSpan,
    },
    /// Another form than Meltano takes.
    #[error("{what} is {found}, not {wanted}")]
    #[diagnostic(code(spile::import::form), help("mend it until `meltano compile` takes it, then import again"))]
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
    #[error("the file cannot be put into one text with `meltano.yml`: its anchors mean something else there")]
    #[diagnostic(code(spile::import::include_anchors), help("give its anchors other names, then import again"))]
    IncludeAnchors {
        /// The file's start.
        #[label("this file")]
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
