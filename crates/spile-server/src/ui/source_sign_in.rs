//! Signing in to a source on its provider's pages. The token is saved like one that a form sends.

use std::collections::BTreeMap;

use axum::extract::{Path, RawQuery};
use axum::response::{IntoResponse, Redirect, Response};

use super::answers;
use super::form::Posted;
use super::provider::{self, words};
use super::section::{Section, goes_on};
use super::settings;
use super::shell::{At, Trouble};
use super::wizard;
use crate::api::find;
use crate::caller::Role;
use crate::change::{self, Change};
use crate::pending_sign_ins::{PendingSignIn, SessionMark, SignInTarget};
use crate::refusal::{Refusal, internal};
use spile_core::name::Slug;
use spile_core::secret::Secret;
use spile_ops::author::{self, DesiredIntegration};
use spile_world::net::oauth::{OAuthError, parameter};

/// Begins a sign-in for an integration.
pub async fn begin(Path(slug): Path<String>, posted: Posted) -> Result<Response, Trouble> {
    let at = &posted.at;
    let one = find(&at.desk, &slug)?.clone();
    match provider::of_integration(at, &one.slug, &one.connector).await {
        Ok(leads) => Ok(leads),
        Err(refusal) => settings::refused(at, &one, &refusal).await,
    }
}

/// Answers the browser that a provider sends back, which shows no session yet.
pub async fn callback(RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    provider::leads("Signing in", "One moment.", &format!("/sign-in/end?{query}"))
}

/// Ends a sign-in: gets the token, and saves it.
pub async fn end(at: At, RawQuery(query): RawQuery) -> Result<Response, Trouble> {
    at.who.may(Role::Editor)?;
    let query = query.unwrap_or_default();
    let state = parameter(&query, "state").unwrap_or_default();
    let sign_in = at.app.sign_ins().take(&state, |one| one.by == SessionMark::of(&at.who));
    let sign_in = sign_in.ok_or_else(|| words::told(OAuthError::State))?;
    // The token is kept even if the browser leaves.
    let app = at.app.clone();
    Box::pin(app.jobs().finish(ended(at, sign_in, query))).await.unwrap_or_else(|| Err(internal().into()))
}

async fn ended(at: At, sign_in: PendingSignIn, query: String) -> Result<Response, Trouble> {
    let PendingSignIn { pending, client, oauth, of, .. } = sign_in;
    let token = client.end(pending, &query).await.map_err(words::told);
    let setting = oauth.token.name().to_owned();
    match of {
        SignInTarget::Draft(id) => match token {
            Ok(token) => {
                let kept = at.app.drafts().update(&id, |draft| {
                    draft.secrets.insert(setting, token);
                    draft.answers.test = None;
                    draft.answers.settled += 1;
                });
                kept.ok_or_else(answers::gone)?;
                Ok(Redirect::to(&format!("/drafts/{id}/settings?did=signed_in")).into_response())
            }
            Err(refusal) => wizard::page(&at, &id, "settings", &answers::find(&at, &id)?, Some(&refusal)).await,
        },
        SignInTarget::Integration(slug) => {
            let saved = match token {
                Ok(token) => saved(&at, &slug, BTreeMap::from([(setting, Some(token))])).await,
                Err(refusal) => Err(refusal),
            };
            match saved {
                Ok(response) => Ok(response),
                Err(refusal) => settings::refused(&at, &find(&at.desk, slug.as_str())?.clone(), &refusal).await,
            }
        }
    }
}

/// Saves a token like a form that sends it.
async fn saved(at: &At, slug: &Slug, secrets: BTreeMap<String, Option<Secret>>) -> Result<Response, Refusal> {
    let app = &at.app;
    let _turn = app.turn().await;
    let desk = app.to_change(std::slice::from_ref(slug)).await?;
    let one = find(&desk, slug.as_str())?.clone();
    let wanted = DesiredIntegration { keys: BTreeMap::new(), config: None, secrets };
    let program = app.program();
    let prepared =
        author::change(change::access(&desk.world.project, &desk.world.keys, &program), &one, &wanted).await?;
    let page = Section::Settings.path(slug);
    if prepared.edits().is_empty() {
        return Ok(Redirect::to(&format!("{page}?did=unchanged")).into_response());
    }
    let change = Change::of(prepared.edits(), slug, "Change", &desk);
    let made = change::carry_out(app, &at.who, &change).await?;
    Ok(goes_on(&made, &page))
}
