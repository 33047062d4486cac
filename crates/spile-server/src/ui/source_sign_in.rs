//! Signing in to a source on its provider's pages. The token is saved like one that a form sends.

use std::collections::BTreeMap;

use axum::extract::{Path, RawQuery};
use axum::http::header::{HOST, REFRESH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;

use super::form::Posted;
use super::integration::goes_on;
use super::shell::{At, Trouble};
use crate::api::find;
use crate::app::App;
use crate::caller::Role;
use crate::change::{self, Change};
use crate::drafts::Draft;
use crate::pages::render;
use crate::pending_sign_ins::{PendingSignIn, SessionMark, SignInTarget};
use crate::refusal::Refusal;
use crate::setup::Writing;
use spile_core::name::Slug;
use spile_core::secret::Secret;
use spile_ops::Error;
use spile_ops::author::{self, DesiredIntegration};
use spile_ops::secrets::sign_in::KnownClient;
use spile_ops::secrets::{SecretsFile, SignIn, SignInError};
use spile_world::net::oauth::{OAuthError, Registered};

/// The path that providers send the browser back to.
const CALLBACK: &str = "/sign-in/callback";

/// Begins a sign-in for an integration.
pub async fn begin(headers: HeaderMap, Path(slug): Path<String>, posted: Posted) -> Result<Response, Trouble> {
    let at = &posted.at;
    let slug = find(&at.desk, &slug)?.slug.clone();
    let project = &at.app.setup().project;
    let file = SecretsFile::find(project, slug.as_str(), None)?;
    let sign_in = SignIn::of(&file, project)?;
    let known = sign_in.known_client(&file, project, &at.desk.world.keys).await?;
    Ok(started(at, &headers, &sign_in, known, SignInTarget::Integration(slug))?)
}

/// Begins a sign-in for a draft, whose answers are in memory.
pub fn begin_for_draft(at: &At, headers: &HeaderMap, id: &str, draft: &Draft) -> Result<Response, Refusal> {
    let slug = Slug::from_words(&draft.name).or_else(|| Slug::from_words(&draft.connector.head.name));
    let slug = slug.ok_or_else(super::wizard::gone)?;
    let sign_in = SignIn::with(&draft.connector, &draft.config, &slug).map_err(Error::from)?;
    let value = |name: &String| {
        let written = || draft.config.get(name).and_then(|value| value.as_str()).map(Secret::new);
        draft.secrets.get(name).cloned().or_else(written)
    };
    let (id_setting, secret_setting) = (&sign_in.oauth.client_id, sign_in.oauth.client_secret.as_ref());
    let known = KnownClient { id: value(id_setting), secret: secret_setting.and_then(value), repeated: Vec::new() };
    started(at, headers, &sign_in, known, SignInTarget::Draft(id.to_owned()))
}

/// Leads the browser to the provider.
fn started(
    at: &At,
    headers: &HeaderMap,
    sign_in: &SignIn,
    known: KnownClient,
    of: SignInTarget,
) -> Result<Response, Refusal> {
    let setup = at.app.setup();
    if setup.writing == Writing::Not && matches!(of, SignInTarget::Integration(_)) {
        return Err(change::read_only());
    }
    if let Some(agreement) = sign_in.agreement.as_ref().filter(|one| !setup.outside.agreements.cover(one)) {
        return Err(Error::from(SignInError::NotAgreed { agreement: Box::new(agreement.clone()) }).into());
    }
    let registered = registered(sign_in, known)?;
    let redirect = format!("{}{CALLBACK}", own_address(at, headers)?);
    let client = sign_in.client(&registered, &setup.outside.authorities).map_err(refused)?;
    let pending = client.begin(&redirect).map_err(refused)?;
    let (address, by) = (pending.url.clone(), SessionMark::of(&at.who));
    let oauth = sign_in.oauth.clone();
    at.app.sign_ins().begin(PendingSignIn { pending, client, oauth, of, by });
    let sentence =
        format!("{} opens now. Your app there must allow the redirect address `{redirect}`.", sign_in.provider);
    Ok(leads(&format!("Sign in with {}", sign_in.provider), &sentence, address.as_str()))
}

fn refused(error: OAuthError) -> Refusal {
    Error::from(spile_ops::secrets::Error::from(error)).into()
}

fn registered(sign_in: &SignIn, known: KnownClient) -> Result<Registered, Refusal> {
    let missing = |name: &str| {
        let detail = format!("`{name}` is not set, and {} asks for it", sign_in.provider);
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "spile::oauth::no_client", detail)
            .help("copy it from your app at the provider, save it, and sign in again")
    };
    let id = known.id.ok_or_else(|| missing(&sign_in.oauth.client_id))?;
    if let (Some(name), None) = (&sign_in.oauth.client_secret, &known.secret) {
        return Err(missing(name));
    }
    Ok(Registered { id, secret: known.secret })
}

/// Returns the address of this server for a browser: the project's, or on this machine the one of the request, whose host
/// the server has checked.
fn own_address(at: &At, headers: &HeaderMap) -> Result<String, Refusal> {
    if let Some(url) = &at.desk.loaded.settings.url {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let address = format!("http://{host}");
    if spile_core::settings::secure(&address).is_ok() {
        return Ok(address);
    }
    let detail = "providers do not send a browser back to an address without TLS";
    Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "spile::oauth::no_url", detail)
        .help("set `url` under `[project]` to the `https` address of these pages"))
}

/// Returns a page that leads on. A form cannot: the pages' policy keeps forms on this server. A redirect from a provider
/// cannot either: the browser sends no cookie with a request that another site has caused.
fn leads(title: &str, sentence: &str, to: &str) -> Response {
    let data = json!({ "shell": null, "title": title, "sentence": sentence, "help": null, "code": null, "to": to });
    let page = render("message.html.j2", &data).unwrap_or_else(|_| sentence.to_owned());
    let mut response = axum::response::Html(page).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("0; url={to}")) {
        response.headers_mut().insert(REFRESH, value);
    }
    response
}

/// Answers the browser that a provider sends back, which shows no session yet.
pub async fn callback(RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    leads("Signing in", "One moment.", &format!("/sign-in/end?{query}"))
}

/// Ends a sign-in: gets the token, and saves it.
pub async fn end(at: At, RawQuery(query): RawQuery) -> Result<Response, Trouble> {
    at.who.may(Role::Editor)?;
    let query = query.unwrap_or_default();
    let state = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "state");
    let state = state.map(|(_, state)| state.into_owned()).unwrap_or_default();
    let sign_in = at.app.sign_ins().take(&state, &SessionMark::of(&at.who));
    let sign_in = sign_in.ok_or_else(|| refused(OAuthError::State))?;
    // The token is kept even if the browser leaves.
    let app = at.app.clone();
    app.jobs().finish(ended(at, sign_in, query)).await.unwrap_or_else(|| Err(crate::refusal::internal().into()))
}

async fn ended(at: At, sign_in: PendingSignIn, query: String) -> Result<Response, Trouble> {
    let PendingSignIn { pending, client, oauth, of, .. } = sign_in;
    let token = client.end(pending, &query).await.map_err(refused)?;
    let name = oauth.token.name().to_owned();
    match of {
        SignInTarget::Draft(id) => {
            let kept = at.app.drafts().update(&id, |draft| {
                draft.secrets.insert(name, token);
                draft.run = None;
                draft.settled += 1;
            });
            kept.ok_or_else(super::wizard::gone)?;
            Ok(Redirect::to(&format!("/drafts/{id}/settings?did=signed_in")).into_response())
        }
        SignInTarget::Integration(slug) => saved(&at.app, &at, &slug, (name, token)).await,
    }
}

/// Saves a token like a form that sends it.
async fn saved(app: &App, at: &At, slug: &Slug, (name, token): (String, Secret)) -> Result<Response, Trouble> {
    let _turn = app.turn().await;
    let desk = app.reload().await?;
    let one = find(&desk, slug.as_str())?.clone();
    let secrets = BTreeMap::from([(name, Some(token))]);
    let wanted = DesiredIntegration { keys: BTreeMap::new(), config: None, secrets };
    let program = app.program();
    let prepared = author::change(change::access(app, &desk.world.keys, &program), &one, &wanted).await?;
    let page = format!("/integrations/{slug}");
    if prepared.edits().is_empty() {
        return Ok(Redirect::to(&format!("{page}?did=unchanged")).into_response());
    }
    let change =
        Change { edits: prepared.edits(), slugs: std::slice::from_ref(slug), verb: "Change", details: String::new() };
    let made = change::carry_out(app, &at.who, &change).await?;
    Ok(goes_on(&made, &page))
}
