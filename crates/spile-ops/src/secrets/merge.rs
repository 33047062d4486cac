//! Merges two versions of a file for git: its text line by line, and its secrets by their decrypted values.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;

use super::file::SecretsFile;
use super::textconv::plain_part;
use super::{Error, Values};
use crate as ops;
use spile_core::sops::{self, DataKey, Document, Wrapped};
use spile_world::keys::wrap;
use spile_world::{Keys, processes::git};

/// The result of a merge.
#[derive(Debug)]
pub struct Merged {
    /// The merged file, with git's conflict markers if its text is in conflict.
    pub text: String,
    /// The secrets that both sides changed to different values. The merged file has our values.
    pub secrets: Vec<String>,
    /// Whether the rest of the text is in conflict.
    pub is_text_in_conflict: bool,
}

impl Merged {
    /// Tells whether somebody has to resolve a conflict.
    #[must_use]
    pub fn is_in_conflict(&self) -> bool {
        self.is_text_in_conflict || !self.secrets.is_empty()
    }
}

/// The three versions that git knows of a file.
#[derive(Debug, Clone, Copy)]
pub struct Versions<'a> {
    /// The common ancestor.
    pub base: &'a str,
    /// The version that is merged into.
    pub ours: &'a str,
    /// The version that is merged.
    pub theirs: &'a str,
}

/// Merges three versions.
///
/// # Errors
/// When a version is not TOML, or secrets changed on both sides and no key decrypts them.
pub async fn merge(path: &Path, versions: Versions<'_>, keys: &Keys, now: Timestamp) -> Result<Merged, ops::Error> {
    let read = |text: &str| SecretsFile::of_text(path, text);
    let files = [read(versions.base)?, read(versions.ours)?, read(versions.theirs)?];
    // Git merges the plain part of a file.
    let documents = files.each_ref().map(|file| file.document.as_ref().map(Document::carrier));
    let [base, ours, theirs] = documents.each_ref().map(Option::as_ref);
    let (document, secrets) = if base == theirs || ours == theirs {
        (ours.cloned(), Vec::new())
    } else if base == ours {
        (theirs.cloned(), Vec::new())
    } else {
        three_way(path, [base, ours, theirs], keys, now)?
    };
    let texts = [versions.base, versions.ours, versions.theirs].map(plain_part);
    let (text, is_text_in_conflict) = git::merge_texts(&texts).await.map_err(Error::from)?;
    let text = document.map_or_else(|| text.clone(), |document| with_secrets(&text, &document));
    Ok(Merged { text, secrets, is_text_in_conflict })
}

/// Appends the tables again. A text with conflict markers is not TOML, so it is not parsed for that.
fn with_secrets(text: &str, document: &Document) -> String {
    let tables = sops::rewrite("", document).unwrap_or_default();
    let gap = if text.is_empty() || text.ends_with("\n\n") { "" } else { "\n" };
    format!("{text}{gap}{}", tables.trim_start_matches('\n'))
}

fn three_way(
    path: &Path,
    documents: [Option<&Document>; 3],
    keys: &Keys,
    now: Timestamp,
) -> Result<(Option<Document>, Vec<String>), ops::Error> {
    let [Some(ours), Some(theirs)] = [documents[1], documents[2]] else {
        let message = "one side removed all secrets and the other changed some".to_owned();
        return Err(Error::Merge { path: path.to_owned(), message }.into());
    };
    let open = |document: &Document| -> Result<Values, Error> {
        let key = keys.data_key(&document.metadata).map_err(|error| Error::no_key(path, error))?;
        let leaves = document.open(&key).map_err(|fault| Error::fault(path, fault))?;
        Ok(spile_core::integration::Secrets::values(leaves.into_iter().filter(|leaf| leaf.was_encrypted).collect()))
    };
    let base = documents[0].map(open).transpose()?.unwrap_or_default();
    let (mine, other) = (open(ours)?, open(theirs)?);
    let (values, conflicts) = merged_values(&base, &mine, &other);
    let (readers, is_one_less) = readers(documents[0], ours, theirs);
    // A removed recipient knows the old data key.
    let (key, mut merged) = if is_one_less {
        (DataKey::generate(), Document { metadata: ours.metadata.clone(), ..Document::profile(&[]) })
    } else {
        (keys.data_key(&ours.metadata).map_err(|error| Error::no_key(path, error))?, ours.clone())
    };
    let known = merged.metadata.age().unwrap_or_default();
    let wrapped = readers.iter().map(|reader| {
        let same = known.iter().find(|wrapped| wrapped.recipient == *reader && !is_one_less);
        same.cloned().map_or_else(|| wrap(&key, reader), Ok)
    });
    let wrapped: Vec<Wrapped> = wrapped.collect::<Result<_, _>>().map_err(Error::from)?;
    merged.metadata.set_age(&wrapped);
    let gone: Vec<String> = merged.secrets().iter().map(|(name, _)| name.clone()).collect();
    for name in gone.iter().filter(|name| !values.contains_key(*name)) {
        merged.remove(name);
    }
    for (name, value) in &values {
        merged.set(name, value, &key);
    }
    merged.seal(&key, now).map_err(|fault| Error::fault(path, fault))?;
    Ok((Some(merged), conflicts))
}

/// Merges values three-way. If both sides changed a value differently, ours stays, and its name is returned.
fn merged_values(base: &Values, ours: &Values, theirs: &Values) -> (Values, Vec<String>) {
    let mut merged = ours.clone();
    let mut conflicts = Vec::new();
    let names: BTreeSet<&String> = base.keys().chain(ours.keys()).chain(theirs.keys()).collect();
    for name in names {
        let [before, mine, other] = [base, ours, theirs].map(|values| values.get(name));
        if mine == other || other == before {
            continue;
        }
        match other {
            _ if mine != before => conflicts.push(name.clone()),
            Some(value) => drop(merged.insert(name.clone(), value.clone())),
            None => drop(merged.remove(name)),
        }
    }
    (merged, conflicts)
}

/// Merges the recipients: ours, plus those that they added, minus those that they removed. Tells whether any was removed.
fn readers(base: Option<&Document>, ours: &Document, theirs: &Document) -> (Vec<String>, bool) {
    let of = |document: &Document| -> Vec<String> {
        document.metadata.age().unwrap_or_default().into_iter().map(|wrapped| wrapped.recipient).collect()
    };
    let (before, ours, theirs) = (base.map(of).unwrap_or_default(), of(ours), of(theirs));
    let stays = |reader: &&String| theirs.contains(reader) || !before.contains(reader);
    let mut readers: Vec<String> = ours.iter().filter(stays).cloned().collect();
    let is_one_less = readers.len() < ours.len();
    let added = theirs.iter().filter(|reader| !before.contains(reader) && !ours.contains(reader));
    readers.extend(added.cloned());
    (readers, is_one_less)
}
