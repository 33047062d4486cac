//! Errors of comparisons, and the differences that they find.

use miette::Diagnostic;

use spile_core::name::Slug;
use spile_core::problem::{counted, listed};

/// A source and its destination cannot be compared, or differ.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Error {
    /// Its source does not support comparisons.
    #[error("`{slug}` cannot be compared with its destination: `verify` does not support `{connector}`")]
    #[diagnostic(
        code(spile::verify::unsupported),
        help("`verify` supports {names}; for other sources, `spile runs show {slug}` shows what arrived")
    )]
    Unsupported {
        /// The integration.
        slug: Slug,
        /// Its connector.
        connector: String,
        /// The connectors whose sources support comparisons.
        names: String,
    },
    /// The comparison failed.
    #[error("`{slug}` and its destination cannot be compared: {message}")]
    #[diagnostic(code(spile::verify::failed), help("{help}"))]
    Failed {
        /// The integration.
        slug: Slug,
        /// The reason.
        message: String,
        /// The next step.
        help: String,
    },
    /// The comparison took too long.
    #[error("comparing `{slug}` with its destination did not finish within {}", counted(*.seconds, "second"))]
    #[diagnostic(
        code(spile::verify::timeout),
        help(
            "allow more time with `--timeout`, list only the streams that matter, or compare fewer values with `--sample`"
        )
    )]
    TimedOut {
        /// The integration.
        slug: Slug,
        /// The time limit.
        seconds: u64,
    },
    /// The user interrupted the comparison.
    #[error("comparing `{slug}` with its destination was stopped")]
    #[diagnostic(code(spile::verify::interrupted), help("run the command again"))]
    Interrupted {
        /// The integration.
        slug: Slug,
    },
    /// Another run is using the integration.
    #[error("`{slug}` is running: {busy}")]
    #[diagnostic(code(spile::verify::busy), help("remove `--no-wait` to wait until it ends"))]
    Busy {
        /// The integration.
        slug: Slug,
        /// Which run it is, as a sentence.
        busy: String,
    },
    /// The source does not offer this stream.
    #[error("`{slug}` has no stream `{stream}`")]
    #[diagnostic(code(spile::verify::no_stream), help("{help}"))]
    NoStream {
        /// The integration.
        slug: Slug,
        /// The requested stream.
        stream: String,
        /// The nearest stream, or where to look.
        help: String,
    },
    /// The stream is not selected.
    #[error("the stream `{stream}` of `{slug}` is not selected")]
    #[diagnostic(
        code(spile::verify::not_read),
        help("add `{pattern}` to `select` and sync first, or choose a selected stream")
    )]
    NotRead {
        /// The integration.
        slug: Slug,
        /// The requested stream.
        stream: String,
        /// The pattern that would select it.
        pattern: String,
    },
    /// Rows are missing or different.
    #[error("the destination of `{slug}` differs from its source: {}", listed(.streams.iter().map(String::as_str)))]
    #[diagnostic(
        code(spile::verify::differs),
        help(
            "run `spile sync {slug}` and verify again, in case the source has changed since; \
             if they still differ, run `spile sync {slug} --full-refresh` to read everything again"
        )
    )]
    Differs {
        /// The integration.
        slug: Slug,
        /// The streams that differ.
        streams: Vec<String>,
    },
}
