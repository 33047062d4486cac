//! Leases: of several machines that share a registry, one at a time syncs an integration.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{Supabase, SupabaseError};
use spile_core::name::IntegrationId;

/// How long a lease holds when its holder does not renew it, in seconds: so long does an integration rest after the
/// machine that ran it has died.
pub const LEASE_SECONDS: u32 = 60;

/// Who has the lease of an integration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Lease {
    /// Whether that is who asked.
    pub granted: bool,
    /// The run.
    pub run: Option<Uuid>,
    /// The machine.
    pub host: Option<String>,
    /// Since when, by the registry's clock.
    pub since: Option<Timestamp>,
}

impl Supabase {
    /// Takes the lease of an integration for a run, or renews it.
    ///
    /// # Errors
    /// When the registry cannot be asked; that somebody else has it is an answer.
    pub async fn lease(&self, of: IntegrationId, run: Uuid, host: &str) -> Result<Lease, SupabaseError> {
        let payload = json!({
            "managed_by": self.project,
            "environment": self.environment,
            "integration_id": of.to_string(),
            "run": run,
            "host": host,
            "seconds": LEASE_SECONDS,
        });
        self.client.call("spile_lease", &json!({ "payload": payload })).await
    }

    /// Gives back whatever lease a run has.
    ///
    /// # Errors
    /// When the registry cannot be asked: then the lease ends by itself.
    pub async fn release(&self, run: Uuid) -> Result<(), SupabaseError> {
        let payload = json!({ "managed_by": self.project, "environment": self.environment, "run": run });
        self.client.call::<bool>("spile_release", &json!({ "payload": payload })).await.map(drop)
    }
}
