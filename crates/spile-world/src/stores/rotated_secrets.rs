//! Rotated secrets: in the hosted registry beside the states, else in spile's own folder, a file for each integration.
//!
//! A run always writes to the own folder first, which needs neither a network nor a key. From there, the values go to
//! the hosted registry under the lease of the integration. Until then they count on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::files::io_error::IoError;
use crate::files::own_folder::Own;
use crate::files::process_lock::{Lock, RunLock};
use crate::keys::wrap;
use crate::stores::supabase::{NotKept, Supabase, SupabaseError, Writer};
use crate::{TargetError, World, machine};
use spile_core::integration::rotated::{self, RotatedSecrets};
use spile_core::name::{EnvironmentName, IntegrationId};
use spile_core::secret::Secret;
use spile_core::sops::{DataKey, Document, Wrapped};

/// The folder of the files.
const FOLDER: &str = "rotated_secrets";

/// The most bytes of a file.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What rotated secrets belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotatedOf {
    /// The environment.
    pub environment: EnvironmentName,
    /// The integration.
    pub integration: IntegrationId,
}

/// The rotated secrets of a project.
#[derive(Debug, Clone)]
pub struct Rotations {
    own: Own,
    registry: Option<Arc<Supabase>>,
}

impl Rotations {
    /// Names where a world keeps them. Nothing is read or created.
    #[must_use]
    pub fn of(world: &World) -> Self {
        Self { own: world.project.own(), registry: world.supabase.clone() }
    }

    /// Returns the current rotated secrets of an integration.
    ///
    /// # Errors
    /// When the registry cannot be asked, or a file cannot be read.
    pub async fn current(&self, of: &RotatedOf) -> Result<RotatedSecrets, TargetError> {
        let here = self.here(of)?;
        let Some(registry) = &self.registry else { return Ok(here) };
        let (_, mut stored) = unless_older(registry.rotated(of.integration).await)?;
        rotated::merge(&mut stored, here);
        Ok(stored)
    }

    /// Returns those that are in spile's own folder. With a hosted registry, they wait to be sent.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn here(&self, of: &RotatedOf) -> Result<RotatedSecrets, TargetError> {
        Ok(read(&self.own, of).map_err(IoError::of("read", self.own.path().join(file(of))))?)
    }

    /// Returns the current rotated secrets of every integration of an environment that has some.
    ///
    /// # Errors
    /// When the registry cannot be asked, or a file cannot be read.
    pub async fn all(
        &self,
        environment: &EnvironmentName,
    ) -> Result<BTreeMap<IntegrationId, RotatedSecrets>, TargetError> {
        let mut all = match &self.registry {
            Some(registry) => unless_older(registry.all_rotated().await)?,
            None => BTreeMap::new(),
        };
        for of in self.files(environment)? {
            rotated::merge(all.entry(of.integration).or_default(), self.here(&of)?);
        }
        all.retain(|_, secrets| !secrets.is_empty());
        Ok(all)
    }

    /// Returns the integrations of an environment whose secrets wait to be sent to a hosted registry.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn waiting(&self, environment: &EnvironmentName) -> Result<Vec<RotatedOf>, TargetError> {
        if self.registry.is_some() { self.files(environment) } else { Ok(Vec::new()) }
    }

    /// Returns the integrations of an environment that have a file in spile's own folder.
    fn files(&self, environment: &EnvironmentName) -> Result<Vec<RotatedOf>, TargetError> {
        // Where the folder is not this user's own, nothing in it is believed.
        let Ok(Some(own)) = self.own.open() else { return Ok(Vec::new()) };
        let names = own.list(FOLDER).map_err(IoError::of("read", self.own.path().join(FOLDER)))?;
        let of = |name: &std::ffi::OsString| {
            let (found, integration) = name.to_str()?.strip_suffix(".json")?.rsplit_once('.')?;
            let integration = IntegrationId(integration.parse().ok()?);
            (found == environment.as_str()).then(|| RotatedOf { environment: environment.clone(), integration })
        };
        Ok(names.iter().filter_map(of).collect())
    }

    /// Sends what waits to the hosted registry, for a run that holds the lease of the integration.
    ///
    /// # Errors
    /// When the lease has passed to another run, or the registry cannot be asked. The values then wait.
    pub async fn send(&self, of: &RotatedOf, run: Uuid) -> Result<(), NotSent> {
        let Some(registry) = &self.registry else { return Ok(()) };
        let waiting = self.here(of)?;
        if waiting.is_empty() {
            return Ok(());
        }
        let (version, mut stored) = registry.rotated(of.integration).await.map_err(NotKept::from)?;
        if rotated::merge(&mut stored, waiting.clone()) {
            let writer = Writer { integration: of.integration, run, host: machine::name() };
            registry.keep_rotated(&writer, version, &stored).await?;
        }
        Ok(self.forget(of, &waiting)?)
    }

    /// Puts others in the place of all current ones, for somebody who holds the integration: no run may rotate a secret
    /// meanwhile.
    ///
    /// # Errors
    /// When the lease has passed to another run, or a place cannot be written.
    pub async fn replace(&self, of: &RotatedOf, holder: Uuid, secrets: &RotatedSecrets) -> Result<(), NotSent> {
        let Some(registry) = &self.registry else { return Ok(self.change(of, |here| here.clone_from(secrets))?) };
        let (version, stored) = registry.rotated(of.integration).await.map_err(NotKept::from)?;
        if stored != *secrets {
            let writer = Writer { integration: of.integration, run: holder, host: machine::name() };
            registry.keep_rotated(&writer, version, secrets).await?;
        }
        Ok(self.change(of, RotatedSecrets::clear)?)
    }

    /// Removes values that have arrived, unless newer ones have come since.
    fn forget(&self, of: &RotatedOf, sent: &RotatedSecrets) -> Result<(), TargetError> {
        self.change(of, |left| left.retain(|name, secret| sent.get(name) != Some(secret)))
    }

    /// Changes those in spile's own folder.
    fn change(&self, of: &RotatedOf, change: impl FnOnce(&mut RotatedSecrets)) -> Result<(), TargetError> {
        let changed = RunLock::hold(&self.own, Lock::Own).and_then(|_turn| {
            let before = read(&self.own, of)?;
            let mut after = before.clone();
            change(&mut after);
            if before == after { Ok(()) } else { write(&self.own, of, &after) }
        });
        Ok(changed.map_err(IoError::of("write", self.own.path().join(file(of))))?)
    }
}

/// Why a value cannot be encrypted for the recipients of a file.
#[derive(Debug, thiserror::Error)]
pub enum NotSealed {
    /// Only the official sops encrypts for its recipients.
    #[error("the secrets of its file have no age recipient")]
    NoAge,
    /// The value cannot be authenticated.
    #[error(transparent)]
    Fault(#[from] spile_core::sops::Fault),
}

/// Encrypts one value for the age recipients of a file's secrets, and returns it as a sops document. It takes no private key.
///
/// # Errors
/// When there is no age recipient.
pub fn seal(file: &Document, name: &str, value: &Secret, at: Timestamp) -> Result<String, NotSealed> {
    let key = DataKey::generate();
    let age = file.metadata.age().unwrap_or_default();
    let wrapped: Vec<Wrapped> = age.iter().filter_map(|one| wrap(&key, &one.recipient).ok()).collect();
    if wrapped.is_empty() {
        return Err(NotSealed::NoAge);
    }
    let mut document = Document::profile(&wrapped);
    document.set(name, value, &key);
    document.seal(&key, at)?;
    Ok(document.to_json())
}

/// Returns nothing for a registry whose migration is missing or older than the table: nothing can be kept there, and what
/// needs that table says what to do.
fn unless_older<T: Default>(answer: Result<T, SupabaseError>) -> Result<T, SupabaseError> {
    match answer {
        Err(SupabaseError::NotMigrated { .. } | SupabaseError::Old { .. }) => Ok(T::default()),
        answer => answer,
    }
}

/// Why rotated secrets were not sent to the registry.
#[derive(Debug, thiserror::Error)]
pub enum NotSent {
    /// The registry refuses, or cannot be asked.
    #[error(transparent)]
    Registry(#[from] NotKept),
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] TargetError),
}

/// Stores rotated secrets in spile's own folder, unless newer ones are there.
pub(crate) fn keep(own: &Own, of: &RotatedOf, found: RotatedSecrets) -> std::io::Result<()> {
    let _turn = RunLock::hold(own, Lock::Own)?;
    let mut stored = read(own, of)?;
    if rotated::queue(&mut stored, found) { write(own, of, &stored) } else { Ok(()) }
}

fn read(own: &Own, of: &RotatedOf) -> std::io::Result<RotatedSecrets> {
    let Ok(Some(own)) = own.open() else { return Ok(RotatedSecrets::new()) };
    let bytes = own.read_up_to(file(of), LARGEST)?;
    bytes.map_or(Ok(RotatedSecrets::new()), |bytes| Ok(serde_json::from_slice(&bytes)?))
}

fn write(own: &Own, of: &RotatedOf, secrets: &RotatedSecrets) -> std::io::Result<()> {
    let own = own.make()?;
    if secrets.is_empty() {
        return own.remove(file(of));
    }
    own.folder(FOLDER)?;
    own.replace(file(of), &serde_json::to_vec(secrets)?)
}

fn file(of: &RotatedOf) -> PathBuf {
    Path::new(FOLDER).join(format!("{}.{}.json", of.environment, of.integration))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use spile_core::integration::rotated::RotatedSecret;

    fn secrets(run: u128, previous: Option<u128>) -> RotatedSecrets {
        let secret = RotatedSecret {
            at: Timestamp::UNIX_EPOCH,
            run: Uuid::from_u128(run),
            host: "here".to_owned(),
            previous: previous.map(Uuid::from_u128),
            sealed: "{}".to_owned(),
            replaces: "{}".to_owned(),
        };
        [("token".to_owned(), secret)].into()
    }

    #[tokio::test]
    async fn without_a_hosted_registry_the_own_folder_has_the_newest_value() {
        let folder = tempfile::tempdir().unwrap();
        let rotations = Rotations { own: Own::at(&folder.path().join(".spile")), registry: None };
        let of = RotatedOf { environment: "dev".parse().unwrap(), integration: IntegrationId(Uuid::from_u128(7)) };
        assert_eq!(rotations.current(&of).await.unwrap(), RotatedSecrets::new());
        keep(&rotations.own, &of, secrets(1, None)).unwrap();
        keep(&rotations.own, &of, secrets(2, Some(1))).unwrap();
        keep(&rotations.own, &of, secrets(3, Some(1))).unwrap();
        assert_eq!(rotations.current(&of).await.unwrap()["token"].run, Uuid::from_u128(2));
        let other = RotatedOf { environment: "prod".parse().unwrap(), ..of };
        assert_eq!(rotations.current(&other).await.unwrap(), RotatedSecrets::new());
        assert_eq!(rotations.waiting(&other.environment).unwrap(), [], "nothing waits for a registry");
    }
}
