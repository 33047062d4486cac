//! Secrets of an integration: `[secrets]` and `[sops]` in its file, or a sidecar. Checked without a key.

mod mistake;
mod sidecar;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::Draft;
use super::FileName;
use crate::name::SettingName;
use crate::problem::Problems;
use crate::secret::Secret;
use crate::sops::node::{Members, Node};
use crate::sops::{BadMetadata, Document, Enc, Leaf, NotEnc, PlainKind, SECRETS, bool_of, node};
use crate::source::{Place, Source};
use crate::table::Table;

pub use mistake::SecretsMistake;
pub use sidecar::attach;

/// The encrypted secrets in one file, with their places.
#[derive(Debug, Clone)]
pub struct SecretsDraft {
    /// The file that contains them.
    pub source: Source,
    /// Where the table or the file begins.
    pub place: Place,
    /// The place of each secret's key, by the setting's name, in the order of the file.
    pub keys: Vec<(String, Place)>,
    /// The ciphertexts.
    pub document: Arc<Document>,
    /// Where the secrets are stored.
    pub form: SecretsLocation,
    /// The settings that a sidecar's encryption rule leaves in plain text, by name.
    pub plain: BTreeSet<String>,
}

/// Where the secrets of an integration are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretsLocation {
    /// Under `[secrets]` in the integration's own file.
    InFile,
    /// In a file beside it that the official sops program edits.
    Sidecar,
}

/// The secrets of an integration in one environment, encrypted.
#[derive(Debug, Clone, PartialEq)]
pub struct Secrets {
    /// The file that contains them, relative to the project.
    pub path: PathBuf,
    /// The settings, in the order of the file.
    pub names: Vec<String>,
    /// The ciphertexts.
    pub document: Arc<Document>,
    /// The text of a sidecar. If comments decide what is encrypted, only the text contains them.
    pub sidecar: Option<String>,
}

impl Secrets {
    /// Returns decrypted values by setting, as Meltano takes them. Empty values count as missing, because writing one
    /// takes no key.
    #[must_use]
    pub fn values(leaves: Vec<Leaf>) -> BTreeMap<String, Secret> {
        let given = leaves.into_iter().filter(|leaf| !leaf.value.is_empty());
        given.map(|leaf| (setting_of(&leaf.path), value_of(leaf))).collect()
    }
}

impl SecretsDraft {
    /// Returns the type that each secret was encrypted as, by the setting's name. The type is visible without a key.
    #[must_use]
    pub fn kinds(&self) -> BTreeMap<String, PlainKind> {
        let kind = |(path, text): (Vec<String>, String)| Some((setting_of(&path), text.parse::<Enc>().ok()?.kind));
        self.document.ciphertexts().into_iter().filter_map(kind).collect()
    }
}

impl From<&SecretsDraft> for Secrets {
    fn from(draft: &SecretsDraft) -> Self {
        Self {
            path: draft.source.path().to_owned(),
            names: draft.keys.iter().map(|(name, _)| name.clone()).collect(),
            document: draft.document.clone(),
            sidecar: (draft.form == SecretsLocation::Sidecar).then(|| draft.source.text().to_owned()),
        }
    }
}

/// Returns the setting at a path of a document.
#[must_use]
pub fn setting_of(path: &[String]) -> String {
    let setting = path.strip_prefix(&[SECRETS.to_owned()]).filter(|rest| !rest.is_empty()).unwrap_or(path);
    SettingName::join(setting)
}

fn value_of(leaf: Leaf) -> Secret {
    match leaf.kind {
        PlainKind::Bool => match bool_of(leaf.value.expose()) {
            Some(flag) => Secret::new(flag.to_string()),
            None => leaf.value,
        },
        PlainKind::Str
        | PlainKind::Int
        | PlainKind::Float
        | PlainKind::Time
        | PlainKind::Bytes
        | PlainKind::Comment => leaf.value,
    }
}

/// Returns the name of an integration in commands: `shop`, `shop --env prod`.
fn named(name: &FileName) -> String {
    match &name.environment {
        Some(environment) => format!("{} --env {environment}", name.slug),
        None => name.slug.to_string(),
    }
}

/// Reads `[secrets]` and `[sops]`, if the file has them.
pub(super) fn in_file(table: &Table<'_>, name: &FileName, problems: &mut Problems) -> Option<SecretsDraft> {
    let (secrets, metadata) = (table.table(SECRETS, problems), table.table("sops", problems));
    let source = table.source;
    let slug = named(name);
    let (secrets, metadata) = match (secrets, metadata) {
        (None, None) => return None,
        (Some(secrets), Some(metadata)) => (secrets, metadata),
        (Some(secrets), None) => {
            let is_plain = values(&secrets, &slug, problems);
            if !is_plain && !secrets.raw().is_empty() {
                let span = secrets.place().span.into();
                problems.push(source, SecretsMistake::NoMetadata { slug, span });
            }
            let document = Document { tree: Members::new(), ..Document::profile(&[]) };
            return Some(draft(&secrets, document));
        }
        (None, Some(metadata)) => {
            problems.push(source, SecretsMistake::NoSecrets { span: metadata.place().span.into() });
            return None;
        }
    };
    values(&secrets, &slug, problems);
    let members = |table: &Table<'_>| Node::Map(node::from_toml(table.raw()));
    let block = vec![(SECRETS.to_owned(), members(&secrets)), ("sops".to_owned(), members(&metadata))];
    let document = Document::from_members(block).ok()?;
    let place = |key: &str| metadata.key_place(key).unwrap_or_else(|| metadata.place());
    mistakes(&document, source, &place, &format!("spile secrets rotate {slug}"), problems);
    if !document.metadata.is_profile() && document.metadata.encryption_rule().is_ok() {
        problems.push(source, SecretsMistake::Profile { slug, span: metadata.place().span.into() });
    }
    Some(draft(&secrets, document))
}

fn draft(secrets: &Table<'_>, document: Document) -> SecretsDraft {
    SecretsDraft {
        source: secrets.source.clone(),
        place: secrets.place(),
        keys: secrets.key_places(),
        document: Arc::new(document),
        form: SecretsLocation::InFile,
        plain: BTreeSet::new(),
    }
}

/// Reports values under `[secrets]` that are not ciphertexts, and keeps plain text out of excerpts. Returns whether
/// there was plain text.
fn values(secrets: &Table<'_>, slug: &str, problems: &mut Problems) -> bool {
    let mut is_plain = false;
    for (key, value) in secrets.raw() {
        let (name, slug) = (key.get_ref().to_string(), slug.to_owned());
        let span = key.span().into();
        let place = secrets.source.place(value.span());
        let Some(text) = value.get_ref().as_str() else {
            secrets.hide(value, problems);
            problems.push(secrets.source, SecretsMistake::NotText { name, slug, span });
            continue;
        };
        // sops leaves an empty string as it is, and no MAC covers it, so someone without a key could write it.
        if text.is_empty() {
            problems.push(secrets.source, SecretsMistake::Nothing { name, slug, span });
            continue;
        }
        match text.parse::<Enc>() {
            Ok(_) => {}
            Err(NotEnc::Plain) => {
                is_plain = true;
                problems.hide(&place);
                problems.push(secrets.source, SecretsMistake::NotEncrypted { name, slug, span });
            }
            Err(reason) => {
                problems.hide(&place);
                problems
                    .push(secrets.source, SecretsMistake::Damaged { name, slug, reason, span: value.span().into() });
            }
        }
    }
    is_plain
}

type PlaceOf<'a> = &'a dyn Fn(&str) -> Place;

fn mistakes(document: &Document, source: &Source, place: PlaceOf<'_>, mend: &str, problems: &mut Problems) {
    for mistake in document.metadata.mistakes() {
        let key = match &mistake {
            BadMetadata::Version => "version",
            BadMetadata::Time => "lastmodified",
            BadMetadata::Mac(_) => "mac",
            BadMetadata::Wrapped => "age",
            BadMetadata::NotATable | BadMetadata::Missing(_) | BadMetadata::Rule(_) | BadMetadata::NoRecipients => "",
        };
        let help = match &mistake {
            BadMetadata::Missing("version") | BadMetadata::Version => {
                format!("add `version = \"{}\"`, or run `{mend}`", crate::sops::VERSION)
            }
            BadMetadata::Rule(_) => format!("keep one: `encrypted_regex = \"{}\"`", crate::sops::ENCRYPTED),
            _ => "restore it from git; the secrets cannot be verified without it".to_owned(),
        };
        problems.push(source, SecretsMistake::Metadata { mistake, span: place(key).span.into(), help });
    }
}

/// Returns a draft's secrets for sharing.
pub(super) fn shared(draft: &Draft) -> Option<Arc<Secrets>> {
    draft.secrets.as_ref().filter(|secrets| !secrets.keys.is_empty()).map(|secrets| Arc::new(Secrets::from(secrets)))
}
