//! The plan: what would change, derived from two snapshots and the files; pure.

pub mod change;
pub mod consequence;
pub mod desired;
pub mod drift;
pub mod guard;
pub mod hand_edit;
pub mod history;
pub mod output;
pub mod price;
pub mod scope;
pub mod selection;
pub mod state;
pub mod step;
pub mod upgrade;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::digest::of_json;
use crate::discovered::ChangedSource;
use crate::integration::Integrations;
use crate::name::{EnvironmentName, FieldPath, IntegrationId, Slug};
use crate::problem::Report;
use crate::record::{Entry, Record, Row};

pub use change::{Change, Difference, FieldChange, SecretChange};
pub use consequence::Consequence;
pub use desired::{Desired, entries, rows};
pub use drift::Drift;
pub use guard::Breach;
pub use hand_edit::HandEdit;
pub use output::{OutputStep, Outputs};
pub use price::{Price, StreamPrice};
pub use scope::Scope;
pub use selection::{Selected, Selection, Selector};
pub use state::{Foreign, Last, LastDocument, Revision, Snapshot, State};
pub use step::Step;
pub use upgrade::PluginUpgrade;

/// What would change in both targets, and the revisions that were read.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The project.
    pub project: String,
    /// The environment whose rows are planned.
    pub environment: EnvironmentName,
    /// Which integrations it is about.
    pub scope: Scope,
    /// What was compared.
    pub compared: Compared,
    /// What to do to the registry.
    pub registry: Step<Row>,
    /// What to do to `meltano.yml`.
    pub meltano: Step<Entry>,
    /// What to do to the other outputs; omitted if there are none, so that older plans keep
    /// their ids.
    #[serde(skip_serializing_if = "Outputs::is_empty")]
    pub outputs: Outputs,
    /// What follows from the changes of each integration, with the reasons.
    pub consequences: BTreeMap<IntegrationId, consequence::Verdict>,
    /// Integrations that stay because they are protected, although no file declares them.
    pub protected: BTreeSet<Slug>,
    /// Integrations that no file declares anymore, but that stay because the plan is partial and does not include them.
    pub spared: BTreeSet<Slug>,
    /// Rows that this project does not own; never touched.
    pub unmanaged: Vec<Foreign>,
    /// What something else has changed since the last apply and does not match the files. The records show that too,
    /// so it is not part of the plan's identity.
    #[serde(skip)]
    pub drift: Vec<Drift>,
    /// Whether something else has changed `meltano.yml` since the last apply here, and it does not match the files.
    #[serde(skip)]
    pub is_edited: bool,
    /// How many integrations exist already, for the guards.
    pub existing: usize,
    /// What was found out beside the comparison, and is not part of the plan's identity.
    #[serde(skip)]
    pub findings: Findings,
}

/// What a plan is about, known before anything is compared.
#[derive(Debug, Clone)]
pub struct Head {
    /// The project.
    pub project: String,
    /// The environment whose rows are planned.
    pub environment: EnvironmentName,
    /// Which integrations it is about.
    pub scope: Scope,
    /// What is compared.
    pub compared: Compared,
    /// Integrations that stay because the plan is partial and does not include them.
    pub spared: BTreeSet<Slug>,
    /// What to do to the other outputs.
    pub outputs: Outputs,
}

/// What was found out beside the comparison: with other keys, on another machine or a minute later it may differ, and the
/// plan is the same. An apply carries out the plan alone; it only asks whether hand edits would be lost.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// What was edited in `meltano.yml` by hand, outside of integrations. A guard refuses to lose it.
    pub hand_edits: Vec<HandEdit>,
    /// What a key holder can see about secrets whose ciphertext changes.
    pub seen: BTreeMap<IntegrationId, BTreeMap<FieldPath, SecretChange>>,
    /// Warnings before an apply, from what is known about the sources.
    pub advice: Arc<Report>,
    /// What reading data again will cost, by integration.
    pub prices: BTreeMap<IntegrationId, Price>,
    /// Sources that do not match their contracts. Apply does nothing about them.
    pub sources: Vec<ChangedSource>,
}

/// The live contents of both targets, as read.
#[derive(Debug, Clone)]
pub struct Current {
    /// The registry.
    pub registry: Snapshot<Row>,
    /// `meltano.yml`
    pub meltano: Snapshot<Entry>,
    /// The text of each output, empty if it does not exist.
    pub outputs: BTreeMap<PathBuf, String>,
    /// What the last apply left in a `meltano.yml` that is not there: whether they are protected, only that file says.
    pub remembered: State<Entry>,
}

/// Which of the two targets a plan compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// The registry and `meltano.yml`.
    Both,
    /// Only `meltano.yml`: the registry is assumed to match the files.
    FileOnly,
}

/// How many integrations a plan changes, each counted once regardless of the number of targets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Summary {
    /// New ones.
    pub create: usize,
    /// Updated ones.
    pub update: usize,
    /// Deleted ones.
    pub delete: usize,
    /// Unchanged ones.
    pub unchanged: usize,
    /// Unmanaged rows and rows of other projects.
    pub unmanaged: usize,
}

impl Plan {
    /// Computes the steps from the live to the desired state.
    #[must_use]
    pub fn new(head: Head, current: &Current, desired: &Desired, integrations: &Integrations, text: String) -> Self {
        let registry = Step::between(&current.registry, &desired.registry, ());
        let meltano = Step::between(&current.meltano, &desired.meltano, text);
        let consequences = consequence::judge(current, &registry, &meltano, integrations, &head.environment);
        // A row that is adopted stays, and is counted as one that is updated.
        let rows = current.registry.state.ids().chain(current.registry.adopted.ids());
        let known: BTreeSet<&IntegrationId> = rows.chain(current.meltano.state.ids()).collect();
        let existing = match head.compared {
            Compared::Both => known.len(),
            Compared::FileOnly => current.meltano.state.len(),
        };
        Self {
            project: head.project,
            environment: head.environment,
            scope: head.scope,
            compared: head.compared,
            consequences,
            protected: desired.protected.clone(),
            outputs: head.outputs,
            spared: head.spared,
            unmanaged: current.registry.foreign.clone(),
            drift: drift::between(current, desired),
            is_edited: current.meltano.is_edited && !meltano.is_empty(),
            existing,
            findings: Findings::default(),
            registry,
            meltano,
        }
    }

    /// Returns the plan with what was found out beside it.
    #[must_use]
    pub fn with(self, findings: Findings) -> Self {
        Self { findings, ..self }
    }

    /// Returns the plan's name: a hash of all it says, of the records' every field and of the revisions.
    #[must_use]
    pub fn id(&self) -> String {
        of_json(self)
    }

    /// Tells whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.registry.is_empty() && self.meltano.is_empty() && self.outputs.steps.is_empty()
    }

    /// Counts what the plan did but what was read afterwards does not show.
    #[must_use]
    pub fn left_in(&self, current: &Current) -> usize {
        let is_left = |step: &&OutputStep| current.outputs.get(&step.path) != Some(&step.after);
        let outputs = self.outputs.steps.iter().filter(is_left).count();
        self.registry.left_in(&current.registry) + self.meltano.left_in(&current.meltano) + outputs
    }

    /// Tells whether something is deleted, or all of its data have to be read again.
    #[must_use]
    pub fn is_destructive(&self) -> bool {
        let worst = self.consequences.values().map(|verdict| verdict.consequence).max();
        worst.is_some_and(|worst| worst >= Consequence::FullRefresh) || self.summary().delete > 0
    }

    /// Returns the ids of all that changes, with the names to show, sorted by name.
    #[must_use]
    pub fn touched(&self) -> Vec<(Slug, IntegrationId)> {
        let rows = self.registry.changes.iter().map(|(id, change)| (change.record().slug().clone(), *id));
        let entries = self.meltano.changes.iter().map(|(id, change)| (change.record().slug().clone(), *id));
        // A rename has two names: the new one is shown, and it is the same in both targets.
        let by_id: BTreeMap<IntegrationId, Slug> = entries.chain(rows).map(|(slug, id)| (id, slug)).collect();
        let mut touched: Vec<_> = by_id.into_iter().map(|(id, slug)| (slug, id)).collect();
        touched.sort();
        touched
    }

    /// Returns what happens to one integration as a whole.
    #[must_use]
    pub fn action(&self, id: &IntegrationId) -> Action {
        let action =
            (self.registry.changes.get(id).map(Change::action), self.meltano.changes.get(id).map(Change::action));
        match action {
            // With a row its bookmarks go, also where the plugin stays as one of another role.
            (Some(Action::Delete), _) => Action::Delete,
            (Some(one), Some(other)) if one == other => one,
            (Some(one), None) | (None, Some(one)) => one,
            _ => Action::Update,
        }
    }

    /// Tells whether the row of an integration was unmanaged.
    #[must_use]
    pub fn adopts(&self, id: &IntegrationId) -> bool {
        matches!(self.registry.changes.get(id), Some(Change::Adopt { .. }))
    }

    /// Returns the fields that a change makes different, with what was seen of secrets.
    #[must_use]
    pub fn fields<R: Record>(&self, id: &IntegrationId, change: &Change<R>) -> Vec<FieldChange> {
        let mut fields = change.fields();
        let Some(seen) = self.findings.seen.get(id) else { return fields };
        for field in &mut fields {
            if let (Difference::Secret(known), Some(seen)) = (&mut field.difference, seen.get(&field.path)) {
                *known = *seen;
            }
        }
        fields
    }

    /// Counts.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut summary = Summary { unmanaged: self.unmanaged.len(), ..Summary::default() };
        for (_, id) in self.touched() {
            match self.action(&id) {
                Action::Create => summary.create += 1,
                Action::Update => summary.update += 1,
                Action::Delete => summary.delete += 1,
            }
        }
        summary.unchanged = self.existing - (self.existing.min(summary.update + summary.delete));
        summary
    }
}

/// What happens to an integration, or to its record in one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It comes.
    Create,
    /// It changes.
    Update,
    /// It goes.
    Delete,
}

#[cfg(test)]
mod tests;
