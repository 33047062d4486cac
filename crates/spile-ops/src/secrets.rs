//! Secrets of integrations: sets, edits, rotates and shares them. The rest of each file stays as it is.

mod access;
pub mod edit;
mod encrypt;
mod error;
mod file;
mod import;
mod list;
mod merge;
pub mod rotated;
mod rule;
mod sealed;
mod settings;
mod setup;
pub mod sign_in;
mod textconv;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate as ops;
use spile_core::connector::Kind;
use spile_core::integration::check::environment_variable;
use spile_core::integration::{Integration, Secrets};
use spile_core::name::{EnvironmentName, FieldPath, IntegrationId};
use spile_core::plan::{Change, Difference, FieldChange, SecretChange, Step};
use spile_core::record::Row;
use spile_core::record::row::Sealed;
use spile_core::secret::Secret;
use spile_core::sops::Leaf;
use spile_core::value::periods;
use spile_world::keys::OpenError;
use spile_world::processes::meltano::RotatingSecrets;
use spile_world::processes::sops_program::Format;
use spile_world::{Keys, World};

pub use access::{Regranted, regranted, rotate, update_keys};
pub use encrypt::{encrypt, encrypted};
pub use error::Error;
pub use file::{Access, Changed, SecretEdit, SecretsFile, to_set};
pub use import::{ImportedSecrets, import};
pub use list::{ListedSecrets, list};
pub use merge::{Merged, Versions, merge};
pub(super) use sealed::sealed;
pub use setup::{Setup, setup};
pub(super) use setup::{own_keys, rules_for};
pub use sign_in::{SignIn, SignInError};
pub use textconv::textconv;

/// The values of settings, by name.
pub type Values = BTreeMap<String, Secret>;

/// The secrets of an integration as a run gets them.
#[derive(Debug, Default)]
pub struct LiveSecrets {
    /// The values, by the variable from which Meltano reads each of them.
    pub variables: Values,
    /// Those that its tap may change; `None` if there are none.
    pub rotating: Option<RotatingSecrets>,
}

/// Returns the secret settings of an integration: the values in its file, or those that its source has rotated since.
///
/// # Errors
/// When no key decrypts them, they were changed by hand, or the registry cannot be asked for rotated ones.
pub async fn live(
    world: &World,
    integration: &Integration,
    environment: &EnvironmentName,
) -> Result<LiveSecrets, ops::Error> {
    let Some(secrets) = &integration.at(environment).secrets else { return Ok(LiveSecrets::default()) };
    let mut values = values_in_file(&world.keys, secrets).await?;
    let rotating = rotated::rotating(world, integration, environment).await?;
    if let Some(rotating) = &rotating {
        rotated::replace(&world.keys, secrets, &rotating.previous, &mut values).await?;
    }
    Ok(LiveSecrets { variables: by_variable(integration, values), rotating })
}

/// Returns the secret settings in the file of an integration, by the variable from which Meltano reads each of them. Those
/// that only spile uses are left out.
///
/// # Errors
/// When no key decrypts them, or they were changed by hand.
pub async fn variables(keys: &Keys, integration: &Integration, environment: &EnvironmentName) -> Result<Values, Error> {
    let Some(secrets) = &integration.at(environment).secrets else { return Ok(Values::new()) };
    Ok(by_variable(integration, values_in_file(keys, secrets).await?))
}

async fn values_in_file(keys: &Keys, secrets: &Secrets) -> Result<Values, Error> {
    let leaves = opened(keys, secrets).await.map_err(|error| Error::opening(&secrets.path, error))?;
    Ok(Secrets::values(leaves))
}

fn by_variable(integration: &Integration, values: Values) -> Values {
    let plugin = integration.plugin_name();
    let is_table = |name: &str| integration.connector.setting(name).is_some_and(|setting| setting.kind == Kind::Object);
    let handed_on = |(name, _): &(String, Secret)| integration.connector.hands_on(name);
    let variables = values.into_iter().filter(handed_on).map(|(name, value)| {
        let whole = is_table(&name).then(|| periods::escaped_json(value.expose())).flatten();
        (environment_variable(&plugin, &name), whole.map_or(value, Secret::new))
    });
    variables.collect()
}

/// Decrypts the secrets of a file, or of its sidecar.
///
/// # Errors
/// When no key decrypts them, or they were changed by hand.
pub(super) async fn opened(keys: &Keys, secrets: &Secrets) -> Result<Vec<Leaf>, OpenError> {
    match &secrets.sidecar {
        Some(text) => keys.open_text(&secrets.document, text, Format::of(&secrets.path)).await,
        None => keys.open(&secrets.document).await,
    }
}

/// Finds out, if a key is available, whether secrets with a changed ciphertext also have a changed value. If nothing
/// changes, no key is read.
pub(super) async fn seen(
    keys: &Arc<Keys>,
    step: &Step<Row>,
) -> BTreeMap<IntegrationId, BTreeMap<FieldPath, SecretChange>> {
    let mut all = BTreeMap::new();
    for (id, change) in &step.changes {
        let Change::Update { before, after } = change else { continue };
        let fields = change.fields();
        let unverified = fields.iter().filter(|field| field.difference == Difference::Secret(SecretChange::Unverified));
        let unverified: Vec<&FieldChange> = unverified.collect();
        let (Some(before), Some(after), false) = (&before.secrets, &after.secrets, unverified.is_empty()) else {
            continue;
        };
        let (Some(before), Some(after)) = (open(keys, before).await, open(keys, after).await) else { continue };
        let seen = unverified.into_iter().filter_map(|field| {
            let name = field.path.rest()?;
            let is_same = before.get(name) == after.get(name);
            Some((field.path.clone(), if is_same { SecretChange::Reencrypted } else { SecretChange::Changed }))
        });
        all.insert(*id, seen.collect());
    }
    all
}

/// Returns the values of a row; `None` if they cannot be decrypted here, which is not an error in a plan.
async fn open(keys: &Keys, sealed: &Sealed) -> Option<Values> {
    let document = sealed.open()?;
    Some(Secrets::values(keys.open(&document).await.ok()?))
}
