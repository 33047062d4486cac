//! Errors of discovery.

use std::path::Path;

use miette::Diagnostic;

use spile_core::discovered::NoCatalog;
use spile_core::name::Slug;
use spile_core::problem::counted;
use spile_core::run::Cause;

/// The tap of an integration did not return what its source offers.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Error {
    /// The tap does not support discovery.
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
    /// The tap failed.
    #[error("discovery of `{slug}` failed: {message}")]
    #[diagnostic(code(spile::discover::failed), help("{help}"))]
    Failed {
        /// The integration.
        slug: Slug,
        /// The tap's own message.
        message: String,
        /// The next step.
        help: String,
    },
    /// The tap printed something other than a catalog.
    #[error("the tap of `{slug}` printed no valid catalog")]
    #[diagnostic(code(spile::discover::no_catalog), help("{help}"))]
    NoCatalog {
        /// The integration.
        slug: Slug,
        /// What is wrong with its output.
        source: NoCatalog,
        /// The next step.
        help: String,
    },
    /// Discovery took too long.
    #[error("discovery of `{slug}` did not finish within {}", counted(*.seconds, "second"))]
    #[diagnostic(code(spile::discover::timeout), help("allow more time with `--timeout`"))]
    TimedOut {
        /// The integration.
        slug: Slug,
        /// The time limit.
        seconds: u64,
    },
    /// The user stopped it.
    #[error("the discovery of `{slug}` was stopped")]
    #[diagnostic(code(spile::discover::interrupted), help("run the command again"))]
    Interrupted {
        /// The integration.
        slug: Slug,
    },
    /// A stream or column name contains a secret, so a run cannot compare what the source offers.
    #[error("a secret of `{slug}` is part of the names of its streams or columns, so their changes cannot be shown")]
    #[diagnostic(
        code(spile::discover::secret_names),
        help("use another secret, or accept every change by removing `[schema]` from its file")
    )]
    SecretNames {
        /// The integration.
        slug: Slug,
    },
    /// The source has no stream that matches.
    #[error("nothing in the source of `{slug}` matches `{asked}`")]
    #[diagnostic(code(spile::discover::no_match), help("{help}"))]
    NoMatch {
        /// The integration.
        slug: Slug,
        /// The requested name or pattern.
        asked: String,
        /// The nearest stream, or where to look.
        help: String,
    },
}

/// Returns the next step after a failure, and the path of the full log.
pub(crate) fn help(cause: Cause, slug: &Slug, log: &Path) -> String {
    let log = format!("the full log is in `{}`", log.display());
    let step = match cause {
        Cause::Crash
        | Cause::Killed
        | Cause::Timeout
        // Only runs have these causes.
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
        | Cause::Quota
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
