//! `import --registry`: writes files for unmanaged rows, which then adopt the rows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::edits::Edits;
use super::secrets::{Access, SecretsFile, to_set};
use super::{Error, Loaded, check};
use spile_core::connector::{Connector, Role, Setting};
use spile_core::integration::FileName;
use spile_core::integration::check::{is_reference, secret_in};
use spile_core::integration::rewrite::{Edit, NotRewritten, rewrite};
use spile_core::name::{IntegrationId, Slug};
use spile_core::record::Row;
use spile_core::secret::Secret;
use spile_core::sops;
use spile_core::value::expansion::to_file;
use spile_world::World;
use spile_world::stores::registry::Unmanaged;

/// Files for unmanaged rows.
#[derive(Debug, Default)]
pub struct TakenOver {
    /// The files to write.
    pub files: Vec<NewFile>,
    /// The rows that stay unmanaged, by name, with the reason.
    pub left: Vec<(String, String)>,
}

/// A file for one row.
#[derive(Debug, Clone, PartialEq)]
pub struct NewFile {
    /// The integration.
    pub slug: Slug,
    /// The file, relative to the project.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// The secrets that were in the row in plain text, and are encrypted in the file.
    pub encrypted: Vec<String>,
}

/// Makes a file for every unmanaged row, or for the named ones. Nothing is written yet. Secrets that a row contains in
/// plain text are encrypted. The new files are checked together with the project's own.
///
/// # Errors
/// When the registry cannot be read, new secrets have no recipients, or a file would be invalid.
pub async fn take_over(world: &World, loaded: &Loaded, access: Access<'_>, names: &[Slug]) -> Result<TakenOver, Error> {
    let unmanaged = world.registry.unmanaged().await?;
    let mut taken: BTreeSet<Slug> = loaded.integrations.iter().map(|known| known.slug.clone()).collect();
    let mut made = TakenOver::default();
    let mut changed = world.project.clone();
    for (id, found) in unmanaged {
        let name = found.row.slug.to_string();
        if !names.is_empty() && !names.contains(&found.row.slug) {
            continue;
        }
        if loaded.integrations.get(&id).is_some() {
            made.left.push((name.clone(), format!("a file already has its ID: run `spile plan --adopt {name}`")));
            continue;
        }
        let Some(connector) = loaded.catalog.find(Role::Extractor, &found.row.connector) else {
            let why = format!("no connector is named `{}`: add `connectors/{0}.toml`", found.row.connector);
            made.left.push((name, why));
            continue;
        };
        let slug = free(&found.row.slug, &id, &taken);
        taken.insert(slug.clone());
        let file = file(slug, id, found, &connector, access).await?;
        changed = changed.with(&file.path, file.text.clone());
        made.files.push(file);
    }
    let known: BTreeSet<&str> = made.files.iter().map(|file| file.slug.as_str()).collect();
    let left: BTreeSet<&str> = made.left.iter().map(|(name, _)| name.as_str()).collect();
    let unknown = names.iter().map(ToString::to_string);
    let unknown: Vec<String> =
        unknown.filter(|name| !known.contains(name.as_str()) && !left.contains(name.as_str())).collect();
    if !unknown.is_empty() {
        return Err(super::unknown_names(&unknown, &known.into_iter().collect::<Vec<_>>()));
    }
    check(&changed)?;
    Ok(made)
}

/// Writes all files, or none.
///
/// # Errors
/// When a file cannot be written, or another program has created it in the meantime.
pub fn write(world: &World, made: &TakenOver) -> Result<(), Error> {
    let mut edits = Edits::default();
    for file in &made.files {
        edits.set(file.path.clone(), None, Some(file.text.clone()));
    }
    match edits.write(&world.project) {
        Err(Error::Moved { path }) => Err(Error::Exists { file: path }),
        written => written.map(drop),
    }
}

/// Returns a name that no integration has yet.
fn free(slug: &Slug, id: &IntegrationId, taken: &BTreeSet<Slug>) -> Slug {
    if !taken.contains(slug) {
        return slug.clone();
    }
    // The start of an id consists of digits and letters, so the name stays valid.
    format!("{slug}-{}", &id.to_string()[..8]).parse().unwrap_or_else(|_| slug.clone())
}

async fn file(
    slug: Slug,
    id: IntegrationId,
    found: Unmanaged,
    connector: &Connector,
    access: Access<'_>,
) -> Result<NewFile, Error> {
    let Unmanaged { mut row, mut plain } = found;
    plain.extend(take_secrets(&mut row, connector));
    let path = PathBuf::from("integrations").join(format!("{slug}.toml"));
    let unwritable = |error: NotRewritten| Error::NotPulled {
        slug: slug.clone(),
        why: error.to_string(),
        help: "write its file by hand",
    };
    let mut text = rewrite("", &edits(&row, id)).map_err(unwritable)?;
    if let Some(document) = row.secrets.as_ref().and_then(spile_core::record::row::Sealed::open) {
        text = sops::rewrite(&text, &document).map_err(|error| unwritable(error.into()))?;
    }
    if !plain.is_empty() {
        let name = FileName { slug: slug.clone(), environment: None };
        text = SecretsFile::new(name, &path, &text)?.sealed_text(access, &to_set(&plain)).await?;
    }
    Ok(NewFile { path, text, encrypted: plain.into_keys().collect(), slug })
}

/// Removes the values that the connector declares as secret from a row's configuration, and returns them. References to
/// variables stay.
fn take_secrets(row: &mut Row, connector: &Connector) -> BTreeMap<String, Secret> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let is_secret = |name: &str, value: &Value| {
        let is_one = |setting: &Setting| setting.secret || secret_in(setting, value).is_some();
        connector.setting(name).is_some_and(is_one) && !value.is_null() && !is_reference(&text(value))
    };
    let names: Vec<String> =
        row.config.iter().filter(|(name, value)| is_secret(name, value)).map(|(name, _)| name.clone()).collect();
    let taken = names.into_iter().filter_map(|name| {
        let value = row.config.shift_remove(&name)?;
        Some((name, Secret::new(text(&value))))
    });
    taken.collect()
}

fn edits(row: &Row, id: IntegrationId) -> Vec<Edit> {
    let top = [("id", json!(id)), ("type", json!(row.connector)), ("name", json!(row.name))];
    let mut edits: Vec<Edit> =
        top.into_iter().map(|(key, value)| Edit { table: None, key: key.to_owned(), value: Some(value) }).collect();
    if !row.enabled {
        edits.push(Edit { table: None, key: "enabled".to_owned(), value: Some(json!(false)) });
    }
    let config = row.config.iter().filter(|(_, value)| !value.is_null());
    edits.extend(config.map(|(key, value)| Edit {
        table: Some("config"),
        key: key.clone(),
        value: Some(to_file(value)),
    }));
    edits
}
