//! Begins sign-ins to sources: what leads the browser to the provider.

pub mod words;

use axum::http::header::REFRESH;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use super::shell::At;
use crate::drafts::Draft;
use crate::pages::render;
use crate::pending_sign_ins::{PendingSignIn, SessionMark, SignInTarget};
use crate::refusal::{FieldError, Refusal, read_only};
use crate::setup::Writing;
use spile_core::connector::Connector;
use spile_core::name::{FieldPath, Slug};
use spile_core::secret::Secret;
use spile_ops::secrets::sign_in::KnownClient;
use spile_ops::secrets::{SecretsFile, SignIn, SignInError};
use spile_world::net::oauth::Registered;

/// The path that providers send the browser back to.
const CALLBACK: &str = "/sign-in/callback";

/// Returns what a page needs to offer a sign-in: the redirect address, which an app at the provider must allow.
pub fn offered(at: &At, connector: &Connector) -> Option<Value> {
    connector.oauth.is_some().then(|| json!({ "redirect": redirect_address(at).ok() }))
}

/// Begins a sign-in for an integration.
pub async fn of_integration(at: &At, slug: &Slug, connector: &Connector) -> Result<Response, Refusal> {
    let setup = at.app.setup();
    if setup.writing == Writing::Not {
        return Err(read_only());
    }
    let file = SecretsFile::find(&setup.project, slug.as_str(), None)?;
    let sign_in = SignIn::of(&file, &setup.project).map_err(words::told)?;
    let known = sign_in.known_client(&file, &setup.project, &at.desk.world.keys).await.map_err(words::told)?;
    started(at, &sign_in, &registered(&sign_in, known, connector)?, SignInTarget::Integration(slug.clone()))
}

/// Begins a sign-in for a draft, whose answers are in memory.
pub fn of_draft(at: &At, id: &str, slug: &Slug, draft: &Draft) -> Result<Response, Refusal> {
    let sign_in = SignIn::with(&draft.connector, &draft.answers.config, slug).map_err(words::told)?;
    let value = |name: &String| {
        let written = || draft.answers.config.get(name).and_then(|value| value.as_str()).map(Secret::new);
        draft.secrets.get(name).cloned().or_else(written)
    };
    let (id_setting, secret_setting) = (&sign_in.oauth.client_id, sign_in.oauth.client_secret.as_ref());
    let known = KnownClient { id: value(id_setting), secret: secret_setting.and_then(value), repeated: Vec::new() };
    started(at, &sign_in, &registered(&sign_in, known, &draft.connector)?, SignInTarget::Draft(id.to_owned()))
}

/// Leads the browser to the provider.
fn started(at: &At, sign_in: &SignIn, registered: &Registered, of: SignInTarget) -> Result<Response, Refusal> {
    let outside = &at.app.setup().outside;
    if let Some(agreement) = sign_in.agreements.iter().find(|one| !outside.agreements.cover(one)) {
        return Err(words::told(SignInError::NotAgreed { agreement: Box::new(agreement.clone()) }));
    }
    let redirect = redirect_address(at)?;
    let client = sign_in.client(registered, &outside.authorities).map_err(words::told)?;
    let pending = client.begin(&redirect).map_err(words::told)?;
    let (address, by) = (pending.url.clone(), SessionMark::of(&at.who));
    let oauth = sign_in.oauth.clone();
    let state = pending.state().to_owned();
    at.app.sign_ins().begin(&state, PendingSignIn { pending, client, oauth, of, by });
    let sentence =
        format!("{} opens now. Your app there must allow the redirect address `{redirect}`.", sign_in.provider);
    Ok(leads(&format!("Sign in with {}", sign_in.provider), &sentence, address.as_str()))
}

/// Returns the client, which the form must already have.
fn registered(sign_in: &SignIn, known: KnownClient, connector: &Connector) -> Result<Registered, Refusal> {
    let missing = |name: &str| {
        let setting = connector.setting(name);
        let label = setting.and_then(|setting| setting.label.as_deref()).unwrap_or(name);
        let detail = format!("`{label}` is not set, and {} asks for it", sign_in.provider);
        let help = format!("copy it from your app at {}, save it, and sign in again", sign_in.provider);
        let code = "spile::oauth::no_client";
        let mut refusal = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail.clone()).help(help);
        let table = if setting.is_some_and(|setting| setting.secret) { "secrets" } else { "config" };
        let field = FieldPath::of(table).join(name);
        refusal.errors = vec![FieldError::of_form(field, code, detail)];
        refusal
    };
    let id = known.id.ok_or_else(|| missing(&sign_in.oauth.client_id))?;
    match (&sign_in.oauth.client_secret, known.secret) {
        (Some(name), None) => Err(missing(name)),
        (_, secret) => Ok(Registered { id, secret }),
    }
}

/// Returns the address that providers send the browser back to: on the project's address, or on this machine on the one
/// of the request, whose host the server has checked.
fn redirect_address(at: &At) -> Result<String, Refusal> {
    redirect_to(CALLBACK, at.desk.loaded.settings.url.as_deref(), &at.host)
}

/// Returns the address of a path that providers send the browser back to.
pub fn redirect_to(path: &str, url: Option<&str>, host: &str) -> Result<String, Refusal> {
    if let Some(url) = url {
        return Ok(format!("{}{path}", url.trim_end_matches('/')));
    }
    let address = format!("http://{host}");
    if spile_core::settings::secure(&address).is_ok() {
        return Ok(format!("{address}{path}"));
    }
    let detail = "providers do not send a browser back to an address without TLS";
    Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "spile::oauth::no_url", detail)
        .help("set `url` under `[project]` to the `https` address of these pages"))
}

/// Returns a page that leads on. A form cannot: the pages' policy keeps forms on this server. A redirect from a provider
/// cannot either: the browser sends no cookie with a request that another site has caused.
pub fn leads(title: &str, sentence: &str, to: &str) -> Response {
    let data = json!({ "shell": null, "title": title, "sentence": sentence, "help": null, "code": null, "to": to });
    let page = render("message.html.j2", &data).unwrap_or_else(|_| sentence.to_owned());
    let mut response = Html(page).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("0; url={to}")) {
        response.headers_mut().insert(REFRESH, value);
    }
    response
}
