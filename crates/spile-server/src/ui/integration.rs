//! One integration: its status, its history, and what can be done with it.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::bookmarks;
use super::failure;
use super::form::Posted;
use super::integrations::confirm;
use super::section::{Section, begin, page};
use super::shell::{At, Trouble};
use super::state::next;
use crate::api::find;
use crate::change::Bulk;
use crate::pages::chart;
use crate::pages::when::When;
use crate::pages::words::RunRow;
use crate::refusal::Refusal;
use spile_core::integration::Integration;
use spile_ops::{self as ops, RunSelection};
use spile_world::processes::git;

/// How many entries of its history are shown.
const HISTORY: usize = 12;

/// How many runs its chart shows, and its table.
const RUNS: (usize, usize) = (40, 8);

pub async fn status(at: At, Path(slug): Path<String>) -> Result<Response, Trouble> {
    let one = find(&at.desk, &slug)?.clone();
    let data = status_data(&at, &one, Timestamp::now()).await;
    page(&at, &one, Section::Status, data, None).await
}

pub async fn history(at: At, Path(slug): Path<String>) -> Result<Response, Trouble> {
    let one = find(&at.desk, &slug)?.clone();
    let data = json!({ "history": entries(&at, &one, Timestamp::now()).await });
    page(&at, &one, Section::History, data, None).await
}

async fn status_data(at: &At, one: &Arc<Integration>, now: Timestamp) -> Value {
    let desk = &at.desk;
    let standings = desk.standings().await;
    let standing = standings.as_ref().ok().and_then(|known| known.get(&one.id));
    let which = RunSelection::exactly([one.slug.clone()]);
    let runs = ops::runs(&desk.world, &desk.loaded, &which, RUNS.0).await.unwrap_or_default();
    let rows: Vec<RunRow> = runs.iter().take(RUNS.1).map(|run| RunRow::of(run, now)).collect();
    let here = one.at(&desk.environment);
    json!({
        "facts": {
            "description": here.description, "schedule": here.schedule.as_ref().map(ToString::to_string),
            // Nothing is scheduled before it is applied.
            "next": standing.and_then(|_| next(one, &desk.environment, now)), "is_applied": standing.is_some(), "select": here.select,
            "created": standing.map(|standing| When::exact(standing.created_at)),
        },
        "runs": rows, "charts": [chart::records(&runs), chart::durations(&runs)],
        "bookmarks": bookmarks::section(at, one, &runs, now).await,
        "failure": runs.first().and_then(|run| failure::card(desk, run)),
    })
}

/// Returns the commits of its file and the audit entries about it, newest first.
async fn entries(at: &At, one: &Integration, now: Timestamp) -> Vec<Value> {
    let root = at.desk.world.project.root();
    // A project outside a repository has no commits.
    let commits = git::log(root, &one.path, HISTORY).await.unwrap_or_default();
    let commits = commits.into_iter().map(|said| (said.at, said.author, format!("{} ({})", said.subject, said.commit)));
    let deeds = at.app.audit().newest(Some(&one.slug), HISTORY).unwrap_or_default();
    let deeds = deeds.into_iter().map(|deed| {
        let what = deed.result.map_or_else(|| deed.action.clone(), |result| format!("{}: {result}", deed.action));
        (deed.at, deed.actor, what)
    });
    let mut all: Vec<(Timestamp, String, String)> = commits.chain(deeds).collect();
    all.sort_by(|a, b| b.cmp(a));
    let told = |(when, who, what)| json!({ "when": When::relative(when, now), "who": who, "what": what });
    all.into_iter().take(HISTORY).map(told).collect()
}

pub async fn ask_delete(at: At, Path(slug): Path<String>) -> Result<Response, Trouble> {
    let slug = find(&at.desk, &slug)?.slug.clone();
    confirm(&at, Bulk::Delete, &[slug]).await
}

/// Tests, syncs, enables or disables.
pub async fn act(Path((slug, action)): Path<(String, String)>, posted: Posted) -> Result<Response, Trouble> {
    let at = &posted.at;
    let one = find(&at.desk, &slug)?.clone();
    let action: Bulk = serde_json::from_value(json!(action))
        .map_err(|_| Refusal::new(StatusCode::NOT_FOUND, "spile::http::not_found", "no such action"))?;
    if action == Bulk::Delete {
        return confirm(at, action, std::slice::from_ref(&one.slug)).await;
    }
    match begin(at, action, &one.slug).await {
        Ok(response) => Ok(response),
        Err(refusal) => {
            let data = status_data(at, &one, Timestamp::now()).await;
            page(at, &one, Section::Status, data, Some(&refusal)).await
        }
    }
}
