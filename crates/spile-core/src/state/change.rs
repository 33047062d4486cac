//! A change of a state by hand, as it is remembered: what was there, what came in its place, and who did that.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::choice::AppliedChoice;
use crate::name::{EnvironmentName, IntegrationId, Slug};

/// A change of a state by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateChange {
    /// Its id, which holds the integration while it is made.
    pub id: Uuid,
    /// The integration.
    pub integration: IntegrationId,
    /// The integration's name at that time.
    pub slug: Slug,
    /// The environment.
    pub environment: EnvironmentName,
    /// Under which id Meltano keeps the state.
    pub state_id: String,
    /// When it was made.
    pub at: Timestamp,
    /// Who made it.
    pub actor: String,
    /// On which machine.
    pub host: String,
    /// What was done, for example `set orders 2026-01-01`.
    pub action: String,
    /// The Singer state before, as JSON to the byte; `None` where there was none.
    pub before: Option<String>,
    /// The Singer state after, likewise.
    pub after: Option<String>,
    /// The choice of an apply that it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<AppliedChoice>,
}
