//! The lease of an integration in a hosted registry, held while its run lasts.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::Error;
use spile_core::name::IntegrationId;
use spile_world::stores::supabase::{LEASE_SECONDS, Lease};
use spile_world::{Supabase, TargetError, machine};

/// How often it is renewed. Two renewals may fail before it ends.
const RENEWED: Duration = Duration::from_secs(LEASE_SECONDS as u64 / 3);

/// A lease that is renewed until it is released.
#[derive(Debug)]
pub(crate) struct Leased {
    registry: Arc<Supabase>,
    run: Uuid,
    renewing: JoinHandle<()>,
}

/// Takes the lease, or returns who has it. If the lease is lost later, `lost` turns true. That happens only to a machine
/// that has not reached the registry for a long time.
///
/// # Errors
/// When the registry cannot be reached.
pub(super) async fn take(
    registry: &Arc<Supabase>,
    of: IntegrationId,
    run: Uuid,
    lost: watch::Sender<bool>,
) -> Result<Result<Leased, Lease>, Error> {
    let machine = machine::name();
    let found = registry.lease(of, run, &machine).await.map_err(TargetError::from)?;
    if !found.granted {
        return Ok(Err(found));
    }
    let renewing = tokio::spawn({
        let registry = registry.clone();
        async move {
            loop {
                tokio::time::sleep(RENEWED).await;
                // While the registry is down, nobody else gets the lease. If only this machine cannot reach it, another
                // machine may get the lease. This machine finds out as soon as it reaches the registry again.
                if registry.lease(of, run, &machine).await.is_ok_and(|found| !found.granted) {
                    lost.send_replace(true);
                    return;
                }
            }
        }
    });
    Ok(Ok(Leased { registry: registry.clone(), run, renewing }))
}

impl Leased {
    /// Releases it.
    pub(super) async fn give_back(self) {
        self.renewing.abort();
        // If this fails, the lease expires by itself.
        let _ = self.registry.release(self.run).await;
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}
