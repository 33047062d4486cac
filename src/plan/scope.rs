//! Which integrations a plan is about, and what has to stay because of it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Current, Desired};
use crate::name::{IntegrationId, Slug};
use crate::record::Record;

/// Which integrations a plan is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All of them: what no file declares goes.
    Everything,
    /// Those named, by their new or their old name; all others stay as they are.
    Only(BTreeSet<Slug>),
}

impl Scope {
    /// Lays the scope over what is wanted: what is out of it, or protected, stays as it is.
    #[must_use]
    pub fn narrow(&self, mut desired: Desired, current: &Current) -> Desired {
        let named = self.named(&desired, current);
        let within = |id: &IntegrationId| named.as_ref().is_none_or(|named| named.contains(id));
        for (id, entry) in current.meltano.state.iter() {
            let gone = desired.meltano.get(id).is_none();
            if gone && entry.protect && within(id) {
                desired.protected.insert(entry.slug.clone());
            }
            if !within(id) || (gone && entry.protect) {
                desired.meltano.insert(*id, entry.clone());
                if let Some(row) = current.registry.state.get(id) {
                    desired.registry.insert(*id, row.clone());
                }
            }
        }
        let outside: Vec<_> =
            desired.registry.ids().chain(desired.meltano.ids()).filter(|id| !within(id)).copied().collect();
        for id in outside {
            match current.registry.state.get(&id) {
                Some(row) => desired.registry.insert(id, row.clone()),
                None => desired.registry.remove(&id),
            }
            if current.meltano.state.get(&id).is_none() {
                desired.meltano.remove(&id);
            }
        }
        for (id, row) in current.registry.state.iter().filter(|(id, _)| !within(id)) {
            desired.registry.insert(*id, row.clone());
        }
        desired
    }

    /// Returns the names that neither a file nor a target knows.
    #[must_use]
    pub fn unknown(&self, desired: &Desired, current: &Current) -> Vec<Slug> {
        let Self::Only(slugs) = self else { return Vec::new() };
        let known: BTreeSet<Slug> = all(desired, current).into_iter().map(|(slug, _)| slug).collect();
        slugs.difference(&known).cloned().collect()
    }

    fn named(&self, desired: &Desired, current: &Current) -> Option<BTreeSet<IntegrationId>> {
        let Self::Only(slugs) = self else { return None };
        let named = all(desired, current).into_iter().filter(|(slug, _)| slugs.contains(slug));
        Some(named.map(|(_, id)| id).collect())
    }
}

fn all(desired: &Desired, current: &Current) -> Vec<(Slug, IntegrationId)> {
    let rows = [&desired.registry, &current.registry.state];
    let entries = [&desired.meltano, &current.meltano.state];
    let rows = rows.into_iter().flat_map(|state| state.iter().map(|(id, row)| (row.slug().clone(), *id)));
    let entries = entries.into_iter().flat_map(|state| state.iter().map(|(id, entry)| (entry.slug().clone(), *id)));
    rows.chain(entries).collect()
}
