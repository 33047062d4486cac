//! Lists secrets without their values.

use std::path::PathBuf;

use serde::Serialize;

use super::rotated::rotations;
use crate::{Error, Loaded};
use spile_core::integration::Integration;
use spile_core::integration::rotated::Rotation;
use spile_core::name::{EnvironmentName, Slug};
use spile_world::World;

/// The secrets of an integration in one environment, without their values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedSecrets {
    /// The integration.
    pub slug: Slug,
    /// The file that contains them, relative to the project.
    pub path: PathBuf,
    /// The settings, in the order of the file.
    pub names: Vec<String>,
    /// Who can decrypt them: age recipients, and kinds of other keys.
    pub recipients: Vec<String>,
    /// Those whose value the source has rotated since it was set in the file.
    pub rotated: Vec<Rotation>,
}

/// Lists the secrets of integrations: of those named, or of all that have some.
///
/// # Errors
/// When no integration has one of the names, or the registry cannot be asked.
pub async fn list(
    world: &World,
    loaded: &Loaded,
    environment: &EnvironmentName,
    names: &[String],
) -> Result<Vec<ListedSecrets>, Error> {
    let mut asked: Vec<&Integration> = Vec::new();
    for name in names {
        asked.push(loaded.named(name)?);
    }
    if names.is_empty() {
        asked.extend(loaded.integrations.by_slug().map(|one| &**one));
    }
    let rotations = rotations(world, asked.iter().copied(), environment).await?;
    let listed = |one: &Integration| {
        let secrets = one.at(environment).secrets.as_ref()?;
        let metadata = &secrets.document.metadata;
        let age = metadata.age().unwrap_or_default().into_iter().map(|wrapped| wrapped.recipient);
        Some(ListedSecrets {
            slug: one.slug.clone(),
            path: secrets.path.clone(),
            names: secrets.names.clone(),
            recipients: age.chain(metadata.foreign_kinds().into_iter().map(str::to_owned)).collect(),
            rotated: rotations.iter().filter(|rotation| rotation.slug == one.slug).cloned().collect(),
        })
    };
    Ok(asked.into_iter().filter_map(listed).collect())
}
