//! The catalog of connectors, and the check of a field when it loses focus.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::form::Posted;
use super::shell::{At, Trouble, mistake};
use super::unfinished;
use crate::api::found_connectors;
use crate::change;
use crate::logos;
use crate::pages::render;
use crate::refusal::Refusal;
use spile_core::connector::{Connector, Head, Role};
use spile_core::form;
use spile_core::run::certify::Grade;
use spile_ops::connectors::{Origin, Shelf, ShelfEntry};

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

fn card(one: &ShelfEntry, grades: &BTreeMap<String, Grade>) -> Value {
    let Head { name, role, label, description, category, docs, .. } = &one.head;
    // Links of definitions from elsewhere may only lead to the web.
    let docs = docs.as_ref().filter(|docs| docs.starts_with("https://") || docs.starts_with("http://"));
    let grade = grades.get(name).filter(|_| *role == Role::Extractor).map(|grade| (grade.letter(), grade.meaning()));
    json!({
        "name": name, "kind": role, "label": label, "description": form::first_sentence(description),
        "category": category, "is_ready": !matches!(one.origin, Origin::Hub(_) | Origin::OnHub(_)),
        "monogram": monogram(label), "logo": logos::path(*role, name, one.head.logo.as_deref()), "docs": docs,
        "grade": grade,
    })
}

/// Returns a connector's mark: its logo, or the first letters of its label.
pub fn mark(connector: &Connector) -> Value {
    let logo = logos::path(connector.head.role, &connector.head.name, connector.head.logo.as_deref());
    json!({ "label": connector.head.label, "monogram": monogram(&connector.head.label), "logo": logo })
}

fn monogram(label: &str) -> String {
    let words = label.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let letters: String = words.take(2).filter_map(|word| word.chars().next()).collect();
    letters.to_uppercase()
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
