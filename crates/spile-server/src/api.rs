//! The API: JSON in and out. Handlers parse a request, call an operation and shape its response; they make no
//! decisions.

mod bulk;
mod catalog;
mod changes;
mod contracts;
mod health;
mod integrations;
mod logs;
mod notifications;
mod openapi;
mod plans;
mod runs;
mod shape;
mod state;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};

use super::app::App;
use super::refusal::{Refusal, not_found};

pub use catalog::found as found_connectors;
pub use integrations::{find, fits};
pub use runs::{RunStatusPage as FoundRun, found as found_run};

/// Returns the routes below `/api`.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/health", get(health::health))
        .route("/openapi.json", get(openapi::document))
        .route("/integrations", get(integrations::list).post(changes::create))
        .route("/integrations/{id}", get(integrations::one).put(changes::update).delete(changes::remove))
        .route("/integrations/{id}/test", post(runs::test))
        .route("/integrations/{id}/sync", post(runs::sync))
        .route("/integrations/{id}/state", get(state::show).post(state::change))
        .route("/integrations/{id}/state/history", get(state::history))
        .route("/runs", get(runs::list))
        .route("/runs/{id}", get(runs::one))
        .route("/runs/{id}/logs", get(logs::logs))
        .route("/plan", get(plans::plan))
        .route("/applies", get(plans::applies).post(plans::apply))
        .route("/connectors", get(catalog::list))
        .route("/connectors/{type}", get(catalog::one))
        .route("/connectors/{type}/schema", get(catalog::schema))
        .route("/discover", get(catalog::discovered).post(catalog::discover))
        .route("/contracts", get(contracts::changes).post(contracts::answer))
        .route("/bulk", post(bulk::bulk))
        .route("/notifications", get(notifications::list).post(notifications::mark))
        .route("/audit", get(notifications::audit))
        .method_not_allowed_fallback(not_allowed)
        .fallback(not_found)
}

async fn not_allowed() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "spile::http::method", "this endpoint does not allow that method")
        .help("see `/api/openapi.json` for the methods that it allows")
}
