//! Integrations that a person has begun to add: closing the wizard keeps them, and pages offer to continue.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};

use super::answers::{find, keep};
use super::form::Posted;
use super::shell::{At, Trouble};
use crate::drafts::UnfinishedDraft;

/// Keeps the answers of a step as they are and leaves the wizard. A draft without any answer is dropped.
pub fn close(at: &At, id: &str, step: &str, posted: &Posted) -> Result<Response, Trouble> {
    find(at, id)?;
    at.app.live_tests().stop(id);
    let has_answers = at.app.drafts().update(id, |draft| {
        step.clone_into(&mut draft.answers.step);
        keep(at, draft, step, posted)
    });
    if has_answers == Some(true) {
        return Ok(Redirect::to("/marketplace?did=draft").into_response());
    }
    at.app.drafts().end(id);
    Ok(Redirect::to("/marketplace").into_response())
}

/// Drops a draft.
pub async fn discard(Path(id): Path<String>, posted: Posted) -> Result<Response, Trouble> {
    let at = &posted.at;
    if find(at, &id)?.answers.owner == at.who.subject {
        at.app.live_tests().stop(&id);
        at.app.drafts().end(&id);
    }
    Ok(Redirect::to("/marketplace?did=discarded").into_response())
}

/// Returns the drafts that the user has left, the newest first.
pub fn list(at: &At) -> Vec<UnfinishedDraft> {
    at.app.drafts().left_by(&at.who.subject)
}
