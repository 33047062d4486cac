//! `POST /api/bulk`: one action on several integrations.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::integrations::find;
use crate::app::App;
use crate::caller::{Caller, Role};
use crate::change::{self, Bulk};
use crate::refusal::Refusal;
use spile_core::name::Slug;

/// An action and the integrations to perform it on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkRequest {
    action: Bulk,
    integrations: Vec<String>,
}

pub async fn bulk(
    who: Caller,
    State(app): State<App>,
    body: Result<Json<BulkRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    who.may(Role::Editor)?;
    let Json(wanted) = body?;
    let desk = app.desk().await?;
    let found = wanted.integrations.iter().map(|id| find(&desk, id).map(|one| one.slug.clone()));
    let slugs = found.collect::<Result<Vec<Slug>, _>>()?;
    let done = change::bulk(&app, &who, wanted.action, &slugs).await?;
    let status = if done.runs.is_empty() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let written = done.made.as_ref().map(|made| &made.written);
    let mut answer = json!({ "success": done.refused.is_empty(), "runs": done.runs, "change": written });
    if !done.refused.is_empty() {
        answer["refused"] = json!(done.refused);
    }
    Ok((status, Json(done.made.as_ref().map_or(answer.clone(), |made| made.told(answer)))))
}
