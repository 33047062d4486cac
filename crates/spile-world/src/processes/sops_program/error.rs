//! Errors of the official program: the meaning of its exit codes, and of the few messages that are known.

use std::path::PathBuf;

use miette::Diagnostic;

use crate::files::io_error::io_help;
use spile_core::sops::BadRules;

/// Why the official program did not do what it was asked.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ProgramError {
    /// It is not installed.
    #[error("this needs the official `sops`, which is not on the PATH")]
    #[diagnostic(
        code(spile::sops::missing),
        help("install sops 3.11 or newer: https://getsops.io\nspile looked for it in {path}")
    )]
    Missing {
        /// `PATH`.
        path: String,
    },
    /// It failed.
    #[error("the official `sops` could not {doing}: {}", said(*code, *reason))]
    #[diagnostic(code(spile::sops::failed), help("{}", reason.map_or(OTHERWISE, KnownFailure::help)))]
    Failed {
        /// The attempted action, as a verb.
        doing: &'static str,
        /// Its exit code; `None` if a signal killed it.
        code: Option<i32>,
        /// The reason, if it is known.
        reason: Option<KnownFailure>,
    },
    /// Its output is not a document, or a different one.
    #[error("the official `sops` was asked to {doing}, but its output is not valid")]
    #[diagnostic(code(spile::sops::answer), help("check that `sops --version` is 3.11 or newer"))]
    Answer {
        /// The attempted action, as a verb.
        doing: &'static str,
    },
    /// The resulting document cannot be edited by hand.
    #[error("the official `sops` did not limit the encryption and the MAC to `secrets`")]
    #[diagnostic(code(spile::sops::profile), help("install sops 3.11 or newer: https://getsops.io"))]
    OtherProfile,
    /// A name that the program cannot handle.
    #[error("the official `sops` does not support the name `{name}`")]
    #[diagnostic(code(spile::sops::name), help("choose a name without `[`"))]
    Name {
        /// The name.
        name: String,
    },
    /// `.sops.yaml` cannot be used.
    #[error("`.sops.yaml` cannot be used: {0}")]
    #[diagnostic(code(spile::sops::rules), help("fix it; see https://getsops.io for its format"))]
    Rules(#[source] BadRules),
    /// No rule matches the file.
    #[error("`.sops.yaml` has no rule for `{}`", file.display())]
    #[diagnostic(
        code(spile::sops::no_rule),
        help("add a rule with a `path_regex` that matches the path, or a rule without `path_regex` at the end")
    )]
    NoRule {
        /// The file.
        file: PathBuf,
    },
    /// The system refused.
    #[error("cannot {doing}")]
    #[diagnostic(code(spile::sops::io), help("{}", io_help(source)))]
    Io {
        /// The attempted action.
        doing: &'static str,
        /// The cause.
        source: std::io::Error,
    },
}

impl ProgramError {
    /// The exit code for a document that no key decrypts.
    pub const NO_DATA_KEY: i32 = 128;
}

const OTHERWISE: &str =
    "run the same command with `sops` by hand: its output may contain secrets, so spile does not show it";

/// A known reason for a failure. It is recognized by a part of the program's message, and explained in spile's own
/// words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownFailure(&'static (&'static str, &'static str, &'static str));

/// Parts of messages, what they mean, and the next step.
const KNOWN: [(&str, &str, &str); 15] = [
    (
        "no matching creation rules found",
        "no rule in `.sops.yaml` matches the file",
        "add a rule with a `path_regex` that matches the path",
    ),
    ("config file not found", "there is no `.sops.yaml`", "create one with a rule for the file"),
    ("flag provided but not defined", "it is too old", "install sops 3.11 or newer: https://getsops.io"),
    ("sops metadata not found", "the document has no metadata", "restore the file from git"),
    (
        "does not match sops' data format",
        "a value that should be encrypted is not",
        "run `spile check` to find the value",
    ),
    ("MAC mismatch", "the MAC does not match", "restore the file from git: it was changed by hand"),
    ("gpg: decryption failed", "GnuPG has no private key for it", "import the private key and start the agent"),
    ("No secret key", "GnuPG has no private key for it", "import the private key and start the agent"),
    ("no EC2 IMDS role found", "AWS has no credentials", "log in with `aws sso login` or a profile"),
    ("failed to refresh cached credentials", "AWS has no credentials", "log in with `aws sso login` or a profile"),
    ("ExpiredToken", "the AWS session has expired", "log in again with `aws sso login`"),
    ("AccessDeniedException", "AWS denies access to the key", "request `kms:Decrypt` and `kms:Encrypt` for it"),
    (
        "could not find default credentials",
        "Google Cloud has no credentials",
        "log in with `gcloud auth application-default login`",
    ),
    ("DefaultAzureCredential", "Azure has no credentials", "log in with `az login`"),
    ("missing client token", "Vault has no token", "log in with `vault login`"),
];

impl KnownFailure {
    /// Searches for a known message.
    pub(super) fn of(errors: &str) -> Option<Self> {
        KNOWN.iter().find(|(part, ..)| errors.contains(part)).map(Self)
    }

    fn meaning(self) -> &'static str {
        self.0.1
    }

    fn help(self) -> &'static str {
        self.0.2
    }
}

fn said(code: Option<i32>, reason: Option<KnownFailure>) -> String {
    let Some(code) = code else { return "it was killed by a signal".to_owned() };
    let meaning = reason.map_or_else(|| meaning(code), KnownFailure::meaning);
    format!("{meaning} (exit code {code})")
}

/// Returns the meaning of an exit code (`cmd/sops/codes/codes.go`).
fn meaning(code: i32) -> &'static str {
    match code {
        2 => "it cannot read its input",
        3 => "it cannot write its output",
        4 => "it cannot write the document",
        5 | 61 => "its configuration cannot be read",
        6 => "a KMS encryption context is wrong",
        7 | 91 => "it does not understand the name",
        21 | 23 => "it cannot encrypt the values",
        24 | 25 => "a value cannot be decrypted: it was changed by hand, or is not encrypted",
        51 => "the MAC does not match: values were changed by hand",
        52 => "there is no MAC",
        100 => "a file is missing",
        111 => "there is no key to encrypt with",
        ProgramError::NO_DATA_KEY => "it could not use any of the document's keys",
        203 => "it is already encrypted",
        _ => "it gave no reason that spile knows",
    }
}
