//! Changes of rotated secrets that people ask for, while no run uses the integration: they are written into the file, or
//! encrypted for other recipients.

use std::path::PathBuf;

use tokio::sync::watch;
use uuid::Uuid;

use crate as ops;
use crate::Loaded;
use crate::run::{Claim, NotHere, RunLocks, WhenBusy, stopped_when_lost};
use crate::secrets::rotated::{Standing, in_use, of, replace, standings, value};
use crate::secrets::{Access, Error, SecretsFile, Values, to_set};
use spile_core::connector::Role;
use spile_core::integration::rotated::{RotatedSecret, RotatedSecrets, as_json};
use spile_core::integration::{Integration, Secrets};
use spile_core::name::{EnvironmentName, Slug};
use spile_world::stores::rotated_secrets::{NotSent, seal};
use spile_world::stores::supabase::NotKept;
use spile_world::{RotatedOf, Rotations, TargetError, World};

/// A project in one environment whose rotated secrets are changed.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// Everything outside the program.
    pub world: &'a World,
    /// The project, as its files are now.
    pub loaded: &'a Loaded,
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// What changes files.
    pub access: Access<'a>,
}

/// Rotated secrets that were written into a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledSecrets {
    /// The file, relative to the project.
    pub path: PathBuf,
    /// The settings.
    pub names: Vec<String>,
}

/// Rotated secrets whose recipients were not those of their file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Resealed {
    /// The integration.
    pub slug: Slug,
    /// The environment.
    pub environment: EnvironmentName,
    /// The settings whose values are now encrypted for the recipients of the file.
    pub encrypted: Vec<String>,
    /// The settings whose values were removed, because no key here decrypts them and a removed recipient's key does.
    pub dropped: Vec<String>,
}

/// Writes the rotated secrets of an integration into its file, and forgets them. Returns `None` if there are none that count.
///
/// # Errors
/// When a run uses the integration, no key decrypts the values, or the file cannot be written.
pub async fn pull(scope: Scope<'_>, slug: &str) -> Result<Option<PulledSecrets>, ops::Error> {
    let Some(one) = One::of(scope, scope.loaded.named(slug)?) else { return Ok(None) };
    if one.in_use().await?.is_empty() {
        return Ok(None);
    }
    let held = one.hold().await?;
    let pulled = one.pull(held.id).await;
    held.locks.give_back().await;
    pulled
}

/// Encrypts the rotated secrets of an integration for the recipients of its file. If no key here decrypts one, and a removed
/// recipient's key does, it is removed. Returns `None` if nothing changes.
///
/// # Errors
/// When a run uses the integration, or the registry cannot be asked.
pub async fn reseal(scope: Scope<'_>, integration: &Integration) -> Result<Option<Resealed>, ops::Error> {
    let Some(one) = One::of(scope, integration) else { return Ok(None) };
    let is_fit = |name: &str, secret: &RotatedSecret| {
        secret.has_recipients_of(&one.secrets.document) && secret.has_same_ciphertext(name, &one.secrets.document)
    };
    if one.rotations.current(&one.of).await?.iter().all(|(name, secret)| is_fit(name, secret)) {
        return Ok(None);
    }
    let held = one.hold().await?;
    let resealed = one.reseal(held.id).await;
    held.locks.give_back().await;
    resealed.map(|resealed| Some(resealed).filter(|found| !found.encrypted.is_empty() || !found.dropped.is_empty()))
}

/// An integration whose source may rotate secrets.
struct One<'a> {
    scope: Scope<'a>,
    integration: &'a Integration,
    secrets: &'a Secrets,
    of: RotatedOf,
    rotations: Rotations,
}

/// An integration that no run uses meanwhile.
struct Held {
    id: Uuid,
    locks: RunLocks,
}

impl<'a> One<'a> {
    fn of(scope: Scope<'a>, integration: &'a Integration) -> Option<Self> {
        let secrets = integration.at(scope.environment).secrets.as_ref()?;
        (integration.role() == Role::Extractor).then(|| Self {
            scope,
            integration,
            secrets,
            of: of(integration, scope.environment),
            rotations: Rotations::of(scope.world),
        })
    }

    async fn in_use(&self) -> Result<RotatedSecrets, ops::Error> {
        let current = self.rotations.current(&self.of).await?;
        Ok(in_use(&self.scope.world.keys, self.secrets, &current).await)
    }

    /// Keeps runs out: they would rotate the value that is about to be changed.
    async fn hold(&self) -> Result<Held, ops::Error> {
        let Scope { world, environment, .. } = self.scope;
        let (_wanted, never) = watch::channel(false);
        let (stopped, lost) = stopped_when_lost(never);
        let id = Uuid::new_v4();
        let claim = Claim {
            world,
            run: id,
            integration: self.integration,
            loader: None,
            environment,
            when_busy: WhenBusy::Refuse,
            interrupt: &stopped,
        };
        match claim.held(&lost, &mut |_| {}).await? {
            Ok(locks) => Ok(Held { id, locks }),
            Err(NotHere::Busy(busy)) => Err(self.busy(busy)),
            Err(NotHere::Left | NotHere::Stopped) => Err(ops::Error::Stopped),
        }
    }

    fn busy(&self, busy: String) -> ops::Error {
        Error::RotationBusy { slug: self.integration.slug.clone(), busy }.into()
    }

    async fn pull(&self, holder: Uuid) -> Result<Option<PulledSecrets>, ops::Error> {
        let Scope { world, access, environment, .. } = self.scope;
        let mut left = self.rotations.current(&self.of).await?;
        let mut values = Values::new();
        replace(&world.keys, self.secrets, &left, &mut values).await?;
        if values.is_empty() {
            return Ok(None);
        }
        let base = self.integration.base.secrets.as_ref();
        let is_of_overlay = base.is_none_or(|base| base.path != self.secrets.path);
        let overlay = is_of_overlay.then_some(environment.as_str());
        let file = SecretsFile::find(access.project, self.integration.slug.as_str(), overlay)?;
        file.change(access, &to_set(&values)).await?;
        // Only now that the file has them. What stops this in between leaves a value in both places, and the file's counts.
        left.retain(|name, _| !values.contains_key(name));
        self.store(holder, &left).await?;
        Ok(Some(PulledSecrets { path: file.path().to_owned(), names: values.into_keys().collect() }))
    }

    async fn reseal(&self, holder: Uuid) -> Result<Resealed, ops::Error> {
        let Scope { world, environment, access, .. } = self.scope;
        let mut resealed = Resealed {
            slug: self.integration.slug.clone(),
            environment: environment.clone(),
            encrypted: Vec::new(),
            dropped: Vec::new(),
        };
        let mut left = RotatedSecrets::new();
        let file = &self.secrets.document;
        for (name, secret, standing) in
            standings(&world.keys, self.secrets, &self.rotations.current(&self.of).await?).await
        {
            let opened = match standing {
                Standing::InUse => value(&world.keys, self.secrets, &secret).await.ok(),
                Standing::Outdated | Standing::Unknown => None,
            };
            let value = opened.and_then(|mut values| values.remove(&name));
            let sealed = value.and_then(|value| seal(file, &name, &value, access.now).ok());
            match sealed {
                Some(sealed) => {
                    left.insert(name.clone(), RotatedSecret { sealed, replaces: as_json(self.secrets), ..secret });
                    resealed.encrypted.push(name);
                }
                None if !secret.is_open_to_others(file) => drop(left.insert(name, secret)),
                None if standing == Standing::Outdated => {}
                None => resealed.dropped.push(name),
            }
        }
        self.store(holder, &left).await?;
        Ok(resealed)
    }

    async fn store(&self, holder: Uuid, secrets: &RotatedSecrets) -> Result<(), ops::Error> {
        self.rotations.replace(&self.of, holder, secrets).await.map_err(|why| match why {
            NotSent::Registry(error @ (NotKept::Lease | NotKept::Version { .. })) => self.busy(error.to_string()),
            NotSent::Registry(NotKept::Registry(error)) => TargetError::from(error).into(),
            NotSent::File(error) => error.into(),
        })
    }
}
