//! Notifications: their page, the toasts on other pages, and which of them the user has read.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure;
use super::form::{Looking, Posted};
use super::shell::{At, Trouble, mistake};
use crate::pages::failure::FailureWords;
use crate::pages::render;
use crate::project_view::ProjectView;
use crate::refusal::Refusal;
use spile_core::alert::Alert;
use spile_core::settings::AlertKind;
use spile_view::ago::ago;
use spile_world::stores::read_alerts::Noticed;

/// How many toasts to show at once.
const MOST: usize = 3;

/// The time of the last request for toasts.
#[derive(Debug, Deserialize)]
pub struct After {
    after: Timestamp,
}

pub async fn list(at: At) -> Result<Response, Trouble> {
    let seen = at.desk.seen().await;
    let now = Timestamp::now();
    let noticed = at.app.seen().look(&seen, &at.who.subject);
    let unread = noticed.iter().filter(|one| !one.is_read).count();
    let rows: Vec<Value> = noticed.iter().map(|one| row(&at.desk, one, now)).collect();
    at.page("notifications.html.j2", "Notifications", json!({ "alerts": rows, "unread": unread })).await
}

/// Returns toasts for alerts that appeared after a time, the number of unread ones, and the time to ask from next.
pub async fn toasts(at: At, after: Result<Query<After>, QueryRejection>) -> Result<Response, Trouble> {
    let Query(After { after }) = after.map_err(Refusal::from)?;
    let seen = at.desk.seen().await;
    let now = Timestamp::now();
    let noticed = at.app.seen().look(&seen, &at.who.subject);
    let unread: Vec<&Noticed> = noticed.iter().filter(|one| !one.is_read).collect();
    let new = unread.iter().filter(|one| one.first >= after);
    let rows: Vec<Value> = new.take(MOST).map(|one| row(&at.desk, one, now)).collect();
    let data = json!({ "toasts": rows, "unread": unread.len(), "after": now, "csrf": at.who.csrf });
    let html = render("toasts.html.j2", &data).map_err(|error| mistake(&error))?;
    Ok(Html(html).into_response())
}

/// Marks the named alerts as read or unread, or all if none is named.
pub async fn mark(posted: Posted<Looking>) -> Result<Response, Trouble> {
    let at = &posted.at;
    let seen = at.desk.seen().await;
    let named = posted.all("key");
    let keys: Vec<_> = seen.alerts.iter().map(|alert| alert.key.clone()).collect();
    let keys: Vec<_> = keys.into_iter().filter(|key| named.is_empty() || named.contains(&key.to_string())).collect();
    at.app.seen().mark(&keys, &at.who.subject, posted.get("do") != "unread");
    Ok(Redirect::to("/notifications").into_response())
}

/// Returns an alert as it is shown.
pub fn row(desk: &ProjectView, Noticed { alert, since, is_read, .. }: &Noticed, now: Timestamp) -> Value {
    let slug = alert.integration.as_ref().map(|subject| subject.slug.to_string());
    let title = slug.clone().unwrap_or_else(|| alert.kind().word().replace('_', " "));
    let help = alert.run.as_deref().and_then(FailureWords::of).map(|words| words.help);
    json!({
        "key": alert.key.to_string(), "title": title, "sentence": alert.sentence, "help": help.or_else(|| alert.help.clone()),
        "since": ago(*since, now), "tone": if alert.kind() == AlertKind::Failure { "bad" } else { "warn" },
        "is_read": is_read, "links": links(desk, alert),
    })
}

/// Returns links for an alert; the one that helps to fix it comes first.
fn links(desk: &ProjectView, alert: &Alert) -> Vec<Value> {
    let link = |path: String, label: &str| json!({ "path": path, "label": label });
    let mut links = Vec::new();
    if let Some(run) = &alert.run {
        links.extend(failure::fix_link(desk, run));
        links.push(link(format!("/runs/{}", run.id), "View run"));
    }
    let slug = alert.integration.as_ref().map(|subject| &subject.slug);
    if let Some(slug) = slug.filter(|slug| links.is_empty() && desk.loaded.integrations.find(slug.as_str()).is_some()) {
        links.push(link(format!("/integrations/{slug}"), &format!("Open {slug}")));
    }
    if alert.kind() == AlertKind::ActionRequired {
        links.push(link("/plan".to_owned(), "View plan"));
    }
    links
}
