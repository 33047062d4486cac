//! Leases: only one of several machines that share a registry syncs an integration at a time.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{Supabase, SupabaseError};
use spile_core::name::IntegrationId;

/// How long a lease lasts unless its holder renews it, in seconds. If a machine dies, nobody can run its integration
/// for this long.
pub const LEASE_SECONDS: u32 = 60;

/// The current lease of an integration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Lease {
    /// Whether the requesting run holds it.
    pub granted: bool,
    /// The run that holds it.
    pub run: Option<Uuid>,
    /// The machine of that run.
    pub host: Option<String>,
    /// When the lease began, by the registry's clock.
    pub since: Option<Timestamp>,
}

impl Supabase {
    /// Takes or renews the lease of an integration for a run.
    ///
    /// # Errors
    /// When the registry cannot be asked. A lease that another run holds is a normal answer.
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

    /// Returns all leases that a run holds.
    ///
    /// # Errors
    /// When the registry cannot be asked. The leases then expire by themselves.
    pub async fn release(&self, run: Uuid) -> Result<(), SupabaseError> {
        let payload = json!({ "managed_by": self.project, "environment": self.environment, "run": run });
        self.client.call::<bool>("spile_release", &json!({ "payload": payload })).await.map(drop)
    }
}
