//! `exec`: runs the user's command with the settings of an integration in its environment.

use std::ffi::OsString;
use std::process::ExitStatus;

use serde_json::Value;

use super::{Error, Loaded, invocation, secrets};
use spile_core::integration::check::environment_variable;
use spile_core::name::EnvironmentName;
use spile_core::secret::Secret;
use spile_core::value::expansion::given;
use spile_core::value::periods;
use spile_world::{World, processes::command};

/// Runs a command with the variables from which Meltano reads the settings of an integration. Secrets are decrypted.
///
/// # Errors
/// When no integration has the name, no key decrypts its secrets, or the command cannot be started.
pub async fn exec(
    world: &World,
    loaded: &Loaded,
    name: &str,
    environment: &EnvironmentName,
    words: &[OsString],
) -> Result<ExitStatus, Error> {
    let integration = loaded.named(name)?;
    let plugin = integration.plugin_name();
    // Meltano expands values that name variables, so these are not passed. If they were, Meltano would take them literally.
    let config = integration.at(environment).config.iter();
    let config = config.filter_map(|(name, value)| Some((name, periods::escaped(&given(value)?))));
    let mut variables: secrets::Values =
        config.map(|(name, value)| (environment_variable(&plugin, name), Secret::new(text(&value)))).collect();
    variables.extend(secrets::live(world, integration, environment).await?.variables);
    Ok(command::run(words, &variables, &invocation::base_variables(integration, &loaded.integrations)).await?)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
