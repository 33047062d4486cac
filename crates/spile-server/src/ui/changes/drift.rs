//! What something else has changed, and taking it into the files.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;

use super::super::form::Posted;
use super::super::shell::{At, Trouble};
use super::{Part, page, shown};
use crate::change;
use crate::refusal::{Refusal, failed, read_only};
use crate::setup::Writing;
use spile_core::name::Slug;
use spile_ops as ops;
use spile_ops::edits::Destination;

pub async fn show(at: At) -> Result<Response, Trouble> {
    listed(&at, None).await
}

async fn listed(at: &At, refusal: Option<&Refusal>) -> Result<Response, Trouble> {
    let plan = change::plan(&at.desk, None).await?;
    page(at, Part::Drift, json!({ "plan": shown(at, &plan) }), refusal).await
}

/// Tells whether the user can take a change into the files: the server has to write the files themselves.
pub fn can_take(at: &At) -> bool {
    let writes_files = match at.app.setup().writing {
        Writing::To(Destination::WorkingTree) | Writing::Applied => true,
        Writing::To(Destination::Branch { .. }) | Writing::Not => false,
    };
    at.can_edit() && writes_files
}

/// Writes what something else has changed in a row into the integration's file.
pub async fn take(Path(slug): Path<Slug>, mut posted: Posted) -> Result<Response, Trouble> {
    if !can_take(&posted.at) {
        return Err(read_only().into());
    }
    let app = posted.at.app.clone();
    let _turn = app.turn().await;
    posted.at.desk = app.reload().await?;
    let at = &posted.at;
    let pulled = ops::pull(&at.desk.world, &at.desk.loaded, &at.desk.environment, slug.as_str()).await;
    let result = pulled.as_ref().err().map(failed);
    app.note(&at.who, "pull", std::slice::from_ref(&slug), result)?;
    match pulled {
        Ok(_) => {
            app.forget_files().await;
            Ok(Redirect::to("/changes/drift?did=taken").into_response())
        }
        Err(error) => listed(at, Some(&Refusal::from(error))).await,
    }
}
