//! Encrypts secrets that are in plain text: those under `[secrets]`, and the secret settings under `[config]`.

use toml_edit::{Item, TableLike, Value};

use super::Error;
use super::file::{Access, SecretsFile, write};
use crate as ops;
use spile_core::connector::{Connector, Kind, Setting};
use spile_core::integration::check::{is_reference, secret_in};
use spile_core::name::SettingName;
use spile_core::secret::Secret;

/// Encrypts every plain-text secret of a file, moves those under `[config]` to `[secrets]`, and returns their names.
///
/// # Errors
/// When a name is not a setting, or the secrets have no recipients.
pub async fn encrypt(access: Access<'_>, file: &SecretsFile) -> Result<Vec<String>, ops::Error> {
    let Some((names, text)) = encrypted(access, file).await? else { return Ok(Vec::new()) };
    write(access.project, &file.source, &text)?;
    Ok(names)
}

/// Returns a file's text with every plain-text secret encrypted, and the names of these secrets; `None` if there are none.
/// Writes nothing.
///
/// # Errors
/// See [`encrypt`].
pub async fn encrypted(access: Access<'_>, file: &SecretsFile) -> Result<Option<(Vec<String>, String)>, ops::Error> {
    let connector = file.connector(access.project)?;
    let mut changes: Vec<(String, Option<Secret>)> =
        file.plain().into_iter().map(|(name, value)| (name, Some(value))).collect();
    let mut text = spile_core::table::editable(file.source.text())
        .map_err(|error| Error::Merge { path: file.path().to_owned(), message: error.message().to_owned() })?;
    if let Some(connector) = &connector {
        if let Some(config) = text.get_mut("config").and_then(Item::as_table_like_mut) {
            changes.extend(take_secrets(config, connector).into_iter().map(|(name, value)| (name, Some(value))));
        }
        for (name, value) in &changes {
            value.iter().try_for_each(|value| SecretsFile::fits(connector, name, value))?;
        }
    }
    if changes.is_empty() {
        return Ok(None);
    }
    if let Some(sidecar) = &file.sidecar {
        return Err(Error::InSidecar { slug: file.name.slug.clone(), path: sidecar.path().to_owned() }.into());
    }
    let document = file.sealed_with(access, &changes).await?;
    let text = spile_core::sops::rewrite(&text.to_string(), &document)
        .map_err(|error| Error::Merge { path: file.path().to_owned(), message: error.message().to_owned() })?;
    Ok(Some((changes.into_iter().map(|(name, _)| name).collect(), text)))
}

/// Removes the secret settings from a table, and the settings whose values are secrets, and returns them.
fn take_secrets(config: &mut dyn TableLike, connector: &Connector) -> Vec<(String, Secret)> {
    let taken = |setting: &Setting| Some((setting.name.clone(), take(config, &setting.name, setting)?));
    connector.settings.iter().filter_map(taken).collect()
}

/// Removes one setting and returns its value: `a.b` can be a key of its own, or `b` in the table `a`.
fn take(table: &mut dyn TableLike, name: &str, setting: &Setting) -> Option<Secret> {
    if let Some(item) = table.get(name).filter(|item| item.is_value() || setting.kind == Kind::Object) {
        let value = item.clone().into_value().ok()?;
        let text = text(&value);
        let is_secret = setting.secret || secret_in(setting, &json(&value)).is_some();
        if text.is_empty() || is_reference(&text) || !is_secret {
            return None;
        }
        table.remove(name);
        return Some(Secret::new(text));
    }
    let (first, rest) = SettingName::new(name).split()?;
    let inner = table.get_mut(first)?.as_table_like_mut()?;
    let taken = take(inner, rest.as_str(), setting)?;
    if inner.is_empty() {
        table.remove(first);
    }
    Some(taken)
}

/// Returns a value as Meltano reads it from a variable: text stays as it is, and everything else becomes JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.value().clone(),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
            value.clone().decorated("", "").to_string()
        }
        Value::Array(_) | Value::InlineTable(_) => json(value).to_string(),
    }
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::String(text) => serde_json::Value::String(text.value().clone()),
        Value::Integer(number) => serde_json::json!(number.value()),
        Value::Float(number) => serde_json::json!(number.value()),
        Value::Boolean(flag) => serde_json::json!(flag.value()),
        Value::Datetime(datetime) => serde_json::json!(datetime.value().to_string()),
        Value::Array(items) => items.iter().map(json).collect(),
        Value::InlineTable(table) => {
            let members = table.iter().map(|(key, value)| (key.to_owned(), json(value)));
            serde_json::Value::Object(members.collect())
        }
    }
}
