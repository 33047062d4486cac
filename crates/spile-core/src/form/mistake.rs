//! What can be wrong with answers on a command line.

use miette::{Diagnostic, SourceSpan};

/// What can be wrong with answers on a command line.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum AnswerMistake {
    /// There is no `=` between name and value.
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
        #[label("unknown setting")]
        span: SourceSpan,
        /// The nearest match, or all.
        #[help]
        help: String,
    },
    /// A value that the setting does not take.
    #[error("`{name}` does not accept this value")]
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
    /// A secret that everyone on the machine can read.
    #[error("`{name}` is a secret, and anyone on this machine can read the command line")]
    #[diagnostic(
        code(spile::form::secret_in_the_open),
        help("use `--secret {name}=@FILE`, `--secret {name}=-` with standard input, or `--secret {name}` to type it")
    )]
    SecretInTheOpen {
        /// The setting.
        name: String,
        /// Where.
        #[label("remove it, and change it at its source")]
        span: SourceSpan,
    },
    /// A secret value for a setting that is not a secret.
    #[error("`{name}` contains {what}, and anyone on this machine can read the command line")]
    #[diagnostic(
        code(spile::form::secret_value),
        help(
            "remove it here and run `spile secrets set SLUG {name}`, or set `secret = true` for `{name}` in the connector's definition and use `--secret {name}=@FILE`"
        )
    )]
    SecretValue {
        /// The setting.
        name: String,
        /// What it is, with its article.
        what: &'static str,
        /// Where.
        #[label("remove it, and change it at its source")]
        span: SourceSpan,
    },
    /// A setting that is not a secret, as one.
    #[error("`{name}` is not a secret")]
    #[diagnostic(code(spile::form::no_secret), help("use `--set {name}=VALUE`"))]
    NoSecret {
        /// The setting.
        name: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// One setting twice.
    #[error("`{name}` is set twice")]
    #[diagnostic(code(spile::form::twice), help("set it once"))]
    Twice {
        /// The setting.
        name: String,
        /// Where.
        #[label("again")]
        span: SourceSpan,
    },
    /// A setting that is always needed.
    #[error("`{connector}` needs `{name}`")]
    #[diagnostic(code(spile::form::missing), help("add `{flag}`"))]
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
    #[error("cannot tell where to read the secret `{name}` from")]
    #[diagnostic(
        code(spile::form::secret_source),
        help("use `@FILE`, `-` for standard input, or only the setting's name to be prompted for it")
    )]
    SecretSource {
        /// The setting.
        name: String,
        /// Where.
        #[label("not shown: it may be the secret itself")]
        span: SourceSpan,
    },
}
