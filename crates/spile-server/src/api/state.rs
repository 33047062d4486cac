//! The bookmarks of an integration: shown, and changed by a plan.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::integrations::find;
use crate::app::App;
use crate::caller::{Caller, Role};
use crate::refusal::Refusal;
use crate::state_change;
use spile_ops::state::{self, Action, Side};

/// How many syncs and changes are given where nothing is said, and at most.
const MOST: (usize, usize) = (20, 100);

/// Which history is wanted.
#[derive(Debug, Deserialize)]
pub struct HistoryQuery {
    /// How many, the newest first.
    limit: Option<usize>,
}

/// How a change is wanted.
#[derive(Debug, Deserialize)]
pub struct ChangeQuery {
    /// Whether only the plan is wanted.
    #[serde(default)]
    dry_run: bool,
}

/// A change that is wanted.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum Wanted {
    /// A bookmark gets another value.
    Set {
        stream: String,
        value: String,
        #[serde(default)]
        key: Option<String>,
    },
    /// Bookmarks are removed.
    Clear {
        #[serde(default)]
        streams: Vec<String>,
    },
    /// Those of another integration are taken.
    Copy { from: String },
    /// To what a sync or a change left.
    Restore { to: String },
    /// To what was there before a change.
    Undo { change: String },
}

impl From<Wanted> for Action {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Set { stream, value, key } => Self::Set { stream, value, key },
            Wanted::Clear { streams } => Self::Clear { streams },
            Wanted::Copy { from } => Self::Copy { from },
            Wanted::Restore { to } => Self::Restore { id: to, side: Side::After },
            Wanted::Undo { change } => Self::Restore { id: change, side: Side::Before },
        }
    }
}

/// The bookmarks of an integration, each with the sync that left it so.
pub async fn show(who: Caller, State(app): State<App>, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let desk = app.desk().await?;
    let slug = find(&desk, &id)?.slug.clone();
    let options = state_change::options(&app, &desk, &who);
    let scope = state_change::scope(&desk, &options);
    if let Some(shown) = state::show_directly(scope, slug.as_str()).await? {
        return Ok(Json(json!(shown)));
    }
    // To ask another backend, Meltano is started.
    who.may(Role::Editor)?;
    Ok(Json(json!(state::show(scope, slug.as_str(), None, &mut |_| ()).await?)))
}

/// The syncs and changes of an integration whose bookmarks can be restored.
pub async fn history(
    who: Caller,
    State(app): State<App>,
    Path(id): Path<String>,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(query) = query?;
    let desk = app.desk().await?;
    let slug = find(&desk, &id)?.slug.clone();
    let options = state_change::options(&app, &desk, &who);
    let most = query.limit.unwrap_or(MOST.0).min(MOST.1);
    let entries = state::history(state_change::scope(&desk, &options), slug.as_str(), most).await?;
    Ok(Json(json!({ "history": entries })))
}

/// Changes bookmarks, or returns the plan of that.
pub async fn change(
    who: Caller,
    State(app): State<App>,
    Path(id): Path<String>,
    query: Result<Query<ChangeQuery>, QueryRejection>,
    body: Result<Json<Wanted>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    who.may(Role::Editor)?;
    let Query(ChangeQuery { dry_run }) = query?;
    let Json(wanted) = body?;
    let desk = app.desk().await?;
    let slug = find(&desk, &id)?.slug.clone();
    if dry_run {
        let options = state_change::options(&app, &desk, &who);
        let plan =
            state::plan(state_change::scope(&desk, &options), slug.as_str(), &wanted.into(), &mut |_| ()).await?;
        return Ok(Json(json!({ "success": true, "plan": plan, "change": null })));
    }
    let made = state_change::carry_out(&app, &who, &slug, &wanted.into()).await?;
    Ok(Json(json!({ "success": true, "plan": made.plan, "change": made.change })))
}
