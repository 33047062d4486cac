//! The key of a discovery: what it is valid for.

use serde_json::json;

use crate::connector::Plugin;
use crate::digest::hash;
use crate::integration::Integration;
use crate::name::EnvironmentName;

/// The version of the stored form. A new version invalidates all keys.
const FORM: u8 = 2;

/// Returns a hash of everything that a tap's answer depends on: where it is installed from, which version is
/// `installed`, the environment, and the settings. Secrets count by their ciphertexts, so no key is needed and no plain
/// text is hashed.
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
