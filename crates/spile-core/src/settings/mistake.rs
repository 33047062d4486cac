//! Mistakes in the project's own settings.

use miette::{Diagnostic, SourceSpan};

use super::MELTANO_VERSION;
use crate::name::EnvironmentName;

/// A mistake in `spile.toml` beyond its structure.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SettingsMistake {
    /// A project name that cannot identify rows.
    #[error("the project's name is empty")]
    #[diagnostic(code(spile::project::name), help("name the project, for example `name = \"acme-analytics\"`"))]
    Name {
        /// The name.
        #[label("here")]
        span: SourceSpan,
    },
    /// An address that no browser can open.
    #[error("`{url}` is not a web address")]
    #[diagnostic(
        code(spile::project::url),
        help("use the address of `spile serve`, for example `url = \"https://spile.example.com\"`")
    )]
    Url {
        /// What was written.
        url: String,
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// A default environment that is not declared.
    #[error("the environment `{name}` is not declared")]
    #[diagnostic(code(spile::project::environment))]
    Environment {
        /// The environment.
        name: EnvironmentName,
        /// Where it is named.
        #[label("not declared")]
        span: SourceSpan,
        /// The nearest declared environment, or all of them.
        #[help]
        help: String,
    },
    /// A name that no extra of a Python package can have.
    #[error("`{extra}` is not a valid extra of Meltano")]
    #[diagnostic(
        code(spile::project::meltano_extra),
        help("use one that `pip install meltano[NAME]` accepts, for example `s3`, `gcs`, or `azure`")
    )]
    MeltanoExtra {
        /// What was written.
        extra: String,
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// A version of Meltano that is not an exact version.
    #[error("`{version}` is not an exact version of Meltano")]
    #[diagnostic(
        code(spile::project::meltano_version),
        help("pin an exact version, for example `version = \"{MELTANO_VERSION}\"`")
    )]
    MeltanoVersion {
        /// What was written.
        version: String,
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
}

/// An environment on the command line that is not declared.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("the environment `{name}` is not declared")]
#[diagnostic(code(spile::project::undeclared_environment))]
pub struct UndeclaredEnvironment {
    /// The environment.
    pub(super) name: String,
    /// The nearest declared environment, or all of them.
    #[help]
    pub(super) help: String,
}
