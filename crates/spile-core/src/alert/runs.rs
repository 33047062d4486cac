//! Alerts from runs: which integrations fail, and which ones work.
//!
//! A successful sync shows that everything works. A successful test only shows that tests work, because no loader takes
//! part.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Alert, Key, Subject};
use crate::integration::{Integration, Integrations};
use crate::name::IntegrationId;
use crate::problem::counted;
use crate::run::{Run, RunKind, RunStatus};
use crate::settings::AlertKind;

/// The newest runs of one integration, by kind and status.
#[derive(Debug, Clone, Default)]
pub struct Ends(BTreeMap<(&'static str, &'static str), Run>);

/// The newest runs of integrations.
#[derive(Debug, Clone, Default)]
pub struct AllEnds(BTreeMap<IntegrationId, Ends>);

impl FromIterator<Run> for AllEnds {
    fn from_iter<I: IntoIterator<Item = Run>>(runs: I) -> Self {
        let mut all = Self::default();
        let says = |run: &Run| run.is_live() && (run.status.succeeded() || run.status == RunStatus::Failed);
        for run in runs.into_iter().filter(says) {
            let key = (run.kind.word(), run.status.word());
            let ends = all.0.entry(run.integration).or_default();
            if ends.0.get(&key).is_none_or(|known| (known.started_at, known.id) <= (run.started_at, run.id)) {
                ends.0.insert(key, run);
            }
        }
        all
    }
}

impl AllEnds {
    /// Returns the newest runs of an integration.
    #[must_use]
    pub fn of(&self, id: &IntegrationId) -> Option<&Ends> {
        self.0.get(id)
    }

    /// Returns which of the enabled integrations fail, and which are healthy.
    #[must_use]
    pub fn seen<'a>(&self, enabled: impl Iterator<Item = &'a Integration>) -> (Vec<Alert>, Vec<Alert>) {
        let (mut alerts, mut well) = (Vec::new(), Vec::new());
        for integration in enabled {
            let Some(ends) = self.of(&integration.id) else { continue };
            if let Some(run) = ends.failing() {
                alerts.push(failure(integration, run));
                continue;
            }
            alerts.extend(ends.warning().map(|run| warning(integration, run)));
            well.extend(ends.successes().map(|run| recovery(integration, run)));
        }
        (alerts, well)
    }

    /// Returns which of the integrations that ran fail, and which are healthy, whether or not the files enable them
    /// now.
    #[must_use]
    pub fn seen_of(&self, integrations: &Integrations) -> (Vec<Alert>, Vec<Alert>) {
        self.seen(self.0.keys().filter_map(|id| integrations.get(id)).map(AsRef::as_ref))
    }
}

impl Ends {
    fn newest(&self, kind: RunKind, status: RunStatus) -> Option<&Run> {
        self.0.get(&(kind.word(), status.word()))
    }

    /// Returns the newest failure without a later success.
    #[must_use]
    pub fn failing(&self) -> Option<&Run> {
        let sync = self.newest_success(RunKind::Sync);
        let test = self.newest_success(RunKind::Test);
        let is_later = |run: &Run, than: &Run| run.started_at > than.started_at;
        let lasts = |run: &&Run| {
            let mended_by_test = run.kind == RunKind::Test && test.is_some_and(|test| is_later(test, run));
            !mended_by_test && !sync.is_some_and(|sync| is_later(sync, run))
        };
        let failed = [RunKind::Sync, RunKind::Test].map(|kind| self.newest(kind, RunStatus::Failed));
        failed.into_iter().flatten().filter(lasts).max_by_key(|run| run.started_at)
    }

    /// Returns the newest sync if it succeeded with a warning.
    #[must_use]
    pub fn warning(&self) -> Option<&Run> {
        self.last_ended_sync().filter(|run| run.status == RunStatus::Warning)
    }

    fn newest_success(&self, kind: RunKind) -> Option<&Run> {
        let both = [RunStatus::Ok, RunStatus::Warning].into_iter().filter_map(|status| self.newest(kind, status));
        both.max_by_key(|run| run.started_at)
    }

    /// Returns the newest sync and the newest test that succeeded.
    fn successes(&self) -> impl Iterator<Item = &Run> {
        [RunKind::Sync, RunKind::Test].into_iter().filter_map(|kind| self.newest_success(kind))
    }

    /// Returns the newest run, whatever its status.
    #[must_use]
    pub fn last(&self) -> Option<&Run> {
        self.0.values().max_by_key(|run| run.started_at)
    }

    /// Returns the newest sync, whatever its status.
    #[must_use]
    pub fn last_ended_sync(&self) -> Option<&Run> {
        self.0.values().filter(|run| run.kind == RunKind::Sync).max_by_key(|run| run.started_at)
    }

    /// Returns the newest sync that succeeded.
    #[must_use]
    pub fn last_sync(&self) -> Option<&Run> {
        self.newest_success(RunKind::Sync)
    }
}

fn warning(integration: &Integration, run: &Run) -> Alert {
    Alert { key: Key::new(AlertKind::Warning, integration.id), ..failure(integration, run) }
}

fn failure(integration: &Integration, run: &Run) -> Alert {
    let error = run.error.clone().unwrap_or_else(|| "it reported no error".to_owned());
    Alert {
        help: run.help().map(str::to_owned),
        command: Some(format!("spile logs {}", integration.slug)),
        ..told_by(integration, run, error)
    }
}

fn recovery(integration: &Integration, run: &Run) -> Alert {
    let sentence = match (run.kind, run.records) {
        (RunKind::Test, _) => "the test succeeds again".to_owned(),
        (RunKind::Sync, None) => "the sync succeeds again".to_owned(),
        (RunKind::Sync, Some(records)) => {
            format!("the sync succeeds again: it moved {}", counted(records, "record"))
        }
    };
    Alert { key: Key::new(AlertKind::Recovery, integration.id), ..told_by(integration, run, sentence) }
}

fn told_by(integration: &Integration, run: &Run, sentence: String) -> Alert {
    Alert {
        key: Key::new(AlertKind::Failure, integration.id),
        integration: Some(Subject::from(integration)),
        since: ended_at(run),
        sentence,
        help: None,
        file: Some(integration.path.clone()),
        command: None,
        run: Some(Box::new(run.clone())),
    }
}

fn ended_at(run: &Run) -> Timestamp {
    run.finished_at.unwrap_or(run.started_at)
}

#[cfg(test)]
mod tests;
