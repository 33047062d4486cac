//! The file of a draft: prepared from its answers, tried with its own keys, and not written before it is saved.

use axum::http::StatusCode;

use super::shell::At;
use crate::change;
use crate::drafts::Draft;
use crate::refusal::{FieldError, Refusal};
use spile_core::name::{FieldPath, Slug};
use spile_ops::new::Prepared;
use spile_ops::{self as ops, author};
use spile_world::{Outside, World};

/// Prepares the file from the answers; writes nothing.
pub async fn prepare(at: &At, draft: &Draft) -> Result<Prepared, Refusal> {
    let refused = |message: &str| {
        let mut refusal = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "spile::http::field", message);
        refusal.errors.push(FieldError {
            field: Some(FieldPath::of("name")),
            code: "spile::http::field".to_owned(),
            message: message.to_owned(),
            help: None,
            file: String::new(),
            line: 0,
        });
        refusal
    };
    let slug = Slug::from_words(&draft.answers.name).ok_or_else(|| refused("enter a name with letters or digits"))?;
    let program = at.app.program();
    let access = change::access(&at.app.setup().project, &draft.keys, &program);
    let prepared = author::create(access, &slug, &draft.connector, &draft.wanted()).await;
    prepared.map_err(|error| match error {
        ops::Error::Taken { .. } => refused("an integration with that name already exists"),
        error => Refusal::of(&error, Some(&draft.connector)),
    })
}

/// Returns the world of a draft, which reaches no registry and uses the draft's own keys.
pub fn world(at: &At, draft: &Draft, prepared: &Prepared) -> World {
    prepared.offline(&Outside { keys: draft.keys.clone(), ..at.app.setup().outside.clone() })
}

/// Records an action on a draft, because it used the draft's secrets.
pub fn note(at: &At, action: &str, prepared: &Prepared, failed: Option<String>) -> Result<(), Refusal> {
    let result = failed.unwrap_or_else(|| "before it was saved".to_owned());
    at.app.note(&at.who, action, std::slice::from_ref(&prepared.slug), Some(result))
}
