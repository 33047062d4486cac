//! The catalog of connectors, and the check of a field when it loses focus.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::response::{Html, IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::connector_card::card;
use super::form::Posted;
use super::query::query;
use super::shell::{At, Trouble, mistake};
use super::unfinished;
use crate::api::found_connectors;
use crate::change;
use crate::connector_facts::{Tried, projects};
use crate::pages::render;
use crate::refusal::Refusal;
use spile_core::connector::Role;
use spile_core::form;
use spile_ops::connectors::{Shelf, ShelfEntry};

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
    #[serde(default)]
    tried: String,
}

/// A choice at the side of the catalog, and how many connectors it leads to.
#[derive(Debug, Serialize)]
struct Facet {
    label: String,
    path: String,
    count: usize,
    is_here: bool,
}

impl CatalogPageQuery {
    /// Tells whether a connector is in the chosen category.
    fn has_category(&self, one: &ShelfEntry) -> bool {
        self.category.is_empty() || one.head.category.as_deref() == Some(self.category.as_str())
    }

    /// Tells whether a connector has been tried as far as was chosen.
    fn has_tried(&self, one: &ShelfEntry) -> bool {
        self.tried.is_empty() || Tried::of(&one.head).is_some_and(|tried| tried.word() == self.tried)
    }

    /// Returns the address of the same search with another choice.
    fn path(&self, category: &str, tried: &str) -> String {
        let chosen = [("q", self.q.as_str()), ("kind", &self.kind), ("category", category), ("tried", tried)];
        format!("/marketplace?{}", query(chosen))
    }

    /// Returns the categories of what was found, with a way back to all of them.
    fn categories(&self, found: &[&ShelfEntry]) -> Vec<Facet> {
        let within: Vec<_> = found.iter().filter(|one| self.has_tried(one)).collect();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for one in &within {
            *counts.entry(one.head.category.as_deref().unwrap_or_default()).or_default() += 1;
        }
        counts.remove("");
        let facet = |label: &str, category: &str, count| Facet {
            label: label.to_owned(),
            path: self.path(category, &self.tried),
            count,
            is_here: self.category == category,
        };
        let all = facet("All", "", within.len());
        std::iter::once(all).chain(counts.iter().map(|(name, count)| facet(name, name, *count))).collect()
    }

    /// Returns how far connectors have been tried. A second click on a choice takes it back.
    fn grades(&self, found: &[&ShelfEntry]) -> Vec<Facet> {
        let within: Vec<_> = found.iter().filter(|one| self.has_category(one)).collect();
        let facet = |tried: Tried| {
            let is_here = self.tried == tried.word();
            let count = within.iter().filter(|one| Tried::of(&one.head) == Some(tried)).count();
            let path = self.path(&self.category, if is_here { "" } else { tried.word() });
            Facet { label: tried.label().to_owned(), path, count, is_here }
        };
        Tried::ALL.map(facet).into_iter().filter(|facet| facet.count > 0 || facet.is_here).collect()
    }
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
    if wanted.q.trim().is_empty() {
        // Most people look for what most people use.
        found.sort_by_cached_key(|one| Reverse(projects(&one.head)));
    }
    let (categories, tried) = (wanted.categories(&found), wanted.grades(&found));
    found.retain(|one| wanted.has_category(one) && wanted.has_tried(one));
    let data = json!({
        "q": wanted.q, "category": wanted.category, "kind": wanted.kind, "tried": wanted.tried,
        "categories": categories, "grades": tried,
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
