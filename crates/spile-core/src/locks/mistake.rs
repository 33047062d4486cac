//! What can be wrong with a lock file.

use miette::{Diagnostic, SourceSpan};

/// What can be wrong with a lock file.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum LockMistake {
    /// A line that is not a package with a version and hashes.
    #[error("this line is not a package with an exact version and SHA-256 hashes")]
    #[diagnostic(
        code(spile::locks::line),
        help(
            "run `spile lock` to write the file again; it may contain only `name==version --hash=sha256:…`, with markers"
        )
    )]
    Line {
        /// The line.
        #[label("not accepted in a lock file")]
        span: SourceSpan,
    },
    /// The comments at the top are missing.
    #[error("the lock file does not say what it was made from")]
    #[diagnostic(
        code(spile::locks::header),
        help("run `spile lock` to write the file again; it begins with `# pip_url:`, `# python:` and `# spile:`")
    )]
    Header {
        /// The start of the file.
        #[label("this file")]
        span: SourceSpan,
    },
}
