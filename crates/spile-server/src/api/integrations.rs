//! `GET /api/integrations` and `/api/integrations/{id}`

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::shape::IntegrationData;
use crate::app::App;
use crate::caller::Caller;
use crate::project_view::{ProjectView, Standings};
use crate::refusal::Refusal;
use spile_core::digest::hash;
use spile_core::integration::Integration;
use spile_core::name::Slug;
use spile_ops::plan::choices;
use spile_ops::plan::choices::OpenChoices;
use spile_view::report::ProblemData;
use spile_world::stores::runs::Standing;

/// The default and the largest number of integrations in a response.
const MOST: (usize, usize) = (100, 1000);

/// The query of a list of integrations.
#[derive(Debug, Deserialize)]
pub struct IntegrationsQuery {
    /// Words to find in the name, the type or the tags.
    q: Option<String>,
    /// The largest number to return.
    limit: Option<usize>,
    /// Return only integrations whose names come after this one.
    after: Option<Slug>,
}

/// A page of integrations, sorted by name.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    integrations: Vec<IntegrationData<'a>>,
    registry: Reached<'a>,
    /// The last integration of this page, if more follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a Slug>,
    /// The problems in the files; if there are any, the page shows the files as they were before.
    #[serde(skip_serializing_if = "<[ProblemData]>::is_empty")]
    problems: &'a [ProblemData],
}

/// Whether the registry answers, and if not, why; then nothing from the registry is in the response.
#[derive(Debug, Serialize)]
struct Reached<'a> {
    reachable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

pub async fn list(
    _who: Caller,
    State(app): State<App>,
    wanted: Result<Query<IntegrationsQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(wanted) = wanted?;
    let desk = app.desk().await?;
    let standings = desk.standings().await;
    let asked = format!("{wanted:?}");
    // Text, numbers and maps with text keys can always be written as JSON.
    let written = || Bytes::from(serde_json::to_vec(&listed(&desk, &standings, &wanted)).unwrap_or_default());
    let answer = desk.lists.get(&standings, &asked, written);
    Ok(([(CONTENT_TYPE, "application/json")], answer).into_response())
}

fn listed<'a>(desk: &'a ProjectView, standings: &'a Standings, wanted: &IntegrationsQuery) -> Listed<'a> {
    let limit = wanted.limit.unwrap_or(MOST.0).clamp(1, MOST.1);
    let is_after = |one: &&Arc<Integration>| wanted.after.as_ref().is_none_or(|after| one.slug > *after);
    let mut found = desk.loaded.integrations.by_slug().filter(is_after).filter(|one| fits(one, wanted.q.as_deref()));
    let known = standings.as_ref().ok();
    let page: Vec<&Arc<Integration>> = found.by_ref().take(limit).collect();
    let next = found.next().and(page.last()).map(|last| &last.slug);
    let shaped = page.iter().map(|one| IntegrationData::of(one, known.and_then(|known| known.get(&one.id))));
    let detail = standings.as_ref().err().map(String::as_str);
    Listed {
        integrations: shaped.collect(),
        registry: Reached { reachable: detail.is_none(), detail },
        next,
        problems: &desk.wrong,
    }
}

/// Tells whether every word is in the name, the type or a tag.
pub fn fits(one: &Integration, words: Option<&str>) -> bool {
    let texts = [one.slug.as_str(), &one.base.name, &one.connector.head.name, &one.connector.head.label];
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

pub async fn one(
    _who: Caller,
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let desk = app.desk().await?;
    let integration = find(&desk, &id)?;
    let standings = desk.standings().await;
    let standing = standings.as_ref().ok().and_then(|known| known.get(&integration.id));
    // Like the status, they are missing if the registry does not answer.
    let choices = match standings.as_ref() {
        Ok(_) => choices::open(&desk.world, integration, &desk.environment).await.ok(),
        Err(_) => None,
    };
    let choices = choices.filter(|choices| !choices.is_empty());
    let etag = etag_of_one(&desk, integration, standing, choices.as_ref());
    if tags(&headers, &IF_NONE_MATCH).any(|known| known == etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, header(&etag))]).into_response());
    }
    let shaped = IntegrationData::of(integration, standing).with_choices(choices);
    Ok(([(ETAG, header(&etag))], Json(json!({ "integration": shaped }))).into_response())
}

/// Finds an integration by its id or its name.
///
/// # Errors
/// If no integration matches.
pub fn find<'a>(desk: &'a ProjectView, id: &str) -> Result<&'a Arc<Integration>, Refusal> {
    let integrations = &desk.loaded.integrations;
    let by_id = id.parse().ok().and_then(|id| integrations.get(&id));
    by_id.or_else(|| integrations.find(id)).ok_or_else(|| {
        Refusal::new(StatusCode::NOT_FOUND, "spile::integration::unknown", "no such integration")
            .help("`GET /api/integrations` lists them")
    })
}

/// Returns the `ETag` of an integration: it covers its files and its status in the registry.
pub(super) fn etag(desk: &ProjectView, integration: &Integration, standing: Option<&Standing>) -> String {
    let stands = standing.map(|one| hash(format!("{} {} {}", one.status, one.created_at, one.updated_at).as_bytes()));
    format!("\"{}.{}\"", desk.mark_of(integration), stands.as_deref().map_or("0", |hash| &hash[..8]))
}

/// Returns the `ETag` of an answer that also has open choices.
fn etag_of_one(
    desk: &ProjectView,
    integration: &Integration,
    standing: Option<&Standing>,
    choices: Option<&OpenChoices>,
) -> String {
    let etag = etag(desk, integration, standing);
    match choices {
        Some(choices) => {
            format!("{}.{}\"", etag.trim_end_matches('"'), &hash(json!(choices).to_string().as_bytes())[..8])
        }
        None => etag,
    }
}

/// Refuses to change files that have changed since they were read. A change in the registry alone does not count.
///
/// # Errors
/// If `If-Match` names no current version of the files.
pub(super) fn holds(desk: &ProjectView, integration: &Integration, headers: &HeaderMap) -> Result<(), Refusal> {
    let is_of = |tag: &str| tag == "*" || tag.trim_matches('"').split('.').next() == Some(desk.mark_of(integration));
    if !headers.contains_key(IF_MATCH) || tags(headers, &IF_MATCH).any(is_of) {
        return Ok(());
    }
    let detail = "the file has changed since it was read";
    Err(Refusal::new(StatusCode::PRECONDITION_FAILED, "spile::http::precondition", detail)
        .help("fetch it again and repeat the change on the current version"))
}

/// Returns the `ETag`s in a header. Proxies that compress a response turn its tag into a weak one.
fn tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(|tag| tag.trim().trim_start_matches("W/"))
}

pub(super) fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
