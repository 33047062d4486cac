//! What a plan does to one record, and to each of its fields.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Action;
use crate::name::FieldPath;
use crate::record::entry::METADATA;
use crate::record::row::{RECIPIENTS, WRAPPING};
use crate::record::{Field, Record};

/// What happens to one record.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Change<R> {
    /// The target gets a new record.
    Create {
        /// The desired record.
        after: R,
    },
    /// The record changes.
    Update {
        /// The live record.
        before: R,
        /// The desired record.
        after: R,
    },
    /// The record is unmanaged, and this project adopts it.
    Adopt {
        /// The live record.
        before: R,
        /// The desired record.
        after: R,
    },
    /// The record was adopted, and becomes unmanaged again.
    Release {
        /// The live record.
        before: R,
        /// The record as it was before it was adopted, and will be again.
        after: R,
    },
    /// The record is removed from the target.
    Delete {
        /// The live record.
        before: R,
    },
}

impl<R> Change<R> {
    /// Returns the action.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Create { .. } => Action::Create,
            Self::Update { .. } | Self::Adopt { .. } | Self::Release { .. } => Action::Update,
            Self::Delete { .. } => Action::Delete,
        }
    }

    /// Returns the action's word in the registry's history.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Update { .. } => "update",
            Self::Adopt { .. } => "adopt",
            Self::Release { .. } => "release",
            Self::Delete { .. } => "delete",
        }
    }

    /// Returns the live record.
    #[must_use]
    pub fn before(&self) -> Option<&R> {
        match self {
            Self::Create { .. } => None,
            Self::Update { before, .. }
            | Self::Adopt { before, .. }
            | Self::Release { before, .. }
            | Self::Delete { before } => Some(before),
        }
    }

    /// Returns the desired record, if the project keeps one.
    #[must_use]
    pub fn after(&self) -> Option<&R> {
        match self {
            Self::Create { after } | Self::Update { after, .. } | Self::Adopt { after, .. } => Some(after),
            Self::Release { .. } | Self::Delete { .. } => None,
        }
    }

    /// Returns the record that exists afterwards, regardless of its owner.
    fn there(&self) -> Option<&R> {
        match self {
            Self::Release { after, .. } => Some(after),
            Self::Create { .. } | Self::Update { .. } | Self::Adopt { .. } | Self::Delete { .. } => self.after(),
        }
    }

    /// Returns the record that names the change: the desired one, or the one that is deleted.
    #[must_use]
    pub fn record(&self) -> &R {
        match self {
            Self::Create { after } | Self::Update { after, .. } | Self::Adopt { after, .. } => after,
            Self::Release { before, .. } | Self::Delete { before } => before,
        }
    }
}

/// What happens to one field of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// The field, for example `config.start_date`.
    pub path: FieldPath,
    /// How it differs.
    pub difference: Difference,
}

/// How a field differs.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// A value that everyone may see.
    Plain {
        /// The live value; `None` if there is none.
        before: Option<Value>,
        /// The desired value; `None` if there is none.
        after: Option<Value>,
    },
    /// A secret, without its values.
    Secret(SecretChange),
}

/// What happens to a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretChange {
    /// It is new.
    Added,
    /// It is removed.
    Removed,
    /// Its value changes.
    Changed,
    /// Its ciphertext changes, but its value does not.
    Reencrypted,
    /// Its ciphertext changes, and no key was available to compare the values.
    Unverified,
}

impl<R: Record> Change<R> {
    /// Returns the change from one record to another; `None` if they are equal.
    #[must_use]
    pub fn between(before: &R, after: &R) -> Option<Self> {
        // A record that was not parsed again is the same in memory.
        if std::ptr::eq(before, after) || before == after {
            return None;
        }
        let change = Self::Update { before: before.clone(), after: after.clone() };
        (!change.fields().is_empty()).then_some(change)
    }

    /// Returns the fields that differ, sorted by path. Secrets are compared as far as possible without a key.
    #[must_use]
    pub fn fields(&self) -> Vec<FieldChange> {
        let mut before = self.before().map(Record::fields).unwrap_or_default();
        let mut after = self.there().map(Record::fields).unwrap_or_default();
        let paths: BTreeSet<FieldPath> = before.keys().chain(after.keys()).cloned().collect();
        let change = |path: FieldPath| {
            let difference = Difference::between(before.remove(&path), after.remove(&path))?;
            Some(FieldChange { path, difference })
        };
        let mut fields: Vec<FieldChange> = paths.into_iter().filter_map(change).collect();
        // If a rule is added or removed, the changed order of the rules is not worth reporting.
        let paths: Vec<FieldPath> = fields.iter().map(|field| field.path.clone()).collect();
        let is_order = |path: &FieldPath| *path.in_any_environment() == METADATA;
        let is_of = |path: &FieldPath| paths.iter().any(|other| other.is_within(path));
        fields.retain(|field| !(is_order(&field.path) && is_of(&field.path)));
        // A document's MAC changes with every value in it, which is not worth reporting. If no ciphertext changes, no
        // value does.
        if fields.iter().any(|field| field.is_of_secrets() && field.path != WRAPPING) {
            fields.retain(|field| field.path != WRAPPING);
        } else if let Some(wrapping) = fields.iter_mut().find(|field| field.path == WRAPPING) {
            wrapping.difference = Difference::Secret(SecretChange::Reencrypted);
        }
        fields
    }

    /// Returns how many fields do not change.
    #[must_use]
    pub fn unchanged(&self) -> usize {
        let (Some(before), Some(after)) = (self.before(), self.there()) else { return 0 };
        let (before, after) = (before.fields(), after.fields());
        before.iter().filter(|(path, before)| after.get(*path).is_some_and(|after| after.same(before))).count()
    }
}

impl FieldChange {
    fn is_of_secrets(&self) -> bool {
        self.path == RECIPIENTS || matches!(self.difference, Difference::Secret(_))
    }
}

impl Difference {
    fn between(before: Option<Field>, after: Option<Field>) -> Option<Self> {
        if let (Some(before), Some(after)) = (&before, &after)
            && before.same(after)
        {
            return None;
        }
        let plain = |field: Option<Field>| match field {
            Some(Field::Plain(value) | Field::Ordered(value)) => Some(value),
            Some(Field::Secret(_)) | None => None,
        };
        Some(match (before, after) {
            (None, None) => return None,
            (None, Some(Field::Secret(_))) => Self::Secret(SecretChange::Added),
            (Some(Field::Secret(_)), None) => Self::Secret(SecretChange::Removed),
            (Some(Field::Secret(_)), Some(_)) | (Some(_), Some(Field::Secret(_))) => {
                Self::Secret(SecretChange::Unverified)
            }
            (before, after) => Self::Plain { before: plain(before), after: plain(after) },
        })
    }
}
