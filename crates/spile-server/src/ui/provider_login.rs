//! Signing in with the organization's provider.

use axum::extract::{Query, RawQuery, State};
use axum::http::header::{HOST, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use std::time::Duration;

use super::login::{LoginForm, LoginPageQuery, record};
use super::provider::{leads, redirect_to};
use super::shell::{Trouble, after_login};
use crate::app::App;
use crate::authentication::from;
use crate::provider_login::{CALLBACK, Ended, NotSignedIn, ProviderLogin};
use crate::refusal::{Refusal, internal, not_found};
use crate::session::secure_for;
use spile_world::net::oauth::OAuthError;

/// Leads the browser to the provider.
pub async fn begin(
    State(app): State<App>,
    Query(asked): Query<LoginPageQuery>,
    parts: Parts,
) -> Result<Response, Trouble> {
    let Some(provider) = app.provider() else { return Ok(not_found().await.into_response()) };
    provider.count(&from(&parts))?;
    let next = after_login(&asked.next).to_owned();
    let redirect = redirect_address(&app, &parts.headers).await?;
    match provider.begin(redirect, next.clone()).await {
        Ok(begun) => Ok(([(SET_COOKIE, begun.cookie)], Redirect::to(&begun.url)).into_response()),
        Err(error) => failed(&app, provider, &NotSignedIn::Provider(error), &next),
    }
}

/// Answers the browser that the provider sends back, and starts a session. A redirect would not bring the new cookie: the
/// browser holds it back while it follows links of other sites.
pub async fn callback(State(app): State<App>, RawQuery(query): RawQuery, parts: Parts) -> Result<Response, Trouble> {
    let Some(provider) = app.provider() else { return Ok(not_found().await.into_response()) };
    // Without the cookie of a sign-in that has begun, this costs nothing and reveals nothing.
    match provider.end(&parts.headers, &query.unwrap_or_default()).await {
        Ok(ended) => {
            let cookie = started(&app, &ended)?;
            Ok(([(SET_COOKIE, cookie)], leads("Signing in", "One moment.", &ended.next)).into_response())
        }
        Err(why) => failed(&app, provider, &why, "/"),
    }
}

fn started(app: &App, ended: &Ended) -> Result<HeaderValue, Refusal> {
    record(app, &ended.who)?;
    let cookie = app.sessions().begin(ended.who.clone(), Duration::MAX).ok_or_else(internal)?;
    Ok(secure_for(cookie, ended.redirect.as_bytes()))
}

/// Returns where the provider sends the browser back to. It is known even if the project's files have problems.
async fn redirect_address(app: &App, headers: &HeaderMap) -> Result<String, Refusal> {
    let desk = app.desk().await.ok();
    let url = desk.as_ref().and_then(|desk| desk.loaded.settings.url.as_deref());
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    redirect_to(CALLBACK, url, host)
}

/// Shows the sign-in page with the reason.
fn failed(app: &App, provider: &ProviderLogin, why: &NotSignedIn, next: &str) -> Result<Response, Trouble> {
    let name = provider.name();
    let (status, fault) = match why {
        NotSignedIn::Token(refusal) => (refusal.status(), format!("{name} signed you in, but {}.", refusal.detail)),
        NotSignedIn::Provider(error) => told(name, error),
    };
    LoginForm { next, code: "", fault: Some(&fault) }.page(app, status)
}

/// Returns what the page says about a failed sign-in, to a person who can change nothing at the provider.
fn told(name: &str, error: &OAuthError) -> (StatusCode, String) {
    match error {
        OAuthError::State | OAuthError::Expired { .. } => {
            (StatusCode::FORBIDDEN, "This sign-in has expired, or was begun in another browser. Try again.".to_owned())
        }
        OAuthError::Denied { words, .. } => (StatusCode::FORBIDDEN, format!("{name} did not let you in: {words}.")),
        OAuthError::Redirect { redirect, .. } => (
            StatusCode::BAD_GATEWAY,
            format!(
                "{name} does not accept the address {redirect}. Ask its administrator to allow it for this server."
            ),
        ),
        OAuthError::WrongClient { .. } => (
            StatusCode::BAD_GATEWAY,
            format!("{name} does not know this server, or its secret is wrong. Tell the person who runs the server."),
        ),
        OAuthError::Unreached { .. } => (
            StatusCode::BAD_GATEWAY,
            format!("{name} cannot be reached. Try again later, or tell the person who runs the server."),
        ),
        other => (StatusCode::BAD_GATEWAY, format!("Signing in failed: {other}. Try again later.")),
    }
}
