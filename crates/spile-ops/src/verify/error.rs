//! Errors of comparisons, and differences that they find.

use miette::Diagnostic;

use spile_core::name::Slug;
use spile_core::problem::{counted, listed};

/// A source and its destination are not compared, or do not agree.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Error {
    /// Its source cannot be asked.
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
        /// The connectors whose sources can be asked.
        names: String,
    },
    /// The comparison failed.
    #[error("`{slug}` and its destination cannot be compared: {message}")]
    #[diagnostic(code(spile::verify::failed), help("{help}"))]
    Failed {
        /// The integration.
        slug: Slug,
        /// Why.
        message: String,
        /// The next step.
        help: String,
    },
    /// It took too long.
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
        /// How long it had.
        seconds: u64,
    },
    /// The user wanted an end.
    #[error("comparing `{slug}` with its destination was stopped")]
    #[diagnostic(code(spile::verify::interrupted), help("run the command again"))]
    Interrupted {
        /// The integration.
        slug: Slug,
    },
    /// Something else runs the integration.
    #[error("`{slug}` is running: {busy}")]
    #[diagnostic(code(spile::verify::busy), help("remove `--no-wait` to wait until it ends"))]
    Busy {
        /// The integration.
        slug: Slug,
        /// Who runs it, as a sentence.
        busy: String,
    },
    /// The source offers no such stream.
    #[error("`{slug}` has no stream `{stream}`")]
    #[diagnostic(code(spile::verify::no_stream), help("{help}"))]
    NoStream {
        /// The integration.
        slug: Slug,
        /// What was asked for.
        stream: String,
        /// The nearest stream, or where to look.
        help: String,
    },
    /// The stream is not read.
    #[error("the stream `{stream}` of `{slug}` is not selected")]
    #[diagnostic(
        code(spile::verify::not_read),
        help("add `{pattern}` to `select` and sync first, or choose a selected stream")
    )]
    NotRead {
        /// The integration.
        slug: Slug,
        /// What was asked for.
        stream: String,
        /// What takes it.
        pattern: String,
    },
    /// Something is missing or different.
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
        /// The streams.
        streams: Vec<String>,
    },
}
