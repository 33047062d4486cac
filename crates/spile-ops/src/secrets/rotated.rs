//! Secrets that a source has rotated: which of them count, and how they get to the registry.

use std::future::Future;
use std::time::Duration;

use uuid::Uuid;

use super::{Error, Values};
use crate as ops;
use spile_core::connector::Role;
use spile_core::integration::rotated::{RotatedSecret, RotatedSecrets, Rotation, as_json};
use spile_core::integration::{Integration, Secrets};
use spile_core::name::EnvironmentName;
use spile_world::processes::meltano::RotatingSecrets;
use spile_world::stores::rotated_secrets::NotSent;
use spile_world::stores::supabase::NotKept;
use spile_world::{Keys, RotatedOf, Rotations, TargetError, World, machine};

/// How often a run looks for rotated secrets to send to a hosted registry.
const PAUSE: Duration = Duration::from_secs(1);

/// Returns what the rotated secrets of an integration belong to.
pub(crate) fn of(integration: &Integration, environment: &EnvironmentName) -> RotatedOf {
    RotatedOf { environment: environment.clone(), integration: integration.id }
}

/// Returns the secrets of an integration that a tap may change, with those that it has changed before; `None` if it has no
/// secrets, or is a loader.
pub(super) async fn rotating(
    world: &World,
    integration: &Integration,
    environment: &EnvironmentName,
) -> Result<Option<RotatingSecrets>, ops::Error> {
    let secrets = integration.at(environment).secrets.as_ref().filter(|_| integration.role() == Role::Extractor);
    let Some(secrets) = secrets else { return Ok(None) };
    Ok(Some(RotatingSecrets {
        environment: environment.clone(),
        integration: integration.id,
        names: secrets.names.clone(),
        file: as_json(secrets),
        previous: Rotations::of(world).current(&of(integration, environment)).await?,
    }))
}

/// Replaces the values of a file by the rotated ones that count.
///
/// # Errors
/// When no key decrypts a rotated value that counts.
pub(crate) async fn replace(
    keys: &Keys,
    secrets: &Secrets,
    rotated: &RotatedSecrets,
    values: &mut Values,
) -> Result<(), Error> {
    for secret in in_use(keys, secrets, rotated).await.values() {
        values.extend(value(keys, secrets, secret).await?);
    }
    Ok(())
}

/// Whether a rotated secret is used in place of the file's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The file still has the value that it replaces.
    InUse,
    /// The file has another value since.
    Outdated,
    /// The file was encrypted again since, and no key here tells whether its value is another one.
    Unknown,
}

/// Returns the rotated secrets that are used in place of those in a file. What no key can tell does not count.
pub(crate) async fn in_use(keys: &Keys, secrets: &Secrets, rotated: &RotatedSecrets) -> RotatedSecrets {
    let all = standings(keys, secrets, rotated).await.into_iter();
    all.filter(|(.., standing)| *standing == Standing::InUse).map(|(name, secret, _)| (name, secret)).collect()
}

/// Returns whether each rotated secret counts. The file is decrypted only if it was encrypted again since.
pub(crate) async fn standings(
    keys: &Keys,
    secrets: &Secrets,
    rotated: &RotatedSecrets,
) -> Vec<(String, RotatedSecret, Standing)> {
    let has_same = |name: &str, secret: &RotatedSecret| secret.has_same_ciphertext(name, &secrets.document);
    let of_file = || rotated.iter().filter(|(name, _)| secrets.names.contains(name));
    let file = if of_file().all(|(name, secret)| has_same(name, secret)) {
        None
    } else {
        super::values_in_file(keys, secrets).await.ok()
    };
    let mut standings = Vec::new();
    for (name, secret) in rotated {
        let standing = if !secrets.names.contains(name) {
            Standing::Outdated
        } else if has_same(name, secret) {
            Standing::InUse
        } else {
            compared(keys, secret, name, file.as_ref()).await
        };
        standings.push((name.clone(), secret.clone(), standing));
    }
    standings
}

/// Compares the value that a rotated secret replaces with the one in the file now.
async fn compared(keys: &Keys, secret: &RotatedSecret, name: &str, file: Option<&Values>) -> Standing {
    let (Some(file), Some(before)) = (file, secret.replaced()) else { return Standing::Unknown };
    let Ok(before) = keys.open(&before).await.map(Secrets::values) else { return Standing::Unknown };
    match (before.get(name), file.get(name)) {
        (Some(before), Some(now)) if before == now => Standing::InUse,
        _ => Standing::Outdated,
    }
}

/// Decrypts a rotated secret.
pub(crate) async fn value(keys: &Keys, secrets: &Secrets, secret: &RotatedSecret) -> Result<Values, Error> {
    let Some(document) = secret.document() else { return Ok(Values::new()) };
    let leaves = keys.open(&document).await.map_err(|error| Error::opening(&secrets.path, error))?;
    Ok(Secrets::values(leaves))
}

/// Returns what is shown of the rotated secrets that are used in place of those in files, by integration and setting.
///
/// # Errors
/// When the registry cannot be asked.
pub async fn rotations<'a>(
    world: &World,
    integrations: impl Iterator<Item = &'a Integration>,
    environment: &EnvironmentName,
) -> Result<Vec<Rotation>, ops::Error> {
    let secrets = |one: &'a Integration| Some((one, &**one.at(environment).secrets.as_ref()?));
    let extractors = integrations.filter(|one| one.role() == Role::Extractor);
    let with_secrets: Vec<(&Integration, &Secrets)> = extractors.filter_map(secrets).collect();
    if with_secrets.is_empty() {
        return Ok(Vec::new());
    }
    let all = Rotations::of(world).all(environment).await?;
    let mut found = Vec::new();
    for (integration, secrets) in with_secrets {
        let Some(rotated) = all.get(&integration.id) else { continue };
        let in_use = in_use(&world.keys, secrets, rotated).await;
        found.extend(in_use.iter().map(|(name, secret)| secret.shown(&integration.slug, name)));
    }
    Ok(found)
}

/// Runs something under the lease of an integration, and sends each secret that it rotates to the hosted registry.
pub(crate) async fn sending<T>(
    world: &World,
    of: &RotatedOf,
    run: Uuid,
    running: impl Future<Output = T>,
) -> (T, Result<(), NotSent>) {
    let rotations = Rotations::of(world);
    let mut running = std::pin::pin!(running);
    let ended = loop {
        tokio::select! {
            ended = &mut running => break ended,
            () = tokio::time::sleep(PAUSE) => {}
        }
        // What cannot be sent now is sent at the end.
        tokio::select! {
            ended = &mut running => break ended,
            _ = rotations.send(of, run) => {}
        }
    };
    (ended, rotations.send(of, run).await)
}

/// Sends the secrets that a killed run has left, before its leases are released.
///
/// # Errors
/// When the registry cannot be asked.
pub(crate) async fn send_of_dead(world: &World, environment: &EnvironmentName, run: Uuid) -> Result<(), TargetError> {
    let rotations = Rotations::of(world);
    for of in rotations.waiting(environment)? {
        if rotations.here(&of)?.values().any(|secret| secret.run == run) {
            send_under(world, &of, run).await?;
        }
    }
    Ok(())
}

/// Sends the secrets that still wait on this machine, unless another run uses their integration.
///
/// # Errors
/// When the registry cannot be asked.
pub(crate) async fn send_waiting(world: &World, environment: &EnvironmentName) -> Result<(), TargetError> {
    let Some(registry) = &world.supabase else { return Ok(()) };
    for of in Rotations::of(world).waiting(environment)? {
        let holder = Uuid::new_v4();
        let sent = send_under(world, &of, holder).await;
        registry.release(holder).await?;
        sent?;
    }
    Ok(())
}

/// Sends what an invocation without a lease has rotated. What cannot be sent now waits for the next command.
pub(crate) async fn send_soon(world: &World, environment: &EnvironmentName) {
    let _ = send_waiting(world, environment).await;
}

/// Sends secrets under a lease for a run, if it is free. Otherwise they wait.
async fn send_under(world: &World, of: &RotatedOf, run: Uuid) -> Result<(), TargetError> {
    let Some(registry) = &world.supabase else { return Ok(()) };
    if !registry.lease(of.integration, run, &machine::name()).await?.granted {
        return Ok(());
    }
    match Rotations::of(world).send(of, run).await {
        Ok(()) | Err(NotSent::Registry(NotKept::Lease | NotKept::Version { .. })) => Ok(()),
        Err(NotSent::Registry(NotKept::Registry(error))) => Err(error.into()),
        Err(NotSent::File(error)) => Err(error),
    }
}
