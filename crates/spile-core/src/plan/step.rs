//! What to do to one target, and the revision that this was derived from.

use std::collections::BTreeMap;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use serde::{Serialize, Serializer};

use super::{Change, Revision, Snapshot, State};
use crate::digest::of_json;
use crate::name::IntegrationId;
use crate::record::Record;

/// What to do to one target.
#[derive(Debug, Clone)]
pub struct Step<R: Record> {
    /// The version it was worked out from; a target that has moved on refuses the step.
    pub revision: Revision,
    /// What happens to records, by id.
    pub changes: BTreeMap<IntegrationId, Change<R>>,
    /// The document as read.
    pub before: R::Document,
    /// The document to be.
    pub after: R::Document,
}

/// Writes what tells steps apart: the digest of each change and of a document that changes, worked out on all cores, for
/// together they may be tens of megabytes. The revision represents what was read.
impl<R: Record> Serialize for Step<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digest = |(id, change): (&IntegrationId, &Change<R>)| (*id, of_json(change));
        let changes: BTreeMap<IntegrationId, String> = self.changes.par_iter().map(digest).collect();
        let document = (self.before != self.after).then(|| of_json(&self.after));
        (&self.revision, changes, document).serialize(serializer)
    }
}

impl<R: Record> Step<R> {
    /// Returns what leads from `current` to `desired`.
    #[must_use]
    pub fn between(current: &Snapshot<R>, desired: &State<R>, document: R::Document) -> Self {
        let wanted = desired.iter().filter_map(|(id, after)| {
            let change = match (current.state.get(id), current.adopted.get(id)) {
                (Some(before), _) => Change::between(before, after)?,
                (None, Some(before)) => Change::Adopt { before: before.clone(), after: after.clone() },
                (None, None) => Change::Create { after: after.clone() },
            };
            Some((*id, change))
        });
        let gone = current.state.iter().filter(|(id, _)| desired.get(id).is_none());
        let gone = gone.map(|(id, before)| {
            let before = before.clone();
            let released = current.released.get(id).cloned();
            (*id, released.map_or(Change::Delete { before: before.clone() }, |after| Change::Release { before, after }))
        });
        Self {
            revision: current.revision.clone(),
            changes: wanted.chain(gone).collect(),
            before: current.document.clone(),
            after: document,
        }
    }

    /// Tells whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.before == self.after
    }

    /// Counts what the step did but a snapshot that was read afterwards does not show.
    #[must_use]
    pub fn left_in(&self, after: &Snapshot<R>) -> usize {
        let is_there = |(id, change): (&IntegrationId, &Change<R>)| match (after.state.get(id), change.after()) {
            (None, None) => true,
            (Some(found), Some(wanted)) => Change::between(found, wanted).is_none(),
            (Some(_), None) | (None, Some(_)) => false,
        };
        let missing = self.changes.iter().filter(|change| !is_there(*change)).count();
        missing + usize::from(!self.is_empty() && after.document != self.after)
    }

    /// Returns the state after the step.
    #[must_use]
    pub fn applied_to(&self, mut state: State<R>) -> State<R> {
        for (id, change) in &self.changes {
            match change.after() {
                Some(after) => state.insert(*id, after.clone()),
                None => state.remove(id),
            }
        }
        state
    }
}
