//! Search and commands: pages, integrations and what can be done with them, runs, and connectors to add.

use std::sync::Arc;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::shell::{At, PAGES, Trouble, mistake};
use crate::api::{fits, found_connectors};
use crate::pages::render;
use crate::refusal::Refusal;
use spile_core::connector::Role;
use spile_core::integration::Integration;
use spile_ops::connectors::{Origin, Shelf};

/// How many integrations, runs and connectors are shown.
const MOST: usize = 6;

/// How many integrations may match for their commands to be listed as well.
const FEW: usize = 2;

/// The words that commands begin with, in lowercase.
const VERBS: [&str; 4] = ["add", "runs", "sync", "test"];

/// The fewest characters of a run's id to look it up by.
const SHORTEST_ID: usize = 6;

/// How many of the newest runs are looked through for an id.
const RUNS: usize = 500;

/// The query of the page.
#[derive(Debug, Deserialize)]
pub struct SearchPageQuery {
    #[serde(default)]
    q: String,
}

/// A page to go to, or a command to carry out.
#[derive(Debug, Serialize)]
struct SearchResult {
    icon: &'static str,
    label: String,
    detail: String,
    path: String,
    /// Whether it changes something, so that it is a button and not a link.
    is_command: bool,
}

impl SearchResult {
    fn link(icon: &'static str, label: impl Into<String>, detail: impl Into<String>, path: impl Into<String>) -> Self {
        Self { icon, label: label.into(), detail: detail.into(), path: path.into(), is_command: false }
    }

    fn command(icon: &'static str, label: String, path: String) -> Self {
        Self { icon, label, detail: String::new(), path, is_command: true }
    }
}

/// Shows what matches; to the search box of a page, only the list.
pub async fn show(
    at: At,
    headers: HeaderMap,
    wanted: Result<Query<SearchPageQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(SearchPageQuery { q }) = wanted.map_err(Refusal::from)?;
    let found = find(&at, q.trim()).await?;
    let data = json!({ "found": found, "csrf": at.who.csrf.clone().unwrap_or_default(), "q": q });
    if headers.contains_key("hx-request") {
        let html = render("search_results.html.j2", &data).map_err(|error| mistake(&error))?;
        return Ok(Html(html).into_response());
    }
    at.page("search.html.j2", "Search", data).await
}

async fn find(at: &At, q: &str) -> Result<Vec<SearchResult>, Trouble> {
    let can_edit = at.can_edit();
    let (verb, words) = verb_of(q);
    if !verb.is_empty() {
        let mut found: Vec<SearchResult> = integrations(at, words).iter().flat_map(|one| commands(one)).collect();
        if verb == "add" && can_edit {
            found.extend(connectors(at, words)?);
        }
        found.retain(|one| one.label.to_lowercase().starts_with(&verb) && (can_edit || !one.is_command));
        return Ok(found);
    }
    let mut found: Vec<SearchResult> = PAGES
        .iter()
        .filter(|page| page.name.to_lowercase().contains(&q.to_lowercase()))
        .map(|page| SearchResult::link(page.icon, page.name, "Page", page.path))
        .collect();
    if q.is_empty() {
        return Ok(found);
    }
    let all = integrations(at, q);
    for one in &all {
        found.push(SearchResult::link("plug", &one.base.name, &one.connector.head.label, at_page(one)));
        if all.len() <= FEW {
            found.extend(commands(one).filter(|one| can_edit || !one.is_command));
        }
    }
    found.extend(runs(at, q).await);
    if can_edit {
        found.extend(connectors(at, q)?);
    }
    Ok(found)
}

/// Splits the verb of a command off: `sync shop` means the command. The verb is in lowercase, and empty if there is none.
fn verb_of(q: &str) -> (String, &str) {
    let (first, words) = q.split_once(' ').unwrap_or((q, ""));
    let verb = first.to_lowercase();
    if VERBS.contains(&verb.as_str()) { (verb, words.trim()) } else { (String::new(), q) }
}

fn integrations<'a>(at: &'a At, q: &str) -> Vec<&'a Arc<Integration>> {
    at.desk.loaded.integrations.by_slug().filter(|one| fits(one, Some(q))).take(MOST).collect()
}

fn at_page(one: &Integration) -> String {
    format!("/integrations/{}", one.slug)
}

/// Returns what can be done with an integration.
fn commands(one: &Integration) -> impl Iterator<Item = SearchResult> {
    let (name, page) = (&one.base.name, at_page(one));
    let is_source = one.role() == Role::Extractor;
    let sync = is_source.then(|| SearchResult::command("play", format!("Sync {name}"), format!("{page}/sync")));
    let test = SearchResult::command("flask-conical", format!("Test {name}"), format!("{page}/test"));
    let runs = SearchResult::link("activity", format!("Runs of {name}"), "", format!("/runs?slug={}", one.slug));
    sync.into_iter().chain([test, runs])
}

/// Returns the runs whose id begins like this. Without a registry there are none.
async fn runs(at: &At, q: &str) -> Vec<SearchResult> {
    let id = q.to_lowercase();
    if id.len() < SHORTEST_ID || !id.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        return Vec::new();
    }
    let runs = at.desk.world.runs.newest(None, RUNS).await.unwrap_or_default();
    let begins = runs.iter().filter(|run| run.id.to_string().starts_with(&id)).take(MOST);
    let of = |run: &spile_core::run::Run| {
        let label = format!("{} of {}", run.kind.word(), run.slug);
        SearchResult::link("activity", label, run.id.to_string(), format!("/runs/{}", run.id))
    };
    begins.map(of).collect()
}

/// Returns the connectors that can be added right away.
fn connectors(at: &At, q: &str) -> Result<Vec<SearchResult>, Trouble> {
    let shelf = Shelf::with_hub(&at.app.setup().project)?;
    let ready = found_connectors(&shelf, Some(q), None)
        .into_iter()
        .filter(|one| !matches!(one.origin, Origin::Hub(_) | Origin::OnHub(_)));
    let of = |head: &spile_core::connector::Head| {
        let detail = if head.role == Role::Loader { "Destination" } else { "Source" };
        let path = format!("/new/{}/{}", head.role, head.name);
        SearchResult { detail: detail.to_owned(), ..SearchResult::command("plus", format!("Add {}", head.label), path) }
    };
    Ok(ready.take(MOST).map(|one| of(&one.head)).collect())
}
