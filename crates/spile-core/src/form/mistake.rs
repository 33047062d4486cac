//! What can be wrong with answers on a command line.

use miette::{Diagnostic, SourceSpan};

/// What can be wrong with answers on a command line.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum AnswerMistake {
    /// No `=` between name and value.
    #[error("`{word}` has no `=`")]
    #[diagnostic(code(spile::form::no_value), help("write `{example}`"))]
    NoValue {
        /// What was written.
        word: String,
        /// The form.
        example: &'static str,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// A setting that the connector does not have.
    #[error("`{connector}` has no setting `{name}`")]
    #[diagnostic(code(spile::form::unknown_setting))]
    UnknownSetting {
        /// The connector.
        connector: String,
        /// The name.
        name: String,
        /// Where.
        #[label("not known here")]
        span: SourceSpan,
        /// The nearest one, or all.
        #[help]
        help: String,
    },
    /// A value that the setting does not take.
    #[error("`{name}` does not take that")]
    #[diagnostic(code(spile::form::value))]
    Value {
        /// The setting.
        name: String,
        /// Where.
        #[label("this value")]
        span: SourceSpan,
        /// What it takes.
        #[help]
        help: String,
    },
    /// A secret where everybody on the machine can read it.
    #[error("`{name}` is a secret, and everybody on this machine can read a command line")]
    #[diagnostic(
        code(spile::form::secret_in_the_open),
        help("give `--secret {name}=@FILE`, `--secret {name}=-` and standard input, or `--secret {name}` and type it")
    )]
    SecretInTheOpen {
        /// The setting.
        name: String,
        /// Where.
        #[label("take it back, and change it at its source")]
        span: SourceSpan,
    },
    /// A value that is a secret, for a setting that is none.
    #[error("`{name}` is given {what}, on the command line, where everybody on this machine can read it")]
    #[diagnostic(
        code(spile::form::secret_value),
        help(
            "leave it out here and run `spile secrets set SLUG {name}`, or write `secret = true` for `{name}` in the connector's definition and give `--secret {name}=@FILE`"
        )
    )]
    SecretValue {
        /// The setting.
        name: String,
        /// What it is, with its article.
        what: &'static str,
        /// Where.
        #[label("take it back, and change it at its source")]
        span: SourceSpan,
    },
    /// A setting that is no secret, as one.
    #[error("`{name}` is no secret")]
    #[diagnostic(code(spile::form::no_secret), help("give it as `--set {name}=VALUE`"))]
    NoSecret {
        /// The setting.
        name: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// One setting twice.
    #[error("`{name}` is given twice")]
    #[diagnostic(code(spile::form::twice), help("give it once"))]
    Twice {
        /// The setting.
        name: String,
        /// Where.
        #[label("again")]
        span: SourceSpan,
    },
    /// A setting that is always needed.
    #[error("`{connector}` needs `{name}`")]
    #[diagnostic(code(spile::form::missing), help("give `{flag}`"))]
    Missing {
        /// The connector.
        connector: String,
        /// The setting.
        name: String,
        /// How it is given.
        flag: String,
        /// Where the connector is named.
        #[label("needs `{name}`")]
        span: SourceSpan,
    },
    /// A secret that is to come from nowhere.
    #[error("this does not say where the secret `{name}` is")]
    #[diagnostic(
        code(spile::form::secret_source),
        help("give `@FILE`, `-` for standard input, or the setting alone to be asked for it")
    )]
    SecretSource {
        /// The setting.
        name: String,
        /// Where.
        #[label("not shown, for it may be the secret itself")]
        span: SourceSpan,
    },
}
