//! What can be wrong with outputs and their templates.

use miette::{Diagnostic, SourceSpan};

/// What can be wrong with an output and its template, beyond what any template can have.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum OutputMistake {
    /// Nothing has the template's name.
    #[error("there is no template `{name}`")]
    #[diagnostic(code(spile::output::template))]
    UnknownTemplate {
        /// What was written.
        name: String,
        /// Where.
        #[label("unknown")]
        span: SourceSpan,
        /// The nearest match, or all.
        #[help]
        help: String,
    },
    /// What the output is for cannot run a schedule.
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
        /// The output's template, as `spile.toml` names it.
        #[label("this output")]
        span: SourceSpan,
    },
}
