//! Errors of operations on secrets.

use std::path::{Path, PathBuf};

use miette::Diagnostic;

use super::sign_in::SignInError;
use spile_core::name::{EnvironmentName, Slug};
use spile_core::problem::listed;
use spile_core::sops::{BadRules, Fault};
use spile_world::files::project::FileError;
use spile_world::keys::{BadRecipient, NoIdentity, NoKey, OpenError};
use spile_world::net::oauth::OAuthError;
use spile_world::processes::editor::EditorError;
use spile_world::processes::git::GitError;
use spile_world::processes::sops_program::ProgramError;

/// Errors of operations on secrets.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Error {
    /// The secrets cannot be decrypted.
    #[error("the secrets of `{}` cannot be decrypted", path.display())]
    #[diagnostic(code(spile::secrets::closed), help("{}", help_of(source.as_ref())))]
    Opening {
        /// The file that contains them.
        path: PathBuf,
        /// The reason.
        source: Box<OpenError>,
    },
    /// No `.sops.yaml` lists recipients for new secrets.
    #[error("no `.sops.yaml` lists recipients for the secrets of `{}`", path.display())]
    #[diagnostic(
        code(spile::secrets::no_rules),
        help("run `spile secrets init` to create a `.sops.yaml`, and a key if you have none")
    )]
    NoRules {
        /// The integration's file.
        path: PathBuf,
    },
    /// No rule matches this file.
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
        /// The reason.
        source: BadRules,
    },
    /// The rules cannot be opened.
    #[error("the `.sops.yaml` for `{}` cannot be read", path.display())]
    #[diagnostic(code(spile::secrets::rules_unreadable), help("{}", help_of(source)))]
    RulesUnreadable {
        /// The integration's file.
        path: PathBuf,
        /// The reason.
        source: FileError,
    },
    /// The rule has no recipients.
    #[error("the creation rule for `{}` has no recipients", path.display())]
    #[diagnostic(code(spile::secrets::no_recipients), help("add `age: age1...` to the rule in `.sops.yaml`"))]
    NoRecipients {
        /// The integration's file.
        path: PathBuf,
    },
    /// A recipient that a data key cannot be wrapped for.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Recipient(#[from] BadRecipient),
    /// The official sops failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Program(#[from] ProgramError),
    /// The integration has no secrets.
    #[error("`{slug}` has no secrets")]
    #[diagnostic(code(spile::secrets::none), help("run `spile secrets set {slug} KEY`"))]
    NoSecrets {
        /// The integration.
        slug: Slug,
    },
    /// The environment has no overlay.
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
        /// The requested name.
        name: String,
        /// The nearest setting, or all settings.
        help: String,
    },
    /// A value that the setting does not accept. The message does not show it, because it is a secret.
    #[error("the value is not valid for `{name}`: expected {wanted}")]
    #[diagnostic(code(spile::secrets::value), help("write it as JSON, for example {example}; nothing was written"))]
    Value {
        /// The setting.
        name: String,
        /// What it accepts.
        wanted: &'static str,
        /// A value that it would accept.
        example: &'static str,
    },
    /// The value is empty, so its source has probably failed.
    #[error("the value of `{name}` is empty")]
    #[diagnostic(
        code(spile::secrets::empty),
        help("check the command that prints it, or remove the secret with `spile secrets unset`; nothing was written")
    )]
    Empty {
        /// The setting.
        name: String,
    },
    /// The setting is under `[config]` in this file.
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
    /// Someone else has written to the file in the meantime.
    #[error("`{}` has changed in the meantime", path.display())]
    #[diagnostic(code(spile::secrets::moved), help("review the differences and try again; nothing was written"))]
    Moved {
        /// The file.
        path: PathBuf,
    },
    /// Metadata that only a rotation can fix.
    #[error("the `[sops]` of `{}` covers more than `[secrets]`", path.display())]
    #[diagnostic(code(spile::secrets::not_profile), help("run `spile secrets rotate {slug}` first"))]
    NotProfile {
        /// The file.
        path: PathBuf,
        /// The integration.
        slug: Slug,
    },
    /// The secrets are in a sidecar, which only the official sops edits.
    #[error("the secrets of `{slug}` are in `{}`", path.display())]
    #[diagnostic(code(spile::secrets::in_sidecar), help("run `sops edit {}`", path.display()))]
    InSidecar {
        /// The integration.
        slug: Slug,
        /// The sidecar.
        path: PathBuf,
    },
    /// A run uses the integration, and may rotate the secret that is about to be changed.
    #[error("the rotated secrets of `{slug}` cannot be changed now: {busy}")]
    #[diagnostic(code(spile::secrets::rotation_busy), help("wait until the run has ended, and try again"))]
    RotationBusy {
        /// The integration.
        slug: Slug,
        /// The run, as a sentence.
        busy: String,
    },
    /// A rotated value was removed, because only a removed recipient's key could decrypt it here.
    #[error("the rotated {} of `{slug}` in `{environment}` was removed: none of your keys decrypts it, and a removed recipient's key does", listed(names.iter().map(String::as_str)))]
    #[diagnostic(
        code(spile::secrets::rotation_dropped),
        severity(Warning),
        help("sign in at the source again, and set the new value with `spile secrets set {slug}`")
    )]
    RotationDropped {
        /// The integration.
        slug: Slug,
        /// The environment.
        environment: EnvironmentName,
        /// The settings.
        names: Vec<String>,
    },
    /// Rotated values could not be looked at.
    #[error("rotated secrets could not be encrypted for the recipients in `.sops.yaml`: {why}")]
    #[diagnostic(
        code(spile::secrets::rotation_unseen),
        severity(Warning),
        help(
            "if there are any, removed recipients can still decrypt them: fix this, and run `spile secrets updatekeys` again"
        )
    )]
    RotationUnseen {
        /// The reason.
        why: String,
    },
    /// There is no terminal to type a secret.
    #[error("cannot prompt for {what} without a terminal")]
    #[diagnostic(code(spile::secrets::no_terminal), help("{help}"))]
    NoTerminal {
        /// What spile would ask for.
        what: String,
        /// How to answer on the command line.
        help: &'static str,
    },
    /// The imported text cannot be read.
    #[error("`{from}` cannot be read as {form}: {message}")]
    #[diagnostic(code(spile::secrets::import), help("fix it and try again; nothing was written"))]
    Import {
        /// The file.
        from: String,
        /// `.env` or JSON.
        form: &'static str,
        /// The place of the error, never the text.
        message: String,
    },
    /// Nobody can sign in yet.
    #[error(transparent)]
    #[diagnostic(transparent)]
    SignIn(#[from] SignInError),
    /// The sign-in failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    OAuth(#[from] OAuthError),
    /// The editor failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Editor(#[from] EditorError),
    /// The edited text is not a table of strings.
    #[error("what you wrote cannot be used: {message}")]
    #[diagnostic(
        code(spile::secrets::edited),
        help("write `name = \"value\"` on its own line; nothing was written, and your text is gone")
    )]
    Edited {
        /// The place of the error, never the text.
        message: String,
    },
    /// Git failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Git(#[from] GitError),
    /// A new key cannot be stored.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Identity(#[from] NoIdentity),
    /// The file cannot be merged or rewritten.
    #[error("`{}` cannot be merged: {message}", path.display())]
    #[diagnostic(code(spile::secrets::merge), help("merge the file by hand and run `spile check`"))]
    Merge {
        /// The file.
        path: PathBuf,
        /// The reason.
        message: String,
    },
}

impl Error {
    /// Wraps the reason why a file's secrets cannot be decrypted.
    pub(super) fn opening(path: &Path, source: OpenError) -> Self {
        Self::Opening { path: path.to_owned(), source: Box::new(source) }
    }

    /// Wraps a fault in a document whose data key is available.
    pub(crate) fn fault(path: &Path, fault: Fault) -> Self {
        Self::opening(path, fault.into())
    }

    /// Wraps the error for a missing key.
    pub(super) fn no_key(path: &Path, error: NoKey) -> Self {
        Self::opening(path, error.into())
    }
}

fn help_of(source: &dyn Diagnostic) -> String {
    source.help().map_or_else(|| "run `spile doctor`".to_owned(), |help| help.to_string())
}
