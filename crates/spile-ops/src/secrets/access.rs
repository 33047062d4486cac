//! Recipients of secrets: creates new data keys for them, and applies the recipients in `.sops.yaml`.

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

/// Encrypts everything again with a new data key. The recipients stay the same.
///
/// # Errors
/// When the secrets cannot be decrypted, or a recipient's key cannot be used.
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

/// Returns the document with a new data key for these age recipients, in spile's profile.
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

/// The changes to the recipients of a file's secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Regranted {
    /// The file, relative to the project.
    pub path: PathBuf,
    /// The recipients to add.
    pub added: Vec<String>,
    /// The recipients to remove. Removing one also creates a new data key.
    pub removed: Vec<String>,
}

impl Regranted {
    /// Tells whether the recipients stay the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// Returns the differences between the recipients in `.sops.yaml` and in a file; `None` if they agree.
///
/// # Errors
/// When no rule matches the file.
pub fn regranted(project: &Project, file: &SecretsFile) -> Result<Option<Regranted>, Error> {
    let Some(document) = &file.document else { return Ok(None) };
    let (rule, _) = rule(project, file.path())?;
    let age = |metadata: &Metadata| -> BTreeSet<String> {
        metadata.age().unwrap_or_default().into_iter().map(|wrapped| wrapped.recipient).collect()
    };
    let mut has: BTreeSet<String> = age(&document.metadata);
    let mut wants: BTreeSet<String> = rule.age.iter().cloned().collect();
    // For keys other than age, only the kinds can be compared here. The official sops compares the keys.
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

/// Encrypts a file's secrets for exactly the recipients in `.sops.yaml`. To add a recipient, the data key is wrapped once
/// more. To remove one, a new data key is created, because the removed recipient knows the old one.
///
/// # Errors
/// When the secrets cannot be decrypted, or a recipient's key cannot be used.
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
