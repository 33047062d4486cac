//! What has changed in sources since they were last accepted.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::catalog::Of;
use super::integrations::find;
use crate::app::App;
use crate::caller::{self, Caller};
use crate::contract::{self, Wish};
use crate::refusal::Refusal;
use spile_ops as ops;
use spile_ops::contract::IntegrationLabel;
use spile_view as view;

/// What is wanted about the changes of a source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractDecision {
    integration: String,
    /// When the source said what is meant.
    discovered_at: Timestamp,
    /// What is to be left out; left out itself: all is accepted.
    #[serde(default)]
    leave_out: Option<LeftOut>,
}

/// A stream or a column that is new.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    stream: String,
    #[serde(default)]
    column: Option<String>,
}

/// What has changed in a source, as far as this machine knows; asks nobody.
pub async fn changes(
    _who: Caller,
    State(app): State<App>,
    of: Result<Query<Of>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(of) = of?;
    let desk = app.desk().await?;
    let integration = find(&desk, of.integration())?;
    let named = IntegrationLabel::of(&desk.loaded, integration, &desk.environment);
    let Some(now) = contract::known(&desk, integration)? else {
        return Ok(Json(json!({ "integration": integration.slug, "discovered_at": null, "changes": null })));
    };
    let history = ops::contract::history(&desk.world.project, integration, &desk.environment, &now)?;
    Ok(Json(json!({
        "integration": integration.slug,
        "discovered_at": now.discovered_at,
        "changes": view::changes::history(&named, &history),
    })))
}

/// Accepts what has changed in a source, or leaves a part of it out.
pub async fn answer(
    who: Caller,
    State(app): State<App>,
    body: Result<Json<ContractDecision>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    who.may(caller::Role::Editor)?;
    let Json(ContractDecision { integration, discovered_at, leave_out }) = body?;
    let desk = app.desk().await?;
    let slug = find(&desk, &integration)?.slug.clone();
    let wish = leave_out.map_or(Wish::Accept, |LeftOut { stream, column }| Wish::LeaveOut { stream, column });
    let made = contract::carry_out(&app, &who, &slug, discovered_at, &wish).await?;
    Ok(Json(made.told(json!({ "success": true }))))
}
