//! The contents of a target: records by id, and the revision that was read.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::name::IntegrationId;
use crate::record::Record;

/// The records of one target. Copies share them.
#[derive(Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct State<R>(BTreeMap<IntegrationId, Arc<R>>);

impl<R> State<R> {
    /// Returns the record of an integration.
    #[must_use]
    pub fn get(&self, id: &IntegrationId) -> Option<&R> {
        self.0.get(id).map(AsRef::as_ref)
    }

    /// Returns a shared handle to the record of an integration.
    #[must_use]
    pub fn share(&self, id: &IntegrationId) -> Option<Arc<R>> {
        self.0.get(id).cloned()
    }

    /// Returns the ids, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &IntegrationId> {
        self.0.keys()
    }

    /// Returns the records, sorted by id.
    pub fn iter(&self) -> impl Iterator<Item = (&IntegrationId, &R)> {
        self.0.iter().map(|(id, record)| (id, record.as_ref()))
    }

    /// Returns shared handles to the records, sorted by id.
    pub fn shared(&self) -> impl Iterator<Item = (&IntegrationId, &Arc<R>)> {
        self.0.iter()
    }

    /// Inserts or replaces a record.
    pub fn insert(&mut self, id: IntegrationId, record: R) {
        self.0.insert(id, Arc::new(record));
    }

    /// Removes a record.
    pub fn remove(&mut self, id: &IntegrationId) {
        self.0.remove(id);
    }

    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<R> Clone for State<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R> Default for State<R> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<R> FromIterator<(IntegrationId, R)> for State<R> {
    fn from_iter<I: IntoIterator<Item = (IntegrationId, R)>>(iter: I) -> Self {
        Self(iter.into_iter().map(|(id, record)| (id, Arc::new(record))).collect())
    }
}

impl<R> FromIterator<(IntegrationId, Arc<R>)> for State<R> {
    fn from_iter<I: IntoIterator<Item = (IntegrationId, Arc<R>)>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

/// Identifies the version of a target that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub String);

/// A record in the same target that another project or person owns.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Foreign {
    /// Its id, as a string: others may use other formats.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The project that manages it, if any.
    pub managed_by: Option<String>,
}

/// A record as the last apply left it.
#[derive(Debug, Clone, PartialEq)]
pub enum Last<R> {
    /// It existed.
    Held(R),
    /// It was deleted.
    Deleted,
    /// Unknown: the target only recorded that the record has changed since.
    Unknown,
}

/// A document as the last apply left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastDocument<D> {
    /// The same as now.
    Same,
    /// A different document.
    Other(D),
    /// Unknown to the target.
    Unknown,
}

/// The contents of a target, as read.
#[derive(Debug, Clone)]
pub struct Snapshot<R: Record> {
    /// This project's records.
    pub state: State<R>,
    /// Records that this project does not own. Never touched.
    pub foreign: Vec<Foreign>,
    /// This project's records that something else has changed, added or removed since the last apply, as far as the
    /// target can tell.
    pub drifted: BTreeMap<IntegrationId, Last<R>>,
    /// Unmanaged records to adopt.
    pub adopted: State<R>,
    /// Records that were unmanaged before they were adopted, as they were then. If one is no longer desired, it becomes
    /// unmanaged again.
    pub released: State<R>,
    /// What the target contains besides records.
    pub document: R::Document,
    /// Whether the document has changed since the last apply, as far as the target can tell.
    pub is_edited: bool,
    /// The document as the last apply left it, as far as the target knows.
    pub left: LastDocument<R::Document>,
    /// Identifies this version.
    pub revision: Revision,
}

impl<R: Record> Snapshot<R> {
    /// Returns a snapshot without drift: this project's records, a document, and the revision of both.
    #[must_use]
    pub fn new(state: State<R>, document: R::Document, revision: Revision) -> Self {
        let (foreign, drifted) = (Vec::new(), BTreeMap::new());
        let (adopted, released) = (State::default(), State::default());
        Self {
            state,
            foreign,
            drifted,
            adopted,
            released,
            document,
            is_edited: false,
            left: LastDocument::Unknown,
            revision,
        }
    }
}
