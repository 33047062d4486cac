//! A plan as data: programs read it, saved plans contain it, and every other view is made from it. Later versions only
//! add.

mod build;
mod preview;
mod price;
mod scope_keys;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::changes::SourceData;
use super::report::ProblemData;
pub use preview::{PreviewData, PreviewedStreamData};
pub use price::{PriceData, StreamPriceData};
use spile_core::digest::hash;
use spile_core::integration::Choices;
use spile_core::integration::rotated::Rotation;
use spile_core::name::{FieldPath, IntegrationId, Slug};
use spile_core::phrase::Phrase;
use spile_core::plan::hand_edit::HandEditKind;
use spile_core::plan::{
    Action, Breach, Compared, Consequence, Foreign, PluginUpgrade, Revision, Scope, SecretChange, Summary,
};
use spile_core::record::Target;

/// The version of the format.
pub const FORMAT: &str = "1.0";

/// A plan as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanData {
    /// `1.0`; later versions of 1 only add fields, so readers can ignore unknown ones.
    pub format_version: String,
    /// The version of spile that made the plan.
    pub spile_version: String,
    /// The plan's id: a hash of every record before and after, and of both revisions.
    pub id: String,
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// Which integrations it covers; `scope` and `only` to programs.
    #[serde(flatten, with = "scope_keys")]
    pub scope: Scope,
    /// What was compared.
    pub compared: Compared,
    /// The revisions of both targets.
    pub revisions: Revisions,
    /// How many integrations come, change and go.
    pub summary: Summary,
    /// Whether the plan deletes something, or requires reading all data again.
    pub destructive: bool,
    /// The changes of records, sorted by name.
    pub changes: Vec<ChangeData>,
    /// The changes of plugin definitions, once for each plugin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upgrades: Vec<PluginUpgrade>,
    /// The changes of files: `meltano.yml` and outputs.
    pub files: Vec<FileData>,
    /// Outputs that are outdated and stay so, because the plan is partial.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs_left: Vec<String>,
    /// Integrations that stay because they are protected.
    pub protected: Vec<Slug>,
    /// Integrations that stay because the plan is partial and does not name them.
    pub spared: Vec<Slug>,
    /// Integrations whose row is unmanaged and will be adopted.
    pub adopted: Vec<Slug>,
    /// What the command line asked for about streams that would be read again; omitted if it asked for nothing.
    #[serde(default, skip_serializing_if = "Choices::is_empty")]
    pub choices: Choices,
    /// Changes by something else since the last apply.
    pub drift: Vec<DriftData>,
    /// Whether something else has changed `meltano.yml`.
    pub meltano_edited: bool,
    /// Edits by hand in `meltano.yml`, outside of integrations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hand_edits: Vec<HandEditData>,
    /// Unmanaged rows and rows of other projects.
    pub unmanaged: Vec<Foreign>,
    /// Guards that make apply refuse the plan.
    pub guards: Vec<GuardData>,
    /// Sources that differ from their contracts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceData>,
    /// Secrets that sources have rotated since they were set in the files; never their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rotated: Vec<Rotation>,
    /// The first records of the sources that change, if the command line asked for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previews: Vec<PreviewData>,
    /// Warnings.
    pub problems: Vec<ProblemData>,
}

/// The revisions that a plan was worked out from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revisions {
    /// That of `meltano.yml`.
    pub meltano: Revision,
    /// That of the registry.
    pub registry: Revision,
}

impl Revisions {
    /// Returns that of a target.
    #[must_use]
    pub fn of(&self, target: Target) -> &Revision {
        match target {
            Target::Registry => &self.registry,
            Target::MeltanoFile => &self.meltano,
        }
    }
}

/// What happens to one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeData {
    /// The integration.
    pub slug: Slug,
    /// Its id.
    pub id: IntegrationId,
    /// Where.
    pub target: Target,
    /// What happens.
    pub action: Action,
    /// Whether the row is unmanaged and will be adopted.
    pub adopted: bool,
    /// Whether the row becomes unmanaged again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub released: bool,
    /// The previous name, if the change renames the integration.
    pub renamed_from: Option<Slug>,
    /// The target's name for the record.
    pub title: String,
    /// The connector or the base plugin.
    pub kind: String,
    /// The consequence for the data.
    pub consequence: Consequence,
    /// Why, a sentence each.
    pub reasons: Vec<Phrase>,
    /// The streams that are concerned; `*` stands for all of the source.
    pub streams: Vec<String>,
    /// Streams that are not read again because somebody chose that: older rows keep their values. Omitted if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forward_only: Vec<String>,
    /// Streams that are read again from a date on because somebody chose that, with the date. Omitted if there are none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub backfill: BTreeMap<String, String>,
    /// What reading them again will cost, if they are read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceData>,
    /// Where bookmarks go with a rename.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateData>,
    /// The fields that differ; empty for new and deleted entries of a file, which are in its diff.
    pub fields: Vec<FieldData>,
    /// How many fields stay unchanged.
    pub unchanged: usize,
    /// How many secrets the record has, all of which a new recipient could read.
    pub secrets: usize,
}

/// The move of bookmarks after a rename.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateData {
    /// The current state ID.
    pub from: String,
    /// The new state ID.
    pub to: String,
}

/// The change of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FieldData {
    /// A secret; its values never appear.
    Secret {
        /// The field.
        path: FieldPath,
        /// What happens to it.
        secret: SecretChange,
    },
    /// A value that is not secret.
    Plain {
        /// The field.
        path: FieldPath,
        /// As read; null where there was none.
        before: Option<Value>,
        /// The desired value; null if the field will be removed.
        after: Option<Value>,
    },
}

impl FieldData {
    /// Returns the field, for example `config.start_date`.
    #[must_use]
    pub fn path(&self) -> &FieldPath {
        match self {
            Self::Secret { path, .. } | Self::Plain { path, .. } => path,
        }
    }
}

/// The change of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileData {
    /// The file, relative to the project.
    pub path: String,
    /// The action.
    pub action: Action,
    /// The unified diff.
    pub diff: String,
    /// The SHA-256 of the new content.
    pub sha256: String,
}

/// A change of a record by something else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftData {
    /// The integration.
    pub slug: Slug,
    /// Its id.
    pub id: IntegrationId,
    /// Where.
    pub target: Target,
    /// `changed`, `removed` or `added`.
    pub kind: spile_core::plan::drift::DriftKind,
    /// The fields that differ from the last apply, if known.
    pub fields: Vec<DriftFieldData>,
}

/// A field that differs from the last apply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftFieldData {
    /// The field.
    pub path: FieldPath,
    /// As it was left; not of secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Value>,
    /// The live value; omitted for secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Value>,
    /// The kind of change, for a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretChange>,
    /// How the files compare with the live value.
    pub files: spile_core::plan::drift::Files,
}

/// An edit by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandEditData {
    /// The kind of part: `utility`, `job`, `schedule`, `environment`, `setting` and so on.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The environment it belongs to, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// `added`, `changed` or `removed`.
    pub edit: HandEditKind,
    /// All of it as a phrase.
    pub phrase: Phrase,
}

/// A guard that makes apply refuse the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardData {
    /// The guard.
    #[serde(flatten)]
    pub breach: Breach,
    /// The flag that lifts it.
    pub lifted_by: String,
}

impl PlanData {
    /// Tells whether the plan has no changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.files.is_empty()
    }

    /// Returns the flags that lift all guards, as they are typed; empty if apply would not refuse.
    #[must_use]
    pub fn flags(&self) -> Vec<String> {
        let lost = self.hand_edits.iter().filter(|edit| edit.edit != HandEditKind::Removed).count();
        let overwrite = (lost > 0).then(|| format!("--allow overwrite={lost}"));
        self.guards.iter().map(|guard| guard.lifted_by.clone()).chain(overwrite).collect()
    }

    /// Returns the changes of each integration, sorted by name.
    #[must_use]
    pub fn integrations(&self) -> Vec<&[ChangeData]> {
        self.changes.chunk_by(|a, b| a.id == b.id).collect()
    }

    /// Returns the plan in its saved form: with the time, and with a digest that reveals edits. A plan that is only
    /// shown has neither: the same plan has the same bytes.
    #[must_use]
    pub fn sealed(&self, at: Timestamp) -> Value {
        let mut saved = serde_json::to_value(self).unwrap_or_default();
        saved["created_at"] = Value::String(at.to_string());
        saved["digest"] = Value::String(digest(&saved));
        saved
    }
}

/// Returns the digest of a saved plan: the SHA-256 of everything else in it.
#[must_use]
pub fn digest(saved: &Value) -> String {
    let mut rest = saved.clone();
    if let Some(members) = rest.as_object_mut() {
        members.remove("digest");
    }
    hash(rest.to_string().as_bytes())
}

/// Returns the overall action on an integration.
#[must_use]
pub fn action(changes: &[ChangeData]) -> Action {
    match changes {
        [one] => one.action,
        [one, rest @ ..] if rest.iter().all(|other| other.action == one.action) => one.action,
        _ => Action::Update,
    }
}
