//! `GET /api/runs/{id}/logs`: as lines, or as events while the run lasts.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::mpsc;

use super::runs::{RunStatusPage, found};
use crate::app::App;
use crate::caller::Caller;
use crate::project_view::ProjectView;
use crate::refusal::Refusal;
use spile_core::run::Run;
use spile_ops as ops;
use spile_ops::run::Log;

/// How often to look for new log lines while the run is active.
const PAUSE: Duration = Duration::from_millis(300);

/// How often to ask the registry whether the run is still active.
const ASKED: Duration = Duration::from_secs(1);

/// The largest part of a log to return as lines: its end.
const MOST: u64 = 4 * 1024 * 1024;

/// The most bytes of a log in one event.
const PIECE: u64 = 64 * 1024;

/// How many pieces of a log to hold for a slow reader.
const WAITING: usize = 4;

pub async fn logs(
    _who: Caller,
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let desk = app.desk().await?;
    let run = found(&app, &desk, &id).await?;
    let wants_events =
        headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|it| it.contains("text/event-stream"));
    if !wants_events {
        let log = Log::of(desk.world.project.root(), &run.run);
        let lines: Vec<String> = text(&log.end(MOST)?).lines().map(str::to_owned).collect();
        let answer = json!({ "run": run.run.id, "status": run.shaped()["status"], "lines": lines });
        return Ok(Json(answer).into_response());
    }
    let last = headers.get(HeaderName::from_static("last-event-id"));
    let from = last.and_then(|id| id.to_str().ok()?.parse().ok()).unwrap_or(0);
    let (sender, receiver) = mpsc::channel(WAITING);
    let mut stopping = app.stopping();
    tokio::spawn(async move {
        // Stops for a client that has left or does not read, and when the server stops.
        tokio::select! {
            () = follow(&app, &desk, run, from, &sender) => {}
            () = sender.closed() => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    });
    Ok(Sse::new(Events(receiver)).keep_alive(KeepAlive::default()).into_response())
}

/// Sends the log of a run until the run ends, then the result.
async fn follow(app: &App, desk: &ProjectView, run: RunStatusPage, mut shown: u64, sender: &mpsc::Sender<Event>) {
    let event = |shown: u64| Event::default().id(shown.to_string());
    let run = match begun(app, desk, run).await {
        Ok(run) => run,
        Err(refusal) => {
            // A client that has left does not need the end.
            let _ = sender.send(event(shown).event("ended").data(json!(refusal).to_string())).await;
            return;
        }
    };
    let log = Log::of(desk.world.project.root(), &run);
    let (mut lasts, mut asked) = (true, None::<Instant>);
    loop {
        // Ask before reading: then the read includes what the run wrote before it ended.
        if asked.is_none_or(|asked| asked.elapsed() >= ASKED) {
            // If the registry does not answer, ask again later.
            lasts = ops::history::lasts(&desk.world, &run).await.unwrap_or(lasts);
            asked = Some(Instant::now());
        }
        // A read that fails now may succeed later; a run that has just started has not written anything yet.
        while let Ok(Some(more)) = log.after(shown, PIECE).map(|more| more.filter(|more| !more.bytes.is_empty())) {
            let bytes = whole_lines(&more.bytes);
            shown = more.end - (more.bytes.len() - bytes.len()) as u64;
            if sender.send(event(shown).data(text(bytes))).await.is_err() {
                return;
            }
        }
        if !lasts {
            let ended = desk.world.runs.get(run.id).await.ok().flatten().unwrap_or(run);
            // A client that has left does not need the end.
            let _ = sender.send(event(shown).event("ended").data(json!(ended).to_string())).await;
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits until a run has started or was refused.
async fn begun(app: &App, desk: &ProjectView, mut run: RunStatusPage) -> Result<Run, Refusal> {
    while run.is_waiting {
        tokio::time::sleep(PAUSE).await;
        run = found(app, desk, &run.run.id.to_string()).await?;
    }
    Ok(run.run)
}

/// Cuts an incomplete last line off a piece of the maximum size.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').filter(|_| bytes.len() as u64 == PIECE);
    end.map_or(bytes, |end| &bytes[..=end])
}

/// Returns bytes as text, with replacement characters for invalid UTF-8.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The events of a log, as a stream.
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
