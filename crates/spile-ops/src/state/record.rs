//! What is remembered of states: what runs began with and left, and what changes by hand did.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Scope, StateError};
use crate::Error;
use spile_core::integration::Integration;
use spile_core::name::Slug;
use spile_core::run::{Run, RunKind};
use spile_core::state::change::StateChange;
use spile_core::state::{Difference, SingerState, differences};
use spile_world::StateChanges;

/// How many runs and changes are looked through for an id.
const LOOKED_THROUGH: usize = 1000;

/// A run or a change that found a state and left one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Entry {
    /// A sync.
    Sync(Box<Run>),
    /// A change by hand.
    Change(Box<StateChange>),
}

/// Which state of an entry is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that it found.
    Before,
    /// The one that it left.
    After,
}

impl Side {
    fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

impl Entry {
    /// Returns its id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        match self {
            Self::Sync(run) => run.id,
            Self::Change(change) => change.id,
        }
    }

    /// Returns when it was.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Sync(run) => run.started_at,
            Self::Change(change) => change.at,
        }
    }

    /// Returns the state that it found or left; of a change `None` is a state that was not there.
    ///
    /// # Errors
    /// When a run's was not kept.
    pub fn state(&self, side: Side) -> Result<Option<SingerState>, StateError> {
        match self {
            Self::Sync(run) => of_run(run, side).map(Some),
            Self::Change(change) => of_change(change, side),
        }
    }

    /// Returns the state that it left, as plain values; `None` where that is not known.
    pub(super) fn left(&self) -> Option<Value> {
        match self {
            Self::Sync(run) => run.bookmark_after.clone(),
            Self::Change(change) => {
                let text = change.after.as_deref().unwrap_or("{}");
                serde_json::from_str(text).ok()
            }
        }
    }
}

fn of_run(run: &Run, side: Side) -> Result<SingerState, StateError> {
    let value = match side {
        Side::Before => &run.bookmark_before,
        Side::After => &run.bookmark_after,
    };
    let not_kept = |why| StateError::NotKept { run: run.id, side: side.word(), why };
    let value = value.as_ref();
    let value = value.ok_or_else(|| not_kept("it had none, or one that is larger than 64 KiB"))?;
    SingerState::of_run(value).ok_or_else(|| not_kept("it has numbers that are too large to be stored with a run"))
}

fn of_change(change: &StateChange, side: Side) -> Result<Option<SingerState>, StateError> {
    let text = match side {
        Side::Before => &change.before,
        Side::After => &change.after,
    };
    let unreadable = |error: spile_core::state::NotJson| StateError::Unreadable {
        slug: change.slug.clone(),
        why: error.to_string(),
    };
    text.as_deref().map(SingerState::parse).transpose().map_err(unreadable)
}

/// Returns what is remembered of the states of an integration, the newest first.
///
/// # Errors
/// When nothing has that name, or the registry cannot be read.
pub async fn history(scope: Scope<'_>, slug: &str, most: usize) -> Result<Vec<Entry>, Error> {
    let integration = scope.loaded.named(slug)?;
    entries_of(scope, integration, most).await
}

pub(super) async fn entries_of(scope: Scope<'_>, of: &Integration, most: usize) -> Result<Vec<Entry>, Error> {
    let Scope { world, options, .. } = scope;
    let runs = world.runs.newest_live(of.id, most).await?;
    let runs = runs.into_iter().filter(|run| run.kind == RunKind::Sync);
    let changes = StateChanges::of(world).newest(of.id, &options.environment, most).await?;
    let mut entries: Vec<Entry> = runs.map(|run| Entry::Sync(Box::new(run))).collect();
    entries.extend(changes.into_iter().map(|change| Entry::Change(Box::new(change))));
    entries.sort_by_key(|entry| std::cmp::Reverse((entry.at(), entry.id())));
    entries.truncate(most);
    Ok(entries)
}

/// Finds the run or the change of an integration whose id begins so.
pub(super) async fn find(scope: Scope<'_>, of: &Integration, id: &str) -> Result<Entry, Error> {
    let entries = entries_of(scope, of, LOOKED_THROUGH).await?;
    let help = || format!("run `spile state history {}` to list them", of.slug);
    only(entries, id, Some(&of.slug), help)
}

/// Returns what is different between the states that two runs or changes left.
///
/// # Errors
/// When there is no such run or change, or its state was not kept.
pub async fn between(scope: Scope<'_>, one: &str, other: &str) -> Result<Vec<Difference>, Error> {
    let mut all = Vec::new();
    for integration in scope.loaded.integrations.by_slug() {
        all.extend(entries_of(scope, integration, LOOKED_THROUGH).await?);
    }
    let help = || "run `spile state history SLUG` to list them".to_owned();
    let one = only(all.clone(), one, None, help)?;
    let other = only(all, other, None, help)?;
    let [one, other] = [one.state(Side::After)?, other.state(Side::After)?];
    Ok(differences(one.as_ref(), other.as_ref()))
}

fn only(entries: Vec<Entry>, id: &str, of: Option<&Slug>, help: impl FnOnce() -> String) -> Result<Entry, Error> {
    let wanted = id.to_lowercase();
    let is_meant = |entry: &Entry| !wanted.is_empty() && entry.id().to_string().starts_with(&wanted);
    let mut found = entries.into_iter().filter(is_meant);
    match (found.next(), found.next()) {
        (Some(entry), None) => Ok(entry),
        (Some(_), Some(_)) => Err(StateError::Ambiguous { id: id.to_owned() }.into()),
        (None, _) => Err(StateError::Unknown { id: id.to_owned(), of: of.cloned(), help: help() }.into()),
    }
}
