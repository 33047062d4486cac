//! What many runs of an integration come to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{Cause, Run, RunKind, RunStatus};
use crate::name::{IntegrationId, Slug};

/// What the syncs of an integration come to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// The integration, by its newest name.
    pub slug: Slug,
    /// How many have ended, by themselves.
    pub syncs: usize,
    /// How many of them failed.
    pub failed: usize,
    /// How many records they moved.
    pub records: u64,
    /// How long half of those that went well took at most, in seconds.
    pub median_seconds: Option<f64>,
    /// How long the longest of them took, in seconds.
    pub longest_seconds: Option<f64>,
    /// When the newest that went well ended.
    pub last_ok: Option<Timestamp>,
    /// What kinds of failures there were, and how many of each.
    pub causes: BTreeMap<Cause, usize>,
}

/// Returns what runs, newest first, come to, by integration, sorted by name.
#[must_use]
pub fn stats(runs: &[Run]) -> Vec<Stats> {
    let mut by_integration: BTreeMap<IntegrationId, Vec<&Run>> = BTreeMap::new();
    let ended = |run: &&Run| matches!(run.status, RunStatus::Ok | RunStatus::Failed) && run.kind == RunKind::Sync;
    for run in runs.iter().filter(ended) {
        by_integration.entry(run.integration).or_default().push(run);
    }
    let mut all: Vec<Stats> = by_integration.values().filter_map(|runs| of(runs)).collect();
    all.sort_by(|a, b| a.slug.cmp(&b.slug));
    all
}

fn of(runs: &[&Run]) -> Option<Stats> {
    let newest = runs.first()?;
    let went_well = || runs.iter().filter(|run| run.status == RunStatus::Ok);
    let mut seconds: Vec<f64> = went_well().filter_map(|run| run.seconds()).collect();
    seconds.sort_by(f64::total_cmp);
    let mut causes = BTreeMap::new();
    for cause in runs.iter().filter_map(|run| run.cause) {
        *causes.entry(cause).or_default() += 1;
    }
    Some(Stats {
        slug: newest.slug.clone(),
        syncs: runs.len(),
        failed: runs.len() - went_well().count(),
        records: runs.iter().filter_map(|run| run.records).sum(),
        median_seconds: seconds.get(seconds.len() / 2).copied(),
        longest_seconds: seconds.last().copied(),
        last_ok: went_well().filter_map(|run| run.finished_at).max(),
        causes,
    })
}
