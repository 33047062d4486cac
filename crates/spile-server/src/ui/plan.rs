//! The plan, and past applies.

use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::form::Posted;
use super::shell::{At, Trouble, fault};
use crate::caller::Role;
use crate::change;
use crate::pages::plan::PlanPage;
use crate::refusal::Refusal;
use spile_ops as ops;
use spile_view::ago::ago;
use spile_view::plan_data::PlanData;

/// How many applies are shown.
const MOST: usize = 10;

pub async fn show(at: At) -> Result<Response, Trouble> {
    page(&at, None).await
}

async fn page(at: &At, refusal: Option<&Refusal>) -> Result<Response, Trouble> {
    let plan = change::plan(&at.desk, None).await?;
    let data = PlanData::of(&plan, at.desk.loaded.settings.guard, Vec::new());
    let now = Timestamp::now();
    let applies = ops::applies(&at.desk.world, MOST).await?;
    let row = |one: &spile_core::plan::history::Applied| {
        let numbers = format!("{} created, {} updated, {} deleted", one.created, one.updated, one.deleted);
        json!({ "when": ago(one.at, now), "actor": one.actor, "numbers": numbers })
    };
    let applies: Vec<Value> = applies.iter().map(row).collect();
    let data = json!({ "plan": PlanPage::from(&data), "applies": applies, "fault": refusal.map(fault) });
    let status = refusal.map_or(axum::http::StatusCode::OK, Refusal::status);
    at.page_with(status, "plan.html.j2", "Plan", data).await
}

pub async fn apply(mut posted: Posted) -> Result<Response, Trouble> {
    posted.at.who.may(Role::Admin)?;
    let app = posted.at.app.clone();
    let _turn = app.turn().await;
    posted.at.desk = app.reload().await?;
    let (at, desk) = (&posted.at, &posted.at.desk);
    let plan = change::plan(desk, None).await?;
    let found = plan.id();
    if found != posted.get("plan") {
        let other = ops::Error::OtherPlan { asked: posted.get("plan").chars().take(12).collect(), found };
        return page(at, Some(&other.into())).await;
    }
    match change::apply(&at.app, desk, &at.who, &plan).await {
        Ok(()) => Ok(Redirect::to("/integrations?did=applied").into_response()),
        Err(refusal) => page(at, Some(&refusal)).await,
    }
}
