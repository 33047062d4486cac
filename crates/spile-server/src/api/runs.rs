//! Starts, lists and shows runs.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::integrations::find;
use crate::app::App;
use crate::caller::{Caller, Role};
use crate::change;
use crate::project_view::ProjectView;
use crate::refusal::Refusal;
use crate::start_run::RunRequest;
use spile_core::name::Slug;
use spile_core::run::{Run, RunKind, RunStatus, StreamFilter};
use spile_ops::run::From;
use spile_ops::{self as ops, Error, RunSelection};

/// The default and the largest number of runs in a response.
const MOST: (usize, usize) = (50, 1000);

/// The longest that a request waits for a run, in seconds.
const LONGEST: u64 = 100;

/// How long a request waits for its run.
#[derive(Debug, Deserialize)]
pub struct Wait {
    /// In seconds; 0 does not wait.
    wait: Option<u64>,
}

/// What a sync reads, and how long a request waits for it.
#[derive(Debug, Deserialize)]
pub struct SyncQuery {
    /// In seconds; 0 does not wait.
    wait: Option<u64>,
    /// Only the streams of these names or patterns, separated by commas.
    stream: Option<String>,
    /// `true` reads everything again; names of streams, separated by commas, only those.
    full_refresh: Option<String>,
}

impl SyncQuery {
    /// Returns the sync that it asks for.
    fn request(&self, slug: &Slug) -> RunRequest {
        let names = |text: &Option<String>| -> Vec<String> {
            let names = text.iter().flat_map(|text| text.split(',')).map(str::trim);
            names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        let (from, refresh) = match self.full_refresh.as_deref() {
            Some("true") => (From::Beginning, Vec::new()),
            None | Some("false") => (From::Bookmark, Vec::new()),
            Some(_) => (From::Bookmark, names(&self.full_refresh)),
        };
        let streams = StreamFilter { only: names(&self.stream), refresh };
        RunRequest { kind: RunKind::Sync, slug: slug.clone(), streams, from }
    }
}

/// The query of a list of runs.
#[derive(Debug, Deserialize)]
pub struct RunsQuery {
    /// Only runs of this integration.
    integration: Option<Slug>,
    /// The largest number to return, newest first.
    limit: Option<usize>,
}

pub async fn test(
    who: Caller,
    State(app): State<App>,
    Path(id): Path<String>,
    wait: Result<Query<Wait>, QueryRejection>,
) -> Result<Response, Refusal> {
    let seconds = wait?.0.wait.unwrap_or(LONGEST);
    begin(&who, &app, &id, seconds, |slug| RunRequest::of(RunKind::Test, slug)).await
}

pub async fn sync(
    who: Caller,
    State(app): State<App>,
    Path(id): Path<String>,
    query: Result<Query<SyncQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let query = query?.0;
    begin(&who, &app, &id, query.wait.unwrap_or(0), |slug| query.request(slug)).await
}

async fn begin(
    who: &Caller,
    app: &App,
    id: &str,
    seconds: u64,
    ask: impl FnOnce(&Slug) -> RunRequest,
) -> Result<Response, Refusal> {
    who.may(Role::Editor)?;
    let desk = app.desk().await?;
    let request = ask(&find(&desk, id)?.slug);
    let begun = change::run(app, who, &desk, &request).await?;
    let ended = tokio::time::timeout(Duration::from_secs(seconds.min(LONGEST)), begun.ended).await;
    if let Ok(Ok(ended)) = ended {
        return Ok(ended_as(&ended?));
    }
    let run = match found(app, &desk, &begun.id.to_string()).await {
        Ok(found) => found.shaped(),
        // If the registry was away, it has not recorded the run yet.
        Err(refusal) if refusal.status() == StatusCode::NOT_FOUND => Value::Null,
        Err(refusal) => return Err(refusal),
    };
    let has = if begun.is_waiting { "is waiting for its turn" } else { "has started" };
    let message = format!("the {} of `{}` {has}", request.kind.word(), request.slug);
    Ok((StatusCode::ACCEPTED, Json(json!({ "success": true, "message": message, "run": run }))).into_response())
}

fn ended_as(run: &Run) -> Response {
    let success = run.status.succeeded();
    let message = match (run.status, &run.error, run.records) {
        (_, Some(error), _) => error.clone(),
        (RunStatus::Cancelled, None, _) => "the run was stopped".to_owned(),
        (_, None, Some(records)) if run.kind == RunKind::Sync => {
            format!("{} synced", ops::counted(usize::try_from(records).unwrap_or(usize::MAX), "record"))
        }
        _ => "the connection works".to_owned(),
    };
    Json(json!({ "success": success, "message": message, "run": run })).into_response()
}

pub async fn list(
    _who: Caller,
    State(app): State<App>,
    wanted: Result<Query<RunsQuery>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(wanted) = wanted?;
    let desk = app.desk().await?;
    let of = |run: &Run| wanted.integration.as_ref().is_none_or(|slug| run.slug == *slug);
    let waiting = app.queue().all().into_iter().filter(of).map(|run| RunStatusPage { run, is_waiting: true }.shaped());
    let waiting: Vec<Value> = waiting.collect();
    let which = wanted.integration.clone().map_or_else(RunSelection::default, |slug| RunSelection::exactly([slug]));
    let most = wanted.limit.unwrap_or(MOST.0).clamp(1, MOST.1);
    let runs = ops::runs(&desk.world, &desk.loaded, &which, most).await?;
    Ok(Json(json!({ "runs": runs, "waiting": waiting })))
}

pub async fn one(_who: Caller, State(app): State<App>, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let desk = app.desk().await?;
    let found = found(&app, &desk, &id).await?;
    let mend = ops::run::mend(&desk.world, &desk.loaded, &found.run);
    Ok(Json(json!({ "run": found.shaped(), "mend": mend })))
}

/// A run in the queue or in the registry.
pub struct RunStatusPage {
    /// The run.
    pub run: Run,
    /// Whether the run is waiting for its turn.
    pub is_waiting: bool,
}

impl RunStatusPage {
    /// Returns the run as the API shows it.
    pub fn shaped(&self) -> Value {
        let mut shaped = json!(self.run);
        if self.is_waiting {
            shaped["status"] = json!("waiting");
        }
        shaped
    }
}

/// Finds a run by its id.
///
/// # Errors
/// If no run has that id, or the run was refused when its turn came.
pub async fn found(app: &App, desk: &ProjectView, id: &str) -> Result<RunStatusPage, Refusal> {
    let unknown = || Error::NoRun { of: "that ID".to_owned() };
    let id = id.parse().map_err(|_| unknown())?;
    // A run is in the registry before it leaves the queue, so looking in this order finds it.
    match app.queue().find(id) {
        Some(waiting) => Ok(RunStatusPage { run: waiting?, is_waiting: true }),
        None => Ok(RunStatusPage { run: desk.world.runs.get(id).await?.ok_or_else(unknown)?, is_waiting: false }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_reads_the_streams_that_the_query_names() {
        let request = |stream: Option<&str>, full_refresh: Option<&str>| {
            let (stream, full_refresh) = (stream.map(str::to_owned), full_refresh.map(str::to_owned));
            let request = SyncQuery { wait: None, stream, full_refresh }.request(&"shop".parse().unwrap());
            (request.streams.only.join(" "), request.streams.refresh.join(" "), request.from)
        };
        let expected = |only: &str, refresh: &str, from| (only.to_owned(), refresh.to_owned(), from);
        assert_eq!(request(None, None), expected("", "", From::Bookmark));
        assert_eq!(request(Some("orders, public-*,"), Some("true")), expected("orders public-*", "", From::Beginning));
        assert_eq!(request(None, Some("orders,refunds")), expected("", "orders refunds", From::Bookmark));
        assert_eq!(request(Some(""), Some("false")), expected("", "", From::Bookmark));
    }
}
