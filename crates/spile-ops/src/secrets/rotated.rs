//! Secrets that a source has rotated: which of them count, and how they get to the registry.

use std::future::Future;
use std::time::Duration;

use uuid::Uuid;

use super::{Error, Values};
use crate as ops;
use spile_core::connector::Role;
use spile_core::integration::rotated::{RotatedSecret, RotatedSecrets, as_json};
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
pub(super) async fn replace(
    keys: &Keys,
    secrets: &Secrets,
    rotated: &RotatedSecrets,
    values: &mut Values,
) -> Result<(), Error> {
    for (name, secret) in rotated.iter().filter(|(name, _)| secrets.names.contains(name)) {
        if !secret.has_same_ciphertext(name, &secrets.document) && !replaces(keys, secret, name, values).await {
            continue;
        }
        if let Some(document) = secret.document() {
            let leaves = keys.open(&document).await.map_err(|error| Error::opening(&secrets.path, error))?;
            values.extend(Secrets::values(leaves));
        }
    }
    Ok(())
}

/// Tells whether the value in a file is still the one that a rotated value replaces. What cannot be decrypted any more is an
/// older value.
async fn replaces(keys: &Keys, secret: &RotatedSecret, name: &str, values: &Values) -> bool {
    let Some(before) = secret.replaced() else { return false };
    let before = keys.open(&before).await.map(Secrets::values);
    before.is_ok_and(|before| before.get(name).is_some_and(|value| values.get(name) == Some(value)))
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
