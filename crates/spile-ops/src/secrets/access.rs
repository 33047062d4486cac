//! Who can read secrets: a new data key for all of them, and the recipients that `.sops.yaml` asks for.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;

use super::Error;
use super::file::{Access, Changed, SecretsFile, whole, write};
use super::rule::{is_post_quantum, needs_program, rule};
use crate as ops;
use spile_core::sops::{DataKey, Document, Metadata, SECRETS, Wrapped};
use spile_world::Project;
use spile_world::keys::wrap;
use spile_world::processes::sops_program::WholeFile;

/// Encrypts everything again under a new data key. Who could read it can read it.
///
/// # Errors
/// When the secrets do not open, or a recipient's key cannot be used.
pub async fn rotate(access: Access<'_>, file: &SecretsFile) -> Result<Changed, ops::Error> {
    if let Some(sidecar) = &file.sidecar {
        let text = access.program.rotate_file(whole(sidecar)).await.map_err(Error::from)?;
        return write(access.project, sidecar, &text);
    }
    let document = file.document()?;
    let recipients = document.metadata.age().map_err(|mistake| Error::fault(file.path(), mistake.into()))?;
    let recipients: Vec<String> = recipients.into_iter().map(|wrapped| wrapped.recipient).collect();
    let is_native = document.metadata.foreign_kinds().is_empty() && !recipients.iter().any(|one| is_post_quantum(one));
    let document = if is_native {
        rekeyed(access, file, &recipients).await?
    } else {
        access.program.rotate(&document.carrier()).await.map_err(Error::from)?
    };
    file.write(access.project, &document)
}

/// Returns the document under a new data key for these age recipients, in spile's profile.
async fn rekeyed(access: Access<'_>, file: &SecretsFile, recipients: &[String]) -> Result<Document, Error> {
    let document = file.document()?;
    let leaves = access.keys.open(document).await.map_err(|error| Error::opening(file.path(), error))?;
    let key = DataKey::generate();
    let wrapped: Result<Vec<Wrapped>, _> = recipients.iter().map(|recipient| wrap(&key, recipient)).collect();
    let mut anew = Document { metadata: document.metadata.in_profile(), ..Document::profile(&[]) };
    anew.metadata.set_age(&wrapped?);
    for leaf in leaves.iter().filter(|leaf| leaf.was_encrypted) {
        if let [table, name] = leaf.path.as_slice()
            && table == SECRETS
        {
            anew.set(name, &leaf.value, &key);
        }
    }
    anew.seal(&key, access.now).map_err(|fault| Error::fault(file.path(), fault))?;
    Ok(anew)
}

/// What is to change, or has changed, of who can read a file's secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Regranted {
    /// The file, relative to the project.
    pub path: PathBuf,
    /// Who may read it from now on.
    pub added: Vec<String>,
    /// Who may not any more; the data key is recreated then.
    pub removed: Vec<String>,
}

impl Regranted {
    /// Tells whether everybody may read as before.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// Says what `.sops.yaml` asks for otherwise than a file has it; `None` where they agree.
///
/// # Errors
/// When no rule is for the file.
pub fn regranted(project: &Project, file: &SecretsFile) -> Result<Option<Regranted>, Error> {
    let Some(document) = &file.document else { return Ok(None) };
    let (rule, _) = rule(project, file.path())?;
    let age = |metadata: &Metadata| -> BTreeSet<String> {
        metadata.age().unwrap_or_default().into_iter().map(|wrapped| wrapped.recipient).collect()
    };
    let mut has: BTreeSet<String> = age(&document.metadata);
    let mut wants: BTreeSet<String> = rule.age.iter().cloned().collect();
    // Of other keys only the kinds can be compared here; the official program compares the keys.
    has.extend(document.metadata.foreign_kinds().into_iter().map(str::to_owned));
    wants.extend(rule.foreign.iter().map(|kind| (*kind).to_owned()));
    if rule.has_groups {
        wants.insert("key groups".to_owned());
    }
    let regranted = Regranted {
        path: file.path().to_owned(),
        added: wants.difference(&has).cloned().collect(),
        removed: has.difference(&wants).cloned().collect(),
    };
    Ok((!regranted.is_empty()).then_some(regranted))
}

/// Gives a file's secrets to whom `.sops.yaml` asks for, and to nobody else: a recipient more is one more wrapping of
/// the data key; one less is a new data key, for the old one is known.
///
/// # Errors
/// When the secrets do not open, or a recipient's key cannot be used.
pub async fn update_keys(access: Access<'_>, file: &SecretsFile) -> Result<Option<Regranted>, ops::Error> {
    let Some(regranted) = regranted(access.project, file)? else { return Ok(None) };
    let (rule, at) = rule(access.project, file.path())?;
    if let Some(sidecar) = &file.sidecar {
        let whole = WholeFile { config: Some(&at.config), ..whole(sidecar) };
        let text = access.program.updatekeys_file(whole, &at.file).await;
        write(access.project, sidecar, &text.map_err(Error::from)?)?;
        return Ok(Some(regranted));
    }
    let document = file.document()?;
    let document = if needs_program(&rule) || !document.metadata.foreign_kinds().is_empty() {
        access.program.updatekeys(&document.carrier(), &at.config, &at.file).await.map_err(Error::from)?
    } else if rule.age.is_empty() {
        return Err(Error::NoRecipients { path: file.path().to_owned() }.into());
    } else if regranted.removed.is_empty() {
        let key = access.keys.data_key(&document.metadata).map_err(|error| Error::no_key(file.path(), error))?;
        document.open(&key).map_err(|fault| Error::fault(file.path(), fault))?;
        let mut age = document.metadata.age().unwrap_or_default();
        for recipient in &regranted.added {
            age.push(wrap(&key, recipient).map_err(Error::from)?);
        }
        let mut document = document.clone();
        document.metadata.set_age(&age);
        document
    } else {
        rekeyed(access, file, &rule.age).await?
    };
    file.write(access.project, &document)?;
    Ok(Some(regranted))
}
