//! Applying the pending changes, after a summary.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;

use super::super::form::Posted;
use super::super::shell::{At, Trouble};
use super::{Part, page, pending, shown};
use crate::caller::Role;
use crate::change::{self, Apply};
use crate::refusal::Refusal;
use spile_core::plan::guard::Allowance;
use spile_ops as ops;

/// Which changes to apply.
#[derive(Debug, Deserialize)]
pub struct Asked {
    /// The integrations, with commas between them; all if it is empty.
    #[serde(default)]
    only: String,
}

/// Shows a summary of what apply will do, and asks for confirmation.
pub async fn confirm(at: At, asked: Result<Query<Asked>, QueryRejection>) -> Result<Response, Trouble> {
    at.who.may(Role::Admin)?;
    let Query(Asked { only }) = asked.map_err(Refusal::from)?;
    let plan = change::plan(&at.desk, Some(&only)).await?;
    if plan.is_empty() {
        return Ok(Redirect::to("/changes").into_response());
    }
    let question = json!({
        "title": "Apply these changes?", "plan": shown(&at, &plan), "only": only, "action": "/changes/apply",
        "label": "Apply", "back": if only.is_empty() { "/changes" } else { "/changes/drift" },
        "sentence": "This changes the registry and meltano.yml to what the files say. The next sync uses it.",
    });
    page(&at, Part::Pending, json!({ "plan": shown(&at, &plan), "question": question }), None).await
}

pub async fn apply(mut posted: Posted) -> Result<Response, Trouble> {
    posted.at.who.may(Role::Admin)?;
    let app = posted.at.app.clone();
    let _turn = app.turn().await;
    posted.at.desk = app.reload().await?;
    let (at, desk) = (&posted.at, &posted.at.desk);
    let plan = change::plan(desk, Some(posted.get("only"))).await?;
    let found = plan.id();
    if found != posted.get("plan") {
        let other = ops::Error::OtherPlan { asked: posted.get("plan").chars().take(12).collect(), found };
        return pending(at, &plan, Some(&other.into())).await;
    }
    let apply = Apply { plan: &plan, allowance: allowance(&posted), action: "apply" };
    match change::apply(&at.app, desk, &at.who, &apply).await {
        Ok(()) => Ok(Redirect::to("/integrations?did=applied").into_response()),
        Err(refusal) => pending(at, &plan, Some(&refusal)).await,
    }
}

/// Returns the numbers that the user has acknowledged.
pub fn allowance(posted: &Posted) -> Allowance {
    let count = |name: &str| posted.get(&format!("allow.{name}")).parse().ok();
    Allowance {
        delete: count("delete"),
        change: count("change"),
        resync: count("resync"),
        overwrite: count("overwrite"),
    }
}
