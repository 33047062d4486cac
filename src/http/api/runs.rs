//! Runs: begun, listed, looked at.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::integrations::find;
use crate::http::app::App;
use crate::http::change;
use crate::http::desk::Desk;
use crate::http::refusal::Refusal;
use crate::http::who::{Role, Who};
use crate::name::Slug;
use crate::ops::{self, Error, Which};
use crate::run::{Cause, Run, RunKind, RunStatus};

/// How many runs are given where nothing is said, and at most.
const MOST: (usize, usize) = (50, 1000);

/// The longest that a request waits for a run, in seconds.
const LONGEST: u64 = 100;

/// How long a request waits.
#[derive(Debug, Deserialize)]
pub struct Wait {
    /// In seconds; 0 waits not.
    wait: Option<u64>,
}

/// Which runs are wanted.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    /// Those of one integration, by its name.
    integration: Option<Slug>,
    /// How many, the newest first.
    limit: Option<usize>,
}

pub async fn test(
    who: Who,
    State(app): State<App>,
    Path(id): Path<String>,
    wait: Result<Query<Wait>, QueryRejection>,
) -> Result<Response, Refusal> {
    let seconds = wait?.0.wait.unwrap_or(LONGEST);
    begin(&who, &app, (RunKind::Test, &id, seconds)).await
}

pub async fn sync(
    who: Who,
    State(app): State<App>,
    Path(id): Path<String>,
    wait: Result<Query<Wait>, QueryRejection>,
) -> Result<Response, Refusal> {
    let seconds = wait?.0.wait.unwrap_or(0);
    begin(&who, &app, (RunKind::Sync, &id, seconds)).await
}

async fn begin(who: &Who, app: &App, (kind, id, seconds): (RunKind, &str, u64)) -> Result<Response, Refusal> {
    who.may(Role::Editor)?;
    let desk = app.desk().await?;
    let slug = find(&desk, id)?.slug.clone();
    let begun = change::run(app, who, (&desk, kind, &slug)).await?;
    let id = begun.id.map_err(|error| Refusal::from(*error))?;
    let ended = tokio::time::timeout(Duration::from_secs(seconds.min(LONGEST)), begun.ended).await;
    if let Ok(Ok(ended)) = ended
        && let Some(run) = ended?
    {
        return ended_as(&run);
    }
    let run = desk.world.runs.get(id).await?;
    let message = format!("the {} of `{slug}` has begun", kind.word());
    Ok((StatusCode::ACCEPTED, Json(json!({ "success": true, "message": message, "run": run }))).into_response())
}

fn ended_as(run: &Run) -> Result<Response, Refusal> {
    if run.cause == Some(Cause::Busy) {
        let detail = run.error.clone().unwrap_or_default();
        return Err(Refusal::new(StatusCode::CONFLICT, "spile::run::busy", detail).help("wait until that has ended"));
    }
    let success = run.status == RunStatus::Ok;
    let message = match (&run.error, run.records) {
        (Some(error), _) => error.clone(),
        (None, Some(records)) if run.kind == RunKind::Sync => {
            format!("{} moved", ops::counted(usize::try_from(records).unwrap_or(usize::MAX), "record"))
        }
        _ => "the connection works".to_owned(),
    };
    Ok(Json(json!({ "success": success, "message": message, "run": run })).into_response())
}

pub async fn list(
    _who: Who,
    State(app): State<App>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(wanted) = wanted?;
    let desk = app.desk().await?;
    let which = wanted.integration.map_or_else(Which::default, |slug| Which::exactly([slug]));
    let most = wanted.limit.unwrap_or(MOST.0).clamp(1, MOST.1);
    Ok(Json(json!({ "runs": ops::runs(&desk.world, &desk.loaded, &which, most).await? })))
}

pub async fn one(_who: Who, State(app): State<App>, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let desk = app.desk().await?;
    let run = found(&desk, &id).await?;
    let mend = ops::run::mend(&desk.world, &desk.loaded, &run);
    Ok(Json(json!({ "run": run, "mend": mend })))
}

/// Finds a run by its id.
///
/// # Errors
/// When there is none.
pub async fn found(desk: &Desk, id: &str) -> Result<Run, Refusal> {
    let unknown = || Error::NoRun { of: "that id".to_owned() };
    let id = id.parse().map_err(|_| unknown())?;
    Ok(desk.world.runs.get(id).await?.ok_or_else(unknown)?)
}
