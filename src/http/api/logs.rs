//! `GET /api/runs/{id}/logs`: as lines, or as events while the run lasts.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::mpsc;

use super::runs::found;
use crate::http::app::App;
use crate::http::logs::{Log, text};
use crate::http::refusal::Refusal;
use crate::http::who::Who;
use crate::ops;

/// How often a log is looked at while its run lasts.
const PAUSE: Duration = Duration::from_millis(300);

/// How many pieces of a log wait for a slow reader.
const WAITING: usize = 16;

pub async fn logs(
    _who: Who,
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let desk = app.desk().await?;
    let run = found(&desk, &id).await?;
    let log = Log::of(desk.world.project.root(), &run);
    let wants_events =
        headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|it| it.contains("text/event-stream"));
    if !wants_events {
        let lines: Vec<String> = text(&log.all()?).lines().map(str::to_owned).collect();
        return Ok(Json(json!({ "run": run.id, "status": run.status, "lines": lines })).into_response());
    }
    let last = headers.get(HeaderName::from_static("last-event-id"));
    let from = last.and_then(|id| id.to_str().ok()?.parse().ok()).unwrap_or(0);
    let (sender, receiver) = mpsc::channel(WAITING);
    let mut stopping = app.stopping();
    app.jobs().spawn(async move {
        let mut shown: u64 = from;
        loop {
            // Asked before reading: what a run wrote before it ended is then read too.
            let lasts = ops::history::lasts(&desk.world, &run).await.unwrap_or(false) && !*stopping.borrow_and_update();
            let (bytes, end) = log.after(shown);
            shown = end;
            if !bytes.is_empty()
                && sender.send(Event::default().id(shown.to_string()).data(text(&bytes))).await.is_err()
            {
                return;
            }
            if !lasts {
                let ended = desk.world.runs.get(run.id).await.ok().flatten().unwrap_or(run);
                let said = json!(ended).to_string();
                // Who has gone wants no end.
                let _ = sender.send(Event::default().event("ended").id(shown.to_string()).data(said)).await;
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    Ok(Sse::new(Events(receiver)).keep_alive(KeepAlive::default()).into_response())
}

/// The events, as a stream.
struct Events(mpsc::Receiver<Event>);

impl futures_core::Stream for Events {
    type Item = Result<Event, Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}
