//! Finds a definition in the local copy of the hub.

use super::ConnectorsError;
use super::shelf::from_hub;
use crate::Error;
use spile_core::connector::hub_facts::{HubFact, hub_facts};
use spile_core::definition::{DefinitionHints, Indexed};
use spile_core::problem::did_you_mean;
use spile_core::source::Source;
use spile_world::Project;
use spile_world::net::hub::{Hub, HubCache, Index, KeptPlugin};

/// Downloads one definition, if there is no local copy of the hub, and spile knows the plugin's name.
///
/// # Errors
/// When the hub does not respond, or with something else.
pub async fn download(hub: &Hub, name: &str, asked: &mut DefinitionHints) -> Result<Option<Source>, Error> {
    let named = |plugin: &Indexed| plugin.name() == name || (plugin.is_default && plugin.plugin == name);
    let Some(plugin) = hub_facts().into_iter().map(indexed).find(named) else { return Ok(None) };
    let found = hub.definition(&plugin, None).await?;
    asked.role = asked.role.or(Some(plugin.role));
    asked.from = Some(format!("hub:{}", plugin.name()));
    Ok(found.map(|found| Source::new(format!("hub:{name}"), found.text)))
}

/// Returns a plugin in the form of the hub's own index.
fn indexed(HubFact { head, plugin, variant, is_default, .. }: HubFact) -> Indexed {
    Indexed { role: head.role, plugin, variant, is_default }
}

/// Tells whether the project has a local copy of the hub.
///
/// # Errors
/// When it cannot be read.
pub fn has_hub(project: &Project) -> Result<bool, Error> {
    Ok(HubCache::of(&project.own_folder()).index()?.is_some())
}

/// Returns the definition of `tap-github`, or of a variant, `tap-github--meltanolabs`, and adds its role and source to the
/// hints.
///
/// # Errors
/// When it is not in the local copy, or the copy is incomplete.
pub fn hub(project: &Project, name: &str, asked: &mut DefinitionHints) -> Result<Source, Error> {
    let kept = HubCache::of(&project.own_folder());
    let index = kept.index()?;
    let Some(plugin) = index.as_ref().and_then(|index| find(index, name)) else {
        let help = match &index {
            None => did_you_mean(name, hub_facts().iter().map(|fact| fact.plugin.as_str())).unwrap_or_else(|| {
                format!("search with `spile connectors search {name}`, or download the hub with `spile connectors update`")
            }),
            Some(index) => {
                did_you_mean(name, index.plugins.iter().map(|one| one.plugin.as_str())).unwrap_or_else(|| {
                    format!("search with `spile connectors search {name}`, or refresh the copy with `spile connectors update`")
                })
            }
        };
        return Err(ConnectorsError::NotInHub { name: name.to_owned(), help }.into());
    };
    asked.role = asked.role.or(Some(plugin.kind));
    asked.from = Some(format!("hub:{}", plugin.indexed().name()));
    from_hub(&kept, plugin)
}

fn find<'a>(index: &'a Index, name: &str) -> Option<&'a KeptPlugin> {
    let named = |one: &&KeptPlugin| one.indexed().name() == name || (one.is_default && one.plugin == name);
    index.plugins.iter().find(named)
}
