//! Which messages a channel gets now: new alerts, active ones that are due again, and recoveries, up to an hourly limit.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::delivery_log::{Claim, LastingAlert, Told};
use super::{Alert, Key, Policy, Seen};
use crate::run::RunKind;
use crate::settings::AlertKind;

/// How long sending a message may take before another machine takes over.
pub const CLAIM: SignedDuration = SignedDuration::from_mins(3);

/// The messages to send, and the log to store before they are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The messages, in order.
    pub messages: Vec<Sending>,
    /// The channel's log, with these messages claimed.
    pub told: Told,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// The alert that it reports.
    pub alert: Alert,
    /// Further alerts that it summarizes, because of the hourly limit.
    pub more: Vec<Alert>,
    /// The claim under which it is sent.
    pub claim: Claim,
    /// The log entries that it settles.
    keys: BTreeSet<Key>,
}

/// An alert that is due to be sent to a channel, and the log entries that it settles.
struct Due {
    alert: Alert,
    keys: BTreeSet<Key>,
}

/// Decides what to send a channel now. `id` numbers the messages: the first message gets it, each further one the next
/// number.
#[must_use]
pub fn decide(seen: &Seen, policy: &Policy, mut told: Told, now: Timestamp, id: Uuid) -> Decision {
    told.tidy(now);
    let wanted = wanted(seen, policy, &told);
    let mut due = repeated_or_new(&wanted, policy, &mut told, now);
    due.extend(over(seen, &wanted, policy, &mut told));
    due.sort_by(|a, b| order(&a.alert).cmp(&order(&b.alert)));
    let free = policy.most_per_hour.saturating_sub(told.sent.len()).min(due.len());
    let mut messages: Vec<Sending> = Vec::new();
    for (at, due) in due.into_iter().enumerate() {
        if at < free {
            let by = Uuid::from_u128(id.as_u128().wrapping_add(at as u128));
            let claim = Claim { by, at: now, until: now.saturating_add(CLAIM).unwrap_or(now) };
            messages.push(Sending { alert: due.alert, more: Vec::new(), claim, keys: due.keys });
        } else if let Some(last) = messages.last_mut() {
            last.more.push(due.alert);
            last.keys.extend(due.keys);
        }
    }
    for message in &messages {
        told.sent.push(now);
        for key in &message.keys {
            told.alerts.entry(key.clone()).and_modify(|entry| entry.claim = Some(message.claim));
        }
    }
    Decision { messages, told }
}

/// Returns the alerts that the channel wants, by key. A failing integration is not also reported as stale, unless that
/// was sent before.
fn wanted<'a>(seen: &'a Seen, policy: &Policy, told: &Told) -> BTreeMap<&'a Key, &'a Alert> {
    let wanted = seen.alerts.iter().filter(|alert| policy.wants(alert));
    let mut wanted: BTreeMap<&Key, &Alert> = wanted.map(|alert| (&alert.key, alert)).collect();
    let failing: BTreeSet<String> =
        wanted.keys().filter(|key| key.kind == AlertKind::Failure).map(|key| key.about.clone()).collect();
    wanted.retain(|key, _| {
        key.kind != AlertKind::Stale || !failing.contains(&key.about) || told.alerts.contains_key(*key)
    });
    wanted
}

/// Records new alerts, and returns those that were never sent or are due again.
fn repeated_or_new(wanted: &BTreeMap<&Key, &Alert>, policy: &Policy, told: &mut Told, now: Timestamp) -> Vec<Due> {
    let mut due = Vec::new();
    for (key, alert) in wanted {
        let slug = alert.integration.as_ref().map(|subject| subject.slug.clone());
        let entry = told.alerts.entry((*key).clone());
        let entry = entry.or_insert(LastingAlert { slug: None, since: alert.since, told_at: None, claim: None });
        entry.slug = slug;
        entry.since = entry.since.min(alert.since);
        let is_due = match entry.told_at {
            None => true,
            Some(at) => policy.repeat.is_some_and(|repeat| now.duration_since(at).unsigned_abs() >= repeat && now > at),
        };
        if is_due && entry.claim.is_none() {
            // The alert lasts since the first failure, not the newest.
            let alert = Alert { since: entry.since, ..(*alert).clone() };
            due.push(Due { alert, keys: [(*key).clone()].into() });
        }
    }
    due
}

/// Returns the recoveries of alerts that were sent, and removes all other alerts that are over.
fn over(seen: &Seen, wanted: &BTreeMap<&Key, &Alert>, policy: &Policy, told: &mut Told) -> Vec<Due> {
    let mut over: BTreeMap<&str, Due> = BTreeMap::new();
    told.alerts.retain(|key, entry| {
        if wanted.contains_key(key) || entry.claim.is_some() {
            return true;
        }
        if !policy.on.contains(&key.kind) {
            return false;
        }
        let mut well = seen.well.iter().filter(|well| well.key.about == key.about).peekable();
        let is_known = well.peek().is_some();
        match well.find(|well| ends(well, key.kind, entry)) {
            Some(well) if entry.told_at.is_some() && policy.wants(well) => {
                let due = over.entry(&well.key.about);
                let due = due.or_insert_with(|| Due { alert: well.clone(), keys: BTreeSet::new() });
                due.keys.insert(key.clone());
                true
            }
            Some(_) => false,
            // A success from before the failure proves nothing.
            None if is_known && key.kind == AlertKind::Failure => true,
            None => !seen.whole.contains(&key.kind),
        }
    });
    over.into_values().collect()
}

/// Tells whether a success ends an alert: any later success ends a failure. Only a later sync makes up for a sync that
/// is late or ended with a warning.
fn ends(well: &Alert, kind: AlertKind, entry: &LastingAlert) -> bool {
    let is_sync = well.run.as_ref().is_some_and(|run| run.kind == RunKind::Sync && run.started_at > entry.since);
    match kind {
        AlertKind::Failure => well.since >= entry.since,
        AlertKind::Stale | AlertKind::Warning => is_sync,
        AlertKind::Misconfigured | AlertKind::ActionRequired | AlertKind::Recovery => false,
    }
}

fn order(alert: &Alert) -> (AlertKind, Timestamp, &Key) {
    (alert.kind(), alert.since, &alert.key)
}

/// Whether a message was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The channel received it.
    Sent,
    /// The channel did not receive it: the next check tries again.
    NotSent,
}

/// Records whether a message was delivered.
pub fn settle(told: &mut Told, message: &Sending, outcome: Outcome, now: Timestamp) {
    if outcome == Outcome::NotSent
        && let Some(slot) = told.sent.iter().position(|at| *at == message.claim.at)
    {
        told.sent.remove(slot);
    }
    let is_over = |key: &Key| {
        let told_of = std::iter::once(&message.alert).chain(&message.more);
        told_of.into_iter().any(|alert| alert.kind() == AlertKind::Recovery && alert.key.about == key.about)
    };
    for key in &message.keys {
        let Some(entry) = told.alerts.get_mut(key) else { continue };
        let is_own = entry.claim.is_none_or(|claim| claim.by == message.claim.by);
        match outcome {
            Outcome::Sent if is_over(key) => drop(told.alerts.remove(key)),
            Outcome::Sent => {
                entry.told_at = Some(now);
                entry.claim = entry.claim.filter(|_| !is_own);
            }
            Outcome::NotSent => entry.claim = entry.claim.filter(|_| !is_own),
        }
    }
}

#[cfg(test)]
mod tests;
