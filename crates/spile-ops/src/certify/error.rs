//! Errors of certifications.

use miette::Diagnostic;
use uuid::Uuid;

use spile_core::name::Slug;
use spile_core::problem::{counted, listed};

/// A connector cannot be certified.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Error {
    /// No integration uses the connector.
    #[error("no integration uses the extractor `{connector}`")]
    #[diagnostic(code(spile::certify::unused), help("{help}"))]
    Unused {
        /// The connector.
        connector: String,
        /// A similar name, or how to make an integration.
        help: String,
    },
    /// Several integrations use the connector.
    #[error("several integrations use `{connector}`: {}", listed(slugs.iter().map(Slug::as_str)))]
    #[diagnostic(
        code(spile::certify::several),
        help("name the one whose source may be read several times, with `--config SLUG`")
    )]
    Several {
        /// The connector.
        connector: String,
        /// Its integrations.
        slugs: Vec<Slug>,
    },
    /// The integration is one of another connector.
    #[error("`{slug}` is an integration of `{own}`, not of `{connector}`")]
    #[diagnostic(
        code(spile::certify::other_connector),
        help("run `spile connectors certify {own} --config {slug}`, or name an integration of `{connector}`")
    )]
    OtherConnector {
        /// The integration.
        slug: Slug,
        /// Its connector.
        own: String,
        /// The connector that was named.
        connector: String,
    },
    /// The user did not agree to the reads.
    #[error("nothing was read")]
    #[diagnostic(code(spile::certify::declined), help("use `--stream` to read less, or `--yes` to skip the question"))]
    Declined,
    /// The tap failed.
    #[error("`{slug}` could not be certified: {message}")]
    #[diagnostic(code(spile::certify::failed), help("{help}"))]
    Failed {
        /// The integration.
        slug: Slug,
        /// The tap's own words.
        message: String,
        /// The next step.
        help: String,
    },
    /// It took too long.
    #[error("the certification of `{slug}` did not finish within {}", counted(*.seconds, "second"))]
    #[diagnostic(
        code(spile::certify::timeout),
        help("allow more time with `--timeout`, or read less with `--stream` or fewer `--states`")
    )]
    TimedOut {
        /// The integration.
        slug: Slug,
        /// The timeout.
        seconds: u64,
    },
    /// The user interrupted it.
    #[error("the certification of `{slug}` was stopped")]
    #[diagnostic(code(spile::certify::interrupted), help("run the command again: it starts from the beginning"))]
    Interrupted {
        /// The integration.
        slug: Slug,
    },
    /// Something else runs the integration.
    #[error("`{slug}` cannot be certified while run {run} is using it (process {process})")]
    #[diagnostic(code(spile::certify::busy), help("run the command again when that run has ended"))]
    Busy {
        /// The integration.
        slug: Slug,
        /// The other run.
        run: Uuid,
        /// Its process.
        process: String,
    },
}
