//! Connectors, and the streams that sources offer.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::integrations::find;
use crate::app::App;
use crate::caller::{self, Caller};
use crate::change;
use crate::contract;
use crate::refusal::{self, Refusal};
use spile_core::connector::Role;
use spile_core::schema;
use spile_ops as ops;
use spile_ops::connectors::{Shelf, ShelfEntry};
use spile_ops::discover::{Freshness, Options, shown};
use spile_view as view;

/// How long a tap may take to discover its source.
const PATIENCE: Duration = Duration::from_secs(100);

/// The query of a connector search.
#[derive(Debug, Deserialize)]
pub struct CatalogQuery {
    /// Search words.
    q: Option<String>,
    /// The side of a pipeline.
    kind: Option<Role>,
}

/// The side of a pipeline that a connector is for.
#[derive(Debug, Deserialize)]
pub struct ConnectorSide {
    kind: Option<Role>,
}

/// The integration whose source is meant.
#[derive(Debug, Deserialize)]
pub struct Of {
    integration: String,
}

impl Of {
    /// Returns the integration's id or name.
    pub fn integration(&self) -> &str {
        &self.integration
    }
}

pub async fn list(
    _who: Caller,
    State(app): State<App>,
    wanted: Result<Query<CatalogQuery>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(wanted) = wanted?;
    let shelf = Shelf::with_hub(&app.setup().project)?;
    Ok(Json(view::connectors::data::list(&found(&shelf, wanted.q.as_deref(), wanted.kind))))
}

/// Returns the connectors that match all words, best match first.
pub fn found<'a>(shelf: &'a Shelf, words: Option<&str>, role: Option<Role>) -> Vec<&'a ShelfEntry> {
    let words: Vec<String> = words.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    shelf.search(&words, role)
}

pub async fn one(
    _who: Caller,
    State(app): State<App>,
    Path(name): Path<String>,
    kind: Result<Query<ConnectorSide>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let shown = Shelf::with_hub(&app.setup().project)?.show(&name, kind?.0.kind)?;
    Ok(Json(view::connectors::data::show(&shown)))
}

/// Returns the schema of what `POST /api/integrations` takes as `config` for a connector.
pub async fn schema(
    _who: Caller,
    State(app): State<App>,
    Path(name): Path<String>,
    kind: Result<Query<ConnectorSide>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let connector = change::connector(&app, &name, kind?.0.kind.unwrap_or(Role::Extractor))?;
    Ok(Json(schema::settings(&connector)))
}

/// Returns the result of a source's last discovery.
pub async fn discovered(
    _who: Caller,
    State(app): State<App>,
    of: Result<Query<Of>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(of) = of?;
    let desk = app.desk().await?;
    let integration = find(&desk, &of.integration)?;
    let kept = contract::known(&desk, integration)?;
    Ok(Json(json!({ "integration": integration.slug, "discovered": kept })))
}

/// Asks a tap what its source offers.
pub async fn discover(
    who: Caller,
    State(app): State<App>,
    of: Result<Json<Of>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    who.may(caller::Role::Editor)?;
    let Json(of) = of?;
    let desk = app.desk().await?;
    let slug = find(&desk, &of.integration)?.slug.clone();
    let options = Options {
        environment: desk.environment.clone(),
        freshness: Freshness::Asked,
        timeout: Some(PATIENCE),
        host: app.setup().host.clone(),
        interrupt: app.stopping(),
    };
    let asked = ops::discover(&desk.world, &desk.loaded, slug.as_str(), &options, &mut drop).await;
    let result = asked.as_ref().err().map(refusal::failed);
    let noted = app.note(&who, "discover", &[slug], result);
    let offer = asked?;
    noted?;
    Ok(Json(view::discover::data(&offer, &shown(&offer, None)?)))
}
