//! Errors of previews.

use std::path::PathBuf;

use miette::Diagnostic;
use uuid::Uuid;

use spile_core::name::Slug;
use spile_core::problem::counted;
use spile_world::processes::meltano::RunError;

/// A source cannot be previewed.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Error {
    /// Its tap failed.
    #[error("the preview of `{slug}` failed: {message}")]
    #[diagnostic(code(spile::preview::failed), help("{help}"))]
    Failed {
        /// The integration.
        slug: Slug,
        /// The tap's own words.
        message: String,
        /// The next step.
        help: String,
    },
    /// Its source has changed in a way that its contract does not allow.
    #[error("`{slug}` cannot be previewed under its contract: {changes}")]
    #[diagnostic(
        code(spile::preview::contract),
        help("compare it with `spile discover {argument} --changes`, and accept the changes with `{accept}`")
    )]
    Contract {
        /// The integration.
        slug: Slug,
        /// What has changed.
        changes: String,
        /// Its name in commands.
        argument: String,
        /// The command that accepts the changes.
        accept: String,
    },
    /// It took too long.
    #[error("the preview of `{slug}` did not finish within {}", counted(*.seconds, "second"))]
    #[diagnostic(
        code(spile::preview::timeout),
        help("allow more time with `--timeout`, or read less with a smaller number or `--stream`")
    )]
    TimedOut {
        /// The integration.
        slug: Slug,
        /// The timeout.
        seconds: u64,
    },
    /// The user interrupted it.
    #[error("the preview of `{slug}` was stopped")]
    #[diagnostic(code(spile::preview::interrupted), help("run the command again"))]
    Interrupted {
        /// The integration.
        slug: Slug,
    },
    /// Something else runs the integration.
    #[error("`{slug}` cannot be previewed while run {run} is using it (process {process})")]
    #[diagnostic(code(spile::preview::busy), help("run the command again when that run has ended"))]
    Busy {
        /// The integration.
        slug: Slug,
        /// The other run.
        run: Uuid,
        /// Its process.
        process: String,
    },
    /// DuckDB cannot be installed.
    #[error("previews are stored in a DuckDB file, and DuckDB cannot be installed")]
    #[diagnostic(
        code(spile::preview::no_duckdb),
        help("check that this machine can reach the package index, and run the command again; nothing was read")
    )]
    NoDuckDb {
        /// The reason.
        source: Box<RunError>,
    },
    /// DuckDB refused the records.
    #[error("the records of `{slug}` could not be written to a DuckDB file: {message}")]
    #[diagnostic(
        code(spile::preview::not_loaded),
        help("use `--stream` to leave out the stream that it names; the full log is in `{}`", log.display())
    )]
    NotLoaded {
        /// The integration.
        slug: Slug,
        /// The loader's own words.
        message: String,
        /// The log.
        log: PathBuf,
    },
}
