//! The page of a connector: what it is, what one needs for it, and, if its definition is still on the hub, adding it.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};

use super::connector_card::{Identity, ON_HUB, card, path};
use super::form::Posted;
use super::shell::{At, Trouble};
use crate::change::{self, Change};
use crate::refusal::{Refusal, read_only};
use crate::setup::Writing;
use spile_core::connector::{Catalog, Connector, Role, Setting};
use spile_core::definition::DefinitionHints;
use spile_core::source::Source;
use spile_ops as ops;
use spile_ops::connectors::{self, Origin, Overwriting, PreparedImport, Shelf, ShelfEntry};
use spile_ops::edits::WriteOutcome;
use spile_world::net::hub::Hub;

/// Shows a connector that can be used.
pub async fn show(at: At, Path(Identity { kind, name }): Path<Identity>) -> Result<Response, Trouble> {
    page(&at, kind, &name).await
}

/// Shows a plugin of the hub.
pub async fn show_on_hub(at: At, Path(Identity { kind, name }): Path<Identity>) -> Result<Response, Trouble> {
    page(&at, kind, &format!("{ON_HUB}{name}")).await
}

async fn page(at: &At, role: Role, name: &str) -> Result<Response, Trouble> {
    let shelf = Shelf::with_hub(&at.app.setup().project)?;
    let entry = shelf.standing(Some(role)).find(|one| one.head.name == name).ok_or_else(unknown)?;
    let connector = match entry.origin {
        // Nothing but a few facts is on this machine.
        Origin::OnHub(_) => None,
        _ => shelf.show(name, Some(role))?.into_iter().next(),
    };
    let grades = connector.as_ref().and_then(|shown| Some((name.to_owned(), shown.certificate.as_ref()?.grade)));
    let data = json!({
        "card": card(entry, &grades.into_iter().collect()),
        "facts": facts(entry),
        "description": entry.head.description,
        "connector": connector.map(|shown| details(&shown.connector)),
        "can_add": at.app.setup().writing != Writing::Not,
    });
    at.page("connector.html.j2", &entry.head.label, data).await
}

fn unknown() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "spile::connector::unknown", "no such connector")
        .help("search for it in the catalog")
}

/// Returns what is known about a plugin whose definition is on the hub.
fn facts(entry: &ShelfEntry) -> Option<Value> {
    match &entry.origin {
        Origin::OnHub(fact) => Some(json!({
            "variant": fact.variant, "maintenance": fact.maintenance, "projects": fact.projects,
        })),
        Origin::Hub(plugin) => Some(json!({ "variant": plugin.variant, "maintenance": "", "projects": 0 })),
        Origin::BuiltIn | Origin::File(_) => None,
    }
}

/// Returns what a connector needs and can do.
fn details(connector: &Connector) -> Value {
    let setting = |one: &Setting| {
        json!({
            "label": one.label.as_ref().unwrap_or(&one.name), "description": one.description, "secret": one.secret,
            "required": one.required,
        })
    };
    let (required, more): (Vec<&Setting>, Vec<&Setting>) = connector.settings.iter().partition(|one| one.required);
    let shown = |all: Vec<&Setting>| all.into_iter().map(setting).collect::<Vec<_>>();
    let has = |word: &str| connector.plugin.capabilities.iter().any(|one| one == word);
    let losses: Vec<&str> = connector.losses.iter().map(|loss| loss.what.as_str()).collect();
    json!({
        "required": shown(required), "more": shown(more), "signs_in": connector.oauth.is_some(),
        "installs": connector.plugin.pip_url, "by": connector.plugin.variant, "selects": connector.can_select(),
        "continues": has("state"), "losses": losses,
    })
}

/// Downloads a definition from the hub, writes it like any other change, and begins with an integration.
pub async fn add(Path(Identity { kind, name }): Path<Identity>, posted: Posted) -> Result<Response, Trouble> {
    let at = &posted.at;
    let setup = at.app.setup();
    if setup.writing == Writing::Not {
        return Err(read_only().into());
    }
    let (source, asked) = definition(at, kind, &name).await?;
    let _turn = at.app.turn().await;
    let PreparedImport { imported, edits } =
        connectors::prepare_import(&setup.project, &source, &asked, Overwriting::Refused)?;
    if Catalog::is_built_in(kind, &imported.name) {
        return Err(overrides(&imported.name, &name).into());
    }
    // Integrations that exist must stay valid.
    ops::check(&edits.over(&setup.project))?;
    let details = format!("The connector `{}`, from Meltano Hub: {name}.", imported.name);
    let made = change::carry_out(
        &at.app,
        &at.who,
        &Change { edits, slugs: &[], verb: "Add a connector", details, onto: None },
    )
    .await?;
    let page = match made.written {
        WriteOutcome::Files { .. } => path(kind, &imported.name),
        WriteOutcome::Branch { .. } => "/marketplace".to_owned(),
    };
    let did = if page == "/marketplace" { "branch" } else { "connector" };
    Ok(Redirect::to(&format!("{page}?did={did}")).into_response())
}

/// Returns the refusal for a definition that would replace a built-in connector, and with it the plugin of integrations that
/// use it.
fn overrides(connector: &str, plugin: &str) -> Refusal {
    let detail = format!("the connector would be called `{connector}`, like one that spile has already");
    let help = format!("an engineer can add it under another name: `spile connectors import hub:{plugin} --name NAME`");
    Refusal::new(StatusCode::CONFLICT, "spile::connector::exists", detail).help(help)
}

/// Returns the definition of a plugin of the hub, and what is known about it.
async fn definition(at: &At, role: Role, name: &str) -> Result<(Source, DefinitionHints), Refusal> {
    let setup = at.app.setup();
    let mut asked = DefinitionHints { role: Some(role), ..DefinitionHints::default() };
    // The local copy of the hub, if there is one, needs no network.
    if let Some(source) = connectors::hub(&setup.project, name, &mut asked)? {
        return Ok((source, asked));
    }
    let hub = Hub::new(&setup.hub, &setup.outside.authorities).map_err(ops::Error::from)?;
    let source = connectors::download(&hub, name, &mut asked).await?;
    Ok((source, asked))
}
