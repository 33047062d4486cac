//! The event stream of an open page: the names of what has changed. The page then asks for its parts.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc;

use crate::app::App;
use crate::caller::Caller;
use crate::pulse::Pulse;

/// How often to check that the session has not ended, if nothing else happens.
const SESSION: Duration = Duration::from_secs(5);

/// How many events to hold for a slow reader.
const WAITING: usize = 8;

pub async fn stream(_who: Caller, State(app): State<App>, headers: HeaderMap) -> Response {
    let (sender, receiver) = mpsc::channel(WAITING);
    let mut stopping = app.stopping();
    tokio::spawn(async move {
        // Stops for a page that was left, and when the server stops.
        tokio::select! {
            () = follow(&app, &headers, &sender) => {}
            () = sender.closed() => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    });
    Sse::new(Names(receiver)).keep_alive(KeepAlive::default()).into_response()
}

/// Sends what has changed until the session ends, and then that it has.
async fn follow(app: &App, headers: &HeaderMap, sender: &mpsc::Sender<&'static str>) {
    let mut pulse = app.pulse().subscribe();
    let mut shown = *pulse.borrow_and_update();
    loop {
        // The time limit only leads to another check of the session.
        let _ = tokio::time::timeout(SESSION, pulse.changed()).await;
        if app.sessions().find(headers).is_none() {
            // A page that was left does not need the end.
            let _ = sender.send("session").await;
            return;
        }
        let now = *pulse.borrow_and_update();
        // The first look only tells what there is.
        let before = if shown == Pulse::default() { now } else { shown };
        let changed = [
            ("runs", now.runs != before.runs),
            ("alerts", now.alerts != before.alerts),
            ("drafts", now.drafts != shown.drafts),
        ];
        shown = now;
        for (name, _) in changed.into_iter().filter(|(_, has_changed)| *has_changed) {
            if sender.send(name).await.is_err() {
                return;
            }
        }
    }
}

/// Names of events, as a stream.
struct Names(mpsc::Receiver<&'static str>);

impl futures_core::Stream for Names {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Browsers ignore an event without data.
        self.0.poll_recv(context).map(|name| name.map(|name| Ok(Event::default().event(name).data("changed"))))
    }
}
