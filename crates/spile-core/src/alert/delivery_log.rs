//! The messages that a channel was sent. Stored in the registry, so that only one of several machines sends each
//! message.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Key;
use crate::name::Slug;

/// The period over which messages are counted.
pub const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// How far the clock of another machine may be ahead of this machine's.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// The messages that a channel was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Active alerts, by key. Alerts that are over are removed once that was reported.
    #[serde(default)]
    pub alerts: BTreeMap<Key, LastingAlert>,
    /// When messages were sent in the last hour.
    #[serde(default)]
    pub sent: Vec<Timestamp>,
}

/// An alert that is still active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastingAlert {
    /// The integration, for people who read the log.
    pub slug: Option<Slug>,
    /// When it started.
    pub since: Timestamp,
    /// When the channel was last notified; `None` if the message is waiting or could not be delivered.
    pub told_at: Option<Timestamp>,
    /// The sender that is delivering it right now.
    pub claim: Option<Claim>,
}

/// A message that is being sent. If its sender dies, the claim expires and another sender takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The message.
    pub by: Uuid,
    /// When sending started.
    pub at: Timestamp,
    /// When the claim expires.
    pub until: Timestamp,
}

impl Told {
    /// Removes times of messages older than an hour, and expired claims. Also corrects times in the future, which a wrong
    /// clock may have left behind: they could silence the channel for days or years.
    pub(super) fn tidy(&mut self, now: Timestamp) {
        let is_to_come = |at: Timestamp| at.duration_since(now) > AHEAD;
        self.sent.retain(|at| now.duration_since(*at) < HOUR && !is_to_come(*at));
        for entry in self.alerts.values_mut() {
            entry.claim = entry.claim.filter(|claim| claim.until > now && !is_to_come(claim.at));
            entry.told_at = entry.told_at.map(|at| if is_to_come(at) { now } else { at });
        }
    }
}
