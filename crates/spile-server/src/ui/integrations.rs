//! The list of integrations, and bulk actions.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::catalog::mark;
use super::form::Posted;
use super::shell::{At, Trouble, fault};
use crate::api::fits;
use crate::change::{self, Bulk};
use crate::pages::plan::PlanPage;
use crate::pages::words::{StatusWord, run_state, status};
use crate::refusal::Refusal;
use spile_core::connector::Role;
use spile_core::integration::{Integration, Tick, Timetable};
use spile_core::name::{EnvironmentName, Slug};
use spile_core::plan::{Scope, Selection};
use spile_core::run::Run;
use spile_ops as ops;
use spile_view::ago::ago;
use spile_view::plan_data::PlanData;
use spile_world::stores::runs::Standing;

/// How many integrations a page shows.
const MOST: usize = 1000;

/// The query of the page.
#[derive(Debug, Default, Deserialize)]
pub struct IntegrationsPageQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    /// Show only integrations whose names come after this one.
    #[serde(default)]
    after: String,
}

pub async fn list(at: At, wanted: Result<Query<IntegrationsPageQuery>, QueryRejection>) -> Result<Response, Trouble> {
    let Query(wanted) = wanted.map_err(Refusal::from)?;
    page(&at, &wanted, None).await
}

/// A bulk action that was refused, and the integrations that were selected for it.
struct RefusedBulk<'a> {
    refusal: &'a Refusal,
    selected: &'a [Slug],
}

async fn page(at: &At, wanted: &IntegrationsPageQuery, refused: Option<RefusedBulk<'_>>) -> Result<Response, Trouble> {
    let desk = &at.desk;
    let standings = desk.standings().await;
    let known = standings.as_ref().ok();
    // Without a registry, the page shows the files alone.
    let newest = desk.world.runs.newest_of_each().await.unwrap_or_default();
    let now = Timestamp::now();
    let of = |one: &Integration| known.and_then(|known| known.get(&one.id));
    let is_in = |one: &Integration| {
        let state = state(one, &desk.environment, of(one));
        wanted.state.is_empty() || state.word == wanted.state
    };
    let drifted = desk.drifted().await;
    let all = desk.loaded.integrations.by_slug().filter(|one| one.slug.as_str() > wanted.after.as_str());
    let found: Vec<_> = all.filter(|one| fits(one, Some(&wanted.q)) && is_in(one)).take(MOST + 1).collect();
    let shown = &found[..found.len().min(MOST)];
    let of_row = |one: &Integration| LiveFacts {
        standing: of(one),
        last: newest.get(&one.id),
        has_drifted: drifted.contains(&one.id),
        loader: one.at(&desk.environment).loader.as_ref().and_then(|slug| desk.loaded.integrations.find(slug.as_str())),
    };
    let rows: Vec<Value> = shown.iter().map(|one| row(one, &desk.environment, &of_row(one), now)).collect();
    let to = |after: &str| {
        let pairs = [("q", wanted.q.as_str()), ("state", &wanted.state), ("after", after)];
        let said = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        format!("/integrations?{}", url::form_urlencoded::Serializer::new(String::new()).extend_pairs(said).finish())
    };
    let next = shown.last().filter(|_| found.len() > MOST).map(|last| to(last.slug.as_str()));
    let previous = Some(to("")).filter(|_| !wanted.after.is_empty());
    let states = ["", "active", "error", "pending", "paused", "not applied", "disabled"];
    let states = states.map(|word| {
        json!({ "value": word, "label": if word.is_empty() { "any" } else { word }, "is_chosen": word == wanted.state })
    });
    let total = desk.loaded.integrations.iter().count();
    let data = json!({
        "rows": rows, "total": total, "q": wanted.q, "states": states, "next": next, "previous": previous,
        "fault": refused.as_ref().map(|refused| fault(refused.refusal)),
        "selected": refused.as_ref().map(|refused| refused.selected).unwrap_or_default(),
    });
    let status = refused.map_or(StatusCode::OK, |refused| refused.refusal.status());
    at.page_with(status, "integrations.html.j2", "Integrations", data).await
}

/// Returns the state of an integration in an environment.
pub fn state(one: &Integration, environment: &EnvironmentName, standing: Option<&Standing>) -> StatusWord {
    if !one.at(environment).enabled {
        return StatusWord { word: "disabled", tone: "" };
    }
    if one.role() == Role::Loader {
        return StatusWord { word: "destination", tone: "" };
    }
    status(standing.map(|standing| standing.status.as_str()))
}

/// What is known about an integration beyond its file.
struct LiveFacts<'a> {
    standing: Option<&'a Standing>,
    last: Option<&'a Run>,
    has_drifted: bool,
    loader: Option<&'a Arc<Integration>>,
}

fn row(one: &Integration, environment: &EnvironmentName, known: &LiveFacts<'_>, now: Timestamp) -> Value {
    let last =
        known.last.map(|run| json!({ "id": run.id, "when": ago(run.started_at, now), "state": run_state(run.status) }));
    json!({
        "slug": one.slug,
        "name": one.base.name,
        "type": one.connector.head.label,
        "mark": mark(&one.connector),
        "loader": known.loader.map(|loader| mark(&loader.connector)),
        "status": state(one, environment, known.standing),
        "drift": known.has_drifted,
        "last": last,
        "next": next(one, environment, now),
    })
}

/// Returns when it will be synced next, in words.
pub fn next(one: &Integration, environment: &EnvironmentName, now: Timestamp) -> Option<String> {
    next_tick(one, environment, now).map(|tick| ago(tick.at, now))
}

/// Returns when it will be synced next.
pub fn next_tick(one: &Integration, environment: &EnvironmentName, now: Timestamp) -> Option<Tick> {
    let timetable = Timetable::of(one, environment).filter(|_| one.at(environment).enabled)?;
    timetable.next_after(now)
}

/// Carries out an action, or asks first. If it is refused, the list says why, with the same integrations selected.
pub async fn bulk(posted: Posted) -> Result<Response, Trouble> {
    let slugs: Vec<Slug> = posted.all("slug").iter().filter_map(|slug| slug.parse().ok()).collect();
    match bulk_of(&posted, &slugs).await {
        Err(Trouble::Refused(refusal)) => {
            let refused = RefusedBulk { refusal: &refusal, selected: &slugs };
            page(&posted.at, &IntegrationsPageQuery::default(), Some(refused)).await
        }
        other => other,
    }
}

async fn bulk_of(posted: &Posted, slugs: &[Slug]) -> Result<Response, Trouble> {
    let at = &posted.at;
    let action: Bulk = serde_json::from_value(json!(posted.get("action"))).map_err(|_| unknown_action())?;
    let is_sure = posted.get("sure") == "yes" || matches!(action, Bulk::Test);
    if !is_sure && !slugs.is_empty() {
        return confirm(at, action, slugs).await;
    }
    let done = change::bulk(&at.app, &at.who, action, slugs).await?;
    let is_part = !done.refused.is_empty();
    let is_unapplied = done.made.is_some_and(|made| matches!(made.applied, Some(Err(_))));
    Ok(Redirect::to(match action {
        _ if is_unapplied => "/plan?did=unapplied",
        Bulk::Test | Bulk::Sync if is_part => "/runs?did=part",
        Bulk::Test | Bulk::Sync => "/runs?did=begun",
        Bulk::Enable => "/integrations?did=enabled",
        Bulk::Disable => "/integrations?did=disabled",
        Bulk::Delete => "/integrations?did=deleted",
    })
    .into_response())
}

/// Shows what an action would do and asks for confirmation.
pub async fn confirm(at: &At, action: Bulk, slugs: &[Slug]) -> Result<Response, Trouble> {
    let (verb, sentence) = match action {
        Bulk::Test => ("test", "This tests their connections."),
        Bulk::Sync => ("sync", "This starts a sync of each of them now."),
        Bulk::Enable => ("enable", "Schedules and syncs of all integrations include them again."),
        Bulk::Disable => ("disable", "Their rows stay, but schedules skip them."),
        Bulk::Delete => ("delete", "This deletes their files. Applying the plan deletes their rows from the registry."),
    };
    let plan = match action {
        Bulk::Test | Bulk::Sync => None,
        Bulk::Enable | Bulk::Disable | Bulk::Delete => planned(at, action, slugs).await?,
    };
    let count = ops::counted(slugs.len(), "integration");
    let title = format!("{} {count}?", capitalized(verb));
    let data = json!({
        "sentence": sentence, "slugs": slugs, "plan": plan, "action": "/integrations/bulk", "verb": verb,
        "back": "/integrations", "label": format!("{} {count}", capitalized(verb)),
    });
    at.page("confirm.html.j2", &title, data).await
}

/// Returns the plan that an action would lead to; `None` if no target has any of the integrations.
async fn planned(at: &At, action: Bulk, slugs: &[Slug]) -> Result<Option<PlanPage>, Trouble> {
    let edits = change::switching(&at.desk, action, slugs)?;
    let project = edits.over(&at.app.setup().project);
    let loaded = ops::check::used(&project)?;
    let mut options = ops::plan::Options::everything(at.desk.environment.clone());
    options.selection = Selection::known_of(slugs.iter().cloned());
    let mut world = at.desk.world.clone();
    world.project = project;
    let plan = ops::plan(&world, &loaded, &options).await?;
    let knows_any = plan.scope != Scope::Only(BTreeSet::new());
    Ok(knows_any.then(|| (&PlanData::of(&plan, loaded.settings.guard, Vec::new())).into()))
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

fn unknown_action() -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "spile::http::field", "no such action")
}
