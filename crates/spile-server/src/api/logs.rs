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

/// How often a log is looked at while its run lasts.
const PAUSE: Duration = Duration::from_millis(300);

/// How often the registry is asked whether it does.
const ASKED: Duration = Duration::from_secs(1);

/// The most of a log that is given as lines: its end.
const MOST: u64 = 4 * 1024 * 1024;

/// The most that one event holds.
const PIECE: u64 = 64 * 1024;

/// How many pieces of a log wait for a slow reader.
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
        // Nobody is waited for who has gone, or does not read, nor at the server's end.
        tokio::select! {
            () = follow(&app, &desk, run, from, &sender) => {}
            () = sender.closed() => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    });
    Ok(Sse::new(Events(receiver)).keep_alive(KeepAlive::default()).into_response())
}

/// Sends what a log says until its run has ended, and how that was.
async fn follow(app: &App, desk: &ProjectView, run: RunStatusPage, mut shown: u64, sender: &mpsc::Sender<Event>) {
    let event = |shown: u64| Event::default().id(shown.to_string());
    let run = match begun(app, desk, run).await {
        Ok(run) => run,
        Err(refusal) => {
            // Who has gone wants no end.
            let _ = sender.send(event(shown).event("ended").data(json!(refusal).to_string())).await;
            return;
        }
    };
    let log = Log::of(desk.world.project.root(), &run);
    let (mut lasts, mut asked) = (true, None::<Instant>);
    loop {
        // Asked before reading: what a run wrote before it ended is then read too.
        if asked.is_none_or(|asked| asked.elapsed() >= ASKED) {
            // A registry that does not answer tells nothing: it is asked again.
            lasts = ops::history::lasts(&desk.world, &run).await.unwrap_or(lasts);
            asked = Some(Instant::now());
        }
        // What cannot be read now may be read later; a run that has just begun has written nothing yet.
        while let Ok(Some(more)) = log.after(shown, PIECE).map(|more| more.filter(|more| !more.bytes.is_empty())) {
            let bytes = whole_lines(&more.bytes);
            shown = more.end - (more.bytes.len() - bytes.len()) as u64;
            if sender.send(event(shown).data(text(bytes))).await.is_err() {
                return;
            }
        }
        if !lasts {
            let ended = desk.world.runs.get(run.id).await.ok().flatten().unwrap_or(run);
            // Who has gone wants no end.
            let _ = sender.send(event(shown).event("ended").data(json!(ended).to_string())).await;
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits until a run has begun, or was refused.
async fn begun(app: &App, desk: &ProjectView, mut run: RunStatusPage) -> Result<Run, Refusal> {
    while run.is_waiting {
        tokio::time::sleep(PAUSE).await;
        run = found(app, desk, &run.run.id.to_string()).await?;
    }
    Ok(run.run)
}

/// Cuts what is not the whole of a line off a piece that is as long as one may be.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').filter(|_| bytes.len() as u64 == PIECE);
    end.map_or(bytes, |end| &bytes[..=end])
}

/// Returns bytes as text; what is none is marked.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
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
