//! The plan and what needs somebody.

use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::form::Posted;
use super::shell::{At, Trouble, fault};
use crate::http::change;
use crate::http::refusal::Refusal;
use crate::http::who::Role;
use crate::ops::{self, notify};
use crate::pages::plan::PlanPage;
use crate::pages::words::ago;
use crate::view::notify::OverviewData;
use crate::view::plan_data::PlanData;

/// How many applies are shown.
const MOST: usize = 10;

pub async fn plan(at: At) -> Result<Response, Trouble> {
    show(&at, None).await
}

async fn show(at: &At, refusal: Option<&Refusal>) -> Result<Response, Trouble> {
    let plan = change::plan(&at.desk, None).await?;
    let data = PlanData::of(&plan, at.desk.loaded.settings.guard, Vec::new());
    let now = Timestamp::now();
    let applies = ops::applies(&at.desk.world, MOST).await?;
    let row = |one: &crate::plan::history::Applied| {
        let numbers = format!("{} created, {} updated, {} deleted", one.created, one.updated, one.deleted);
        json!({ "when": ago(one.at, now), "actor": one.actor, "numbers": numbers })
    };
    let applies: Vec<Value> = applies.iter().map(row).collect();
    let data = json!({ "plan": PlanPage::from(&data), "applies": applies, "fault": refusal.map(fault) });
    let status = refusal.map_or(axum::http::StatusCode::OK, Refusal::status);
    at.page_with(status, ("plan.html.j2", "Plan"), data).await
}

pub async fn apply(posted: Posted) -> Result<Response, Trouble> {
    let at = &posted.at;
    at.who.may(Role::Admin)?;
    let _turn = at.app.turn().await;
    let desk = at.app.read_anew().await?;
    let plan = change::plan(&desk, None).await?;
    let found = plan.id();
    if found != posted.get("plan") {
        let other = ops::Error::OtherPlan { asked: posted.get("plan").chars().take(12).collect(), found };
        return show(at, Some(&other.into())).await;
    }
    match change::apply(&desk, &at.who, &plan).await {
        Ok(()) => Ok(Redirect::to("/integrations?did=applied").into_response()),
        Err(refusal) => show(at, Some(&refusal)).await,
    }
}

pub async fn notifications(at: At) -> Result<Response, Trouble> {
    let watched = notify::Watched::of(&at.desk.loaded, &at.desk.environment);
    let overview = notify::overview(&at.desk.world, watched, &mut drop).await?;
    let now = Timestamp::now();
    let row = |one: &crate::view::notify::AlertData| {
        let slug = one.integration.as_ref().map(|named| named.slug.to_string());
        let link = slug
            .as_ref()
            .map(|slug| json!({ "path": format!("/integrations/{slug}"), "label": format!("Open {slug}") }));
        json!({
            "title": slug.unwrap_or_else(|| one.kind.replace('_', " ")), "sentence": one.sentence, "help": one.help,
            "since": ago(one.since, now), "tone": if one.kind == "failure" { "bad" } else { "warn" }, "link": link,
        })
    };
    let alerts: Vec<Value> = OverviewData::from(&overview).alerts.iter().map(row).collect();
    at.page("notifications.html.j2", "Notifications", json!({ "alerts": alerts })).await
}
