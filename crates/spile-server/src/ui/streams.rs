//! The streams of one integration: what its source offers, what is read, and accepting what has changed.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::form::Posted;
use super::section::{Section, goes_on, page};
use super::shell::{At, Trouble};
use super::source_changes;
use crate::api::find;
use crate::contract::{self, Wish};
use crate::pages::when::When;
use crate::refusal::Refusal;
use spile_core::discovered::{Discovered, Field, Rules, Stream, Taken};
use spile_core::integration::Integration;

/// How many streams are listed at once. Salesforce has more than a thousand.
const MOST: usize = 300;

/// What to list.
#[derive(Debug, Default, Deserialize)]
pub struct StreamsQuery {
    /// A part of the name.
    #[serde(default)]
    q: String,
    /// The stream whose fields are shown.
    #[serde(default)]
    stream: String,
}

pub async fn show(
    at: At,
    Path(slug): Path<String>,
    wanted: Result<Query<StreamsQuery>, QueryRejection>,
) -> Result<Response, Trouble> {
    let Query(wanted) = wanted.map_err(Refusal::from)?;
    let one = find(&at.desk, &slug)?.clone();
    page(&at, &one, Section::Streams, section(&at, &one, &wanted, Timestamp::now()), None).await
}

/// Returns what its source offered at the last discovery, and what has changed since somebody accepted it. If that cannot
/// be read, the section says that nothing is known.
fn section(at: &At, one: &Arc<Integration>, wanted: &StreamsQuery, now: Timestamp) -> Value {
    let offered = contract::known(&at.desk, one).ok().flatten();
    json!({
        "streams": offered.as_ref().map(|offered| streams(at, one, offered, wanted, now)), "q": wanted.q,
        "source": offered.as_ref().and_then(|offered| source_changes::of(at, one, offered, now)),
    })
}

fn streams(at: &At, one: &Integration, offered: &Discovered, wanted: &StreamsQuery, now: Timestamp) -> Value {
    let rules = Rules::of(one, one.at(&at.desk.environment));
    let part = wanted.q.to_lowercase();
    let matching = || offered.streams.iter().filter(|stream| stream.name.to_lowercase().contains(&part));
    let selected = offered.streams.iter().filter(|stream| rules.take(stream).0.is_read()).count();
    let rows: Vec<Value> = matching().take(MOST).map(|stream| row(stream, &rules, wanted)).collect();
    json!({
        "when": When::relative(offered.discovered_at, now), "rows": rows, "total": offered.streams.len(), "selected": selected,
        "hidden": matching().count().saturating_sub(MOST),
    })
}

fn row(stream: &Stream, rules: &Rules, wanted: &StreamsQuery) -> Value {
    let (taken, fields) = rules.take(stream);
    let field = |(field, taken): (&Field, &Taken)| {
        let name = field.name();
        json!({
            "is_key": stream.primary_key.contains(&name), "types": field.types.join(", "), "is_read": taken.is_read(),
            "name": name,
        })
    };
    let is_open = stream.name == wanted.stream;
    let mut pairs = vec![("q", wanted.q.as_str())];
    pairs.extend((!is_open).then_some(("stream", stream.name.as_str())));
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs.into_iter().filter(|(_, text)| !text.is_empty()))
        .finish();
    json!({
        "name": stream.name, "is_read": taken.is_read(), "keys": stream.primary_key, "replication_key": stream.replication_key,
        "count": stream.fields.len(), "left_out": fields.iter().filter(|field| !field.is_read()).count(), "query": query,
        "fields": is_open.then(|| stream.fields.iter().zip(&fields).map(field).collect::<Vec<_>>()),
    })
}

/// Accepts the changes in its source, or leaves out a part of them.
pub async fn accept(Path(slug): Path<String>, posted: Posted) -> Result<Response, Trouble> {
    let at = &posted.at;
    let one = find(&at.desk, &slug)?.clone();
    let column = Some(posted.get("column").to_owned()).filter(|column| !column.is_empty());
    let wish = match posted.get("wish") {
        "leave_out" => Wish::LeaveOut { stream: posted.get("stream").to_owned(), column },
        _ => Wish::Accept,
    };
    // A form that did not come from the page has no valid time of a discovery.
    let seen = posted.get("at").parse().unwrap_or(Timestamp::UNIX_EPOCH);
    match contract::carry_out(&at.app, &at.who, &one.slug, seen, &wish).await {
        Ok(made) => Ok(goes_on(&made, &Section::Streams.path(&one.slug))),
        Err(refusal) => {
            let data = section(at, &one, &StreamsQuery::default(), Timestamp::now());
            page(at, &one, Section::Streams, data, Some(&refusal)).await
        }
    }
}
