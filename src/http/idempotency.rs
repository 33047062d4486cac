//! `Idempotency-Key`: the same request again gets the same answer, and does nothing again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::app::App;
use super::refusal::Refusal;
use super::who::Who;
use crate::plan::hash;

/// How long an answer is remembered.
const LASTS: Duration = Duration::from_hours(24);

/// How long a request can be at work.
const LONGEST: Duration = Duration::from_mins(3);

/// How many answers are remembered.
const MOST: usize = 1000;

/// The largest body that is looked at: more than any that is read.
const LARGEST: usize = 2 * 1024 * 1024;

const NAME: HeaderName = HeaderName::from_static("idempotency-key");

/// What was answered to requests that had a key.
#[derive(Default)]
pub struct Answered(Mutex<BTreeMap<String, Known>>);

/// What was answered, and to what.
struct Known {
    at: Instant,
    request: String,
    /// `None` while it is at work.
    answer: Option<(StatusCode, HeaderMap, Bytes)>,
}

/// Answers a request that was answered before as it was answered then.
pub async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    let key = request.headers().get(NAME).and_then(|key| key.to_str().ok()).map(str::to_owned);
    let Some(key) = key.filter(|_| request.method() == Method::POST) else { return next.run(request).await };
    let (parts, body) = request.into_parts();
    // What was answered to somebody is nobody else's, nor theirs once they may not come in.
    let who = match Who::of(&parts, &app).await {
        Ok(who) => who,
        Err(refusal) => return refusal.into_response(),
    };
    let Ok(body) = to_bytes(body, LARGEST).await else {
        return Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "spile::http::body", "the body is too large")
            .into_response();
    };
    let key = hash([&key, who.name.as_str(), parts.uri.path()].join("\0").as_bytes());
    let said = hash(&body);
    let all = app.answered();
    if let Some(answered) = all.begin(&key, &said) {
        return answered;
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, LARGEST).await else {
        all.lock().remove(&key);
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    // What went wrong here may go well the next time.
    if parts.status.is_server_error() || parts.status == StatusCode::TOO_MANY_REQUESTS {
        all.lock().remove(&key);
    } else if let Some(known) = all.lock().get_mut(&key) {
        known.answer = Some((parts.status, parts.headers.clone(), bytes.clone()));
    }
    Response::from_parts(parts, Body::from(bytes))
}

impl Answered {
    /// Marks a request as at work, or returns what was answered to it.
    fn begin(&self, key: &str, said: &str) -> Option<Response> {
        let mut all = self.lock();
        // One that is at work for longer than any request was left by who sent it.
        all.retain(|_, known| known.at.elapsed() < if known.answer.is_some() { LASTS } else { LONGEST });
        match all.get(key) {
            Some(known) if known.request != said => {
                let detail = "the key was sent with another request before";
                Some(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "spile::http::idempotency", detail).into_response())
            }
            Some(Known { answer: None, .. }) => {
                let detail = "the same request is at work";
                Some(Refusal::new(StatusCode::CONFLICT, "spile::http::idempotency", detail).into_response())
            }
            Some(Known { answer: Some((status, headers, bytes)), .. }) => {
                Some((*status, headers.clone(), bytes.clone()).into_response())
            }
            None => {
                if all.len() >= MOST
                    && let Some(oldest) = all.iter().min_by_key(|(_, known)| known.at).map(|(key, _)| key.clone())
                {
                    all.remove(&oldest);
                }
                all.insert(key.to_owned(), Known { at: Instant::now(), request: said.to_owned(), answer: None });
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
