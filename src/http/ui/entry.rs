//! Signing in and out.

use axum::Form;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;

use super::form::Posted;
use super::shell::{Trouble, mistake};
use crate::http::app::App;
use crate::http::session::NotIn;
use crate::pages::render;

/// What is typed to sign in.
#[derive(Deserialize)]
pub struct Code {
    code: String,
}

pub async fn login(State(app): State<App>) -> Result<Response, Trouble> {
    if !app.sessions().asks() {
        return Ok(Redirect::to("/").into_response());
    }
    page(StatusCode::OK, None)
}

pub async fn enter(State(app): State<App>, Form(Code { code }): Form<Code>) -> Result<Response, Trouble> {
    match app.sessions().enter(&code) {
        Ok(cookie) => Ok(([(SET_COOKIE, cookie)], Redirect::to("/")).into_response()),
        Err(NotIn::Wrong) => {
            page(StatusCode::FORBIDDEN, Some("That is not the code, or it was used: a new one comes with a restart."))
        }
        Err(NotIn::Paused) => page(StatusCode::TOO_MANY_REQUESTS, Some("Too many codes were tried: wait a minute.")),
    }
}

pub async fn leave(State(app): State<App>, headers: HeaderMap, _posted: Posted) -> Response {
    match app.sessions().leave(&headers) {
        Some(cookie) => ([(SET_COOKIE, cookie)], Redirect::to("/login")).into_response(),
        None => Redirect::to("/login").into_response(),
    }
}

fn page(status: StatusCode, fault: Option<&str>) -> Result<Response, Trouble> {
    let data = json!({ "shell": null, "title": "Sign in", "fault": fault });
    let page = render("login.html.j2", &data).map_err(|error| mistake(&error))?;
    Ok((status, Html(page)).into_response())
}
