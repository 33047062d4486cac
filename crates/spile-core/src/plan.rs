//! The plan: what would change, derived from two snapshots and the files. Pure.

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
pub mod snapshot;
pub mod step;
pub mod upgrade;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::digest::of_json;
use crate::discovered::ChangedSource;
use crate::integration::rotated::Rotation;
use crate::integration::{Choices, Integrations};
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
pub use snapshot::{Foreign, Last, LastDocument, Revision, Snapshot, State};
pub use step::Step;
pub use upgrade::PluginUpgrade;

/// The changes to both targets, and the revisions that they are based on.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The project.
    pub project: String,
    /// The environment whose rows are planned.
    pub environment: EnvironmentName,
    /// Which integrations it covers.
    pub scope: Scope,
    /// The targets that were compared.
    pub compared: Compared,
    /// The changes to the registry.
    pub registry: Step<Row>,
    /// The changes to `meltano.yml`.
    pub meltano: Step<Entry>,
    /// The changes to the other outputs. Omitted if there are none, so that older plans keep their ids.
    #[serde(skip_serializing_if = "Outputs::is_empty")]
    pub outputs: Outputs,
    /// The consequences of the changes to each integration, with reasons.
    pub consequences: BTreeMap<IntegrationId, consequence::Verdict>,
    /// What was asked for, besides what files choose, about streams that would be read again.
    #[serde(skip_serializing_if = "Choices::is_empty")]
    pub asked: Choices,
    /// Integrations that no file declares, but that stay because they are protected.
    pub protected: BTreeSet<Slug>,
    /// Integrations that no file declares anymore, but that stay because the plan is partial and does not include them.
    pub spared: BTreeSet<Slug>,
    /// Rows that this project does not own. Never touched.
    pub unmanaged: Vec<Foreign>,
    /// Changes that something else made since the last apply and that do not match the files. Not part of the plan's
    /// identity, because the records show them too.
    #[serde(skip)]
    pub drift: Vec<Drift>,
    /// Whether something else changed `meltano.yml` since the last apply here, so that it does not match the files.
    #[serde(skip)]
    pub is_edited: bool,
    /// How many integrations exist already, for the guards.
    pub existing: usize,
    /// Findings beyond the comparison. Not part of the plan's identity.
    #[serde(skip)]
    pub findings: Findings,
}

/// The part of a plan that is known before anything is compared.
#[derive(Debug, Clone)]
pub struct Head {
    /// The project.
    pub project: String,
    /// The environment whose rows are planned.
    pub environment: EnvironmentName,
    /// Which integrations it covers.
    pub scope: Scope,
    /// The targets that are compared.
    pub compared: Compared,
    /// Integrations that stay because the plan is partial and does not include them.
    pub spared: BTreeSet<Slug>,
    /// The changes to the other outputs.
    pub outputs: Outputs,
    /// What happens to streams that would be read again, by integration.
    pub choices: BTreeMap<IntegrationId, Choices>,
    /// What of that was asked for besides what files choose.
    pub asked: Choices,
}

/// Findings beyond the comparison. They may differ with other keys, on another machine or a minute later, although the
/// plan is the same. An apply carries out only the plan; of the findings, it only checks whether hand edits would be
/// lost.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Edits by hand in `meltano.yml` outside of integrations. A guard protects them.
    pub hand_edits: Vec<HandEdit>,
    /// What a key holder can see about secrets whose ciphertexts change.
    pub seen: BTreeMap<IntegrationId, BTreeMap<FieldPath, SecretChange>>,
    /// Warnings before an apply, from what is known about the sources.
    pub advice: Arc<Report>,
    /// The cost of reading data again, by integration.
    pub prices: BTreeMap<IntegrationId, Price>,
    /// Sources that do not match their contracts. Apply ignores them.
    pub sources: Vec<ChangedSource>,
    /// Secrets that sources have rotated since they were set in the files. Apply ignores them.
    pub rotated: Vec<Rotation>,
}

/// The live contents of both targets, as read.
#[derive(Debug, Clone)]
pub struct Current {
    /// The registry.
    pub registry: Snapshot<Row>,
    /// `meltano.yml`
    pub meltano: Snapshot<Entry>,
    /// The text of each output; empty if it does not exist.
    pub outputs: BTreeMap<PathBuf, String>,
    /// The entries of the last apply, if `meltano.yml` is missing: only that file records which entries are protected.
    pub remembered: State<Entry>,
}

/// The targets that a plan compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// The registry and `meltano.yml`.
    Both,
    /// Only `meltano.yml`: the registry is assumed to match the files.
    FileOnly,
}

/// How many integrations a plan changes. Each counts once, regardless of the number of targets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Summary {
    /// New integrations.
    pub create: usize,
    /// Updated integrations.
    pub update: usize,
    /// Deleted integrations.
    pub delete: usize,
    /// Unchanged integrations.
    pub unchanged: usize,
    /// Unmanaged rows and rows of other projects.
    pub unmanaged: usize,
}

impl Plan {
    /// Computes the steps from the live state to the desired state.
    #[must_use]
    pub fn new(head: Head, current: &Current, desired: &Desired, integrations: &Integrations, text: String) -> Self {
        let registry = Step::between(&current.registry, &desired.registry, ());
        let meltano = Step::between(&current.meltano, &desired.meltano, text);
        let consequences = consequence::judge(current, &registry, &meltano, integrations, &head);
        // An adopted row exists already, and counts as updated.
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
            asked: head.asked,
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

    /// Returns the plan with findings.
    #[must_use]
    pub fn with(self, findings: Findings) -> Self {
        Self { findings, ..self }
    }

    /// Returns the plan's id: a hash of its whole content, including all fields of the records and the revisions.
    #[must_use]
    pub fn id(&self) -> String {
        of_json(self)
    }

    /// Tells whether somebody chose what happens to a stream that would be read again.
    #[must_use]
    pub fn has_choices(&self) -> bool {
        self.consequences.values().any(consequence::Verdict::has_choices)
    }

    /// Tells whether the plan changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.registry.is_empty() && self.meltano.is_empty() && self.outputs.steps.is_empty()
    }

    /// Counts the changes of the plan that a later reading of the targets does not show.
    #[must_use]
    pub fn left_in(&self, current: &Current) -> usize {
        let is_left = |step: &&OutputStep| current.outputs.get(&step.path) != Some(&step.after);
        let outputs = self.outputs.steps.iter().filter(is_left).count();
        self.registry.left_in(&current.registry) + self.meltano.left_in(&current.meltano) + outputs
    }

    /// Tells whether the plan deletes an integration, or makes one read all its data again.
    #[must_use]
    pub fn is_destructive(&self) -> bool {
        let worst = self.consequences.values().map(|verdict| verdict.consequence).max();
        worst.is_some_and(|worst| worst >= Consequence::FullRefresh) || self.summary().delete > 0
    }

    /// Returns the ids of all integrations that change, with their names, sorted by name.
    #[must_use]
    pub fn touched(&self) -> Vec<(Slug, IntegrationId)> {
        let rows = self.registry.changes.iter().map(|(id, change)| (change.record().slug().clone(), *id));
        let entries = self.meltano.changes.iter().map(|(id, change)| (change.record().slug().clone(), *id));
        // A rename has two names. The new one is shown, which is the same in both targets.
        let by_id: BTreeMap<IntegrationId, Slug> = entries.chain(rows).map(|(slug, id)| (id, slug)).collect();
        let mut touched: Vec<_> = by_id.into_iter().map(|(id, slug)| (slug, id)).collect();
        touched.sort();
        touched
    }

    /// Returns what happens to one integration across both targets.
    #[must_use]
    pub fn action(&self, id: &IntegrationId) -> Action {
        let action =
            (self.registry.changes.get(id).map(Change::action), self.meltano.changes.get(id).map(Change::action));
        match action {
            // Deleting a row deletes its bookmarks, even if the plugin stays with another role.
            (Some(Action::Delete), _) => Action::Delete,
            (Some(one), Some(other)) if one == other => one,
            (Some(one), None) | (None, Some(one)) => one,
            _ => Action::Update,
        }
    }

    /// Tells whether the plan adopts the row of an integration.
    #[must_use]
    pub fn adopts(&self, id: &IntegrationId) -> bool {
        matches!(self.registry.changes.get(id), Some(Change::Adopt { .. }))
    }

    /// Returns the fields that a change affects, with what is known about secrets.
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

    /// Counts the changes.
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
    /// It is created.
    Create,
    /// It is updated, adopted or released, or different things happen to it in the two targets.
    Update,
    /// It is deleted.
    Delete,
}

#[cfg(test)]
mod tests;
