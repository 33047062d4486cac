//! Changing the schedule of several integrations at once.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;

use super::form::Posted;
use super::general::{SCHEDULE, text};
use super::shell::{At, Trouble};
use crate::caller::Role;
use crate::change::{self, Change};
use crate::refusal::Refusal;
use spile_core::connector::Role as Side;
use spile_core::name::Slug;
use spile_ops as ops;
use spile_ops::edits::Edits;

/// Asks for a schedule, or writes the one that was typed into the files of all of them or of none.
pub async fn answer(posted: &Posted, slugs: &[Slug]) -> Result<Response, Trouble> {
    posted.at.who.may(Role::Editor)?;
    if slugs.is_empty() {
        return Err(change::nothing_selected().into());
    }
    if posted.get("sure") != "yes" {
        return page(&posted.at, slugs, common(&posted.at, slugs), None).await;
    }
    let typed = posted.get("schedule").trim().to_owned();
    match write(&posted.at, slugs, &typed).await {
        Ok(did) => Ok(Redirect::to(&format!("/integrations?did={did}")).into_response()),
        Err(refusal) => page(&posted.at, slugs, typed, Some(&refusal)).await,
    }
}

/// Returns the schedule that all of them have; empty if they differ.
fn common(at: &At, slugs: &[Slug]) -> String {
    let of = |slug: &Slug| {
        let one = at.desk.loaded.integrations.find(slug.as_str())?;
        one.at(&at.desk.environment).schedule.as_ref().map(ToString::to_string)
    };
    let first = slugs.first().and_then(of);
    first.filter(|first| slugs.iter().all(|slug| of(slug).as_ref() == Some(first))).unwrap_or_default()
}

async fn write(at: &At, slugs: &[Slug], typed: &str) -> Result<&'static str, Refusal> {
    let app = &at.app;
    let _turn = app.turn().await;
    let desk = app.to_change(slugs).await?;
    let schedule = Some(typed).filter(|typed| !typed.is_empty());
    let mut edits = Edits::default();
    for slug in slugs {
        let one = desk.loaded.named(slug.as_str())?;
        if one.connector.head.role == Side::Loader {
            let detail = format!("`{slug}` is a destination, which has no schedule");
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "spile::http::field", detail)
                .help("select sources only"));
        }
        edits.extend(ops::switch::schedule_edits(&desk.world, one, schedule, &desk.environment)?);
    }
    if edits.is_empty() {
        return Ok("unchanged");
    }
    ops::check(&edits.over(&desk.world.project))?;
    let details = format!("The schedule is now {}.", schedule.map_or("none".to_owned(), |text| format!("`{text}`")));
    let change = Change { edits, slugs, verb: "Schedule", details, onto: desk.proposal.clone() };
    let made = change::carry_out(app, &at.who, &change).await?;
    Ok(if matches!(made.applied, Some(Err(_))) { "unapplied" } else { "saved" })
}

async fn page(at: &At, slugs: &[Slug], typed: String, refusal: Option<&Refusal>) -> Result<Response, Trouble> {
    let count = ops::counted(slugs.len(), "integration");
    let mut field = text("schedule", "Schedule", SCHEDULE, typed);
    // All files have the same mistake.
    let first =
        |refusal: &Refusal| refusal.errors.first().map_or_else(|| refusal.detail.clone(), |one| one.message.clone());
    field.fault = refusal.map(first).unwrap_or_default();
    let data = json!({
        "sentence": "They get this schedule, each in its own file.", "slugs": slugs, "plan": null, "field": field,
        "action": "/integrations/bulk", "verb": "schedule", "back": "/integrations",
        "label": format!("Schedule {count}"),
    });
    let status = refusal.map_or(StatusCode::OK, Refusal::status);
    at.page_with(status, "confirm.html.j2", &format!("Schedule {count}"), data).await
}
