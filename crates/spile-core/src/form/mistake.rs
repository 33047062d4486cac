//! What can be wrong with answers on a command line.

use miette::{Diagnostic, SourceSpan};

/// What can be wrong with answers on a command line.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum AnswerMistake {
    /// There is no `=` between name and value.
    #[error("`{word}` has no `=`")]
    #[diagnostic(code(spile::form::no_value), help("write `{example}`"))]
    NoValue {
        /// The word as written.
        word: String,
        /// An example of the right form.
        example: &'static str,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
    /// The connector does not have this setting.
    #[error("`{connector}` has no setting `{name}`")]
    #[diagnostic(code(spile::form::unknown_setting))]
    UnknownSetting {
        /// The connector.
        connector: String,
        /// The name.
        name: String,
        /// The position.
        #[label("unknown setting")]
        span: SourceSpan,
        /// The nearest match, or all.
        #[help]
        help: String,
    },
    /// The setting does not accept the value.
    #[error("`{name}` does not accept this value")]
    #[diagnostic(code(spile::form::value))]
    Value {
        /// The setting.
        name: String,
        /// The position.
        #[label("this value")]
        span: SourceSpan,
        /// What it accepts.
        #[help]
        help: String,
    },
    /// A secret is visible to everyone on the machine.
    #[error("`{name}` is a secret, and anyone on this machine can read the command line")]
    #[diagnostic(
        code(spile::form::secret_in_the_open),
        help("use `--secret {name}=@FILE`, `--secret {name}=-` with standard input, or `--secret {name}` to type it")
    )]
    SecretInTheOpen {
        /// The setting.
        name: String,
        /// The position.
        #[label("remove it, and change it at its source")]
        span: SourceSpan,
    },
    /// A setting that is not secret gets a secret value.
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
        /// What the value is, with an article.
        what: &'static str,
        /// The position.
        #[label("remove it, and change it at its source")]
        span: SourceSpan,
    },
    /// A setting that is not secret is given as a secret.
    #[error("`{name}` is not a secret")]
    #[diagnostic(code(spile::form::no_secret), help("use `--set {name}=VALUE`"))]
    NoSecret {
        /// The setting.
        name: String,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
    /// A setting is set twice.
    #[error("`{name}` is set twice")]
    #[diagnostic(code(spile::form::twice), help("set it once"))]
    Twice {
        /// The setting.
        name: String,
        /// The position.
        #[label("again")]
        span: SourceSpan,
    },
    /// A required setting is missing.
    #[error("`{connector}` needs `{name}`")]
    #[diagnostic(code(spile::form::missing), help("add `{flag}`"))]
    Missing {
        /// The connector.
        connector: String,
        /// The setting.
        name: String,
        /// The option that sets it.
        flag: String,
        /// The position of the connector's name.
        #[label("needs `{name}`")]
        span: SourceSpan,
    },
    /// The source of a secret is missing.
    #[error("cannot tell where to read the secret `{name}` from")]
    #[diagnostic(
        code(spile::form::secret_source),
        help("use `@FILE`, `-` for standard input, or only the setting's name to be prompted for it")
    )]
    SecretSource {
        /// The setting.
        name: String,
        /// The position.
        #[label("not shown: it may be the secret itself")]
        span: SourceSpan,
    },
}
