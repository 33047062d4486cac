//! Mistakes in a well-formed `[run]`.

use miette::{Diagnostic, SourceSpan};

/// Mistakes in a well-formed `[run]`.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum RunMistake {
    /// A string that is not a variable name.
    #[error("`{name}` is not a variable name")]
    #[diagnostic(
        code(spile::run::variable_name),
        help("use only the name, for example `env = [\"AWS_PROFILE\"]`: letters, digits, and underscores")
    )]
    VariableName {
        /// What was written.
        name: String,
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// A variable that gives access to the registry or a channel.
    #[error("`{name}` cannot be passed on to plugins: `{table}` uses it")]
    #[diagnostic(
        code(spile::run::withheld_variable),
        help("remove it from `env`; if a plugin needs the same value, set it as a secret of the integration")
    )]
    Withheld {
        /// The variable.
        name: String,
        /// The table that uses it.
        table: &'static str,
        /// Where it is passed on.
        #[label("passed on here")]
        span: SourceSpan,
        /// Where it is used.
        #[label("used here")]
        named_at: SourceSpan,
    },
    /// A variable of sops or of spile itself.
    #[error("`{name}` cannot be passed on to plugins: it may lead to the keys of secrets")]
    #[diagnostic(
        code(spile::run::key_variable),
        help("remove it from `env`: `SOPS_*` and `SPILE_*` variables never reach a plugin")
    )]
    KeySource {
        /// The variable.
        name: String,
        /// Where it is passed on.
        #[label("passed on here")]
        span: SourceSpan,
    },
    /// A variable that spile sets or removes for each run.
    #[error("`{name}` cannot be passed on to plugins: it would change how runs behave")]
    #[diagnostic(code(spile::run::reserved_variable), help("remove it from `env`: spile sets it for runs"))]
    Reserved {
        /// The variable.
        name: String,
        /// Where it is passed on.
        #[label("passed on here")]
        span: SourceSpan,
    },
}
