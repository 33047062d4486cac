//! `pull`: writes changes made outside spile from a row into the integration's file.

mod edits;

use std::path::PathBuf;

use super::edits::{Edits, read};
use super::{Error, Loaded, check};
use spile_core::connector::Role;
use spile_core::integration::Integration;
use spile_core::integration::rewrite::{Edit, NotRewritten, rewrite};
use spile_core::name::{EnvironmentName, Slug};
use spile_core::plan::{Change, Difference, FieldChange};
use spile_core::record::Row;
use spile_core::sops;
use spile_core::value::expansion::to_file;
use spile_world::World;

pub use edits::{PulledEdits, pull_edits};

/// The result of a pull.
#[derive(Debug, Clone, PartialEq)]
pub struct Pulled {
    /// The file, relative to the project. It was not written if no field differs.
    pub path: PathBuf,
    /// The fields that were copied from the row to the file.
    pub fields: Vec<FieldChange>,
}

/// Copies the values of an integration's row to its file. Comments and layout stay. The changed file is checked before it
/// is written.
///
/// # Errors
/// When there is no row, the file cannot express one of its fields, or the file would be invalid.
pub async fn pull(world: &World, loaded: &Loaded, environment: &EnvironmentName, slug: &str) -> Result<Pulled, Error> {
    let integration = loaded.named(slug)?;
    let refused = |why: &str, help| Error::NotPulled { slug: integration.slug.clone(), why: why.to_owned(), help };
    if integration.role() == Role::Loader {
        return Err(refused("loaders have no row", "run `spile apply` to update `meltano.yml` from its file"));
    }
    let rows = world.registry.read().await?.state;
    let row = rows.get(&integration.id);
    let row = row.ok_or_else(|| refused("it has no row", "run `spile apply` to create the row, or remove the file"))?;
    let path = file(integration, environment);
    let wanted = Row::of(integration, environment);
    let fields = Change::between(&wanted, row).map(|change| change.fields()).unwrap_or_default();
    if fields.is_empty() {
        return Ok(Pulled { path, fields });
    }
    let before = read(&world.project, &path)?;
    let said = before.as_deref().unwrap_or_default();
    let text = rewritten(integration, environment, said, row, &fields)?;
    let changed = check(&world.project.with(&path, text.clone()))?;
    let now = changed.integrations.get(&integration.id).map(|now| Row::of(now, environment));
    if now.is_none_or(|now| Change::between(&now, row).is_some()) {
        let help = "edit the file by hand, or run `spile apply` to update the row from the file";
        return Err(refused("the file would still differ from the row", help));
    }
    let mut edits = Edits::default();
    edits.set(path.clone(), before, Some(text));
    edits.write(&world.project)?;
    Ok(Pulled { path, fields })
}

/// Returns the file that decides in an environment: the overlay, if there is one.
fn file(integration: &Integration, environment: &EnvironmentName) -> PathBuf {
    if integration.overlays.contains_key(environment) {
        integration.overlay_path(environment)
    } else {
        integration.path.clone()
    }
}

/// Returns a file's text with edits applied.
fn rewritten_with(slug: &Slug, text: &str, edits: &[Edit]) -> Result<String, Error> {
    let help = "run `spile check`";
    rewrite(text, edits).map_err(|error| Error::NotPulled { slug: slug.clone(), why: error.to_string(), help })
}

fn rewritten(
    integration: &Integration,
    environment: &EnvironmentName,
    text: &str,
    row: &Row,
    fields: &[FieldChange],
) -> Result<String, Error> {
    let refused = |why: String, help| Error::NotPulled { slug: integration.slug.clone(), why, help };
    let mut edits = Vec::new();
    let mut with_secrets = false;
    for FieldChange { path, difference } in fields {
        let value = match difference {
            Difference::Plain { after, .. } => after.clone(),
            Difference::Secret(_) => None,
        };
        match path.split() {
            ("secrets", Some(_)) | ("sops", _) => with_secrets = true,
            ("config", Some(key)) => {
                edits.push(Edit { table: Some("config"), key: key.to_owned(), value: value.as_ref().map(to_file) });
            }
            (key @ ("name" | "enabled"), None) => edits.push(Edit { table: None, key: key.to_owned(), value }),
            _ => {
                let help = "edit the file by hand, or run `spile apply` to update the row from the file";
                return Err(refused(format!("its `{path}` cannot be set in the file"), help));
            }
        }
    }
    let unreadable = |error: NotRewritten| refused(error.to_string(), "run `spile check`");
    let text = rewritten_with(&integration.slug, text, &edits)?;
    if !with_secrets {
        return Ok(text);
    }
    let declaration = integration.at(environment);
    if declaration.secrets.as_ref().is_some_and(|secrets| secrets.sidecar.is_some()) {
        let help = "edit the sidecar with sops, or run `spile apply` to update the row from it";
        return Err(refused("its secrets differ and are in a sidecar".to_owned(), help));
    }
    match &row.secrets {
        None => sops::rewrite(&text, &sops::Document::profile(&[])).map_err(|error| unreadable(error.into())),
        Some(sealed) => {
            let help = "run `spile apply` to update the row from the file";
            let document =
                sealed.open().ok_or_else(|| refused("its secrets are not a sops document".to_owned(), help))?;
            sops::rewrite(&text, &document).map_err(|error| unreadable(error.into()))
        }
    }
}
