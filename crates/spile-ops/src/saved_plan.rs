//! Saved plans: a plan file is a receipt of what was reviewed. Apply computes the plan again, and the result must be the
//! same.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use miette::Diagnostic;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::plan::Options;
use spile_core::integration::Choices;
use spile_core::name::{EnvironmentName, Slug};
use spile_core::plan::{Compared, Scope, Selection};

/// The major version of the formats that this program reads.
const MAJOR: &str = "1.";

/// The parts of a saved plan that decide whether and how it is applied.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SavedPlan {
    /// Its id.
    pub id: String,
    /// The project it is for.
    pub project: String,
    /// The environment it is for.
    pub environment: EnvironmentName,
    /// When it was made.
    pub created_at: Timestamp,
    /// The integrations that it covers.
    #[serde(default, deserialize_with = "scope")]
    pub scope: Scope,
    /// Integrations that adopt an unmanaged row.
    pub adopted: BTreeSet<Slug>,
    /// Integrations that no file declares and that the plan leaves unchanged.
    pub spared: BTreeSet<Slug>,
    /// The targets that were compared.
    pub compared: Compared,
    /// What was asked for about streams that would be read again.
    #[serde(default)]
    pub choices: Choices,
}

/// The reason why a saved plan cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SavedPlanError {
    /// The file is not a plan.
    #[error("the file is not a saved plan: {what}")]
    #[diagnostic(code(spile::plan::file), help("write it again with `spile plan --out FILE`"))]
    Form {
        /// What is wrong with it.
        what: String,
    },
    /// The file has a format that this program cannot read.
    #[error("the plan has format {found}, but this program reads 1.x")]
    #[diagnostic(code(spile::plan::file_version), help("plan and apply with the same version of spile"))]
    Version {
        /// Its version.
        found: String,
    },
    /// The file has been changed.
    #[error("the plan file was changed after it was written: its digest does not match")]
    #[diagnostic(
        code(spile::plan::file_edited),
        help("change the project's files instead, and write the plan again with `spile plan --out FILE`")
    )]
    Edited,
    /// The plan is for another project.
    #[error("the plan is for the project `{found}`, but this is `{here}`")]
    #[diagnostic(code(spile::plan::file_project), help("apply it in its own project, with `-C DIR`"))]
    Project {
        /// The plan's project.
        found: String,
        /// The current project.
        here: String,
    },
    /// The plan is for another environment.
    #[error("the plan is for the environment `{found}`, not `{asked}`")]
    #[diagnostic(code(spile::plan::file_environment), help("remove `--env`: the plan has its environment"))]
    Environment {
        /// The plan's environment.
        found: EnvironmentName,
        /// The environment on the command line.
        asked: String,
    },
    /// The plan is too old.
    #[error("the plan was made {} ago, and the maximum age is {}", spoken(*age), spoken(*most))]
    #[diagnostic(
        code(spile::plan::file_age),
        help("make a new plan with `spile plan --out FILE` and have it reviewed")
    )]
    TooOld {
        /// Its age.
        age: SignedDuration,
        /// The maximum age.
        most: SignedDuration,
    },
    /// The plan was made without the registry.
    #[error("the plan was made offline, without the registry")]
    #[diagnostic(code(spile::plan::file_offline), help("make the plan without `--offline`"))]
    Offline,
}

impl SavedPlan {
    /// Reads a plan file. Returns the parts that decide about its use, and its JSON. `digest` computes the digest of a
    /// file's JSON.
    ///
    /// # Errors
    /// When it is not a plan, has another format, or was changed.
    pub fn read(bytes: &[u8], digest: fn(&Value) -> String) -> Result<(Self, Value), SavedPlanError> {
        let saved: Value = serde_json::from_slice(bytes).map_err(|error| form(&error))?;
        let found = saved["format_version"].as_str().filter(|_| saved["changes"].is_array());
        let found = found.ok_or_else(|| SavedPlanError::Form { what: "it is other JSON".to_owned() })?;
        if !found.starts_with(MAJOR) {
            return Err(SavedPlanError::Version { found: found.to_owned() });
        }
        if saved["digest"].as_str() != Some(&digest(&saved)) {
            return Err(SavedPlanError::Edited);
        }
        let plan = Self::deserialize(&saved).map_err(|error| form(&error))?;
        Ok((plan, saved))
    }

    /// Refuses a plan that is for another project, was made offline, or is too old.
    ///
    /// # Errors
    /// When the plan is refused.
    pub fn check(&self, here: &str, now: Timestamp, most: Option<SignedDuration>) -> Result<(), SavedPlanError> {
        if self.project != here {
            return Err(SavedPlanError::Project { found: self.project.clone(), here: here.to_owned() });
        }
        if self.compared == Compared::FileOnly {
            return Err(SavedPlanError::Offline);
        }
        // A creation time in the future counts as an age too, so that a wrong clock does not make a plan valid for longer.
        let age = now.duration_since(self.created_at).abs();
        match most.filter(|most| age > *most) {
            Some(most) => Err(SavedPlanError::TooOld { age, most }),
            None => Ok(()),
        }
    }

    /// Returns the options to make the same plan again.
    #[must_use]
    pub fn options(&self) -> Options {
        let everything = Options::everything(self.environment.clone());
        let selection = Selection { spared: self.spared.clone(), ..Selection::again(&self.scope) };
        Options { selection, adopt: self.adopted.clone(), choices: self.choices.clone(), ..everything }
    }
}

/// Reads a scope: the names, or null for all integrations.
fn scope<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scope, D::Error> {
    Option::<BTreeSet<Slug>>::deserialize(deserializer).map(Scope::from)
}

fn form(error: &serde_json::Error) -> SavedPlanError {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it is truncated".to_owned(),
        serde_json::error::Category::Syntax => format!("it is not JSON from line {} on", error.line()),
        serde_json::error::Category::Data | serde_json::error::Category::Io => error.to_string(),
    };
    SavedPlanError::Form { what }
}

/// Returns a duration as people write it, in whole seconds: `1h 30m`.
pub(crate) fn spoken(duration: SignedDuration) -> String {
    format!("{:#}", SignedDuration::from_secs(duration.as_secs()))
}
