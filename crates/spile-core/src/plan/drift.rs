//! Drift: changes by something else since the last apply, from a comparison of last applied, live and desired.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Change, Current, Desired, FieldChange, Last, Snapshot, State};
use crate::name::{FieldPath, IntegrationId, Slug};
use crate::record::{Record, Target};

/// A change to one record by something else since the last apply.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// The integration.
    pub id: IntegrationId,
    /// Its name.
    pub slug: Slug,
    /// The target with the record.
    pub target: Target,
    /// The kind of change.
    pub kind: DriftKind,
    /// The fields that differ from the last apply, if the target recorded it.
    pub fields: Vec<DriftField>,
}

/// What something else did to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// It was changed.
    Changed,
    /// It was removed.
    Removed,
    /// It exists again after apply deleted it.
    Added,
}

/// A field that differs from the last apply.
#[derive(Debug, Clone, PartialEq)]
pub struct DriftField {
    /// The difference from the last apply.
    pub change: FieldChange,
    /// How the files compare.
    pub files: Files,
}

/// How the files compare with a field that something else has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Files {
    /// They equal the last apply: the next apply undoes the change.
    AsLeft,
    /// They equal the live value.
    AsChanged,
    /// They equal neither.
    Otherwise,
}

/// Returns the drift of both targets, sorted by name.
pub(super) fn between(current: &Current, desired: &Desired) -> Vec<Drift> {
    let mut drift = in_target(&current.registry, &desired.registry);
    drift.extend(in_target(&current.meltano, &desired.meltano));
    drift.sort_by(|a, b| a.slug.cmp(&b.slug).then(a.target.cmp(&b.target)));
    drift
}

/// Compares what was last applied, what is live, and what is desired. A change that matches the files is not drift.
#[must_use]
pub fn in_target<R: Record>(current: &Snapshot<R>, desired: &State<R>) -> Vec<Drift> {
    let of_record = |(id, last): (&IntegrationId, &Last<R>)| {
        let (live, wanted) = (current.state.get(id), desired.get(id));
        let is_wanted = match (live, wanted) {
            (None, None) => true,
            (Some(live), Some(wanted)) => Change::between(live, wanted).is_none(),
            (Some(_), None) | (None, Some(_)) => false,
        };
        if is_wanted {
            return None;
        }
        let (kind, fields) = match (last, live) {
            (_, None) => (DriftKind::Removed, Vec::new()),
            (Last::Deleted, Some(_)) => (DriftKind::Added, Vec::new()),
            (Last::Unknown, Some(_)) => (DriftKind::Changed, Vec::new()),
            (Last::Held(left), Some(live)) => (DriftKind::Changed, fields(left, live, wanted)),
        };
        let slug = live.or(wanted)?.slug().clone();
        Some(Drift { id: *id, slug, target: R::TARGET, kind, fields })
    };
    current.drifted.iter().filter_map(of_record).collect()
}

fn fields<R: Record>(left: &R, live: &R, wanted: Option<&R>) -> Vec<DriftField> {
    let differing = |a: &R, b: &R| Change::between(a, b).map(|change| change.fields()).unwrap_or_default();
    let paths = |from: &R| -> BTreeSet<FieldPath> {
        let fields = wanted.map(|wanted| differing(from, wanted)).unwrap_or_default();
        fields.into_iter().map(|field| field.path).collect()
    };
    let (from_left, from_live) = (paths(left), paths(live));
    let field = |change: FieldChange| {
        let files = match (from_left.contains(&change.path), from_live.contains(&change.path)) {
            (false, _) => Files::AsLeft,
            (true, false) => Files::AsChanged,
            (true, true) => Files::Otherwise,
        };
        DriftField { change, files }
    };
    differing(left, live).into_iter().map(field).collect()
}
