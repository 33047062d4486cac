//! The key of a discovery: what it is valid for.

use serde_json::json;

use crate::connector::Plugin;
use crate::digest::hash;
use crate::integration::Integration;
use crate::name::EnvironmentName;

/// Counts the forms of what is kept: another form is another key.
const FORM: u8 = 2;

/// Returns a hash of all that the answer of a tap depends on: where it is installed from, and what is `installed` of it;
/// the environment; the settings. Of secrets it is the ciphertexts, so no key is needed and no plain text is hashed.
#[must_use]
pub fn key(integration: &Integration, environment: &EnvironmentName, plugin: &Plugin, installed: &str) -> String {
    let declaration = integration.at(environment);
    let secrets = declaration.secrets.as_ref().map(|secrets| (&secrets.names, secrets.document.ciphertexts()));
    let all = json!({
        "form": FORM,
        "plugin": plugin,
        "inherits": integration.plugin,
        "installed": installed,
        "environment": environment,
        "config": declaration.config,
        "secrets": secrets,
    });
    hash(all.to_string().as_bytes())
}
