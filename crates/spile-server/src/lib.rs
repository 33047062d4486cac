//! The server: an API for programs and pages for people, over the same operations as the command line.
//!
//! ```text
//! request -> guard (host, origin, size, headers) -> caller (session or token) -> handler -> ops -> response
//! ```
//!
//! `api` answers with JSON and is described by `api/openapi.rs`; `ui` answers with HTML, which [`pages`] renders from values
//! and templates (`/templates/ui`) without side effects. A refused request is a `refusal` (RFC 9457): `caller` refuses
//! roles, and `guard` refuses foreign pages. A new integration stays in a draft until it is saved.
//!
//! ```
//! // Templates are part of the program, and escape every value.
//! let message = serde_json::json!({ "title": "Gone", "sentence": "a < b", "help": null, "code": null, "shell": null });
//! let page = spile_server::pages::render("message.html.j2", &message)?;
//! assert!(page.contains("a &lt; b"));
//! # Ok::<(), minijinja::Error>(())
//! ```

mod api;
mod app;
mod assets;
mod authentication;
mod caller;
mod change;
mod connections;
mod connector_facts;
mod contract;
mod draft_tests;
mod drafts;
mod guard;
mod heartbeat;
mod idempotency;
mod idempotency_store;
mod jobs;
mod jwt;
mod limits;
mod logos;
pub mod pages;
mod pending_sign_ins;
mod project_view;
mod provider_login;
mod pulse;
mod queue;
mod refusal;
mod response_cache;
mod session;
mod setup;
mod start_run;
mod state_change;
mod ui;

use std::time::Duration;

use axum::routing::get;
use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use app::App;
pub use jwt::Trust;
pub use session::Login;
pub use setup::{Setup, Writing};

/// How long running requests may take to end when the server stops.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often expired drafts are removed.
const SWEEP: Duration = Duration::from_mins(1);

/// Returns all routes of the server.
pub fn router(app: &App) -> Router {
    let once = middleware::from_fn_with_state(app.clone(), idempotency::once);
    let api = api::routes().layer(once);
    let routes = Router::new()
        .route("/logos/{kind}/{name}", get(logos::logo))
        .route("/brands/{name}", get(logos::brand_mark))
        .merge(assets::routes())
        .merge(ui::routes())
        .nest("/api", api);
    guard::guarded(routes.fallback(refusal::not_found), app).with_state(app.clone())
}

/// Serves until `stop` turns true; then lets requests finish, and stops runs as Ctrl-C does.
///
/// Connections are limited, and a request that is not sent in time is refused.
pub async fn serve(app: &App, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let mut wanted = stop.clone();
    let served = connections::serve(listener, router(app), connections::Bounds::default(), async move {
        // If the sender is gone, stop as well.
        let _ = wanted.wait_for(|stop| *stop).await;
    });
    let late = async {
        let _ = stop.wait_for(|stop| *stop).await;
        app.stop();
        tokio::time::sleep(PATIENCE).await;
    };
    let sweeping = async {
        loop {
            tokio::time::sleep(SWEEP).await;
            app.drafts().sweep();
        }
    };
    tokio::select! {
        () = served => {}
        // Ends log streams that no client closes.
        () = late => {}
        () = sweeping => {}
        () = heartbeat::beat(app) => {}
    }
    app.stop();
    app.jobs().ended().await;
}
