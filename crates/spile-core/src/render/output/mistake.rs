//! Mistakes in outputs and their templates.

use miette::{Diagnostic, SourceSpan};

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
}
