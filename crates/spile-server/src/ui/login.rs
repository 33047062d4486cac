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
use url::form_urlencoded::Serializer;

use super::form::{Looking, Posted};
use super::shell::{Trouble, after_login, mistake};
use crate::app::App;
use crate::authentication::from;
use crate::caller::Caller;
use crate::pages::render;
use crate::refusal::Refusal;
use crate::session::{NotIn, kept_to_https};

/// The sign-in form: a code, or a token of this server or of a trusted provider.
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
    pub next: String,
    /// The code of an invitation, whose link leads here. Opening a link uses nothing up.
    #[serde(default)]
    code: String,
}

pub async fn show(State(app): State<App>, Query(asked): Query<LoginPageQuery>) -> Result<Response, Trouble> {
    if !app.sessions().asks() {
        return Ok(Redirect::to(after_login(&asked.next)).into_response());
    }
    let form = LoginForm { next: &asked.next, code: &asked.code, fault: None };
    form.page(&app, StatusCode::OK)
}

pub async fn enter(State(app): State<App>, parts: Parts, Form(entry): Form<SignInForm>) -> Result<Response, Trouble> {
    let next = after_login(&entry.next);
    let come_in = |cookie| ([(SET_COOKIE, kept_to_https(cookie, &parts.headers))], Redirect::to(next)).into_response();
    let token = entry.token.trim();
    if !token.is_empty() {
        return match by_token(&app, &parts, token).await {
            Ok(cookie) => Ok(come_in(cookie)),
            Err(refusal) => {
                let form = LoginForm { next, code: "", fault: Some(&refusal.detail) };
                form.page(&app, refusal.status())
            }
        };
    }
    let from = from(&parts);
    app.attempts().take(&from)?;
    match by_code(&app, &entry.code, &from)? {
        Ok(cookie) => Ok(come_in(cookie)),
        Err(not_in) => {
            let (status, fault) = match not_in {
                NotIn::Wrong => (
                    StatusCode::FORBIDDEN,
                    "This code is wrong, already used or expired. Ask for a new one, or enter the newest one that the server printed.",
                ),
                NotIn::Paused => (StatusCode::TOO_MANY_REQUESTS, "Too many attempts. Wait a minute."),
            };
            LoginForm { next, code: "", fault: Some(fault) }.page(&app, status)
        }
    }
}

/// Uses up the code only after recording the sign-in: if that fails, the user can try again.
fn by_code(app: &App, code: &str, from: &str) -> Result<Result<HeaderValue, NotIn>, Refusal> {
    let who = match app.sessions().fits(code, from) {
        Ok(who) => who,
        Err(not_in) => return Ok(Err(not_in)),
    };
    app.note(&who, "sign-in", &[], None)?;
    Ok(app.sessions().enter(code))
}

/// Starts a session that ends no later than the token.
async fn by_token(app: &App, parts: &Parts, token: &str) -> Result<HeaderValue, Refusal> {
    let unknown = || {
        let detail = "the token is unknown or revoked, and this server does not accept tokens from a provider";
        Refusal::new(StatusCode::FORBIDDEN, "spile::http::unauthorized", detail)
    };
    let attempted = |refusal: Refusal| app.attempts().take(&from(parts)).err().unwrap_or(refusal);
    if let Some(kept) = app.tokens().find(token) {
        let who = Caller::bearer(kept.clone());
        record(app, &who)?;
        return app.sessions().begin_with(kept).ok_or_else(unknown);
    }
    let bearer = app.jwts().ok_or_else(|| attempted(unknown()))?.bearer(token).await.map_err(attempted)?;
    let lasts = bearer.until.duration_since(Timestamp::now()).try_into().unwrap_or_default();
    record(app, &bearer.who)?;
    app.sessions().begin(bearer.who, lasts).ok_or_else(unknown)
}

/// Records a sign-in. Each starts a session and adds a line to the audit log, so it counts as a change.
pub fn record(app: &App, who: &Caller) -> Result<(), Refusal> {
    app.writes_of().take(&who.subject)?;
    app.note(who, "sign-in", &[], None)
}

pub async fn leave(State(app): State<App>, headers: HeaderMap, _posted: Posted<Looking>) -> Response {
    match app.sessions().leave(&headers) {
        Some(cookie) => ([(SET_COOKIE, cookie)], Redirect::to("/login")).into_response(),
        None => Redirect::to("/login").into_response(),
    }
}

/// What the sign-in page shows.
pub struct LoginForm<'a> {
    /// The page to show after the sign-in.
    pub next: &'a str,
    /// What is in the field of the code.
    pub code: &'a str,
    /// Why the last attempt failed.
    pub fault: Option<&'a str>,
}

impl LoginForm<'_> {
    /// Returns the page.
    ///
    /// # Errors
    /// If its template has a bug.
    pub fn page(&self, app: &App, status: StatusCode) -> Result<Response, Trouble> {
        let issuer = app.setup().trust.as_ref().map(|trust| &trust.issuer);
        let next = after_login(self.next);
        let begin = || format!("/login/provider?{}", Serializer::new(String::new()).append_pair("next", next).finish());
        let provider = app.provider().map(|provider| json!({ "name": provider.name(), "path": begin() }));
        let data = json!({
            "shell": null, "title": "Sign in", "fault": self.fault, "issuer": issuer, "provider": provider, "next": next,
            "code": self.code,
        });
        let page = render("login.html.j2", &data).map_err(|error| mistake(&error))?;
        Ok((status, Html(page)).into_response())
    }
}
