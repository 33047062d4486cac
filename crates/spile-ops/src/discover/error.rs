//! Errors of discovery.

use std::path::Path;

use miette::Diagnostic;

use spile_core::discovered::NoCatalog;
use spile_core::name::Slug;
use spile_core::problem::counted;
use spile_core::run::Cause;

/// The tap of an integration does not say what its source offers.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Error {
    /// It has no way to.
    #[error("the tap of `{slug}` cannot discover streams: `{connector}` does not have the capability `discover`")]
    #[diagnostic(
        code(spile::discover::unsupported),
        help(
            "write `select` from the tap's documentation; if the tap does support discovery, add `discover` to the connector"
        )
    )]
    Unsupported {
        /// The integration.
        slug: Slug,
        /// Its connector.
        connector: String,
    },
    /// It failed.
    #[error("discovery of `{slug}` failed: {message}")]
    #[diagnostic(code(spile::discover::failed), help("{help}"))]
    Failed {
        /// The integration.
        slug: Slug,
        /// The tap's own words.
        message: String,
        /// The next step.
        help: String,
    },
    /// It said something else.
    #[error("the tap of `{slug}` printed no valid catalog")]
    #[diagnostic(code(spile::discover::no_catalog), help("{help}"))]
    NoCatalog {
        /// The integration.
        slug: Slug,
        /// What it said.
        source: NoCatalog,
        /// The next step.
        help: String,
    },
    /// It took too long.
    #[error("discovery of `{slug}` did not finish within {}", counted(*.seconds, "second"))]
    #[diagnostic(code(spile::discover::timeout), help("allow more time with `--timeout`"))]
    TimedOut {
        /// The integration.
        slug: Slug,
        /// How long it had.
        seconds: u64,
    },
    /// The user wanted an end.
    #[error("the discovery of `{slug}` was stopped")]
    #[diagnostic(code(spile::discover::interrupted), help("run the command again"))]
    Interrupted {
        /// The integration.
        slug: Slug,
    },
    /// A run cannot use what the source offers.
    #[error("a secret of `{slug}` is part of the names of its streams or columns, so their changes cannot be shown")]
    #[diagnostic(
        code(spile::discover::secret_names),
        help("use another secret, or accept every change by removing `[schema]` from its file")
    )]
    SecretNames {
        /// The integration.
        slug: Slug,
    },
    /// The source offers no such stream.
    #[error("nothing in the source of `{slug}` matches `{asked}`")]
    #[diagnostic(code(spile::discover::no_match), help("{help}"))]
    NoMatch {
        /// The integration.
        slug: Slug,
        /// What was asked for.
        asked: String,
        /// The nearest stream, or where to look.
        help: String,
    },
}

/// Returns the next step after a failure, and where all is that the tap said.
pub(crate) fn help(cause: Cause, slug: &Slug, log: &Path) -> String {
    let log = format!("the full log is in `{}`", log.display());
    let step = match cause {
        Cause::Crash
        | Cause::Killed
        | Cause::Timeout
        // What runs alone come to.
        | Cause::MissingStream
        | Cause::Unselected
        | Cause::OldCatalog
        | Cause::Empty
        | Cause::Shrunk
        | Cause::SchemaChanged => return log,
        Cause::Network => "check the address, and that this machine can reach it",
        Cause::Output => {
            "a tap must write only its catalog to standard output: try another version of it"
        }
        Cause::DiskFull => "free some disk space",
        Cause::Credentials
        | Cause::Permission
        | Cause::MissingSetting
        | Cause::NothingSelected
        | Cause::NotInstalled
        | Cause::NoPython
        | Cause::Busy
        | Cause::LostRecords
        | Cause::Secrets
        | Cause::Registry
        | Cause::Bookmark => cause.help(),
    };
    format!("{}; {log}", step.replace("NAME", slug.as_str()))
}
