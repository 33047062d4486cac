//! Finds a definition in the local copy of the hub.

use super::ConnectorsError;
use super::shelf::from_hub;
use crate::Error;
use spile_core::connector::hub_facts::{HubFact, hub_facts};
use spile_core::definition::{DefinitionHints, Indexed};
use spile_core::problem::did_you_mean;
use spile_core::source::Source;
use spile_world::Project;
use spile_world::net::hub::{Hub, HubCache};

/// Downloads the definition of one plugin, whose name spile knows without a local copy of the hub, and adds its role and
/// source to the hints.
///
/// # Errors
/// When no plugin has the name, or the hub does not respond, or with something else.
pub async fn download(hub: &Hub, name: &str, asked: &mut DefinitionHints) -> Result<Source, Error> {
    let facts = hub_facts();
    let missing = || unknown(name, facts.iter().map(|fact| fact.plugin.as_str()), "download the hub");
    let plugin = facts.iter().map(indexed).find(|plugin| is_named(plugin, name)).ok_or_else(missing)?;
    // Only with an ETag does a hub answer that nothing has changed.
    let found = hub.definition(&plugin, None).await?.ok_or_else(missing)?;
    asked.role = asked.role.or(Some(plugin.role));
    asked.from = Some(format!("hub:{}", plugin.name()));
    Ok(Source::new(format!("hub:{name}"), found.text))
}

/// Returns a plugin in the form of the hub's own index.
fn indexed(HubFact { head, plugin, variant, is_default, .. }: &HubFact) -> Indexed {
    Indexed { role: head.role, plugin: plugin.clone(), variant: variant.clone(), is_default: *is_default }
}

/// Returns the definition of `tap-github`, or of a variant, `tap-github--meltanolabs`, from the local copy of the hub, and
/// adds its role and source to the hints. `None` if there is no local copy.
///
/// # Errors
/// When it is not in the local copy, or the copy is incomplete.
pub fn hub(project: &Project, name: &str, asked: &mut DefinitionHints) -> Result<Option<Source>, Error> {
    let kept = HubCache::of(&project.own_folder());
    let Some(index) = kept.index()? else { return Ok(None) };
    let Some(plugin) = index.plugins.iter().find(|one| is_named(&one.indexed(), name)) else {
        let known = index.plugins.iter().map(|one| one.plugin.as_str());
        return Err(unknown(name, known, "refresh the copy").into());
    };
    asked.role = asked.role.or(Some(plugin.kind));
    asked.from = Some(format!("hub:{}", plugin.indexed().name()));
    from_hub(&kept, plugin).map(Some)
}

/// Tells whether a name means this plugin: with its variant, or without it for the hub's default.
fn is_named(plugin: &Indexed, name: &str) -> bool {
    plugin.name() == name || (plugin.is_default && plugin.plugin == name)
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>, update: &str) -> ConnectorsError {
    let help = did_you_mean(name, known).unwrap_or_else(|| {
        format!("search with `spile connectors search {name}`, or {update} with `spile connectors update`")
    });
    ConnectorsError::NotInHub { name: name.to_owned(), help }
}
