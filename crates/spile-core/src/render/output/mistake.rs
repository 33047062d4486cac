//! Mistakes in outputs and their templates.

use std::fmt;

use miette::{Diagnostic, SourceSpan};

use super::Task;

/// Mistakes in an output and its template, in addition to those in any template.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum OutputMistake {
    /// The name of a template that does not exist.
    #[error("there is no template `{name}`")]
    #[diagnostic(code(spile::output::template))]
    UnknownTemplate {
        /// What was written.
        name: String,
        /// Where it is.
        #[label("unknown")]
        span: SourceSpan,
        /// The nearest match, or all names.
        #[help]
        help: String,
    },
    /// A schedule that the output's scheduler cannot run.
    #[error("`{slug}` is left out of the output `{path}`, which cannot express `{schedule}`")]
    #[diagnostic(
        code(spile::output::left_out),
        severity(Warning),
        help("write the schedule as five plain cron fields, or run it with your own scheduler")
    )]
    LeftOut {
        /// The integration.
        slug: String,
        /// The output.
        path: String,
        /// The schedule.
        schedule: String,
        /// Where `spile.toml` names the output's template.
        #[label("this output")]
        span: SourceSpan,
    },
    /// A schedule in a time zone that the output's scheduler does not know.
    #[error(
        "`{slug}` is left out of the output `{path}`: GitHub only knows times in UTC, and its schedule is in `{timezone}`"
    )]
    #[diagnostic(
        code(spile::output::only_utc),
        severity(Warning),
        help("write the schedule in UTC and remove `timezone`, or have a workflow of your own start `spile run-due`")
    )]
    OnlyUtc {
        /// The integration.
        slug: String,
        /// The output.
        path: String,
        /// The time zone.
        timezone: String,
        /// Where `spile.toml` names the output's template.
        #[label("this output")]
        span: SourceSpan,
    },
    /// An integration whose tables an output cannot list.
    #[error("`{slug}` is left out of the output `{path}`: {reason}")]
    #[diagnostic(code(spile::output::no_tables), severity(Warning), help("{}", reason.help(slug)))]
    NoTables {
        /// Why its tables are not listed.
        reason: NoTables,
        /// The integration.
        slug: String,
        /// The output.
        path: String,
        /// Where `spile.toml` names the output's template.
        #[label("this output")]
        span: SourceSpan,
    },
    /// A loader that does not exist, or that is none.
    #[error("there is no loader `{name}`")]
    #[diagnostic(code(spile::output::loader))]
    UnknownLoader {
        /// What was written.
        name: String,
        /// Where it is.
        #[label("unknown")]
        span: SourceSpan,
        /// The nearest match, or all names.
        #[help]
        help: String,
    },
}

/// Why an output cannot list the tables of an integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoTables {
    /// No file says which streams it reads.
    Streams,
    /// Its loader writes files, or its definition has no rule for names.
    Loader {
        /// The loader.
        loader: String,
    },
}

impl NoTables {
    /// Returns why the tables of a task are not listed.
    pub(super) fn of(task: &Task) -> Self {
        if task.streams.is_empty() { Self::Streams } else { Self::Loader { loader: task.loader.to_string() } }
    }

    fn help(&self, slug: &str) -> String {
        match self {
            Self::Streams => format!(
                "run `spile discover {slug} --accept` to write its contract, or name each stream in `select` without wildcards"
            ),
            Self::Loader { .. } => {
                "name a loader of tables with `values = { loader = \"...\" }`; the definition of a loader needs `[naming]`".to_owned()
            }
        }
    }
}

impl fmt::Display for NoTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Streams => write!(f, "no file says which streams it reads"),
            Self::Loader { loader } => {
                write!(f, "the loader `{loader}` writes files, or does not say how it names tables")
            }
        }
    }
}
