//! Making, changing and deleting integrations for faces that have values in their hands: what is wanted becomes edits of
//! files, checked and not yet written.

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

/// Keys of a file that are not for whoever fills in a form: what it is, and what is written otherwise.
const NOT_FREE: [&str; 7] = ["id", "type", "plugin", "kind", "config", "secrets", "sops"];

/// What somebody wants an integration to be. What is not said stays as it is.
#[derive(Debug, Clone, Default)]
pub struct DesiredIntegration {
    /// The keys at the top of the file: `name`, `loader`, `schedule` and so on; null takes one away.
    pub keys: BTreeMap<String, Value>,
    /// All of its settings that are not secrets.
    pub config: Option<Settings>,
    /// Secrets to be set; `None` takes one away.
    pub secrets: BTreeMap<String, Option<Secret>>,
}

/// An integration that is to go.
#[derive(Debug)]
pub struct Removal {
    /// Its name.
    pub slug: Slug,
    /// Its files, gone.
    pub edits: Edits,
    /// The project as it would be, checked.
    pub loaded: Arc<Loaded>,
    /// The same, unchecked.
    pub project: Project,
}

impl DesiredIntegration {
    /// Returns the keys that a face may set.
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

    /// Checks that secrets are what their settings take: encrypted, nobody could tell any more.
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

/// Makes the file of a new integration, and writes nothing.
///
/// # Errors
/// When there is one of that name, nobody says who may read its secrets, or the project would be wrong with it.
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
    // What is not a setting is reported where it would be.
    edits.extend(unknown.into_iter().map(|(key, value)| Edit { table: Some("config"), key, value: Some(value) }));
    let path = new::path_of(slug);
    let text = file.text().map_err(NotRewritten::from).and_then(|text| rewrite(&text, &edits));
    let text = text.and_then(|text| Ok(format::integration(&text, Some(connector))?));
    let text = text.map_err(|error| new::unwritten(&path, error))?;
    new::prepare_text(access, slug, text, &wanted.values()).await
}

/// Makes an integration's file say what is wanted, and writes nothing. Every byte that is not about that stays.
///
/// # Errors
/// When its secrets do not open, or the project would be wrong with it.
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
        let other = config.iter().filter(|(name, value)| known.get(*name) != Some(value));
        edits.extend(other.map(|(name, value)| Edit {
            table: Some("config"),
            key: name.clone(),
            value: Some(value.clone()),
        }));
    }
    let secrets: Vec<_> = wanted.secrets.clone().into_iter().collect();
    new::changed(access, integration.slug.as_str(), None, &edits, &secrets).await
}

/// Takes an integration's files away, overlays and sidecars included, and writes nothing.
///
/// # Errors
/// When it is protected, its files cannot be read, or the project would be wrong without it.
pub fn remove(project: &Project, integration: &Integration) -> Result<Removal, Error> {
    let edits = remove_files(project, integration)?;
    let changed = edits.over(project);
    let loaded = Arc::new(check(&changed)?);
    Ok(Removal { slug: integration.slug.clone(), edits, loaded, project: changed })
}

/// Takes an integration's files away, and does not look whether the others are well without it.
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
