//! What happens to one record, and to each of its fields.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::Action;
use crate::record::Record;
use crate::value;

/// What happens to one record.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Change<R> {
    /// It comes.
    Create {
        /// The record to be.
        after: R,
    },
    /// It changes.
    Update {
        /// The record as read.
        before: R,
        /// The record to be.
        after: R,
    },
    /// It goes.
    Delete {
        /// The record as read.
        before: R,
    },
}

impl<R> Change<R> {
    /// Returns what happens.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Create { .. } => Action::Create,
            Self::Update { .. } => Action::Update,
            Self::Delete { .. } => Action::Delete,
        }
    }

    /// Returns the record as read.
    #[must_use]
    pub fn before(&self) -> Option<&R> {
        match self {
            Self::Create { .. } => None,
            Self::Update { before, .. } | Self::Delete { before } => Some(before),
        }
    }

    /// Returns the record to be.
    #[must_use]
    pub fn after(&self) -> Option<&R> {
        match self {
            Self::Create { after } | Self::Update { after, .. } => Some(after),
            Self::Delete { .. } => None,
        }
    }

    /// Returns the record to be, or the one that goes: the one to name the change by.
    #[must_use]
    pub fn record(&self) -> &R {
        match self {
            Self::Create { after } | Self::Update { after, .. } => after,
            Self::Delete { before } => before,
        }
    }
}

/// What happens to one field of a record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// The field, such as `config.start_date`.
    pub path: String,
    /// The value as read; `None` where there was none.
    pub before: Option<Value>,
    /// The value to be; `None` where there will be none.
    pub after: Option<Value>,
}

impl<R: Record> Change<R> {
    /// Returns the fields that differ, sorted by path.
    #[must_use]
    pub fn fields(&self) -> Vec<FieldChange> {
        let mut before = self.before().map(Record::fields).unwrap_or_default();
        let mut after = self.after().map(Record::fields).unwrap_or_default();
        let paths: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
        let change = |path: String| FieldChange { before: before.remove(&path), after: after.remove(&path), path };
        paths.into_iter().map(change).filter(FieldChange::differs).collect()
    }

    /// Returns how many fields stay as they are.
    #[must_use]
    pub fn unchanged(&self) -> usize {
        let before = self.before().map(Record::fields).unwrap_or_default();
        let after = self.after().map(Record::fields).unwrap_or_default();
        before.iter().filter(|(path, before)| after.get(*path).is_some_and(|after| value::same(before, after))).count()
    }
}

impl FieldChange {
    fn differs(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => !value::same(before, after),
            (before, after) => before.is_some() || after.is_some(),
        }
    }
}
