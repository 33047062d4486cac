//! `/api/notifications`: notifications, and which of them the caller has read; `/api/audit`: who did what.

use axum::Json;
use axum::extract::Query;
use axum::extract::State;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::caller::Caller;
use crate::refusal::Refusal;
use spile_core::alert::Key;
use spile_core::name::Slug;
use spile_ops::notify;
use spile_view as view;

/// The default and the largest number of audit entries in a response.
const MOST: (usize, usize) = (50, 1000);

/// Notifications to mark.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    /// The keys of alerts to mark as read.
    #[serde(default)]
    read: Vec<Key>,
    /// The keys of alerts to mark as unread.
    #[serde(default)]
    unread: Vec<Key>,
}

/// The query of an audit log.
#[derive(Debug, Deserialize)]
pub struct AuditQuery {
    integration: Option<Slug>,
    limit: Option<usize>,
}

pub async fn list(who: Caller, State(app): State<App>) -> Result<Json<Value>, Refusal> {
    let desk = app.desk().await?;
    let seen = desk.seen().await;
    let channels = desk.loaded.settings.channels_of(&desk.environment);
    let mut told = Vec::new();
    for channel in channels {
        // If the registry does not answer, show the alerts without their deliveries.
        if let Ok(known) = desk.world.alerts.told(&channel.name).await {
            told.push((channel.clone(), known.told));
        }
    }
    let overview = notify::Overview { seen: (*seen).clone(), channels: told, at: (desk.world.clock)() };
    let noticed = app.seen().look(&overview.seen, &who.subject);
    let data = view::notify::OverviewData::from(&overview).alerts;
    let shown = data.iter().zip(&noticed).map(|(data, noticed)| {
        let mut shown = json!(data);
        shown["read"] = json!(noticed.is_read);
        shown
    });
    Ok(Json(json!({ "notifications": shown.collect::<Vec<_>>() })))
}

pub async fn mark(
    who: Caller,
    State(app): State<App>,
    marks: Result<Json<Marks>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    let Json(marks) = marks?;
    let desk = app.desk().await?;
    // Add alerts to the store before marking them: it may not have seen them yet.
    let seen = desk.seen().await;
    app.seen().look(&seen, &who.subject);
    app.seen().mark(&marks.read, &who.subject, true);
    app.seen().mark(&marks.unread, &who.subject, false);
    Ok(Json(json!({ "success": true })))
}

pub async fn audit(
    _who: Caller,
    State(app): State<App>,
    wanted: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(wanted) = wanted?;
    let most = wanted.limit.unwrap_or(MOST.0).clamp(1, MOST.1);
    let deeds = app.audit().newest(wanted.integration.as_ref(), most).map_err(|error| {
        let detail = format!("`.spile/audit.jsonl` cannot be read: {error}");
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "spile::http::audit", detail)
    })?;
    Ok(Json(json!({ "deeds": deeds })))
}
