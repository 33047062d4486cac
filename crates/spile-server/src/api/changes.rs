//! Creates, changes and deletes integrations, by writing files.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::integrations::{etag, find, header, holds};
use super::shape::IntegrationData;
use crate::app::App;
use crate::caller::{self, Caller};
use crate::change::{self, Change, ChangeOutcome};
use crate::refusal::{FieldError, Refusal};
use spile_core::connector::Role;
use spile_core::integration::Integration;
use spile_core::name::Slug;
use spile_core::problem::did_you_mean;
use spile_core::secret::Secret;
use spile_ops::author::{self, DesiredIntegration};
use spile_ops::edits::WriteOutcome;

/// A new integration.
#[derive(Deserialize)]
pub struct Create {
    r#type: String,
    name: String,
    #[serde(default)]
    slug: Option<Slug>,
    #[serde(default)]
    kind: Option<Role>,
    #[serde(default)]
    config: Map<String, Value>,
    #[serde(default)]
    secrets: BTreeMap<String, Option<String>>,
    #[serde(flatten)]
    keys: BTreeMap<String, Value>,
}

/// Changes to an integration; omitted fields stay unchanged.
#[derive(Deserialize)]
pub struct Update {
    #[serde(default)]
    config: Option<Map<String, Value>>,
    #[serde(default)]
    secrets: BTreeMap<String, Option<String>>,
    #[serde(flatten)]
    keys: BTreeMap<String, Value>,
}

/// The read-only fields of a response: callers may send them back unchanged, and they are ignored.
const GIVEN: [&str; 11] = [
    "id",
    "slug",
    "type",
    "kind",
    "environments",
    "status",
    "created_at",
    "updated_at",
    "change",
    "applied",
    "not_applied",
];

pub async fn create(
    who: Caller,
    State(app): State<App>,
    body: Result<Json<Create>, JsonRejection>,
) -> Result<Response, Refusal> {
    who.may(caller::Role::Editor)?;
    let Json(body) = body?;
    let slug = body.slug.clone().or_else(|| Slug::from_words(&body.name));
    let slug =
        slug.ok_or_else(|| refused("name", "it has no letters or digits to make a file name from", "set `slug`"))?;
    let connector = change::connector(&app, &body.r#type, body.kind.unwrap_or(Role::Extractor))?;
    let mut wanted = wanted(body.keys, Some(body.config), body.secrets)?;
    if body.name != slug.as_str() {
        wanted.keys.insert("name".to_owned(), json!(body.name));
    }
    let _turn = app.turn().await;
    let keys = app.fresh_keys();
    let program = app.program();
    let prepared =
        author::create(change::access(&app.setup().project, &keys, &program), &slug, &connector, &wanted).await;
    let prepared = prepared.map_err(|error| Refusal::of(&error, Some(&connector)))?;
    let (edits, slugs) = (prepared.edits(), std::slice::from_ref(&slug));
    let change = Change { edits, slugs, verb: "Add", details: String::new(), onto: None };
    let did = change::carry_out(&app, &who, &change).await?;
    let made = prepared.loaded.integrations.find(slug.as_str()).cloned().ok_or_else(gone)?;
    let mut response = answer(&app, StatusCode::CREATED, &made, &did).await?;
    response.headers_mut().insert(LOCATION, header(&format!("/api/integrations/{}", made.id)));
    Ok(response)
}

pub async fn update(
    who: Caller,
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Json<Update>, JsonRejection>,
) -> Result<Response, Refusal> {
    who.may(caller::Role::Editor)?;
    let Json(body) = body?;
    let _turn = app.turn().await;
    let desk = app.reload().await?;
    let integration = find(&desk, &id)?;
    holds(&desk, integration, &headers)?;
    let desk = app.with_proposal(&desk, std::slice::from_ref(&integration.slug)).await?;
    let integration = find(&desk, &id)?;
    let wanted = wanted(body.keys, body.config, body.secrets)?;
    let (keys, program) = (&desk.world.keys, app.program());
    let prepared = author::change(change::access(&desk.world.project, keys, &program), integration, &wanted).await;
    let prepared = prepared.map_err(|error| Refusal::of(&error, Some(&integration.connector)))?;
    let change = Change::of(prepared.edits(), &integration.slug, "Change", &desk);
    let did = change::carry_out(&app, &who, &change).await?;
    let made = prepared.loaded.integrations.get(&integration.id).cloned().ok_or_else(gone)?;
    answer(&app, StatusCode::OK, &made, &did).await
}

pub async fn remove(
    who: Caller,
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    who.may(caller::Role::Editor)?;
    let _turn = app.turn().await;
    let desk = app.reload().await?;
    let integration = find(&desk, &id)?;
    holds(&desk, integration, &headers)?;
    let desk = app.with_proposal(&desk, std::slice::from_ref(&integration.slug)).await?;
    let removal = author::remove(&desk.world.project, find(&desk, &id)?)?;
    let change = Change::of(removal.edits, &removal.slug, "Delete", &desk);
    let did = change::carry_out(&app, &who, &change).await?;
    Ok(Json(did.told(json!({ "success": true }))))
}

fn wanted(
    mut keys: BTreeMap<String, Value>,
    config: Option<Map<String, Value>>,
    secrets: BTreeMap<String, Option<String>>,
) -> Result<DesiredIntegration, Refusal> {
    keys.retain(|key, _| !GIVEN.contains(&key.as_str()));
    if let Some(unknown) = keys.keys().find(|key| !DesiredIntegration::free_keys().any(|known| known == key.as_str())) {
        let help = did_you_mean(unknown, DesiredIntegration::free_keys())
            .unwrap_or_else(|| "see `/api/openapi.json` for the fields".to_owned());
        return Err(refused(unknown, "unknown field", &help));
    }
    let config = config.map(|config| config.into_iter().filter(|(_, value)| !value.is_null()).collect());
    let secret = |(name, value): (String, Option<String>)| (name, value.map(Secret::new));
    Ok(DesiredIntegration { keys, config, secrets: secrets.into_iter().map(secret).collect() })
}

fn refused(field: &str, message: &str, help: &str) -> Refusal {
    let code = "spile::http::field";
    let mut refusal = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, code, format!("`{field}`: {message}")).help(help);
    refusal.errors.push(FieldError {
        field: Some(field.to_owned().into()),
        code: code.to_owned(),
        message: message.to_owned(),
        help: Some(help.to_owned()),
        file: String::new(),
        line: 0,
    });
    refusal
}

fn gone() -> Refusal {
    Refusal::new(StatusCode::CONFLICT, "spile::integration::unknown", "it was deleted in the meantime")
}

/// Responds with an integration as it is read now, with its `ETag`; on a branch, as it will be once merged.
async fn answer(
    app: &App,
    status: StatusCode,
    made: &Arc<Integration>,
    did: &ChangeOutcome,
) -> Result<Response, Refusal> {
    let desk = app.desk().await?;
    let standings = desk.standings().await;
    let standing = standings.as_ref().ok().and_then(|known| known.get(&made.id));
    let is_here = matches!(did.written, WriteOutcome::Files { .. }) && desk.wrong.is_empty();
    let here = desk.loaded.integrations.get(&made.id);
    let shown = here.filter(|_| is_here).unwrap_or(made);
    let mut response = (status, Json(did.told(json!(IntegrationData::of(shown, standing))))).into_response();
    if let Some(here) = here {
        response.headers_mut().insert(ETAG, header(&etag(&desk, here, standing)));
    }
    Ok(response)
}
