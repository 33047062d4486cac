//! The overview: how everything is, what needs a person, and what ran and runs next.

use std::sync::Arc;

use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::integrations::state;
use super::notifications::row;
use super::shell::{At, Trouble};
use crate::pages::timeline::TimelineRow;
use crate::pages::words::RunRow;
use spile_core::connector::Role;
use spile_core::integration::{Integration, Timetable};
use spile_core::run::RunKind;
use spile_view::ago::ago;

/// How many alerts, runs and coming runs are shown.
const MOST: usize = 5;

/// How many of the newest runs are looked at. A day of more than these is shown in part.
const RUNS: usize = 500;

/// The states that are counted, with the words and the tone of their tile.
const STATES: [(&str, &str, &str); 4] = [
    ("active", "Healthy", "good"),
    ("error", "Failing", "bad"),
    ("paused", "Paused", "warn"),
    ("pending", "Never run", ""),
];

pub async fn show(at: At) -> Result<Response, Trouble> {
    let (desk, now) = (&at.desk, Timestamp::now());
    let standings = desk.standings().await;
    let known = standings.as_ref().ok();
    let is_source = |one: &&Arc<Integration>| one.role() == Role::Extractor;
    let sources: Vec<_> = desk.loaded.integrations.by_slug().filter(is_source).collect();
    let standing = |one: &Integration| known.and_then(|known| known.get(&one.id));
    let states: Vec<&str> = sources.iter().map(|one| state(one, &desk.environment, standing(one)).word).collect();
    let tile = |(word, label, tone): (&str, &str, &str)| {
        let count = states.iter().filter(|state| **state == word).count();
        json!({ "state": word, "label": label, "tone": if count == 0 { "" } else { tone }, "count": count })
    };
    // Without a registry, the page shows the files alone.
    let runs = desk.world.runs.newest(None, RUNS).await.unwrap_or_default();
    let seen = desk.seen().await;
    let noticed = at.app.seen().look(&seen, &at.who.subject);
    let unread = noticed.iter().filter(|one| !one.is_read);
    let alerts: Vec<Value> = unread.clone().take(MOST).map(|one| row(desk, one, now)).collect();
    let is_applied = sources.iter().any(|one| standing(one).is_some());
    let has_synced = runs.iter().any(|run| run.kind == RunKind::Sync && run.status.succeeded());
    let steps = [
        ("Add an integration", "/marketplace", !sources.is_empty()),
        ("Apply the plan", "/plan", is_applied),
        ("Sync it", "/integrations", has_synced),
    ];
    let is_new = steps.iter().any(|(.., is_done)| !is_done);
    let next_step = steps.iter().position(|(.., is_done)| !is_done);
    let step = |(place, (label, path, is_done)): (usize, &(&str, &str, bool))| json!({ "label": label, "path": path, "is_done": is_done, "is_next": next_step == Some(place) });
    let recent: Vec<RunRow> = runs.iter().take(MOST).map(|run| RunRow::of(run, now)).collect();
    let data = json!({
        "steps": if is_new { steps.iter().enumerate().map(step).collect::<Vec<_>>() } else { Vec::new() },
        "tiles": STATES.map(tile), "alerts": alerts, "more": unread.count().saturating_sub(MOST),
        "timeline": TimelineRow::all(&runs, now), "runs": recent, "coming": coming(&at, &sources, now),
    });
    at.page("overview.html.j2", "Overview", data).await
}

/// Returns the next scheduled syncs, in the order of their start.
fn coming(at: &At, sources: &[&Arc<Integration>], now: Timestamp) -> Vec<Value> {
    let environment = &at.desk.environment;
    let next = |one: &&Arc<Integration>| {
        let timetable = Timetable::of(one, environment).filter(|_| one.at(environment).enabled)?;
        Some((timetable.next_after(now)?.at, one.slug.clone(), one.base.name.clone()))
    };
    let mut all: Vec<_> = sources.iter().filter_map(next).collect();
    all.sort();
    all.into_iter()
        .take(MOST)
        .map(|(at, slug, name)| json!({ "slug": slug, "name": name, "when": ago(at, now) }))
        .collect()
}
