//! Errors that occur when documents are decrypted.

use std::fmt::Write;

use miette::Diagnostic;

use super::key_search::{KeySearch, SearchedPlace};
use crate::processes::sops_program::ProgramError;
use spile_core::sops::Fault;

/// No key decrypts a document. Lists the searched places, because that is what the user needs to fix it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error("none of your keys can decrypt the secrets")]
#[diagnostic(code(spile::secrets::no_key), help("{}", self.help_text()))]
pub struct NoKey {
    /// The document's recipients.
    pub recipients: Vec<String>,
    /// The searched places and what was found in each.
    pub places: Vec<Looked>,
    /// The recipients for which a matching key exists that does not unwrap their data key.
    pub damaged: Vec<String>,
    /// The file that sops reads if no variable names another.
    pub default_file: Option<String>,
    /// Whether the official program was asked too.
    pub official: Official,
}

/// Whether the official program was asked for the data key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Official {
    /// There was no reason to ask it.
    NotAsked,
    /// It could not unwrap the data key either.
    Refused,
    /// It might support more, but is not installed.
    Missing,
}

/// A place that was searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// The variable or the path.
    pub name: String,
    /// What was found there, as lines.
    pub found: Vec<String>,
    /// Whether it contained something that could not be read.
    pub is_faulty: bool,
}

impl Looked {
    fn at(place: &SearchedPlace) -> Self {
        Self { name: place.name.clone(), found: place.describe(), is_faulty: place.is_faulty() }
    }

    /// Returns the places of both searches without duplicates.
    pub(super) fn all(found: &KeySearch, asked: &[&KeySearch]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for place in found.places.iter().chain(asked.iter().flat_map(|found| &found.places)) {
            let looked = Self::at(place);
            if !all.contains(&looked) {
                all.push(looked);
            }
        }
        all
    }
}

impl NoKey {
    fn help_text(&self) -> String {
        let mut text = String::from("they are encrypted for:\n");
        for recipient in &self.recipients {
            line(&mut text, recipient);
        }
        if self.recipients.is_empty() {
            line(&mut text, "nobody: the `sops` metadata lists no recipients");
        }
        text.push_str("spile looked for keys in:\n");
        for Looked { name, found, .. } in &self.places {
            match found.as_slice() {
                [only] => line(&mut text, &format!("{name}: {only}")),
                several => {
                    line(&mut text, &format!("{name}: {} keys:", several.len()));
                    for key in several {
                        line(&mut text, &format!("  {key}"));
                    }
                }
            }
        }
        text.push_str(match self.official {
            Official::NotAsked => "",
            Official::Refused => "the official `sops` could not get the data key either\n",
            Official::Missing => {
                "the official `sops` supports more kinds of keys, but is not on the PATH: https://getsops.io\n"
            }
        });
        text + &self.next_step()
    }

    fn next_step(&self) -> String {
        if let Some(recipient) = self.damaged.first() {
            return format!(
                "your key belongs to `{recipient}`, but its copy of the data key is damaged: restore the file from git"
            );
        }
        if let Some(place) = self.faulty() {
            return format!("fix {} first, if your key is there", place.name);
        }
        let own = self
            .places
            .iter()
            .flat_map(|place| &place.found)
            .find(|key| ["age1", "ssh-"].iter().any(|start| key.starts_with(start)));
        if let Some(own) = own {
            let own = own.strip_suffix(" (passphrase-protected)").unwrap_or(own);
            return format!(
                "ask a recipient to add your public key `{own}` to `.sops.yaml` and run `spile secrets updatekeys`"
            );
        }
        let default = self.default_file.as_deref().unwrap_or("~/.config/sops/age/keys.txt");
        format!("put a recipient's private key into {default}, or set SOPS_AGE_KEY_FILE to its file")
    }

    /// Returns the place to fix first. SSH keys in their default places do not count, because they may be there for
    /// other reasons.
    fn faulty(&self) -> Option<&Looked> {
        let is_for_sops = |name: &str| name.starts_with("SOPS_") || self.default_file.as_deref() == Some(name);
        self.places.iter().find(|place| place.is_faulty && is_for_sops(&place.name))
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to memory cannot fail.
    let _ = writeln!(text, "  {line}");
}

/// Why a document cannot be decrypted.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum OpenError {
    /// No key decrypts it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    NoKey(Box<NoKey>),
    /// The data key was unwrapped, but the document does not decrypt with it.
    #[error("the secrets cannot be decrypted: {0}")]
    #[diagnostic(
        code(spile::secrets::cannot_open),
        help("restore the file from git, or repeat the change with `spile secrets`")
    )]
    Fault(#[source] Fault),
    /// Comments decide what is encrypted, but a parsed document has none.
    #[error("comments decide which values are encrypted, and only the whole file has them")]
    #[diagnostic(
        code(spile::secrets::comments),
        help(
            "put such secrets into a YAML file beside the integration, or use another scope: `encrypted_regex: ^secrets$`"
        )
    )]
    Comments,
    /// The official program was needed and failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Program(#[from] ProgramError),
}

impl From<NoKey> for OpenError {
    fn from(error: NoKey) -> Self {
        Self::NoKey(Box::new(error))
    }
}

impl From<Fault> for OpenError {
    fn from(error: Fault) -> Self {
        Self::Fault(error)
    }
}
