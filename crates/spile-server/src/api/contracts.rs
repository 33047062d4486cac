//! Changes in sources since they were last accepted.

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

/// A decision about the changes in a source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractDecision {
    integration: String,
    /// The time of the discovery that the caller saw.
    discovered_at: Timestamp,
    /// The stream or column to leave out; without it, all changes are accepted.
    #[serde(default)]
    leave_out: Option<LeftOut>,
}

/// A new stream or column.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    stream: String,
    #[serde(default)]
    column: Option<String>,
}

/// Returns the changes in a source, as far as this machine knows; does not contact the source.
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

/// Accepts the changes in a source, or leaves out a part of them.
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
