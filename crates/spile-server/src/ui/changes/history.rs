//! Past applies, and the way back to one.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::form::Posted;
use super::super::shell::{At, Trouble};
use super::apply::allowance;
use super::{Part, page, shown};
use crate::caller::Role;
use crate::change::{self, Apply};
use crate::pages::when::{When, moment};
use crate::refusal::Refusal;
use spile_core::plan::history::Applied;
use spile_ops as ops;
use spile_ops::rollback::{Rollback, rollback};
use spile_view::history::short;

/// How many applies are shown.
const MOST: usize = 30;

pub async fn show(at: At) -> Result<Response, Trouble> {
    listed(&at, None, None).await
}

async fn listed(at: &At, question: Option<Value>, refusal: Option<&Refusal>) -> Result<Response, Trouble> {
    let now = Timestamp::now();
    let applies = ops::applies(&at.desk.world, MOST).await?;
    let rows: Vec<Value> = applies.iter().enumerate().map(|(place, apply)| row(place, apply, now)).collect();
    let pruned = ops::history::pruned(&at.desk.world).await?.map(|pruned| pruned.applies);
    page(at, Part::History, json!({ "applies": rows, "pruned": pruned, "question": question }), refusal).await
}

/// Returns an apply as it is shown. The newest one is what is live, so nothing leads back to it.
fn row(place: usize, apply: &Applied, now: Timestamp) -> Value {
    let counts = [(apply.created, "created"), (apply.updated, "updated"), (apply.deleted, "deleted")];
    let rows: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, verb)| format!("{count} {verb}")).collect();
    let what = if rows.is_empty() { "no row".to_owned() } else { rows.join(", ") };
    json!({
        "icon": "check", "tone": "good", "who": apply.actor, "what": format!("applied: {what}"),
        "detail": apply.commit.as_deref().map(|commit| format!("from commit `{}`", short(commit))), "links": [],
        "when": When::relative(apply.at, now), "id": apply.id, "is_live": place == 0,
    })
}

/// Shows what leads back to an apply, and asks for confirmation.
pub async fn confirm_rollback(at: At, Path(id): Path<String>) -> Result<Response, Trouble> {
    at.who.may(Role::Admin)?;
    let Rollback { apply, plan, with_file } = back(&at, &id).await?;
    let file =
        if with_file { "" } else { " meltano.yml stays as it is: it was too large to be stored with that apply." };
    let sentence = format!(
        "This restores what was live after the apply of {}.{file} The files keep their newer version: change them too, or the next \
         apply restores it.",
        moment(apply.at)
    );
    let question = json!({
        "title": "Roll back?", "plan": shown(&at, &plan), "only": "", "action": format!("/changes/history/{}/rollback", apply.id),
        "label": "Roll back", "back": "/changes/history", "sentence": sentence,
    });
    listed(&at, Some(question), None).await
}

pub async fn roll_back(Path(id): Path<String>, mut posted: Posted) -> Result<Response, Trouble> {
    posted.at.who.may(Role::Admin)?;
    let app = posted.at.app.clone();
    let _turn = app.turn().await;
    posted.at.desk = app.reload().await?;
    let at = &posted.at;
    let plan = back(at, &id).await?.plan;
    let found = plan.id();
    if found != posted.get("plan") {
        let other = ops::Error::OtherPlan { asked: posted.get("plan").chars().take(12).collect(), found };
        return listed(at, None, Some(&other.into())).await;
    }
    let apply = Apply { plan: &plan, allowance: allowance(&posted), action: "rollback" };
    match change::apply(&at.app, &at.desk, &at.who, &apply).await {
        Ok(()) => Ok(Redirect::to("/changes/history?did=rolled_back").into_response()),
        Err(refusal) => listed(at, None, Some(&refusal)).await,
    }
}

async fn back(at: &At, id: &str) -> Result<Rollback, Trouble> {
    Ok(rollback(&at.desk.world, &at.desk.loaded, &at.desk.environment, id).await?)
}
