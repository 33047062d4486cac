//! `GET /api/health`: for whatever watches the server; nobody has to be signed in, and nothing of the project is told.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::App;

pub async fn health(State(app): State<App>) -> Json<Value> {
    let (files, registry) = match app.desk().await {
        Ok(desk) => {
            let files = if desk.wrong.is_empty() { "ok" } else { "wrong" };
            (files, if desk.standings().await.is_ok() { "ok" } else { "unreachable" })
        }
        Err(_) => ("wrong", "unknown"),
    };
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION"), "files": files, "registry": registry }))
}
