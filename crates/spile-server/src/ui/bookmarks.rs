//! The bookmarks of an integration on its page, and the question before one is removed.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::form::Posted;
use super::section::Section;
use super::shell::{At, Trouble};
use crate::api::find;
use crate::pages::when::When;
use crate::refusal::Refusal;
use crate::state_change;
use spile_core::integration::Integration;
use spile_core::run::{Run, RunKind};
use spile_ops::state::{self, Action, ShownBookmark};
use spile_view::states::consequence;

/// The stream whose bookmark would be removed.
#[derive(Debug, Deserialize)]
pub struct Cleared {
    stream: String,
}

/// Returns the bookmarks of an integration; nothing where it has none, or only Meltano knows the way to them: a page
/// starts no program. Beside each is what the last sync read of its stream.
pub async fn section(at: &At, one: &Integration, runs: &[Run], now: Timestamp) -> Option<Value> {
    let options = state_change::options(&at.app, &at.desk, &at.who);
    let scope = state_change::scope(&at.desk, &options);
    let shown = state::show_directly(scope, one.slug.as_str()).await.ok()??;
    let last = runs.iter().find(|run| run.kind == RunKind::Sync && run.status.succeeded());
    let records = |stream: &str| last?.streams.get(stream).copied();
    let row = |bookmark: &ShownBookmark| {
        json!({
            "records": records(&bookmark.stream), "stream": bookmark.stream, "partition": bookmark.partition, "key": bookmark.key,
            "value": bookmark.value.as_ref().map(spile_core::state::Json::shown),
            "since": bookmark.since.map(|since| When::relative(since.at, now)), "query": query(&bookmark.stream),
        })
    };
    let rows: Vec<Value> = shown.bookmarks.iter().map(row).collect();
    Some(json!({ "rows": rows, "format": shown.format.name() }))
}

/// Returns what the question about a stream is asked with.
fn query(stream: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair("stream", stream).finish()
}

/// Asks whether the bookmark of a stream should be removed, and says what is read because of it.
pub async fn ask(
    at: At,
    Path(slug): Path<String>,
    query: Result<Query<Cleared>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(Cleared { stream }) = query.map_err(Refusal::from)?;
    at.who.may(crate::caller::Role::Editor)?;
    let slug = find(&at.desk, &slug)?.slug.clone();
    let options = state_change::options(&at.app, &at.desk, &at.who);
    let action = Action::Clear { streams: vec![stream.clone()] };
    let plan = state::plan(state_change::scope(&at.desk, &options), slug.as_str(), &action, &mut |_| ()).await;
    let plan = plan.map_err(Refusal::from)?;
    let change = |one: &spile_core::state::Difference| {
        let [before, after] = one.shown();
        json!({ "stream": one.stream, "before": before, "after": after, "consequence": consequence(one) })
    };
    let changes: Vec<Value> = plan.changes.iter().map(change).collect();
    let data = json!({ "slug": slug, "stream": stream, "changes": changes });
    at.page("bookmark.html.j2", &format!("Clear the bookmark of {stream}?"), data).await
}

/// Removes the bookmark of a stream.
pub async fn clear(Path(slug): Path<String>, posted: Posted) -> Result<Response, Trouble> {
    let at = &posted.at;
    let slug = find(&at.desk, &slug)?.slug.clone();
    let action = Action::Clear { streams: vec![posted.get("stream").to_owned()] };
    state_change::carry_out(&at.app, &at.who, &slug, &action).await?;
    Ok(Redirect::to(&format!("{}?did=cleared", Section::Status.path(&slug))).into_response())
}
