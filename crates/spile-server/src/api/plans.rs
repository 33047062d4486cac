//! `/api/plan` and `/api/applies`

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::caller::{Caller, Role};
use crate::change;
use crate::refusal::Refusal;
use spile_ops as ops;
use spile_view::plan_data::PlanData;
use spile_view::report::ProblemData;

/// The default and the largest number of applies in a response.
const MOST: (usize, usize) = (20, 1000);

/// The scope of a plan.
#[derive(Debug, Deserialize)]
pub struct About {
    /// Names of integrations, separated by commas; nothing for all.
    only: Option<String>,
}

/// The query of a list of applies.
#[derive(Debug, Deserialize)]
pub struct AppliesQuery {
    limit: Option<usize>,
}

/// The plan to apply: exactly the one that the caller looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    plan: String,
    #[serde(default)]
    only: Option<String>,
}

pub async fn plan(
    _who: Caller,
    State(app): State<App>,
    about: Result<Query<About>, QueryRejection>,
) -> Result<Json<PlanData>, Refusal> {
    let only = about?.0.only;
    let desk = app.desk().await?;
    let plan = change::plan(&desk, only.as_deref()).await?;
    let problems = desk.loaded.advice.problems().iter().map(ProblemData::from).collect();
    Ok(Json(PlanData::of(&plan, desk.loaded.settings.guard, problems)))
}

pub async fn applies(
    _who: Caller,
    State(app): State<App>,
    wanted: Result<Query<AppliesQuery>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let most = wanted?.0.limit.unwrap_or(MOST.0).clamp(1, MOST.1);
    let desk = app.desk().await?;
    Ok(Json(json!({ "applies": ops::applies(&desk.world, most).await? })))
}

pub async fn apply(
    who: Caller,
    State(app): State<App>,
    body: Result<Json<Apply>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    who.may(Role::Admin)?;
    let Json(body) = body?;
    let _turn = app.turn().await;
    let desk = app.reload().await?;
    let plan = change::plan(&desk, body.only.as_deref()).await?;
    let found = plan.id();
    if body.plan.len() < 8 || !found.starts_with(&body.plan) {
        return Err(ops::Error::OtherPlan { asked: body.plan, found }.into());
    }
    change::apply(&app, &desk, &who, &change::Apply::of(&plan)).await?;
    Ok((StatusCode::CREATED, Json(json!({ "plan": found, "summary": plan.summary() }))))
}
