//! Import: turns an existing `meltano.yml` into integration files and a template that contains the rest.
//!
//! Pure: text in, files out. The text is edited at the positions of its nodes and never rewritten, which preserves
//! comments and order. The result is compared with the input, value by value.

mod adopted;
mod anchors;
mod ascii;
mod comment;
mod connectors;
mod copies;
mod declared;
mod files;
mod form;
mod include;
mod inventory;
mod keep;
mod layout;
mod mistake;
mod note;
mod notes;
mod part;
mod plugin_key;
mod proof;
mod secrets;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::connector::Catalog;
use crate::name::EnvironmentName;
use crate::secrecy::Copies;
use crate::source::Source;
use crate::yaml::{self, Document, ValueReader, opened};
use inventory::Inventory;

pub use adopted::{Adopted, LeftAlone};
pub use connectors::Locks;
pub use files::NewFile;
pub use include::{IncludeRefusal, merged};
pub use keep::{NotKept, kept};
pub use mistake::ImportMistake;
pub use note::Note;
pub use notes::left_in_clear;
pub use part::Why;
pub use plugin_key::PluginKey;
pub use proof::{Difference, compare};

/// The most bytes of all files together. The largest known have a few hundred thousand.
pub const MOST_BYTES: u64 = 2 * 1024 * 1024;

/// The result of an import.
#[derive(Debug)]
pub struct Import {
    /// The plugins that become integrations.
    pub adopted: Vec<Adopted>,
    /// The project's template.
    pub template: String,
    /// Integration files, overlays and connectors.
    pub files: Vec<NewFile>,
    /// The environments of the file whose names are valid in spile, in order.
    pub environments: Vec<EnvironmentName>,
    /// `default_environment`, if it is set.
    pub default_environment: Option<EnvironmentName>,
    /// Messages for the user.
    pub notes: Vec<Note>,
    /// The secrets, for finding copies of them elsewhere.
    pub copies: Copies,
    /// The imported text without the copies of secrets that Meltano does not read.
    pub struck: String,
    /// Copies of secrets that would stay in the template. If there are any, nothing may be written.
    pub left_secrets: Vec<ImportMistake>,
}

/// Returns the patterns of `include_paths`.
///
/// # Errors
/// When the text cannot be parsed.
pub fn include_paths(text: &str) -> Result<Vec<String>, ImportMistake> {
    let document = Document::parse(text)?;
    let paths = document.root.get("include_paths").map(yaml::Node::items).unwrap_or_default();
    Ok(paths.iter().filter_map(|path| path.text().map(str::to_owned)).collect())
}

/// Checks a text, and rewrites bracketed nodes that need inserted lines with indentation.
///
/// # Errors
/// When Meltano would not accept it.
pub fn prepared(text: &str) -> Result<String, ImportMistake> {
    let document = Document::parse(text)?;
    let values = ValueReader::of(&document);
    values.value(&document.root, &mut Vec::new());
    if values.is_exhausted() {
        return Err(yaml::YamlMistake::Aliases { span: (0..0).into() }.into());
    }
    form::check(&document)?;
    Ok(opened(text, &inventory::frame)?)
}

/// Leaves plugins with anchors that the rest of the file refers to as they are. Returns whether there are any.
fn leave_severed(document: &Document<'_>, found: &Inventory<'_>, all: &[Adopted], left: &mut LeftAlone) -> bool {
    let severed = template::severed(document, found, all);
    let is_any = !severed.is_empty();
    for key in severed {
        let at = found.plugin(&key).map_or(0, |plugin| plugin.item.span.start);
        let what = "the rest of the file refers to an anchor in it".to_owned();
        left.insert(key, Why { what, at });
    }
    is_any
}

/// Imports a prepared text. The plugins in `left` stay as they are, and plugins that must stay are added to it.
///
/// # Errors
/// When the text cannot be parsed.
pub fn import(text: &str, catalog: &Catalog, locks: &Locks, left: &mut LeftAlone) -> Result<Import, ImportMistake> {
    let document = Document::parse(text)?;
    let found = Inventory::of(&document);
    let mut all;
    loop {
        all = adopted::adopted(&document, &found, left);
        if !leave_severed(&document, &found, &all, left) {
            break;
        }
    }
    for one in &mut all {
        declared::settle(one, &found, locks);
    }
    let declared: Vec<_> = all.iter().map(|one| connectors::declared(one, &found, catalog, locks)).collect();
    let mut copies = Copies::default();
    // A copy of a secret is also a secret, and may have copies of its own.
    while all.iter_mut().zip(&declared).fold(false, |any, (one, known)| secrets::take(one, known, &copies) || any) {
        copies = copies::of(&all);
    }
    for one in &mut all {
        copies::strike_comments(one, &copies);
    }
    secrets::inherit(&mut all, left);
    let definitions = connectors::connectors(&mut all, &found, catalog, locks, left);
    // A plugin that stays because of its connector may refer to an anchor in one that does not.
    if leave_severed(&document, &found, &all, left) {
        return import(text, catalog, locks, left);
    }
    let mut files: Vec<NewFile> = Vec::new();
    let stems = connector_stems(definitions.keys());
    for (key, definition) in &definitions {
        let stem = &stems[key];
        let path = PathBuf::from(format!("connectors/{stem}.toml"));
        files.push(NewFile { path, name: None, text: definition.text(key, stem), secrets: Vec::new() });
    }
    files.extend(all.iter().flat_map(files::files));
    let struck = copies::strike(&document, &found, &all, &template::removed(&document, &found, &all));
    let mut notes = notes::all(&document, &found, &all, left);
    notes.extend(notes::struck(&document, &struck));
    notes.retain(|note| !notes::is_about(&document, note, &struck));
    Ok(Import {
        template: template::template(&document, &found, &all, &struck),
        environments: environments(&found),
        default_environment: document.root.get("default_environment").and_then(|name| name.text()?.parse().ok()),
        notes,
        copies,
        struck: struck.text,
        left_secrets: struck.left.into_iter().map(|span| ImportMistake::SecretLeft { span: span.into() }).collect(),
        adopted: all,
        files,
    })
}

/// Names the file of each connector. An extractor and a loader may have the same name.
fn connector_stems<'a>(keys: impl Iterator<Item = &'a PluginKey>) -> BTreeMap<&'a PluginKey, String> {
    let (mut stems, mut taken) = (BTreeMap::new(), BTreeSet::new());
    for key in keys {
        let mut stem = key.name.clone();
        while !taken.insert(stem.to_ascii_lowercase()) {
            stem = format!("{stem}-{}", key.role);
        }
        stems.insert(key, stem);
    }
    stems
}

fn environments(found: &Inventory<'_>) -> Vec<EnvironmentName> {
    found.environments.iter().filter_map(|environment| environment.name.parse().ok()).collect()
}

/// Checks that the files together do not exceed the size limit.
///
/// # Errors
/// With the first file that exceeds it.
pub fn fits(sizes: &[(Source, u64)]) -> Result<(), IncludeRefusal> {
    let mut bytes = 0;
    for (source, size) in sizes {
        bytes += size;
        if bytes > MOST_BYTES {
            return Err((source.clone(), ImportMistake::TooLarge { bytes, most: MOST_BYTES, span: (0..0).into() }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
