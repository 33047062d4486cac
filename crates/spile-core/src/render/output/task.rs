//! Tasks: integrations in an output, each with everything that is needed to write it again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::streams::{Loaded, LoadedStream};
use crate::connector::Role;
use crate::integration::{CatchUp, Integration, Timing};
use crate::name::{EnvironmentName, Slug};

/// An integration in an output: what runs and when, but no settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The integration's name, the argument of `spile sync`.
    pub slug: Slug,
    /// A preset or a cron expression.
    pub schedule: String,
    /// The time zone of the schedule.
    pub timezone: String,
    /// Its connector.
    pub connector: String,
    /// The loader that its records go to.
    pub loader: Slug,
    /// Words to find and group it by.
    pub tags: BTreeSet<String>,
    /// Its name for people.
    pub name: String,
    /// Its purpose.
    pub description: Option<String>,
    /// Its file, relative to the project.
    pub path: String,
    /// The streams that it reads, in outputs that list them, as far as the files say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<LoadedStream>,
    /// The column of its tables that contains when a row was loaded, in outputs that list streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaded_at: Option<String>,
    /// How its schedule is kept, in outputs that keep it, unless it has neither a jitter nor a rule for missed runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<TaskTiming>,
}

/// The names of UTC.
pub(super) const UTC: [&str; 2] = ["UTC", "Etc/UTC"];

/// How a schedule is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskTiming {
    /// By how many seconds each run may start later.
    pub jitter: u64,
    /// Whether one run makes up for all missed ones, however late.
    pub catches_up: bool,
}

impl Task {
    /// Returns the task of an integration in an environment; `None` if there is nothing to run, or no schedule.
    #[must_use]
    pub fn of(integration: &Integration, environment: &EnvironmentName) -> Option<Self> {
        let declared = integration.at(environment);
        let schedule = declared.schedule.as_ref()?.to_string();
        let loader = declared.loader.clone()?;
        let runs = integration.role() == Role::Extractor && declared.enabled;
        runs.then(|| Self {
            slug: integration.slug.clone(),
            name: declared.name.clone(),
            description: declared.description.clone(),
            connector: integration.connector.head.name.clone(),
            loader,
            schedule,
            timezone: declared.timing.zone_name().to_owned(),
            tags: declared.tags.clone(),
            path: integration.path.display().to_string(),
            streams: Vec::new(),
            loaded_at: None,
            timing: None,
        })
    }

    /// Tells whether its schedule is in UTC.
    pub(super) fn is_in_utc(&self) -> bool {
        UTC.contains(&self.timezone.as_str())
    }

    /// Adds how its schedule is kept.
    pub(super) fn with_timing(self, timing: &Timing) -> Self {
        let kept = TaskTiming { jitter: timing.jitter.as_secs(), catches_up: timing.catch_up == CatchUp::Last };
        Self { timing: Some(kept).filter(|kept| kept.jitter > 0 || !kept.catches_up), ..self }
    }

    /// Adds the streams that it reads.
    pub(super) fn with_streams(self, Loaded { streams, loaded_at }: Loaded) -> Self {
        Self { streams, loaded_at, ..self }
    }
}
