//! The hashes from the last read. A change that is based on them is sent without asking again, because the database
//! checks every row.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use spile_core::plan::Revision;

/// The hashes of a project's rows by id, and the revision they form.
#[derive(Debug, Clone, Default)]
pub(super) struct LastRead(Arc<Mutex<Option<(Revision, Hashes)>>>);

/// Hashes of rows, by id.
pub(super) type Hashes = BTreeMap<String, String>;

impl LastRead {
    pub(super) fn keep(&self, revision: Revision, hashes: Hashes) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((revision, hashes));
    }

    /// Returns the hashes if the last read saw this revision.
    pub(super) fn of(&self, revision: &Revision) -> Option<Hashes> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(read, _)| read == revision).map(|(_, hashes)| hashes.clone())
    }
}
