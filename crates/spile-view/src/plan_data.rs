//! A plan as data: what programs read, what is saved, and what every other view is made of. Later versions only add.

mod build;
mod price;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::changes::SourceData;
use super::report::ProblemData;
pub use price::{PriceData, StreamPriceData};
use spile_core::digest::hash;
use spile_core::name::{IntegrationId, Slug};
use spile_core::phrase::Phrase;
use spile_core::plan::hand_edit::HandEditKind;
use spile_core::plan::{
    Action, Breach, Compared, Consequence, Foreign, PluginUpgrade, Revision, SecretChange, Summary,
};
use spile_core::record::Target;

/// The version of the form.
pub const FORMAT: &str = "1.0";

/// A plan as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanData {
    /// `1.0`; later versions of 1 only add, so a reader may pass over what it does not know.
    pub format_version: String,
    /// The version of the program that made it.
    pub spile_version: String,
    /// The plan's id: a hash of every record before and after, and of both revisions.
    pub id: String,
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// Which integrations it is about, by name; `None` is all of them.
    pub scope: Option<Vec<Slug>>,
    /// The same, where all of them are an empty list.
    pub only: Vec<Slug>,
    /// What was compared.
    pub compared: Compared,
    /// The revisions of both targets.
    pub revisions: Revisions,
    /// How many integrations come, change and go.
    pub summary: Summary,
    /// Whether something is deleted, or all of its data have to be read again.
    pub destructive: bool,
    /// What happens to records, sorted by name.
    pub changes: Vec<ChangeData>,
    /// What changes of plugins' definitions, once for each plugin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upgrades: Vec<PluginUpgrade>,
    /// What happens to files: `meltano.yml` and outputs.
    pub files: Vec<FileData>,
    /// Outputs that are not as the files want them and stay, because the plan is partial.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs_left: Vec<String>,
    /// Integrations that stay because they are protected.
    pub protected: Vec<Slug>,
    /// Integrations that stay because the plan is partial and does not name them.
    pub spared: Vec<Slug>,
    /// Integrations whose row was unmanaged.
    pub adopted: Vec<Slug>,
    /// What something else has changed since the last apply.
    pub drift: Vec<DriftData>,
    /// Whether something else has changed `meltano.yml`.
    pub meltano_edited: bool,
    /// What was edited in `meltano.yml` by hand, outside of integrations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hand_edits: Vec<HandEditData>,
    /// Unmanaged rows and rows of other projects.
    pub unmanaged: Vec<Foreign>,
    /// Guards that apply would run into.
    pub guards: Vec<GuardData>,
    /// Sources that are not what their contracts say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceData>,
    /// What is not a mistake in the files but deserves attention.
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
    /// Whether its row was unmanaged.
    pub adopted: bool,
    /// Whether its row becomes unmanaged again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub released: bool,
    /// The name it had, where it has another one.
    pub renamed_from: Option<Slug>,
    /// What the target calls the record.
    pub title: String,
    /// The connector or the base plugin.
    pub kind: String,
    /// What follows for the data.
    pub consequence: Consequence,
    /// Why, a sentence each.
    pub reasons: Vec<Phrase>,
    /// The streams that are concerned; `*` stands for all of the source.
    pub streams: Vec<String>,
    /// What reading them again will cost, if they are read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceData>,
    /// Where bookmarks go with a rename.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateData>,
    /// The fields that differ; of what comes into or goes out of a file, see its diff.
    pub fields: Vec<FieldData>,
    /// How many fields stay as they are.
    pub unchanged: usize,
    /// How many secrets the record has: those that a new reader could read.
    pub secrets: usize,
}

/// Where bookmarks go with a rename.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateData {
    /// The state id they have.
    pub from: String,
    /// The one they will have.
    pub to: String,
}

/// What happens to one field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FieldData {
    /// A secret: never its values.
    Secret {
        /// The field.
        path: String,
        /// What happens to it.
        secret: SecretChange,
    },
    /// A value that everyone may see.
    Plain {
        /// The field.
        path: String,
        /// As read; null where there was none.
        before: Option<Value>,
        /// To be; null where there will be none.
        after: Option<Value>,
    },
}

impl FieldData {
    /// Returns the field, for example `config.start_date`.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Secret { path, .. } | Self::Plain { path, .. } => path,
        }
    }
}

/// What happens to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileData {
    /// The file, relative to the project.
    pub path: String,
    /// What happens.
    pub action: Action,
    /// The unified diff.
    pub diff: String,
    /// The SHA-256 of what it will be.
    pub sha256: String,
}

/// What something else has done to a record.
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
    /// The fields that are not as they were left, where that is known.
    pub fields: Vec<DriftFieldData>,
}

/// A field that is not as the last apply left it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftFieldData {
    /// The field.
    pub path: String,
    /// As it was left; not of secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Value>,
    /// As it is now; not of secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Value>,
    /// What has happened, where it is a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretChange>,
    /// What the files say to it.
    pub files: spile_core::plan::drift::Files,
}

/// An edit by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandEditData {
    /// What it is about: `utility`, `job`, `schedule`, `environment`, `setting` and so on.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The environment that it stands in, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// `added`, `changed` or `removed`.
    pub edit: HandEditKind,
    /// All of it as a phrase.
    pub phrase: Phrase,
}

/// A guard that apply would run into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardData {
    /// The guard.
    #[serde(flatten)]
    pub breach: Breach,
    /// What acknowledges it.
    pub lifted_by: String,
}

impl PlanData {
    /// Tells whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.files.is_empty()
    }

    /// Returns the flags with which apply passes the guards, as they are typed; none where nothing refuses it.
    #[must_use]
    pub fn flags(&self) -> Vec<String> {
        let lost = self.hand_edits.iter().filter(|edit| edit.edit != HandEditKind::Removed).count();
        let overwrite = (lost > 0).then(|| format!("--allow overwrite={lost}"));
        self.guards.iter().map(|guard| guard.lifted_by.clone()).chain(overwrite).collect()
    }

    /// Returns the changes of each integration, by name.
    #[must_use]
    pub fn integrations(&self) -> Vec<&[ChangeData]> {
        self.changes.chunk_by(|a, b| a.id == b.id).collect()
    }

    /// Returns the plan as it is saved: with the time, and with a digest, by which an edit is noticed. Neither is part of
    /// a plan that is only shown: the same plan has the same bytes.
    #[must_use]
    pub fn sealed(&self, at: Timestamp) -> Value {
        let mut saved = serde_json::to_value(self).unwrap_or_default();
        saved["created_at"] = Value::String(at.to_string());
        saved["digest"] = Value::String(digest(&saved));
        saved
    }
}

/// Returns the digest of a saved plan: the SHA-256 of all it says besides.
#[must_use]
pub fn digest(saved: &Value) -> String {
    let mut rest = saved.clone();
    if let Some(members) = rest.as_object_mut() {
        members.remove("digest");
    }
    hash(rest.to_string().as_bytes())
}

/// Returns what happens to an integration as a whole.
#[must_use]
pub fn action(changes: &[ChangeData]) -> Action {
    match changes {
        [one] => one.action,
        [one, rest @ ..] if rest.iter().all(|other| other.action == one.action) => one.action,
        _ => Action::Update,
    }
}
