//! The changes to one target, and the revision that they are based on.

use std::collections::BTreeMap;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use serde::{Serialize, Serializer};

use super::{Change, Revision, Snapshot, State};
use crate::digest::of_json;
use crate::name::IntegrationId;
use crate::record::Record;

/// The changes to one target.
#[derive(Debug, Clone)]
pub struct Step<R: Record> {
    /// The version that it was computed from. A target with a newer version rejects the step.
    pub revision: Revision,
    /// The changes to records, by id.
    pub changes: BTreeMap<IntegrationId, Change<R>>,
    /// The live document.
    pub before: R::Document,
    /// The desired document.
    pub after: R::Document,
}

/// Serializes what distinguishes steps: the digests of all changes, and of the document if it changes. Computed on all
/// cores, because together they may be tens of megabytes. The revision represents the live contents.
impl<R: Record> Serialize for Step<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digest = |(id, change): (&IntegrationId, &Change<R>)| (*id, of_json(change));
        let changes: BTreeMap<IntegrationId, String> = self.changes.par_iter().map(digest).collect();
        let document = (self.before != self.after).then(|| of_json(&self.after));
        (&self.revision, changes, document).serialize(serializer)
    }
}

impl<R: Record> Step<R> {
    /// Returns the step from `current` to `desired`.
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

    /// Tells whether the step changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.before == self.after
    }

    /// Counts the changes of the step that a later snapshot does not show.
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
