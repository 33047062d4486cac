//! Signing in and out.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::form::{Looking, Posted};
use super::shell::{Trouble, after_login, mistake};
use crate::app::App;
use crate::caller::Caller;
use crate::pages::render;
use crate::refusal::Refusal;
use crate::session::{NotIn, kept_to_https};
use crate::sign_in::from;

/// The sign-in form: a code, or a token of a trusted provider.
#[derive(Deserialize)]
pub struct SignInForm {
    #[serde(default)]
    code: String,
    #[serde(default)]
    token: String,
    /// The page to show then.
    #[serde(default)]
    next: String,
}

/// The query of the sign-in page.
#[derive(Deserialize)]
pub struct LoginPageQuery {
    /// The page to show after the sign-in.
    #[serde(default)]
    next: String,
}

pub async fn login(State(app): State<App>, Query(asked): Query<LoginPageQuery>) -> Result<Response, Trouble> {
    if !app.sessions().asks() {
        return Ok(Redirect::to(after_login(&asked.next)).into_response());
    }
    page(&app, StatusCode::OK, &asked.next, None)
}

pub async fn enter(State(app): State<App>, parts: Parts, Form(entry): Form<SignInForm>) -> Result<Response, Trouble> {
    let next = after_login(&entry.next);
    let come_in = |cookie| ([(SET_COOKIE, kept_to_https(cookie, &parts.headers))], Redirect::to(next)).into_response();
    let token = entry.token.trim();
    if !token.is_empty() {
        return match by_token(&app, &parts, token).await {
            Ok(cookie) => Ok(come_in(cookie)),
            Err(refusal) => page(&app, refusal.status(), next, Some(&refusal.detail)),
        };
    }
    let from = from(&parts);
    app.attempts().take(&from)?;
    match by_code(&app, &entry.code, &from)? {
        Ok(cookie) => Ok(come_in(cookie)),
        Err(NotIn::Wrong) => {
            let fault = "This code is wrong or already used. Enter the newest one that the server printed.";
            page(&app, StatusCode::FORBIDDEN, next, Some(fault))
        }
        Err(NotIn::Paused) => {
            page(&app, StatusCode::TOO_MANY_REQUESTS, next, Some("Too many attempts. Wait a minute."))
        }
    }
}

/// Uses up the code only after recording the sign-in: if that fails, the user can try again.
fn by_code(app: &App, code: &str, from: &str) -> Result<Result<HeaderValue, NotIn>, Refusal> {
    if let Err(not_in) = app.sessions().fits(code, from) {
        return Ok(Err(not_in));
    }
    app.note(&Caller::admin(), "sign-in", &[], None)?;
    Ok(app.sessions().enter(code))
}

/// Starts a session that ends no later than the token.
async fn by_token(app: &App, parts: &Parts, token: &str) -> Result<HeaderValue, Refusal> {
    let unknown = || {
        Refusal::new(
            StatusCode::FORBIDDEN,
            "spile::http::unauthorized",
            "this server does not accept tokens from a provider",
        )
    };
    let attempted = |refusal: Refusal| app.attempts().take(&from(parts)).err().unwrap_or(refusal);
    let bearer = app.jwts().ok_or_else(unknown)?.bearer(token).await.map_err(attempted)?;
    let lasts = bearer.until.duration_since(Timestamp::now()).try_into().unwrap_or_default();
    // Each sign-in starts a session and adds a line to the audit log.
    app.writes_of().take(&bearer.who.subject)?;
    app.note(&bearer.who, "sign-in", &[], None)?;
    app.sessions().begin(bearer.who, lasts).ok_or_else(unknown)
}

pub async fn leave(State(app): State<App>, headers: HeaderMap, _posted: Posted<Looking>) -> Response {
    match app.sessions().leave(&headers) {
        Some(cookie) => ([(SET_COOKIE, cookie)], Redirect::to("/login")).into_response(),
        None => Redirect::to("/login").into_response(),
    }
}

fn page(app: &App, status: StatusCode, next: &str, fault: Option<&str>) -> Result<Response, Trouble> {
    let issuer = app.setup().trust.as_ref().map(|trust| &trust.issuer);
    let data =
        json!({ "shell": null, "title": "Sign in", "fault": fault, "issuer": issuer, "next": after_login(next) });
    let page = render("login.html.j2", &data).map_err(|error| mistake(&error))?;
    Ok((status, Html(page)).into_response())
}
