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
use crate::pages::when::When;
use crate::project_view::ProjectView;
use crate::refusal::Refusal;
use spile_core::alert::Alert;
use spile_core::settings::AlertKind;
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
    let help = help.or_else(|| Step::of(alert).map(|step| step.help().to_owned())).or_else(|| alert.help.clone());
    json!({
        "key": alert.key.to_string(), "title": title, "sentence": begun(&alert.sentence), "help": help,
        "since": When::relative(*since, now), "tone": if alert.kind() == AlertKind::Failure { "bad" } else { "warn" },
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
    match (Step::of(alert), slug) {
        (Some(Step::Drift), _) => links.push(link("/changes/drift".to_owned(), "View drift")),
        (Some(Step::Source), Some(slug)) => links.push(link(format!("/integrations/{slug}/streams"), "Review streams")),
        (Some(Step::Source), None) | (None, _) => {}
    }
    links
}

/// What a person can do about an alert on a page. The command line has commands for it.
enum Step {
    /// Something else has changed what was applied.
    Drift,
    /// The source has changed.
    Source,
}

impl Step {
    fn of(alert: &Alert) -> Option<Self> {
        match alert.command.as_deref()? {
            "spile drift" => Some(Self::Drift),
            command if command.starts_with("spile discover ") => Some(Self::Source),
            _ => None,
        }
    }

    fn help(&self) -> &'static str {
        match self {
            Self::Drift => "Take the change into the file to keep it, or put back what the file says.",
            Self::Source => "Review the streams, then accept the change or leave it out.",
        }
    }
}

/// Returns a sentence with a capital letter at its beginning: messages of the command line have none.
fn begun(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}
