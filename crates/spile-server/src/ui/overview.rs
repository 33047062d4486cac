//! The overview: how everything is, what needs a person, and what ran and runs next.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::notifications::row;
use super::shell::{At, Trouble};
use super::state::{Known, next_tick, state};
use super::unfinished;
use crate::pages::timeline::TimelineRow;
use crate::pages::when::When;
use crate::pages::words::RunRow;
use spile_core::connector::Role;
use spile_core::integration::Integration;
use spile_core::run::{Run, RunKind};

/// How many alerts, runs and coming runs are shown.
const MOST: usize = 5;

/// How many of the newest runs are looked at. A day of more than these is shown in part.
const RUNS: usize = 500;

/// A state that is counted.
#[derive(Serialize)]
struct Tile {
    state: &'static str,
    label: &'static str,
    tone: &'static str,
    count: usize,
}

impl Tile {
    const ALL: [Self; 4] = [
        Self { state: "active", label: "Healthy", tone: "good", count: 0 },
        Self { state: "error", label: "Failing", tone: "bad", count: 0 },
        Self { state: "paused", label: "Paused", tone: "warn", count: 0 },
        Self { state: "pending", label: "Never run", tone: "", count: 0 },
    ];

    /// Counts its state. A tile that counts nothing has no color.
    fn counted(self, states: &[&str]) -> Self {
        let count = states.iter().filter(|state| **state == self.state).count();
        Self { count, tone: if count == 0 { "" } else { self.tone }, ..self }
    }
}

/// A step of a new project.
#[derive(Serialize)]
struct Step {
    label: &'static str,
    path: &'static str,
    is_done: bool,
}

pub async fn show(at: At) -> Result<Response, Trouble> {
    let (desk, now) = (&at.desk, Timestamp::now());
    let standings = desk.standings().await;
    let known = standings.as_ref().ok();
    let is_source = |one: &&Arc<Integration>| one.role() == Role::Extractor;
    let sources: Vec<_> = desk.loaded.integrations.by_slug().filter(is_source).collect();
    let standing = |one: &Integration| known.and_then(|known| known.get(&one.id));
    // Without a registry, the page shows the files alone.
    let runs = desk.world.runs.newest(None, RUNS).await.unwrap_or_default();
    let newest: BTreeMap<_, &Run> = runs.iter().rev().map(|run| (run.integration, run)).collect();
    let known = |one: &Integration| Known { standing: standing(one), newest: newest.get(&one.id).copied() };
    let states: Vec<&str> = sources.iter().map(|one| state(one, &desk.environment, known(one)).word).collect();
    let seen = desk.seen().await;
    let noticed = at.app.seen().look(&seen, &at.who.subject);
    let unread = noticed.iter().filter(|one| !one.is_read);
    let alerts: Vec<Value> = unread.clone().take(MOST).map(|one| row(desk, one, now)).collect();
    let is_applied = sources.iter().any(|one| standing(one).is_some());
    let has_synced = runs.iter().any(|run| run.kind == RunKind::Sync && run.status.succeeded());
    let steps = [
        Step { label: "Add an integration", path: "/marketplace", is_done: !sources.is_empty() },
        Step { label: "Apply the changes", path: "/changes", is_done: is_applied },
        Step { label: "Sync it", path: "/integrations", is_done: has_synced },
    ];
    let next_step = steps.iter().position(|step| !step.is_done);
    let recent: Vec<RunRow> = runs.iter().take(MOST).map(|run| RunRow::of(run, now)).collect();
    let data = json!({
        "unfinished": unfinished::list(&at), "steps": next_step.map(|_| &steps), "next_step": next_step, "tiles": Tile::ALL.map(|tile| tile.counted(&states)),
        "alerts": alerts, "more": unread.count().saturating_sub(MOST),
        "timeline": TimelineRow::all(&runs, now), "runs": recent, "coming": coming(&at, &sources, now),
    });
    at.page("overview.html.j2", "Overview", data).await
}

/// Returns the next scheduled syncs, in the order of their start.
fn coming(at: &At, sources: &[&Arc<Integration>], now: Timestamp) -> Vec<Value> {
    let next = |one: &&Arc<Integration>| {
        let tick = next_tick(one, &at.desk.environment, now)?;
        Some((tick.at, one.slug.clone(), one.base.name.clone()))
    };
    let mut all: Vec<_> = sources.iter().filter_map(next).collect();
    all.sort();
    all.into_iter()
        .take(MOST)
        .map(|(at, slug, name)| json!({ "slug": slug, "name": name, "when": When::relative(at, now) }))
        .collect()
}
