//! Accepting changes in sources or leaving them out, for the API and for pages.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::json;

use super::app::App;
use super::caller::Caller;
use super::change::{self, Change, ChangeOutcome};
use super::project_view::ProjectView;
use super::refusal::Refusal;
use spile_core::discovered::change::patterns;
use spile_core::discovered::{self, Difference, Discovered};
use spile_core::integration::Integration;
use spile_core::name::Slug;
use spile_ops::author::{self, DesiredIntegration};
use spile_ops::contract::{self, IntegrationLabel};
use spile_ops::discover;

/// A decision about the changes in a source.
#[derive(Debug)]
pub enum Wish {
    /// Accept everything that the source offers.
    Accept,
    /// Make `select` leave out a new stream or column.
    LeaveOut {
        /// The stream.
        stream: String,
        /// The column, or `None` for the whole stream.
        column: Option<String>,
    },
}

/// Carries out a decision about the changes in a source, the way the server is configured to make changes. `at` is the
/// time of the discovery that the caller saw.
///
/// # Errors
/// If the source was discovered again since, has no such change, or nothing can be written.
pub async fn carry_out(
    app: &App,
    who: &Caller,
    slug: &Slug,
    at: Timestamp,
    wish: &Wish,
) -> Result<ChangeOutcome, Refusal> {
    let _turn = app.turn().await;
    let desk = app.to_change(std::slice::from_ref(slug)).await?;
    let integration = desk.loaded.named(slug.as_str())?;
    let now = known(&desk, integration)?;
    let now = now.filter(|now| now.discovered_at == at).ok_or_else(|| {
        let detail = "the source was discovered again in the meantime: review the changes and decide again";
        Refusal::new(StatusCode::CONFLICT, "spile::http::precondition", detail)
    })?;
    match wish {
        Wish::Accept => accept(app, who, &desk, integration, &now).await,
        Wish::LeaveOut { stream, column } => {
            let source = SourceAnswer { desk: &desk, integration, discovered: &now };
            leave_out(app, who, &source, stream, column.as_deref()).await
        }
    }
}

/// Returns the last discovery of an integration's source, if it is still valid.
///
/// # Errors
/// If it cannot be read.
pub fn known(desk: &ProjectView, integration: &Integration) -> Result<Option<Discovered>, Refusal> {
    Ok(discover::found(desk.world.project.root(), &desk.loaded, integration, &desk.environment)?)
}

async fn accept(
    app: &App,
    who: &Caller,
    desk: &ProjectView,
    one: &Integration,
    now: &Discovered,
) -> Result<ChangeOutcome, Refusal> {
    let acceptance = contract::acceptance(&desk.world.project, one, &desk.environment, now)?;
    let argument = IntegrationLabel::of(&desk.loaded, one, &desk.environment).argument;
    let told = |change: &discovered::Change| {
        let means = change.consequence(&argument).map(|said| format!(": {said}")).unwrap_or_default();
        format!("- {}{means}\n", change.sentence())
    };
    let details = acceptance.changes.iter().flatten().map(told).collect();
    let change = Change { details, ..Change::of(acceptance.edits, &one.slug, "Accept the source of", desk) };
    change::carry_out(app, who, &change).await
}

/// A source, and what it offers.
struct SourceAnswer<'a> {
    desk: &'a ProjectView,
    integration: &'a Integration,
    discovered: &'a Discovered,
}

async fn leave_out(
    app: &App,
    who: &Caller,
    source: &SourceAnswer<'_>,
    stream: &str,
    column: Option<&str>,
) -> Result<ChangeOutcome, Refusal> {
    let SourceAnswer { desk, integration: one, discovered: now } = *source;
    let refused = |detail: &str, help: &str| {
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "spile::http::field", detail).help(help)
    };
    let environment = &desk.environment;
    let changes = match contract::read(&desk.world.project, one, environment)? {
        Some(contract) => contract::changes(one, environment, &contract, now),
        None => Vec::new(),
    };
    let is_it = |change: &&discovered::Change| change.stream == stream && change.difference.column() == column;
    let is_new = |change: &&discovered::Change| {
        matches!(change.difference, Difference::NewStream { .. } | Difference::NewColumn { .. })
    };
    let change = changes.iter().find(|change| is_it(change) && is_new(change));
    let change =
        change.ok_or_else(|| refused("no new stream or column has that name", "specify a new stream or column"))?;
    if one.at(environment).select != one.base.select {
        let help = format!("change `select` in the overlay of `{environment}`");
        return Err(refused("this environment overrides `select`", &help));
    }
    let mut select: Vec<String> = one.base.select.iter().cloned().collect();
    if select.is_empty() {
        select.push("*.*".to_owned());
    }
    select.extend(patterns(change));
    let wanted =
        DesiredIntegration { keys: [("select".to_owned(), json!(select))].into(), ..DesiredIntegration::default() };
    let program = app.program();
    let prepared = author::change(change::access(&desk.world.project, &desk.world.keys, &program), one, &wanted).await;
    let prepared = prepared.map_err(|error| Refusal::of(&error, Some(&one.connector)))?;
    let change = Change::of(prepared.edits(), &one.slug, "Change", desk);
    change::carry_out(app, who, &change).await
}
