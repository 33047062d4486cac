//! Imports a built-in definition: a connector of the project can be switched to it, and then edited.

use serde_json::Value;

use super::ConnectorsError;
use crate::Error;
use spile_core::connector::{Catalog, Connector, Head, Role};
use spile_core::definition::DefinitionHints;
use spile_core::problem::did_you_mean;
use spile_core::record::PluginDefinition;
use spile_core::source::Source;

/// The prefix of the source of a built-in definition.
pub const BUILT_IN: &str = "builtin:";

/// Returns the built-in definition with a name, as a Meltano definition, and adds its role and source to the hints.
///
/// # Errors
/// When no built-in connector has the name, or two have it and the hints do not say which one.
pub fn built_in(name: &str, asked: &mut DefinitionHints) -> Result<Source, Error> {
    let is_asked = |role: &Role| asked.role.is_none_or(|asked| asked == *role);
    let roles = Role::WORDS.into_iter().map(|(_, role)| role).filter(is_asked);
    let found: Vec<_> = roles.filter_map(|role| Catalog::built_in(role, name)).collect();
    if found.len() > 1 {
        return Err(ConnectorsError::Both { name: name.to_owned() }.into());
    }
    let Some(connector) = found.first() else {
        let heads = Catalog::built_in_heads();
        let near = did_you_mean(name, heads.iter().map(|head| head.name.as_str()));
        let help = near.unwrap_or_else(|| "list the built-in connectors with `spile connectors list`".to_owned());
        return Err(ConnectorsError::Unknown { name: name.to_owned(), help }.into());
    };
    asked.role = Some(connector.head.role);
    asked.from = Some(format!("{BUILT_IN}{name}"));
    let definition = Value::Object((*PluginDefinition::of(connector)).clone());
    Ok(Source::new(format!("{BUILT_IN}{name}"), definition.to_string()))
}

/// Returns the whole built-in connector that a definition comes from, with the name that it was asked to have.
///
/// A Meltano definition has no place for everything that a connector says, for example the names of a loader's tables.
pub(super) fn of(source: &Source, asked: &Head) -> Option<Connector> {
    let path = source.path().to_string_lossy();
    let built_in = Catalog::built_in(asked.role, path.strip_prefix(BUILT_IN)?)?;
    let head = Head { name: asked.name.clone(), ..built_in.head.clone() };
    Some(Connector { head, ..(*built_in).clone() })
}
