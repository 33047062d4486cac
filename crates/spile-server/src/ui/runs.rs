//! Runs: the list, one run, and its live log.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure;
use super::shell::{At, Trouble, mistake};
use crate::api::{FoundRun, found_run};
use crate::pages::record::{StreamRow, facts};
use crate::pages::render;
use crate::pages::words::RunRow;
use crate::project_view::ProjectView;
use crate::refusal::Refusal;
use spile_core::name::Slug;
use spile_core::run::Run;
use spile_ops::run::Log;
use spile_ops::{self as ops, RunSelection};

/// How many runs are shown.
const MOST: usize = 100;

/// How many lines of a log are shown.
const LINES: usize = 500;

/// How many bytes from the end of a log are searched for them.
const LONGEST: u64 = 256 * 1024;

/// The query of the page.
#[derive(Debug, Deserialize)]
pub struct RunsPageQuery {
    #[serde(default)]
    slug: Option<Slug>,
}

pub async fn list(at: At, wanted: Result<Query<RunsPageQuery>, QueryRejection>) -> Result<Response, Trouble> {
    let Query(wanted) = wanted.map_err(Refusal::from)?;
    let which = wanted.slug.clone().map_or_else(RunSelection::default, |slug| RunSelection::exactly([slug]));
    let runs = ops::runs(&at.desk.world, &at.desk.loaded, &which, MOST).await?;
    let now = Timestamp::now();
    let is_shown = |run: &Run| wanted.slug.as_ref().is_none_or(|slug| run.slug == *slug);
    let waiting = at.app.queue().all().into_iter().filter(is_shown).map(|run| RunRow::waiting(&run, now));
    let rows: Vec<RunRow> = waiting.chain(runs.iter().map(|run| RunRow::of(run, now))).collect();
    at.page("runs.html.j2", "Runs", json!({ "runs": rows, "slug": wanted.slug })).await
}

pub async fn show(at: At, Path(id): Path<String>) -> Result<Response, Trouble> {
    let found = found_run(&at.app, &at.desk, &id).await?;
    let title = format!("{} of {}", found.run.kind.word(), found.run.slug);
    at.page("run.html.j2", &title, data(&at.desk, &found).await?).await
}

/// Renders the part of a run's page that changes while the run is active.
pub async fn live(at: At, Path(id): Path<String>) -> Result<Response, Trouble> {
    let found = found_run(&at.app, &at.desk, &id).await?;
    let html = render("run_live.html.j2", &data(&at.desk, &found).await?).map_err(|error| mistake(&error))?;
    Ok(Html(html).into_response())
}

async fn data(desk: &ProjectView, found: &FoundRun) -> Result<Value, Trouble> {
    let run = &found.run;
    // Only after the end: during the run, the page asks every second.
    let applied = match run.finished_at {
        Some(_) => ops::history::applied_at(&desk.world, run.started_at).await?,
        None => None,
    };
    let log = Log::of(desk.world.project.root(), run).end(LONGEST)?;
    let is_cut = log.len() as u64 == LONGEST;
    let log = String::from_utf8_lossy(&log);
    // The first line of a cut log may be incomplete.
    let all: Vec<&str> = log.lines().skip(usize::from(is_cut)).collect();
    let lines: Vec<String> = all[all.len().saturating_sub(LINES)..].iter().map(|line| said(line)).collect();
    let cut = if is_cut || all.len() > LINES { lines.len() } else { 0 };
    let row = if found.is_waiting { RunRow::waiting } else { RunRow::of };
    let mut row = json!(row(run, Timestamp::now()));
    row["streams"] = json!(StreamRow::all(run));
    row["is_counted"] = json!(!run.details.arrivals.is_empty());
    row["facts"] = json!(facts(run, applied.as_ref()));
    row["failure"] = json!(failure::card(desk, run));
    Ok(json!({ "run": row, "log": lines.join("\n"), "cut": cut, "is_waiting": found.is_waiting }))
}

/// Returns the readable part of a line of Meltano's log.
fn said(line: &str) -> String {
    let Ok(Value::Object(entry)) = serde_json::from_str::<Value>(line) else { return line.to_owned() };
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    if text("event").is_empty() {
        return line.to_owned();
    }
    let time = text("timestamp").split_once('T').map_or("", |(_, time)| time.get(..8).unwrap_or(time));
    let from = entry.get("name").or(entry.get("string_id")).and_then(Value::as_str).unwrap_or_default();
    let level = Some(text("level")).filter(|level| *level != "info").unwrap_or_default();
    let parts = [time, level, from, text("event")].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("  ")
}
