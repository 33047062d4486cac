//! `GET /api/integrations` and `/api/integrations/{id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::shape;
use crate::http::app::App;
use crate::http::desk::Desk;
use crate::http::refusal::Refusal;
use crate::http::who::Who;
use crate::integration::Integration;
use crate::name::Slug;
use crate::ops::edits::read;
use crate::plan::hash;
use crate::world::Project;

/// How many are given where nothing is said, and at most.
const MOST: (usize, usize) = (100, 1000);

/// Which integrations are wanted.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    /// Words that name, type or tags have.
    q: Option<String>,
    /// How many.
    limit: Option<usize>,
    /// Those that come after this one, by name.
    after: Option<Slug>,
}

pub async fn list(
    _who: Who,
    State(app): State<App>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(wanted) = wanted?;
    let desk = app.desk().await?;
    let standings = desk.standings().await;
    let limit = wanted.limit.unwrap_or(MOST.0).clamp(1, MOST.1);
    let is_after = |one: &&Arc<Integration>| wanted.after.as_ref().is_none_or(|after| one.slug > *after);
    let mut found = desk.loaded.integrations.by_slug().filter(is_after).filter(|one| fits(one, wanted.q.as_deref()));
    let known = standings.as_ref().ok();
    let page: Vec<&Arc<Integration>> = found.by_ref().take(limit).collect();
    let next = found.next().and(page.last()).map(|last| last.slug.clone());
    let shaped = page.iter().map(|one| shape::integration(one, known.and_then(|known| known.get(&one.id))));
    let mut answer = json!({ "integrations": shaped.collect::<Vec<_>>(), "registry": registry(&standings.map(drop)) });
    if let Some(next) = next {
        answer["next"] = json!(next);
    }
    if !desk.wrong.is_empty() {
        answer["problems"] = json!(desk.wrong);
    }
    Ok(Json(answer))
}

/// Tells whether every word is in the name, the type or a tag.
pub fn fits(one: &Integration, words: Option<&str>) -> bool {
    let texts = [one.slug.as_str(), &one.base.name, &one.connector.name, &one.connector.label];
    let has = |word: &str| {
        let word = word.to_lowercase();
        texts
            .iter()
            .copied()
            .chain(one.base.tags.iter().map(String::as_str))
            .any(|text| text.to_lowercase().contains(&word))
    };
    words.unwrap_or_default().split_whitespace().all(has)
}

fn registry(standings: &Result<(), String>) -> Value {
    match standings {
        Ok(()) => json!({ "reachable": true }),
        Err(why) => json!({ "reachable": false, "detail": why }),
    }
}

pub async fn one(
    _who: Who,
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let desk = app.desk().await?;
    let integration = find(&desk, &id)?;
    let etag = etag(&app.setup().project, integration)?;
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, header(&etag))]).into_response());
    }
    let standings = desk.standings().await;
    let standing = standings.as_ref().ok().and_then(|known| known.get(&integration.id));
    let shaped = shape::integration(integration, standing);
    Ok(([(ETAG, header(&etag))], Json(json!({ "integration": shaped }))).into_response())
}

/// Finds an integration by its id or its name.
///
/// # Errors
/// When there is none.
pub fn find<'a>(desk: &'a Desk, id: &str) -> Result<&'a Arc<Integration>, Refusal> {
    let integrations = &desk.loaded.integrations;
    let by_id = id.parse().ok().and_then(|id| integrations.get(&id));
    by_id.or_else(|| integrations.find(id)).ok_or_else(|| {
        Refusal::new(StatusCode::NOT_FOUND, "spile::integration::unknown", "there is no such integration")
            .help("`GET /api/integrations` lists them")
    })
}

/// Returns the mark of what an integration's file says.
///
/// # Errors
/// When it cannot be read.
pub fn etag(project: &Project, integration: &Integration) -> Result<String, Refusal> {
    let text = read(project, &integration.path)?.unwrap_or_default();
    Ok(format!("\"{}\"", &hash(text.as_bytes())[..32]))
}

pub(super) fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
