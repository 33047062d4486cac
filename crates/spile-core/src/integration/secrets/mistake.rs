//! Mistakes in the secrets of an integration.

use miette::{Diagnostic, SourceSpan};

use crate::sops::{BadMetadata, NotADocument, NotEnc};

/// Mistakes in the secrets of an integration.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SecretsMistake {
    /// A value under `[secrets]` that is not encrypted.
    #[error("`{name}` is in plain text under `[secrets]`")]
    #[diagnostic(
        code(spile::secrets::not_encrypted),
        help(
            "run `spile secrets encrypt {slug}`; if this file was ever committed or shared, change the value at its source"
        )
    )]
    NotEncrypted {
        /// The setting.
        name: String,
        /// The integration, with the flag for its environment.
        slug: String,
        /// Where its key is.
        #[label("not encrypted")]
        span: SourceSpan,
    },
    /// An empty string, which sops does not encrypt.
    #[error("`{name}` is an empty string, which sops does not encrypt: anyone could have written it")]
    #[diagnostic(
        code(spile::secrets::nothing),
        help("remove the line, or set a value with `spile secrets set {slug} {name}`")
    )]
    Nothing {
        /// The setting.
        name: String,
        /// The integration, with the flag for its environment.
        slug: String,
        /// Where its key is.
        #[label("not encrypted")]
        span: SourceSpan,
    },
    /// A damaged ciphertext.
    #[error("`{name}` is a damaged ciphertext: {reason}")]
    #[diagnostic(
        code(spile::secrets::damaged),
        help("restore it from git, or set it again with `spile secrets set {slug} {name}`")
    )]
    Damaged {
        /// The setting.
        name: String,
        /// The integration, with the flag for its environment.
        slug: String,
        /// What is wrong with it.
        reason: NotEnc,
        /// Where its value is.
        #[label("{reason}")]
        span: SourceSpan,
    },
    /// A secret that is not a string.
    #[error("`{name}` under `[secrets]` is not a string")]
    #[diagnostic(
        code(spile::secrets::not_text),
        help(
            "`[secrets]` is a flat table of strings: write `\"a.b\" = \"...\"` for a nested setting, JSON for a list or an object, and encrypt it with `spile secrets encrypt {slug}`"
        )
    )]
    NotText {
        /// The setting.
        name: String,
        /// The integration, with the flag for its environment.
        slug: String,
        /// Where its key is.
        #[label("expected a string")]
        span: SourceSpan,
    },
    /// Ciphertexts without metadata, which nobody can decrypt.
    #[error("`[secrets]` has no `[sops]` metadata")]
    #[diagnostic(
        code(spile::secrets::no_metadata),
        help("restore `[sops]` from git, or set the secrets again with `spile secrets set {slug} KEY`")
    )]
    NoMetadata {
        /// The integration, with the flag for its environment.
        slug: String,
        /// The table.
        #[label("needs `[sops]`")]
        span: SourceSpan,
    },
    /// Metadata without secrets.
    #[error("`[sops]` has no matching `[secrets]`")]
    #[diagnostic(code(spile::secrets::no_secrets), help("restore `[secrets]` from git, or remove `[sops]`"))]
    NoSecrets {
        /// The table.
        #[label("no `[secrets]` for this")]
        span: SourceSpan,
    },
    /// Metadata that sops would reject.
    #[error("the `sops` metadata is invalid: {mistake}")]
    #[diagnostic(code(spile::secrets::metadata), help("{help}"))]
    Metadata {
        /// What is wrong with it.
        mistake: BadMetadata,
        /// Where it is.
        #[label("{mistake}")]
        span: SourceSpan,
        /// The next step.
        help: String,
    },
    /// An encryption rule or a MAC that covers more than the secrets, so that editing the file by hand breaks it.
    #[error("`[sops]` covers more than `[secrets]`: editing the rest by hand would break its MAC")]
    #[diagnostic(
        code(spile::secrets::profile),
        help(
            "run `spile secrets rotate {slug}`, which sets `encrypted_regex = \"^secrets$\"` and `mac_only_encrypted = true`"
        )
    )]
    Profile {
        /// The integration, with the flag for its environment.
        slug: String,
        /// The table.
        #[label("covers more than `[secrets]`")]
        span: SourceSpan,
    },
    /// Secrets both in the file and in a sidecar.
    #[error("`{slug}` has secrets in two places: under `[secrets]` and in `{sidecar}`")]
    #[diagnostic(
        code(spile::secrets::two_forms),
        help("keep one: remove `[secrets]` and `[sops]` here, or delete `{sidecar}`")
    )]
    TwoForms {
        /// The integration.
        slug: String,
        /// The sidecar.
        sidecar: String,
        /// The table.
        #[label("also here")]
        span: SourceSpan,
    },
    /// A sidecar without its integration.
    #[error("these secrets have no base file `{base}`")]
    #[diagnostic(code(spile::secrets::sidecar_alone), help("add `{base}`, or rename or delete this file"))]
    SidecarAlone {
        /// The name of the missing file.
        base: String,
        /// The start of the sidecar.
        #[label("no base file")]
        span: SourceSpan,
    },
    /// A sidecar that is not a sops document.
    #[error("the sidecar is not a sops document: {reason}")]
    #[diagnostic(code(spile::secrets::sidecar), help("{help}"))]
    Sidecar {
        /// The reason.
        reason: NotADocument,
        /// The start of the sidecar.
        #[label("here")]
        span: SourceSpan,
        /// The next step.
        help: String,
    },
    /// A secret that the sidecar's encryption rule does not cover.
    #[error("`{name}` is in plain text: the sidecar's scope does not cover it")]
    #[diagnostic(
        code(spile::secrets::sidecar_plain),
        help(
            "create the sidecar again with a scope that covers it; if this file was ever committed or shared, change the value at its source"
        )
    )]
    SidecarPlain {
        /// The setting.
        name: String,
        /// Where its key is.
        #[label("not encrypted")]
        span: SourceSpan,
    },
    /// A number or boolean in a setting that takes a string: YAML reads what looks like one as one.
    #[error("`{name}` is text, and was encrypted as {what}")]
    #[diagnostic(
        code(spile::secrets::not_written_as_text),
        severity(Warning),
        help(
            "if it is to arrive as you typed it, put it in quotes in the source, or run `spile secrets set {slug} {name}`: YAML reads `0123` as 83, `1e3` as 1000 and `1_0` as 10"
        )
    )]
    NotWrittenAsText {
        /// The setting.
        name: String,
        /// What it was encrypted as.
        what: &'static str,
        /// The integration.
        slug: String,
        /// Where its key is.
        #[label("may not arrive as it was typed")]
        span: SourceSpan,
    },
    /// A token that sources often rotate, in a file that spile cannot encrypt a new one for.
    #[error("a new `{name}` could not be kept: the secrets have no age recipient")]
    #[diagnostic(
        code(spile::secrets::no_age),
        severity(Warning),
        help(
            "if the source gives a new `{name}` in each run, the next run fails: add an age recipient to `.sops.yaml`, and run `spile secrets updatekeys {slug}`"
        )
    )]
    NoAge {
        /// The setting.
        name: String,
        /// The integration.
        slug: String,
        /// Where its key is.
        #[label("the source may rotate it")]
        span: SourceSpan,
    },
    /// A list in a sidecar, which no environment variable can carry.
    #[error("`{name}` in the sidecar is a list")]
    #[diagnostic(code(spile::secrets::sidecar_list), help("write it as one JSON string with `sops edit {path}`"))]
    SidecarList {
        /// The setting.
        name: String,
        /// The sidecar.
        path: String,
        /// Where its key is.
        #[label("a list")]
        span: SourceSpan,
    },
}
