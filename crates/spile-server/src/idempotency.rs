//! `Idempotency-Key`: a repeated request gets the same response, and does nothing again.

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::app::App;
use super::caller::Caller;
use super::idempotency_store::{GivenResponse, LARGEST};
use super::refusal::Refusal;
use spile_core::digest::hash;

/// The code of a refusal because the integration is already running: a retry may succeed later, so it is not stored.
const BUSY: &str = "spile::run::busy";

const NAME: HeaderName = HeaderName::from_static("idempotency-key");

/// Answers a repeated request with the stored response.
pub async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    let key = request.headers().get(NAME).and_then(|key| key.to_str().ok()).map(str::to_owned);
    let Some(key) = key.filter(|_| request.method() == Method::POST) else { return next.run(request).await };
    let (parts, body) = request.into_parts();
    // A stored response belongs to its caller, and even to them only while they may sign in.
    let who = match Caller::of(&parts, &app).await {
        Ok(who) => who,
        Err(refusal) => return refusal.into_response(),
    };
    let Ok(body) = to_bytes(body, LARGEST).await else {
        return Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "spile::http::body", "the body is too large")
            .into_response();
    };
    let key = hash([&key, who.subject.as_str(), parts.uri.path()].join("\0").as_bytes());
    let at_work = match app.answered().begin(&key, &hash(&body)) {
        Ok(at_work) => at_work,
        Err(answered) => return *answered,
    };
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let status = response.status();
    // A failure on this side may be gone the next time.
    let is_busy = response.extensions().get::<Refusal>().is_some_and(|refusal| refusal.code == BUSY);
    let is_passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || is_busy;
    let is_short = response.body().size_hint().upper().is_some_and(|length| length <= LARGEST as u64);
    if is_passing || !is_short {
        return response;
    }
    let (parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, LARGEST).await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    at_work.end(GivenResponse { status: parts.status, headers: parts.headers.clone(), body: bytes.clone() });
    Response::from_parts(parts, Body::from(bytes))
}
