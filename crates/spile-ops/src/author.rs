//! Creates, changes and deletes integrations for interfaces that hold the values: a request becomes edits of files, which
//! are checked but not yet written.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::edits::Edits;
use super::new::{self, Prepared};
use super::secrets::{Access, SecretsFile, Values};
use super::{Error, Loaded, check};
use spile_core::connector::Connector;
use spile_core::form::NewFile;
use spile_core::format;
use spile_core::integration::Integration;
use spile_core::integration::keys::KEYS;
use spile_core::integration::rewrite::{Edit, NotRewritten, rewrite};
use spile_core::name::{IntegrationId, Slug};
use spile_core::secret::Secret;
use spile_core::value::Settings;
use spile_world::Project;

/// Keys of a file that a form cannot set: they identify the integration, or are written another way.
const NOT_FREE: [&str; 7] = ["id", "type", "plugin", "kind", "config", "secrets", "sops"];

/// The desired content of an integration. Members that are not set stay as they are in the file.
#[derive(Debug, Clone, Default)]
pub struct DesiredIntegration {
    /// The keys at the top of the file: `name`, `loader`, `schedule` and so on. A null removes the key.
    pub keys: BTreeMap<String, Value>,
    /// All settings that are not secrets.
    pub config: Option<Settings>,
    /// The secrets to set. `None` removes one.
    pub secrets: BTreeMap<String, Option<Secret>>,
}

/// An integration to delete, and what that changes.
#[derive(Debug)]
pub struct Removal {
    /// The name of the integration.
    pub slug: Slug,
    /// The deletion of its files.
    pub edits: Edits,
    /// The project without it, checked.
    pub loaded: Arc<Loaded>,
    /// The project without it, unchecked.
    pub project: Project,
}

impl DesiredIntegration {
    /// Returns the keys that an interface can set.
    pub fn free_keys() -> impl Iterator<Item = &'static str> {
        KEYS.into_iter().map(|(key, _)| key).filter(|key| !NOT_FREE.contains(key))
    }

    fn edits(&self) -> Vec<Edit> {
        let edit = |(key, value): (&String, &Value)| Edit {
            table: None,
            key: key.clone(),
            value: Some(value.clone()).filter(|value| !value.is_null()),
        };
        self.keys.iter().map(edit).collect()
    }

    /// Checks that secrets have the type that their settings accept. Once they are encrypted, nobody can check that.
    fn fits(&self, connector: &Connector) -> Result<(), Error> {
        for (name, secret) in &self.secrets {
            if let Some(secret) = secret {
                SecretsFile::fits(connector, name, secret)?;
            }
        }
        Ok(())
    }

    fn values(&self) -> Values {
        self.secrets.iter().filter_map(|(name, secret)| Some((name.clone(), secret.clone()?))).collect()
    }
}

/// Prepares the file of a new integration. Writes nothing.
///
/// # Errors
/// When the name is taken, the secrets have no recipients, or the project would be invalid with it.
pub async fn create(
    access: Access<'_>,
    slug: &Slug,
    connector: &Arc<Connector>,
    wanted: &DesiredIntegration,
) -> Result<Prepared, Error> {
    wanted.fits(connector)?;
    let config = wanted.config.clone().unwrap_or_default();
    let (known, unknown): (Settings, Settings) =
        config.into_iter().partition(|(name, _)| connector.setting(name).is_some());
    let file = NewFile { config: known, ..NewFile::new(IntegrationId(Uuid::new_v4()), connector.clone()) };
    let mut edits = wanted.edits();
    // An unknown setting is reported at its place in the file.
    edits.extend(unknown.into_iter().map(|(key, value)| Edit { table: Some("config"), key, value: Some(value) }));
    let path = new::path_of(slug);
    let text = file.text().map_err(NotRewritten::from).and_then(|text| rewrite(&text, &edits));
    let text = text.and_then(|text| Ok(format::integration(&text, Some(connector))?));
    let text = text.map_err(|error| new::unwritten(&path, error))?;
    new::prepare_text(access, slug, text, &wanted.values()).await
}

/// Prepares the change of an integration's file to the desired content. Writes nothing, and keeps every byte that is not
/// part of the change.
///
/// # Errors
/// When its secrets cannot be decrypted, or the project would be invalid with the change.
pub async fn change(
    access: Access<'_>,
    integration: &Integration,
    wanted: &DesiredIntegration,
) -> Result<Prepared, Error> {
    wanted.fits(&integration.connector)?;
    let mut edits = wanted.edits();
    if let Some(config) = &wanted.config {
        let known = &integration.base.config;
        let gone = known.keys().filter(|name| !config.contains_key(*name));
        edits.extend(gone.map(|name| Edit { table: Some("config"), key: name.clone(), value: None }));
        let is_known = |name: &str, value: &Value| {
            let setting = integration.connector.setting(name);
            let completed = setting.map(|setting| setting.kind.completed(value.clone()));
            known.get(name).is_some_and(|known| known == value || Some(known) == completed.as_ref())
        };
        let other = config.iter().filter(|(name, value)| !is_known(name, value));
        edits.extend(other.map(|(name, value)| Edit {
            table: Some("config"),
            key: name.clone(),
            value: Some(value.clone()),
        }));
    }
    let secrets: Vec<_> = wanted.secrets.clone().into_iter().collect();
    new::changed(access, integration.slug.as_str(), None, &edits, &secrets).await
}

/// Prepares the deletion of an integration's files, including overlays and sidecars. Writes nothing.
///
/// # Errors
/// When it is protected, its files cannot be read, or the project would be invalid without it.
pub fn remove(project: &Project, integration: &Integration) -> Result<Removal, Error> {
    let edits = remove_files(project, integration)?;
    let changed = edits.over(project);
    let loaded = Arc::new(check(&changed)?);
    Ok(Removal { slug: integration.slug.clone(), edits, loaded, project: changed })
}

/// Prepares the deletion of an integration's files without checking whether the other integrations are valid without it.
///
/// # Errors
/// When it is protected, or its files cannot be read.
pub fn remove_files(project: &Project, integration: &Integration) -> Result<Edits, Error> {
    if integration.protect {
        return Err(Error::Protected { slug: integration.slug.clone() });
    }
    let mut problems = spile_core::problem::Problems::default();
    let files = project.integrations(&mut problems);
    if problems.any_error() {
        return Err(Error::Problems(problems.into_report()));
    }
    let own = files.declared.iter().chain(&files.sidecars).filter(|(name, _)| name.slug == integration.slug);
    let mut edits = Edits::default();
    for (_, source) in own {
        edits.set(source.path(), Some(source.text().to_owned()), None);
    }
    Ok(edits)
}
