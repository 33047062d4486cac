//! A built-in definition as one to import: a connector of the project's own can be changed to it, and then edited.

use serde_json::Value;

use super::ConnectorsError;
use crate::Error;
use spile_core::connector::{Catalog, Role};
use spile_core::definition::DefinitionHints;
use spile_core::problem::did_you_mean;
use spile_core::record::PluginDefinition;
use spile_core::source::Source;

/// How the source of a definition begins that is part of the program.
pub const BUILT_IN: &str = "builtin:";

/// Returns the built-in definition of that name in the form of Meltano, and completes with where it comes from what is
/// asked of it.
///
/// # Errors
/// When there is none, or two and nothing says which.
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
