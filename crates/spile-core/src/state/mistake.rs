//! What cannot be changed about a state, and why.

use miette::Diagnostic;

/// A change of a state that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum StateMistake {
    /// The tap writes its state in a way of its own.
    #[error("the state has no `bookmarks` of streams, so spile cannot tell what belongs to `{stream}`")]
    #[diagnostic(
        code(spile::state::opaque),
        help("edit it as JSON: run `spile state export`, change the file and run `spile state import`")
    )]
    Opaque {
        /// The stream that was named.
        stream: String,
    },
    /// The state has no such stream.
    #[error("the state has no bookmark of a stream `{stream}`")]
    #[diagnostic(code(spile::state::no_stream), help("{help}"))]
    NoStream {
        /// The stream that was named.
        stream: String,
        /// The nearest one, or all.
        help: String,
    },
    /// There is no bookmark to learn its form from.
    #[error("there is no bookmark yet, so spile cannot tell how the tap writes one")]
    #[diagnostic(
        code(spile::state::no_form),
        help("run `spile sync` once, or take a state from elsewhere with `spile state import` or `spile state copy`")
    )]
    NoForm,
    /// Nobody knows what the value is a value of.
    #[error("the replication key of `{stream}` is not known")]
    #[diagnostic(code(spile::state::no_key), help("name it: add `--key NAME`"))]
    NoKey {
        /// The stream.
        stream: String,
    },
    /// The bookmark has several values.
    #[error("the bookmark of `{stream}` has several values: {keys}")]
    #[diagnostic(
        code(spile::state::several),
        help(
            "name one with `--key NAME`; to change several, run `spile state export`, edit the file and run `spile state import`"
        )
    )]
    Several {
        /// The stream.
        stream: String,
        /// What they are called, each in backticks.
        keys: String,
    },
    /// The value is not of the kind that the bookmark has.
    #[error("the bookmark of `{stream}` has to be {expected}, not `{word}`")]
    #[diagnostic(
        code(spile::state::value),
        help("its value is now `{present}`: use one of the same kind; nothing was written")
    )]
    Value {
        /// The stream.
        stream: String,
        /// What it has to be.
        expected: &'static str,
        /// What was typed.
        word: String,
        /// The value that the bookmark has.
        present: String,
    },
}
