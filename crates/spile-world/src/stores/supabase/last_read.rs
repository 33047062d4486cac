//! What was read last. A change that was worked out from it is sent without asking again: the database checks every row.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use spile_core::plan::Revision;

/// The hashes of a project's rows by their ids, and the revision that they make.
#[derive(Debug, Clone, Default)]
pub(super) struct LastRead(Arc<Mutex<Option<(Revision, Hashes)>>>);

/// Hashes of rows, by their ids.
pub(super) type Hashes = BTreeMap<String, String>;

impl LastRead {
    pub(super) fn keep(&self, revision: Revision, hashes: Hashes) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((revision, hashes));
    }

    /// Returns the hashes where the last read was of a revision.
    pub(super) fn of(&self, revision: &Revision) -> Option<Hashes> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(read, _)| read == revision).map(|(_, hashes)| hashes.clone())
    }
}
