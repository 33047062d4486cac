//! What can be wrong with the secrets of an integration.

use miette::{Diagnostic, SourceSpan};

use crate::sops::{BadMetadata, NotADocument, NotEnc};

/// What can be wrong with the secrets of an integration.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SecretsMistake {
    /// A value under `[secrets]` that nobody encrypted.
    #[error("`{name}` stands in plain text under `[secrets]`")]
    #[diagnostic(
        code(spile::secrets::not_encrypted),
        help(
            "run `spile secrets encrypt {slug}`; and change the value at its source if this file was ever committed or shared"
        )
    )]
    NotEncrypted {
        /// The setting.
        name: String,
        /// The integration, with the flag for its environment.
        slug: String,
        /// Where its key stands.
        #[label("not encrypted")]
        span: SourceSpan,
    },
    /// An empty text, which sops does not encrypt.
    #[error("`{name}` is an empty text, which anybody can write: sops encrypts none")]
    #[diagnostic(
        code(spile::secrets::nothing),
        help("remove the line, or set a value with `spile secrets set {slug} {name}`")
    )]
    Nothing {
        /// The setting.
        name: String,
        /// The integration, with the flag for its environment.
        slug: String,
        /// Where its key stands.
        #[label("nothing is encrypted here")]
        span: SourceSpan,
    },
    /// A ciphertext that was damaged.
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
        /// Where its value stands.
        #[label("{reason}")]
        span: SourceSpan,
    },
    /// A secret that is no text.
    #[error("`{name}` under `[secrets]` is not text")]
    #[diagnostic(
        code(spile::secrets::not_text),
        help(
            "`[secrets]` is one flat table of texts: write `\"a.b\" = \"...\"` for a nested setting, JSON for a list or an object, and encrypt it with `spile secrets encrypt {slug}`"
        )
    )]
    NotText {
        /// The setting.
        name: String,
        /// The integration, with the flag for its environment.
        slug: String,
        /// Where its key stands.
        #[label("a text is wanted")]
        span: SourceSpan,
    },
    /// Ciphertexts nobody can decrypt.
    #[error("`[secrets]` has no `[sops]` metadata beside it")]
    #[diagnostic(
        code(spile::secrets::no_metadata),
        help("restore `[sops]` from git, or set the secrets anew with `spile secrets set {slug} KEY`")
    )]
    NoMetadata {
        /// The integration, with the flag for its environment.
        slug: String,
        /// The table.
        #[label("needs `[sops]`")]
        span: SourceSpan,
    },
    /// Metadata of nothing.
    #[error("`[sops]` has no `[secrets]` beside it")]
    #[diagnostic(code(spile::secrets::no_secrets), help("restore `[secrets]` from git, or remove `[sops]`"))]
    NoSecrets {
        /// The table.
        #[label("metadata of nothing")]
        span: SourceSpan,
    },
    /// Metadata that sops would refuse.
    #[error("the `sops` metadata cannot be used: {mistake}")]
    #[diagnostic(code(spile::secrets::metadata), help("{help}"))]
    Metadata {
        /// What is wrong with it.
        mistake: BadMetadata,
        /// Where.
        #[label("{mistake}")]
        span: SourceSpan,
        /// The next step.
        help: String,
    },
    /// A scope or a MAC that makes an edit by hand a fault.
    #[error("`[sops]` covers more than `[secrets]`: an edit of the rest by hand would break its MAC")]
    #[diagnostic(
        code(spile::secrets::profile),
        help(
            "run `spile secrets rotate {slug}`: it writes `encrypted_regex = \"^secrets$\"` and `mac_only_encrypted = true`"
        )
    )]
    Profile {
        /// The integration, with the flag for its environment.
        slug: String,
        /// The table.
        #[label("not only over `[secrets]`")]
        span: SourceSpan,
    },
    /// Two places for the same thing.
    #[error("`{slug}` has its secrets twice: under `[secrets]` and in `{sidecar}`")]
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
    /// A sidecar that belongs to nothing.
    #[error("there is no `{base}` beside these secrets")]
    #[diagnostic(code(spile::secrets::sidecar_alone), help("add `{base}`, or rename or delete this file"))]
    SidecarAlone {
        /// The missing file's name.
        base: String,
        /// The sidecar's start.
        #[label("secrets of nothing")]
        span: SourceSpan,
    },
    /// A sidecar that is no sops document.
    #[error("the sidecar is no sops document: {reason}")]
    #[diagnostic(code(spile::secrets::sidecar), help("{help}"))]
    Sidecar {
        /// Why.
        reason: NotADocument,
        /// Its start.
        #[label("here")]
        span: SourceSpan,
        /// The next step.
        help: String,
    },
    /// A secret that the sidecar's scope leaves out.
    #[error("`{name}` stands in plain text: the scope of the sidecar leaves it out")]
    #[diagnostic(
        code(spile::secrets::sidecar_plain),
        help(
            "make the sidecar again with a scope that takes it in, and change the value at its source if this file was ever committed or shared"
        )
    )]
    SidecarPlain {
        /// The setting.
        name: String,
        /// Where its key stands.
        #[label("not encrypted")]
        span: SourceSpan,
    },
    /// A number or a truth value where the setting takes text: YAML reads what looks like one as one.
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
        /// Where its key stands.
        #[label("may not arrive as it was typed")]
        span: SourceSpan,
    },
    /// A list in a sidecar, which no variable can carry.
    #[error("`{name}` of the sidecar is a list")]
    #[diagnostic(code(spile::secrets::sidecar_list), help("write it as one text of JSON, with `sops edit {path}`"))]
    SidecarList {
        /// The setting.
        name: String,
        /// The sidecar.
        path: String,
        /// Where its key stands.
        #[label("a list")]
        span: SourceSpan,
    },
}
