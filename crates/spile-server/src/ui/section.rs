//! The parts of the page of an integration: their addresses, and the header that all of them share.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::connector_card::mark;
use super::shell::{At, Trouble, fault};
use super::source_changes;
use super::state::{Known, state};
use crate::change::{self, Bulk, ChangeOutcome};
use crate::pages::Tab;
use crate::refusal::Refusal;
use spile_core::connector::Role;
use spile_core::integration::Integration;
use spile_core::name::Slug;
use spile_ops::edits::WriteOutcome;
use spile_world::processes::git::Proposal;

/// A part of the page of an integration, with its own address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Its state, its runs and its bookmarks.
    Status,
    /// What its source offers.
    Streams,
    /// Its settings.
    Settings,
    /// What was done with it.
    History,
}

impl Section {
    const ALL: [Self; 4] = [Self::Status, Self::Streams, Self::Settings, Self::History];

    /// Returns its name in the address and in the name of its template.
    fn word(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Streams => "streams",
            Self::Settings => "settings",
            Self::History => "history",
        }
    }

    /// Returns its title.
    fn title(self) -> &'static str {
        match self {
            Self::Status => "Status",
            Self::Streams => "Streams",
            Self::Settings => "Settings",
            Self::History => "History",
        }
    }

    /// Returns its path for an integration.
    pub fn path(self, slug: &Slug) -> String {
        match self {
            Self::Status => format!("/integrations/{slug}"),
            Self::Streams | Self::Settings | Self::History => format!("/integrations/{slug}/{}", self.word()),
        }
    }
}

/// Renders a section with the header that all of them share.
pub async fn page(
    at: &At,
    one: &Arc<Integration>,
    section: Section,
    mut data: Value,
    refusal: Option<&Refusal>,
) -> Result<Response, Trouble> {
    // What waits for review is only in the form.
    let desk = if at.desk.proposal.is_some() { at.app.desk().await? } else { at.desk.clone() };
    let one = desk.loaded.integrations.get(&one.id).unwrap_or(one);
    let standings = desk.standings().await;
    let standing = standings.as_ref().ok().and_then(|known| known.get(&one.id));
    let newest = desk.world.runs.newest(Some(one.id), 1).await.unwrap_or_default();
    let here = one.at(&desk.environment);
    // What a registry that is away says is not known.
    let is_applied = standing.is_some() || standings.is_err();
    let loader = here.loader.as_ref().and_then(|slug| desk.loaded.integrations.find(slug.as_str()));
    data["one"] = json!({
        "slug": one.slug, "name": one.base.name, "type": one.connector.head.name, "role": one.role(),
        "type_label": one.connector.head.label, "file": one.path, "mark": mark(&one.connector),
        "loader": loader.map(|loader| json!({ "slug": loader.slug, "name": loader.base.name })),
        "loader_mark": loader.map(|loader| mark(&loader.connector)),
        "status": state(one, &desk.environment, Known { standing, newest: newest.first() }), "drift": desk.drifted().await.contains(&one.id),
        "enabled": here.enabled, "is_applied": is_applied, "can_sync": one.role() == Role::Extractor && here.loader.is_some(),
    });
    // The section of the streams has just compared the source with what was accepted.
    let changes = match section {
        Section::Streams => source_changes::count(&data["source"]),
        _ if one.role() == Role::Extractor => source_changes::changes(at, one),
        _ => 0,
    };
    let proposal = match &at.desk.proposal {
        Some(proposal) => Some(proposal.clone()),
        None => at.app.proposal(&one.slug).await?,
    };
    let is_deleted = |proposal: &Proposal| proposal.files.get(&one.path).is_some_and(Option::is_none);
    data["proposal"] = json!(proposal.map(|proposal| json!({
        "branch": proposal.branch, "deletes": is_deleted(&proposal), "is_shown": at.desk.proposal.is_some(),
    })));
    data["sections"] = json!(links(one, section, changes));
    data["fault"] = json!(refusal.map(fault));
    let status = refusal.map_or(StatusCode::OK, Refusal::status);
    let title = match section {
        Section::Status => one.base.name.clone(),
        section => format!("{} of {}", section.title(), one.base.name),
    };
    at.page_with(status, &format!("integration_{}.html.j2", section.word()), &title, data).await
}

/// Returns the links to the sections, with the changes of the source. A destination has no streams of its own.
fn links(one: &Integration, here: Section, changes: usize) -> Vec<Tab> {
    let is_source = one.role() == Role::Extractor;
    let link = |section: Section| Tab {
        title: section.title().into(),
        path: section.path(&one.slug),
        is_here: section == here,
        count: if section == Section::Streams { changes } else { 0 },
        counted: "changes of the source",
    };
    Section::ALL.into_iter().filter(|section| is_source || *section != Section::Streams).map(link).collect()
}

/// Begins an action and shows its run, or what it changed.
pub async fn begin(at: &At, action: Bulk, slug: &Slug) -> Result<Response, Refusal> {
    let done = change::bulk(&at.app, &at.who, action, std::slice::from_ref(slug)).await?;
    Ok(match (done.runs.values().next(), &done.made) {
        (_, Some(made)) => goes_on(made, &Section::Status.path(slug)),
        (Some(run), None) => Redirect::to(&format!("/runs/{run}")).into_response(),
        (None, None) => Redirect::to(&Section::Status.path(slug)).into_response(),
    })
}

/// Redirects to a page that shows the result: to the plan if a change was written but could not be applied.
pub fn goes_on(made: &ChangeOutcome, page: &str) -> Response {
    let to = match (&made.written, &made.applied) {
        (WriteOutcome::Branch { branch, .. }, _) => {
            format!("{page}?{}", Serializer::new("did=branch".to_owned()).append_pair("branch", branch).finish())
        }
        (WriteOutcome::Files { .. }, None) => format!("{page}?did=saved"),
        (WriteOutcome::Files { .. }, Some(Ok(()))) => format!("{page}?did=applied"),
        (WriteOutcome::Files { .. }, Some(Err(_))) => "/changes?did=unapplied".to_owned(),
    };
    Redirect::to(&to).into_response()
}
