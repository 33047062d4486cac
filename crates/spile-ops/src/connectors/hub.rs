//! Finds a definition in the local copy of the hub.

use super::ConnectorsError;
use super::shelf::from_hub;
use crate::Error;
use spile_core::definition::DefinitionHints;
use spile_core::problem::did_you_mean;
use spile_core::source::Source;
use spile_world::Project;
use spile_world::net::hub::{HubCache, Index, KeptPlugin};

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
            None => "there is no local copy of Meltano Hub yet: run `spile connectors update`".to_owned(),
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
