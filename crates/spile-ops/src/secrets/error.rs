//! Errors of operations on secrets.

use std::path::{Path, PathBuf};

use miette::Diagnostic;

use spile_core::name::Slug;
use spile_core::sops::{BadRules, Fault};
use spile_world::files::project::FileError;
use spile_world::keys::{BadRecipient, NoIdentity, NoKey, OpenError};
use spile_world::processes::editor::EditorError;
use spile_world::processes::git::GitError;
use spile_world::processes::sops_program::ProgramError;

/// Errors of operations on secrets.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Error {
    /// They do not open.
    #[error("the secrets of `{}` cannot be decrypted", path.display())]
    #[diagnostic(code(spile::secrets::closed), help("{}", help_of(source.as_ref())))]
    Opening {
        /// The file that holds them.
        path: PathBuf,
        /// Why.
        source: Box<OpenError>,
    },
    /// Nobody says who may read new secrets.
    #[error("no `.sops.yaml` lists recipients for the secrets of `{}`", path.display())]
    #[diagnostic(
        code(spile::secrets::no_rules),
        help("run `spile secrets init` to create a `.sops.yaml`, and a key if you have none")
    )]
    NoRules {
        /// The integration's file.
        path: PathBuf,
    },
    /// None of the rules is for this file.
    #[error("no creation rule in `{}` matches `{}`", rules.display(), path.display())]
    #[diagnostic(
        code(spile::secrets::no_rule),
        help("add a rule to `{}` with a `path_regex` that matches, or a rule without `path_regex` as a fallback", rules.display())
    )]
    NoRule {
        /// The integration's file.
        path: PathBuf,
        /// The `.sops.yaml`.
        rules: PathBuf,
    },
    /// The rules cannot be read.
    #[error("`{}` cannot be used", path.display())]
    #[diagnostic(
        code(spile::secrets::rules),
        help("fix it: https://getsops.io/docs/#using-sopsyaml-conf-to-select-kms-pgp-and-age-for-new-files")
    )]
    Rules {
        /// The `.sops.yaml`.
        path: PathBuf,
        /// Why.
        source: BadRules,
    },
    /// The rules cannot even be opened.
    #[error("the `.sops.yaml` for `{}` cannot be read", path.display())]
    #[diagnostic(code(spile::secrets::rules_unreadable), help("{}", help_of(source)))]
    RulesUnreadable {
        /// The integration's file.
        path: PathBuf,
        /// Why.
        source: FileError,
    },
    /// The rule names nobody.
    #[error("the creation rule for `{}` has no recipients", path.display())]
    #[diagnostic(code(spile::secrets::no_recipients), help("add `age: age1...` to the rule in `.sops.yaml`"))]
    NoRecipients {
        /// The integration's file.
        path: PathBuf,
    },
    /// A recipient that nothing can be wrapped for.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Recipient(#[from] BadRecipient),
    /// The official program fails.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Program(#[from] ProgramError),
    /// There is nothing to work on.
    #[error("`{slug}` has no secrets")]
    #[diagnostic(code(spile::secrets::none), help("run `spile secrets set {slug} KEY`"))]
    NoSecrets {
        /// The integration.
        slug: Slug,
    },
    /// An environment without a file of its own.
    #[error("`{slug}` has no overlay for the environment `{environment}`")]
    #[diagnostic(
        code(spile::secrets::no_overlay),
        help(
            "remove `--env {environment}`, or add `{slug}.{environment}.toml`, which then holds all secrets of that environment"
        )
    )]
    NoOverlay {
        /// The integration.
        slug: Slug,
        /// The environment.
        environment: String,
    },
    /// A name that is not a setting.
    #[error("{connector} has no setting `{name}`")]
    #[diagnostic(code(spile::secrets::unknown), help("{help}"))]
    Unknown {
        /// The connector, as a phrase.
        connector: String,
        /// What was asked for.
        name: String,
        /// The nearest one, or all.
        help: String,
    },
    /// A value that the setting does not take. It is not shown: it is a secret.
    #[error("the value is not valid for `{name}`: expected {wanted}")]
    #[diagnostic(code(spile::secrets::value), help("write it as JSON, for example {example}; nothing was written"))]
    Value {
        /// The setting.
        name: String,
        /// What it takes.
        wanted: &'static str,
        /// A value that would do.
        example: &'static str,
    },
    /// Nothing came in where a value was to come from.
    #[error("the value of `{name}` is empty")]
    #[diagnostic(
        code(spile::secrets::empty),
        help("check the command that prints it, or remove the secret with `spile secrets unset`; nothing was written")
    )]
    Empty {
        /// The setting.
        name: String,
    },
    /// A setting that is not a secret here.
    #[error("`{name}` is under `[config]` in `{}`", path.display())]
    #[diagnostic(
        code(spile::secrets::in_config),
        help("remove that line first, or run `spile secrets encrypt` to move secret settings; nothing was written")
    )]
    InConfig {
        /// The file.
        path: PathBuf,
        /// The setting.
        name: String,
    },
    /// Somebody else wrote to the file in the meantime.
    #[error("`{}` has changed in the meantime", path.display())]
    #[diagnostic(code(spile::secrets::moved), help("review the differences and try again; nothing was written"))]
    Moved {
        /// The file.
        path: PathBuf,
    },
    /// Metadata that only a rotation fixes.
    #[error("the `[sops]` of `{}` covers more than `[secrets]`", path.display())]
    #[diagnostic(code(spile::secrets::not_profile), help("run `spile secrets rotate {slug}` first"))]
    NotProfile {
        /// The file.
        path: PathBuf,
        /// The integration.
        slug: Slug,
    },
    /// A sidecar is the official program's to edit.
    #[error("the secrets of `{slug}` are in `{}`", path.display())]
    #[diagnostic(code(spile::secrets::in_sidecar), help("run `sops edit {}`", path.display()))]
    InSidecar {
        /// The integration.
        slug: Slug,
        /// The sidecar.
        path: PathBuf,
    },
    /// Nobody can type a secret.
    #[error("cannot prompt for {what} without a terminal")]
    #[diagnostic(code(spile::secrets::no_terminal), help("{help}"))]
    NoTerminal {
        /// What would be asked for.
        what: String,
        /// How to answer on the command line.
        help: &'static str,
    },
    /// What is imported cannot be read.
    #[error("`{from}` cannot be read as {form}: {message}")]
    #[diagnostic(code(spile::secrets::import), help("fix it and try again; nothing was written"))]
    Import {
        /// The file.
        from: String,
        /// `.env` or JSON.
        form: &'static str,
        /// Where it stumbled; never the text.
        message: String,
    },
    /// The editor fails.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Editor(#[from] EditorError),
    /// What came out of the editor is not a table of texts.
    #[error("what you wrote cannot be used: {message}")]
    #[diagnostic(
        code(spile::secrets::edited),
        help("write `name = \"value\"` on its own line; nothing was written, and your text is gone")
    )]
    Edited {
        /// Where it stumbled; never the text.
        message: String,
    },
    /// Git fails.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Git(#[from] GitError),
    /// A new key cannot be kept.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Identity(#[from] NoIdentity),
    /// Git has not given what a merge needs.
    #[error("`{}` cannot be merged: {message}", path.display())]
    #[diagnostic(code(spile::secrets::merge), help("merge the file by hand and run `spile check`"))]
    Merge {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
}

impl Error {
    /// Wraps the reason why a file's secrets do not open.
    pub(super) fn opening(path: &Path, source: OpenError) -> Self {
        Self::Opening { path: path.to_owned(), source: Box::new(source) }
    }

    /// Wraps a fault of a document whose data key is at hand.
    pub(crate) fn fault(path: &Path, fault: Fault) -> Self {
        Self::opening(path, fault.into())
    }

    /// Wraps a key that is missing.
    pub(super) fn no_key(path: &Path, error: NoKey) -> Self {
        Self::opening(path, error.into())
    }
}

fn help_of(source: &dyn Diagnostic) -> String {
    source.help().map_or_else(|| "run `spile doctor`".to_owned(), |help| help.to_string())
}
