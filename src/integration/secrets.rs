//! Secrets of an integration: `[secrets]` and `[sops]` of its file, or a sidecar; checked without any key.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use miette::{Diagnostic, SourceSpan};

use super::Draft;
use super::draft::FileName;
use crate::problem::Problems;
use crate::secret::Secret;
use crate::sops::node::{Members, Node};
use crate::sops::{BadMetadata, Document, Enc, Kind, Leaf, NotADocument, NotEnc, SECRETS, bool_of, node};
use crate::source::{Place, Source};
use crate::table::Table;

/// What can be wrong with the secrets of an integration.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Mistake {
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

/// The secrets that one file holds, encrypted, each with its place.
#[derive(Debug, Clone)]
pub struct SecretsDraft {
    /// The file that holds them.
    pub source: Source,
    /// Where the table or the file begins.
    pub place: Place,
    /// Where each secret's key stands, by the setting's name, in the order of the text.
    pub keys: Vec<(String, Place)>,
    /// The ciphertexts.
    pub document: Document,
    /// Where they stand.
    pub form: Form,
}

/// Where the secrets of a file stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Under `[secrets]` of the integration's own file.
    InFile,
    /// In a file beside it that the official sops edits.
    Sidecar,
}

/// The secrets of an integration in one environment, encrypted.
#[derive(Debug, Clone, PartialEq)]
pub struct Secrets {
    /// The file that holds them, relative to the project.
    pub path: PathBuf,
    /// The settings, in the order of the text.
    pub names: Vec<String>,
    /// The ciphertexts.
    pub document: Document,
}

impl Secrets {
    /// Returns decrypted values by setting, as Meltano takes them.
    #[must_use]
    pub fn values(leaves: Vec<Leaf>) -> BTreeMap<String, Secret> {
        leaves.into_iter().map(|leaf| (setting_of(&leaf.path), value_of(leaf))).collect()
    }
}

impl From<&SecretsDraft> for Secrets {
    fn from(draft: &SecretsDraft) -> Self {
        Self {
            path: draft.source.path().to_owned(),
            names: draft.keys.iter().map(|(name, _)| name.clone()).collect(),
            document: draft.document.clone(),
        }
    }
}

/// Returns the setting that a path of a document stands for.
#[must_use]
pub fn setting_of(path: &[String]) -> String {
    let setting = path.strip_prefix(&[SECRETS.to_owned()]).filter(|rest| !rest.is_empty()).unwrap_or(path);
    setting.join(".")
}

fn value_of(leaf: Leaf) -> Secret {
    match leaf.kind {
        Kind::Bool => match bool_of(leaf.value.expose()) {
            Some(flag) => Secret::new(flag.to_string()),
            None => leaf.value,
        },
        Kind::Str | Kind::Int | Kind::Float | Kind::Time | Kind::Bytes | Kind::Comment => leaf.value,
    }
}

/// Returns an integration as commands name it: `shop`, `shop --env prod`.
fn named(name: &FileName) -> String {
    match &name.environment {
        Some(environment) => format!("{} --env {environment}", name.slug),
        None => name.slug.to_string(),
    }
}

/// Reads `[secrets]` and `[sops]`, where they are there.
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
                problems.push(source, Mistake::NoMetadata { slug, span });
            }
            let document = Document { tree: Members::new(), ..Document::profile(&[]) };
            return Some(draft(&secrets, document));
        }
        (None, Some(metadata)) => {
            problems.push(source, Mistake::NoSecrets { span: metadata.place().span.into() });
            return None;
        }
    };
    values(&secrets, &slug, problems);
    let members = |table: &Table<'_>| Node::Map(node::from_toml(table.raw()));
    let block = vec![(SECRETS.to_owned(), members(&secrets)), ("sops".to_owned(), members(&metadata))];
    let document = Document::from_members(block).ok()?;
    let place = |key: &str| metadata.key_place(key).unwrap_or_else(|| metadata.place());
    mistakes(&document, source, (&place, &format!("spile secrets rotate {slug}")), problems);
    if !document.metadata.is_profile() && document.metadata.scope().is_ok() {
        problems.push(source, Mistake::Profile { slug, span: metadata.place().span.into() });
    }
    Some(draft(&secrets, document))
}

fn draft(secrets: &Table<'_>, document: Document) -> SecretsDraft {
    SecretsDraft {
        source: secrets.source.clone(),
        place: secrets.place(),
        keys: secrets.key_places(),
        document,
        form: Form::InFile,
    }
}

/// Reports what of `[secrets]` is no ciphertext, and keeps plain text out of excerpts. Tells whether there was any.
fn values(secrets: &Table<'_>, slug: &str, problems: &mut Problems) -> bool {
    let mut is_plain = false;
    for (key, value) in secrets.raw() {
        let (name, slug) = (key.get_ref().to_string(), slug.to_owned());
        let span = key.span().into();
        let place = secrets.source.place(value.span());
        let Some(text) = value.get_ref().as_str() else {
            problems.hide(&place);
            problems.push(secrets.source, Mistake::NotText { name, slug, span });
            continue;
        };
        // Nothing is nothing: sops leaves an empty text as it is.
        match if text.is_empty() { Ok(()) } else { text.parse::<Enc>().map(drop) } {
            Ok(()) => {}
            Err(NotEnc::Plain) => {
                is_plain = true;
                problems.hide(&place);
                problems.push(secrets.source, Mistake::NotEncrypted { name, slug, span });
            }
            Err(reason) => {
                problems.hide(&place);
                problems.push(secrets.source, Mistake::Damaged { name, slug, reason, span: value.span().into() });
            }
        }
    }
    is_plain
}

type PlaceOf<'a> = &'a dyn Fn(&str) -> Place;

fn mistakes(document: &Document, source: &Source, (place, mend): (PlaceOf<'_>, &str), problems: &mut Problems) {
    for mistake in document.metadata.mistakes() {
        let key = match &mistake {
            BadMetadata::Version => "version",
            BadMetadata::Time => "lastmodified",
            BadMetadata::Mac(_) => "mac",
            BadMetadata::Wrapped => "age",
            BadMetadata::NotATable | BadMetadata::Missing(_) | BadMetadata::Scope(_) | BadMetadata::NoRecipients => "",
        };
        let help = match &mistake {
            BadMetadata::Missing("version") | BadMetadata::Version => {
                format!("add `version = \"{}\"`, or run `{mend}`", crate::sops::VERSION)
            }
            BadMetadata::Scope(_) => format!("keep one of its scope keys; `{mend}` writes the usual one"),
            _ => "restore it from git; nobody can verify the secrets without it".to_owned(),
        };
        problems.push(source, Mistake::Metadata { mistake, span: place(key).span.into(), help });
    }
}

/// Reads sidecars and gives each to the draft that it belongs to.
pub fn attach(drafts: &mut [Draft], sidecars: &[(FileName, Source)], problems: &mut Problems) {
    for (name, source) in sidecars {
        let own = |draft: &&mut Draft| draft.slug == name.slug && draft.environment == name.environment;
        let Some(draft) = drafts.iter_mut().find(own) else {
            let environment = name.environment.as_ref().map(|name| format!(".{name}")).unwrap_or_default();
            let base = format!("{}{environment}.toml", name.slug);
            problems.push(source, Mistake::SidecarAlone { base, span: (0..0).into() });
            continue;
        };
        if let Some(known) = &draft.secrets {
            let (slug, sidecar) = (name.slug.to_string(), source.path().display().to_string());
            let span = known.place.span.clone().into();
            problems.push(&known.source, Mistake::TwoForms { slug, sidecar, span });
            continue;
        }
        draft.secrets = sidecar(source, &named(name), problems);
    }
}

fn sidecar(source: &Source, slug: &str, problems: &mut Problems) -> Option<SecretsDraft> {
    let is_json = source.path().extension().is_some_and(|extension| extension == "json");
    let document = if is_json { Document::from_json(source.text()) } else { Document::from_yaml(source.text()) };
    let document = match document {
        Ok(document) => document,
        Err(reason) => {
            problems.hide(&source.place(0..source.text().len()));
            let path = source.path().display();
            let help = match &reason {
                NotADocument::NoMetadata => format!(
                    "encrypt it with `sops encrypt -i {path}`, and change its values at their sources if it was ever committed"
                ),
                _ => "restore it from git".to_owned(),
            };
            problems.push(source, Mistake::Sidecar { reason, span: (0..0).into(), help });
            return None;
        }
    };
    let mend = format!("sops rotate -i {}", source.path().display());
    mistakes(&document, source, (&|key| key_place(source, key), &mend), problems);
    let mut keys = Vec::new();
    let scope = document.metadata.scope().ok();
    for (path, value) in flattened(&document.tree) {
        let name = path.join(".");
        let place = key_place(source, path.last().copied().unwrap_or_default());
        let span = place.span.clone().into();
        match value {
            Node::List(_) => {
                let path = source.path().display().to_string();
                problems.push(source, Mistake::SidecarList { name: name.clone(), path, span });
            }
            Node::Text(text) if scope.as_ref().is_some_and(|scope| scope.encrypts(&path)) && !text.is_empty() => {
                if let Err(reason) = text.parse::<Enc>() {
                    problems.hide(&source.place(0..source.text().len()));
                    let (name, slug) = (name.clone(), slug.to_owned());
                    problems.push(source, Mistake::Damaged { name, slug, reason, span });
                }
            }
            Node::Null | Node::Bool(_) | Node::Integer(_) | Node::Float(_) | Node::Text(_) | Node::Map(_) => {}
        }
        keys.push((name, place));
    }
    Some(SecretsDraft { source: source.clone(), place: source.start(), keys, document, form: Form::Sidecar })
}

/// Returns every value below maps, with its path.
fn flattened(members: &Members) -> Vec<(Vec<&str>, &Node)> {
    let mut found = Vec::new();
    for (key, node) in members {
        match node {
            Node::Map(inner) if !inner.is_empty() => {
                found.extend(
                    flattened(inner).into_iter().map(|(path, node)| ([vec![key.as_str()], path].concat(), node)),
                );
            }
            _ => found.push((vec![key.as_str()], node)),
        }
    }
    found
}

/// Returns where a key of JSON or YAML most likely stands: the first line that begins with it.
fn key_place(source: &Source, key: &str) -> Place {
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let rest = line.trim_start().trim_start_matches(['"', '\'']);
        let quotes = line.trim_start().len() - rest.len();
        let after = rest.strip_prefix(key).map(|rest| rest.trim_start_matches(['"', '\'']).trim_start());
        if !key.is_empty() && after.is_some_and(|after| after.starts_with(':')) {
            let from = start + indent + quotes;
            return source.place(from..from + key.len());
        }
        start += line.len();
    }
    source.start()
}

/// Shares the secrets of a draft.
pub(super) fn shared(draft: &Draft) -> Option<Arc<Secrets>> {
    draft.secrets.as_ref().filter(|secrets| !secrets.keys.is_empty()).map(|secrets| Arc::new(Secrets::from(secrets)))
}
