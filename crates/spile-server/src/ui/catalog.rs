//! The catalog of connectors, and the check of a field when it loses focus.

use std::collections::BTreeSet;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::connector_card::card;
use super::form::Posted;
use super::shell::{At, Trouble, mistake};
use super::unfinished;
use crate::api::found_connectors;
use crate::change;
use crate::pages::render;
use crate::refusal::Refusal;
use spile_core::connector::Role;
use spile_core::form;
use spile_ops::connectors::Shelf;

/// How many connectors are shown.
const MOST: usize = 120;

/// The query of the catalog.
#[derive(Debug, Deserialize)]
pub struct CatalogPageQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    kind: String,
}

/// The field that just lost focus.
#[derive(Debug, Deserialize)]
pub struct Field {
    #[serde(default)]
    field: String,
}

pub async fn marketplace(at: At, wanted: Result<Query<CatalogPageQuery>, QueryRejection>) -> Result<Response, Trouble> {
    let Query(wanted) = wanted.map_err(Refusal::from)?;
    let shelf = Shelf::with_hub(&at.app.setup().project)?;
    let grades = shelf.grades()?;
    let role = Role::WORDS.into_iter().find(|(word, _)| *word == wanted.kind).map(|(_, role)| role);
    let mut found = found_connectors(&shelf, Some(wanted.q.as_str()), role);
    found.retain(|one| wanted.category.is_empty() || one.head.category.as_deref() == Some(wanted.category.as_str()));
    let categories: BTreeSet<&str> = shelf.standing(None).filter_map(|one| one.head.category.as_deref()).collect();
    let data = json!({
        "q": wanted.q, "category": wanted.category, "kind": wanted.kind, "categories": categories,
        "unfinished": unfinished::list(&at), "count": found.len(), "connectors": found.iter().take(MOST).map(|one| card(one, &grades)).collect::<Vec<_>>(),
    });
    at.page("marketplace.html.j2", "Catalog", data).await
}

/// Shows what is wrong with a field that just lost focus.
pub async fn check(
    Path((kind, name)): Path<(String, String)>,
    Query(Field { field }): Query<Field>,
    posted: Posted,
) -> Result<Response, Trouble> {
    let role = Role::WORDS.into_iter().find(|(word, _)| *word == kind).map_or(Role::Extractor, |(_, role)| role);
    let connector = change::connector(&posted.at.app, &name, role)?;
    let read = form::posted(&connector, posted.pairs());
    let data = json!({ "field": field, "fault": read.faults.get(&field).cloned().unwrap_or_default() });
    let html = render("fault.html.j2", &data).map_err(|error| mistake(&error))?;
    Ok(Html(html).into_response())
}
