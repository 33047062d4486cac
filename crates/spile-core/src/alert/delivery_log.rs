//! What a channel was sent: stored in the registry, so that only one of several machines sends it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Key;
use crate::name::Slug;

/// The time in which messages are counted.
pub const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// How far the clock of another machine may be ahead of one's own.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// What a channel was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Active alerts, by key; those that are over and were reported are removed.
    #[serde(default)]
    pub alerts: BTreeMap<Key, LastingAlert>,
    /// When messages went out in the last hour.
    #[serde(default)]
    pub sent: Vec<Timestamp>,
}

/// One alert that lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastingAlert {
    /// The integration, for people who read it.
    pub slug: Option<Slug>,
    /// Since when it lasts.
    pub since: Timestamp,
    /// When the channel was last notified; none if it has to wait or could not be reached.
    pub told_at: Option<Timestamp>,
    /// Who is telling it right now.
    pub claim: Option<Claim>,
}

/// A message on its way. Who dies while it sends loses it: then another one tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The message.
    pub by: Uuid,
    /// When it was begun.
    pub at: Timestamp,
    /// How long that holds.
    pub until: Timestamp,
}

impl Told {
    /// Forgets what is older than an hour, and claims that nobody has kept. A clock that was wrong for a while leaves
    /// times of days and years to come behind: until then nobody would be told anything.
    pub(super) fn tidy(&mut self, now: Timestamp) {
        let is_to_come = |at: Timestamp| at.duration_since(now) > AHEAD;
        self.sent.retain(|at| now.duration_since(*at) < HOUR && !is_to_come(*at));
        for entry in self.alerts.values_mut() {
            entry.claim = entry.claim.filter(|claim| claim.until > now && !is_to_come(claim.at));
            entry.told_at = entry.told_at.map(|at| if is_to_come(at) { now } else { at });
        }
    }
}
