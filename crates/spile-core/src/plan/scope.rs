//! Which integrations a plan covers, and what has to stay because of that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::{Current, Desired, State};
use crate::connector::Role;
use crate::name::{IntegrationId, Slug};
use crate::record::entry::Origin;
use crate::record::{Entry, PluginDefinition, Record};

/// Which integrations a plan covers. The result of a [`Selection`](super::Selection), and part of a saved plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All integrations: those that no file declares are deleted.
    #[default]
    Everything,
    /// The integrations with these names, old or new. All others stay as they are.
    Only(BTreeSet<Slug>),
}

/// Reads a scope as programs write it: the names, or `None` for all integrations.
impl From<Option<BTreeSet<Slug>>> for Scope {
    fn from(names: Option<BTreeSet<Slug>>) -> Self {
        names.map_or(Self::Everything, Self::Only)
    }
}

impl Scope {
    /// Returns the names, or `None` for all integrations.
    #[must_use]
    pub fn names(&self) -> Option<&BTreeSet<Slug>> {
        match self {
            Self::Everything => None,
            Self::Only(slugs) => Some(slugs),
        }
    }

    /// Tells whether it covers the integration with a name.
    #[must_use]
    pub fn covers(&self, slug: &Slug) -> bool {
        self.names().is_none_or(|slugs| slugs.contains(slug))
    }

    /// Applies the scope to the desired state: what is out of scope or protected stays as it is, except for base
    /// plugins that it shares with what is planned.
    #[must_use]
    pub fn narrow(&self, mut desired: Desired, current: &Current) -> Desired {
        let named = self.named(&desired, current);
        let within = |id: &IntegrationId| named.as_ref().is_none_or(|named| named.contains(id));
        let mut kept: BTreeSet<IntegrationId> = match self {
            Self::Everything => BTreeSet::new(),
            Self::Only(_) => all(&desired, current).into_iter().map(|(_, id)| id).filter(|id| !within(id)).collect(),
        };
        let is_undeclared = |(id, entry): &(&IntegrationId, &Entry)| entry.protect && desired.meltano.get(id).is_none();
        let forgotten: Vec<_> = current.remembered.iter().filter(is_undeclared).collect();
        let there = current.meltano.state.iter().filter(is_undeclared);
        let protected: Vec<_> = there.chain(forgotten.iter().copied()).collect();
        for (id, entry) in protected.into_iter().filter(|(id, _)| within(id)) {
            desired.protected.insert(entry.slug.clone());
            kept.insert(*id);
        }
        for id in &kept {
            keep(&mut desired.registry, &current.registry.state, *id);
            keep(&mut desired.meltano, &current.meltano.state, *id);
        }
        // Applies out of scope too: an entry that is missing in the new file would no longer be protected.
        for (id, entry) in forgotten {
            desired.meltano.insert(*id, entry.clone());
        }
        share_plugins(&mut desired.meltano, &kept);
        desired
    }

    fn named(&self, desired: &Desired, current: &Current) -> Option<BTreeSet<IntegrationId>> {
        let Self::Only(slugs) = self else { return None };
        let named = all(desired, current).into_iter().filter(|(slug, _)| slugs.contains(slug));
        Some(named.map(|(_, id)| id).collect())
    }
}

/// Sets one desired record to its live state.
fn keep<R: Record>(desired: &mut State<R>, current: &State<R>, id: IntegrationId) {
    match current.get(&id) {
        Some(record) => desired.insert(id, record.clone()),
        None => desired.remove(&id),
    }
}

/// Gives the entries that stay the base plugins of what is planned. All entries that inherit from a plugin share it, so
/// none of them can keep an older definition.
fn share_plugins(desired: &mut State<Entry>, kept: &BTreeSet<IntegrationId>) {
    let made = |entry: &Entry| entry.origin == Origin::Made;
    let planned = desired.iter().filter(|(id, entry)| made(entry) && !kept.contains(id));
    let definitions: BTreeMap<(Role, String), Arc<PluginDefinition>> =
        planned.map(|(_, entry)| ((entry.role, entry.base_plugin().to_owned()), entry.definition.clone())).collect();
    for id in kept {
        let Some(entry) = desired.get(id).filter(|entry| made(entry)) else { continue };
        let definition = definitions.get(&(entry.role, entry.base_plugin().to_owned()));
        if let Some(definition) = definition.filter(|definition| **definition != entry.definition) {
            let entry = Entry { definition: definition.clone(), ..entry.clone() };
            desired.insert(*id, entry);
        }
    }
}

fn all(desired: &Desired, current: &Current) -> Vec<(Slug, IntegrationId)> {
    let rows = [&desired.registry, &current.registry.state];
    let entries = [&desired.meltano, &current.meltano.state];
    let rows = rows.into_iter().flat_map(|state| state.iter().map(|(id, row)| (row.slug().clone(), *id)));
    let entries = entries.into_iter().flat_map(|state| state.iter().map(|(id, entry)| (entry.slug().clone(), *id)));
    rows.chain(entries).collect()
}
