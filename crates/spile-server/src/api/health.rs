//! `GET /api/health`: for monitoring; needs no sign-in, and shows nothing about the project.

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
