//! One integration: its status, settings, runs and actions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::bookmarks;
use super::catalog::mark;
use super::edited::{Edited, has_originals};
use super::failure;
use super::form::Posted;
use super::general::general;
use super::integrations::{confirm, next, state};
use super::provider;
use super::shell::{At, Trouble, fault};
use crate::api::find;
use crate::change::{self, Bulk, Change, ChangeOutcome};
use crate::contract::Wish;
use crate::pages::chart;
use crate::pages::fields::{AnswersSoFar, Fields, ways};
use crate::pages::words::{RunRow, moment};
use crate::refusal::Refusal;
use crate::setup::Writing;
use spile_core::connector::{Connector, Role};
use spile_core::digest;
use spile_core::discovered::{Discovered, Rules, Stream};
use spile_core::form;
use spile_core::integration::Integration;
use spile_core::integration::secrets::setting_of;
use spile_core::name::SettingName;
use spile_core::sops::Document;
use spile_core::value::Settings;
use spile_ops::author::{self, DesiredIntegration};
use spile_ops::contract::{History, IntegrationLabel};
use spile_ops::edits::{Destination, WriteOutcome};
use spile_ops::{self as ops, RunSelection};
use spile_view as view;
use spile_view::ago::ago;
use spile_world::processes::git;

/// How many entries of its history are shown.
const HISTORY: usize = 12;

/// How many runs its chart shows, and its table.
const RUNS: (usize, usize) = (40, 8);

pub async fn show(at: At, Path(slug): Path<String>) -> Result<Response, Trouble> {
    let integration = find(&at.desk, &slug)?.clone();
    page(&at, &integration, None, None).await
}

/// Renders the page; after a refused change, with the edited fields and the refusal.
pub async fn page(
    at: &At,
    one: &Arc<Integration>,
    edited: Option<&Edited>,
    refusal: Option<&Refusal>,
) -> Result<Response, Trouble> {
    let desk = &at.desk;
    let now = Timestamp::now();
    let standings = desk.standings().await;
    let standing = standings.as_ref().ok().and_then(|known| known.get(&one.id));
    let which = RunSelection::exactly([one.slug.clone()]);
    let runs = ops::runs(&desk.world, &desk.loaded, &which, RUNS.0).await.unwrap_or_default();
    let rows: Vec<RunRow> = runs.iter().take(RUNS.1).map(|run| RunRow::of(run, now)).collect();
    let known = known(one, edited, refusal, now);
    let mark = mark(&one.connector);
    let here = one.at(&desk.environment);
    // If it cannot be read, the page leaves it out.
    let offered = crate::contract::known(desk, one).ok().flatten();
    let facts = json!({
        "slug": one.slug, "name": one.base.name, "type": one.connector.head.name, "role": one.role(),
        "type_label": one.connector.head.label, "file": one.path, "logo": mark["logo"], "monogram": mark["monogram"],
        "status": state(one, &desk.environment, standing), "drift": desk.drifted().await.contains(&one.id), "enabled": here.enabled,
        "description": here.description, "loader": here.loader,
        "schedule": here.schedule.as_ref().map(ToString::to_string), "next": next(one, &desk.environment, now),
        "select": here.select, "created": standing.map(|standing| moment(standing.created_at)),
        "can_sync": one.role() == Role::Extractor && here.loader.is_some(), "can_test": writes_here(at),
        "etag": desk.mark_of(one), "sign_in": provider::offered(at, &one.connector),
    });
    let data = json!({
        "one": facts, "runs": rows, "charts": [chart::records(&runs), chart::durations(&runs)], "all": Fields::of(&one.connector, &known),
        "general": general(at, one, edited, refusal), "settings": settings(one), "streams": offered.as_ref().map(|offered| streams(at, one, offered, now)),
        "source": offered.as_ref().and_then(|offered| source(at, one, offered, now)),
        "bookmarks": bookmarks::section(at, one, now).await,
        "history": history(at, one, now).await, "fault": refusal.map(fault),
        "failure": runs.first().and_then(|run| failure::card(desk, run)),
    });
    let status = refusal.map_or(StatusCode::OK, Refusal::status);
    at.page_with(status, "integration.html.j2", &one.base.name, data).await
}

/// Tells whether a saved change is in the files that a test uses, and not on a branch.
fn writes_here(at: &At) -> bool {
    matches!(at.app.setup().writing, Writing::Applied | Writing::To(Destination::WorkingTree))
}

fn known(one: &Integration, edited: Option<&Edited>, refusal: Option<&Refusal>, now: Timestamp) -> AnswersSoFar {
    let mut known = AnswersSoFar { config: one.base.config.clone(), ..AnswersSoFar::default() };
    if let Some(secrets) = &one.base.secrets {
        let at = secrets.document.metadata.last_modified().ok().and_then(|at| at.parse::<Timestamp>().ok());
        let when = at.map_or_else(|| "before".to_owned(), |at| ago(at, now));
        known.set = secrets.names.iter().map(|name| (name.clone(), when.clone())).collect();
        known.marks =
            secrets.names.iter().map(|name| (name.clone(), mark_of_secret(&secrets.document, name))).collect();
    }
    if let Some(edited) = edited {
        let read = form::posted(&one.connector, edited.pairs());
        (known.changed, known.faults) = (read.typed, read.faults);
        known.faults.extend(edited.faults());
    }
    known.faults.extend(refusal.map(Refusal::faults).unwrap_or_default());
    known
}

/// Returns the digest of a secret's ciphertext: setting the secret again changes it.
fn mark_of_secret(document: &Document, name: &str) -> String {
    let of = |(path, text): (Vec<String>, String)| {
        let setting = setting_of(&path);
        (setting == name || SettingName::new(&setting).is_within(name)).then_some(text)
    };
    let texts: Vec<String> = document.ciphertexts().into_iter().filter_map(of).collect();
    digest::of_json(&texts)
}

/// Returns what each field of the page sends if nobody touches it.
fn shown(at: &At, one: &Integration) -> BTreeMap<String, String> {
    let mut shown = Fields::of(&one.connector, &known(one, None, None, Timestamp::now())).shown();
    shown.extend(general(at, one, None, None).into_iter().map(|field| (field.name, field.shown)));
    shown
}

fn settings(one: &Integration) -> Vec<Value> {
    let plain = one.base.config.iter().map(|(name, value)| json!({ "label": name, "value": value.to_string() }));
    let names = one.base.secrets.iter().flat_map(|secrets| &secrets.names);
    plain.chain(names.map(|name| json!({ "label": name, "value": "set" }))).collect()
}

/// Returns the streams that its source offered at the last discovery.
fn streams(at: &At, one: &Integration, offered: &Discovered, now: Timestamp) -> Value {
    let rules = Rules::of(one, one.at(&at.desk.environment));
    let of = |stream: &Stream| json!({ "name": stream.name, "taken": rules.take(stream).0.is_read() });
    let all: Vec<Value> = offered.streams.iter().map(of).collect();
    json!({ "when": ago(offered.discovered_at, now), "all": all })
}

/// Returns the changes in its source since it was last accepted, and whether it ever was.
fn source(at: &At, one: &Integration, offered: &Discovered, now: Timestamp) -> Option<Value> {
    let desk = &at.desk;
    let history = ops::contract::history(&desk.world.project, one, &desk.environment, offered).ok()?;
    let named = IntegrationLabel::of(&desk.loaded, one, &desk.environment);
    let (has_contract, changes) = match &history {
        History::SinceContract(changes) => (true, view::changes::data(&named.argument, changes)),
        History::ByAnswer(_) => (false, Vec::new()),
    };
    let needs_one = one.at(&desk.environment).schema.need_contract();
    // Hide a source that needs no contract and has not changed.
    if changes.is_empty() && (has_contract || !needs_one) {
        return None;
    }
    Some(json!({
        "when": ago(offered.discovered_at, now), "at": offered.discovered_at, "has_contract": has_contract,
        "changes": changes,
    }))
}

/// Accepts the changes in its source, or leaves out a part of them.
pub async fn contract(Path(slug): Path<String>, posted: Posted) -> Result<Response, Trouble> {
    let at = &posted.at;
    let one = find(&at.desk, &slug)?.clone();
    let column = Some(posted.get("column").to_owned()).filter(|column| !column.is_empty());
    let wish = match posted.get("wish") {
        "leave_out" => Wish::LeaveOut { stream: posted.get("stream").to_owned(), column },
        _ => Wish::Accept,
    };
    // A form that did not come from the page has no valid time of a discovery.
    let seen = posted.get("at").parse().unwrap_or(Timestamp::UNIX_EPOCH);
    match crate::contract::carry_out(&at.app, &at.who, &one.slug, seen, &wish).await {
        Ok(made) => Ok(goes_on(&made, &format!("/integrations/{}", one.slug))),
        Err(refusal) => page(at, &one, None, Some(&refusal)).await,
    }
}

/// Returns the commits of its file and the audit entries about it, newest first.
async fn history(at: &At, one: &Integration, now: Timestamp) -> Vec<Value> {
    let root = at.desk.world.project.root();
    // A project outside a repository has no commits.
    let commits = git::log(root, &one.path, HISTORY).await.unwrap_or_default();
    let commits = commits.into_iter().map(|said| (said.at, said.author, format!("{} ({})", said.subject, said.commit)));
    let deeds = at.app.audit().newest(Some(&one.slug), HISTORY).unwrap_or_default();
    let deeds = deeds.into_iter().map(|deed| {
        let what = deed.result.map_or_else(|| deed.action.clone(), |result| format!("{}: {result}", deed.action));
        (deed.at, deed.actor, what)
    });
    let mut all: Vec<(Timestamp, String, String)> = commits.chain(deeds).collect();
    all.sort_by(|a, b| b.cmp(a));
    let told = |(when, who, what)| json!({ "when": ago(when, now), "who": who, "what": what });
    all.into_iter().take(HISTORY).map(told).collect()
}

pub async fn save(Path(slug): Path<String>, mut posted: Posted) -> Result<Response, Trouble> {
    let app = posted.at.app.clone();
    let turn = app.turn().await;
    posted.at.desk = app.reload().await?;
    let (at, desk) = (&posted.at, &posted.at.desk);
    let one = find(desk, &slug)?.clone();
    let edited = Edited::of(&posted.fields, &shown(at, &one));
    if let Some(refusal) = outdated(&posted, &edited, desk.mark_of(&one)) {
        return page(at, &one, Some(&edited), Some(&refusal)).await;
    }
    let read = form::posted(&one.connector, edited.pairs());
    if !read.faults.is_empty() {
        let refusal =
            Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "spile::form::problems", "some values are not valid");
        return page(at, &one, Some(&edited), Some(&refusal)).await;
    }
    let config = config(&one, &edited, &read, &left(&one.connector, &posted));
    let unchanged = || Redirect::to(&format!("/integrations/{}?did=unchanged", one.slug)).into_response();
    let secrets = read.secrets.into_iter().map(|(name, secret)| (name, Some(secret))).collect();
    let wanted = DesiredIntegration { keys: keys(&one, &edited), config, secrets };
    if wanted.keys.is_empty() && wanted.config.is_none() && wanted.secrets.is_empty() {
        return Ok(unchanged());
    }
    let program = at.app.program();
    let access = change::access(&at.app, &desk.world.keys, &program);
    let prepared = match author::change(access, &one, &wanted).await {
        Ok(prepared) => prepared,
        Err(error) => {
            let refusal = Refusal::of(&error, Some(&one.connector));
            return page(at, &one, Some(&edited), Some(&refusal)).await;
        }
    };
    if prepared.edits().is_empty() {
        return Ok(unchanged());
    }
    let change = Change {
        edits: prepared.edits(),
        slugs: std::slice::from_ref(&one.slug),
        verb: "Change",
        details: String::new(),
    };
    let made = match change::carry_out(&at.app, &at.who, &change).await {
        Ok(made) => made,
        Err(refusal) => return page(at, &one, Some(&edited), Some(&refusal)).await,
    };
    drop(turn);
    if posted.get("then") == "test" && matches!(made.written, WriteOutcome::Files { .. }) {
        return begin(at, Bulk::Test, &one).await;
    }
    Ok(goes_on(&made, &format!("/integrations/{}", one.slug)))
}

/// Refuses a form that would undo what someone else has changed meanwhile. Without originals that is unknown, so the
/// file must be unchanged since the page was rendered.
fn outdated(posted: &Posted, edited: &Edited, mark: &str) -> Option<Refusal> {
    let has_originals = has_originals(&posted.fields);
    let is_known = if has_originals { edited.conflicts.is_empty() } else { posted.get("etag") == mark };
    if is_known {
        return None;
    }
    let detail = if has_originals {
        "someone else changed the same fields since you opened this page: compare them and save again"
    } else {
        "its file has changed since you opened this page: review the differences and save again"
    };
    Some(Refusal::new(StatusCode::CONFLICT, "spile::http::precondition", detail))
}

/// Returns the settings that only belong to the ways that the user did not choose.
fn left(connector: &Connector, posted: &Posted) -> BTreeSet<String> {
    let (way, shown) = (posted.get("way"), posted.get("shown.way"));
    let ways = ways(connector);
    let chosen = way.parse().ok().and_then(|way: usize| ways.get(way.checked_sub(1)?).copied());
    let Some(chosen) = chosen.filter(|_| !shown.is_empty() && shown != way) else { return BTreeSet::new() };
    let others = connector.groups.iter().filter(|group| group.label != chosen.label);
    let settings = others.flat_map(|group| &group.settings).filter(|name| !chosen.settings.contains(name));
    settings.filter(|name| connector.setting(name).is_some_and(|setting| !setting.required)).cloned().collect()
}

/// Returns all settings, including the changed ones; `None` if none changed.
fn config(one: &Integration, edited: &Edited, read: &form::Posted, left: &BTreeSet<String>) -> Option<Settings> {
    let mut config = one.base.config.clone();
    for name in edited.texts.keys().filter_map(|name| name.strip_prefix("config.")) {
        match read.config.get(name) {
            Some(value) => drop(config.insert(name.to_owned(), value.clone())),
            None => drop(config.shift_remove(name)),
        }
    }
    // A secret replaces the variable of the same setting.
    config.retain(|name, _| !read.secrets.contains_key(name) && !left.contains(name));
    (config != one.base.config).then_some(config)
}

/// Redirects to a page that shows the result: to the plan if a change was written but could not be applied.
pub fn goes_on(made: &ChangeOutcome, page: &str) -> Response {
    let to = match (&made.written, &made.applied) {
        (WriteOutcome::Branch { .. }, _) => format!("{page}?did=branch"),
        (WriteOutcome::Files { .. }, None) => format!("{page}?did=saved"),
        (WriteOutcome::Files { .. }, Some(Ok(()))) => format!("{page}?did=applied"),
        (WriteOutcome::Files { .. }, Some(Err(_))) => "/plan?did=unapplied".to_owned(),
    };
    Redirect::to(&to).into_response()
}

/// Returns the changed keys.
fn keys(one: &Integration, edited: &Edited) -> BTreeMap<String, Value> {
    let key = |name: &str, text: &str| match name {
        "mappers" | "select" | "tags" => Some(form::lines(text)).filter(|words| !words.is_empty()).map(Value::from),
        // The default name needs no line in the file.
        "name" => Some(text.trim()).filter(|text| !text.is_empty() && *text != one.slug.as_str()).map(Value::from),
        "description" if text.trim().contains('\n') => Some(text.into()),
        _ => Some(text.trim()).filter(|text| !text.is_empty()).map(Value::from),
    };
    let keys = edited.pairs().filter(|(name, _)| !name.contains('.'));
    keys.map(|(name, text)| (name.to_owned(), key(name, text).unwrap_or(Value::Null))).collect()
}

pub async fn ask_delete(at: At, Path(slug): Path<String>) -> Result<Response, Trouble> {
    let slug = find(&at.desk, &slug)?.slug.clone();
    confirm(&at, Bulk::Delete, &[slug]).await
}

/// Tests, syncs, enables or disables.
pub async fn act(Path((slug, action)): Path<(String, String)>, posted: Posted) -> Result<Response, Trouble> {
    let at = &posted.at;
    let one = find(&at.desk, &slug)?.clone();
    let action: Bulk = serde_json::from_value(json!(action))
        .map_err(|_| Refusal::new(StatusCode::NOT_FOUND, "spile::http::not_found", "no such action"))?;
    if action == Bulk::Delete {
        return confirm(at, action, std::slice::from_ref(&one.slug)).await;
    }
    begin(at, action, &one).await
}

/// Begins an action and shows its run, or what it changed.
async fn begin(at: &At, action: Bulk, one: &Arc<Integration>) -> Result<Response, Trouble> {
    match change::bulk(&at.app, &at.who, action, std::slice::from_ref(&one.slug)).await {
        Ok(done) => Ok(match (done.runs.values().next(), &done.made) {
            (_, Some(made)) => goes_on(made, &format!("/integrations/{}", one.slug)),
            (Some(run), None) => Redirect::to(&format!("/runs/{run}")).into_response(),
            (None, None) => Redirect::to(&format!("/integrations/{}", one.slug)).into_response(),
        }),
        Err(refusal) => page(at, one, None, Some(&refusal)).await,
    }
}

#[cfg(test)]
mod tests {
    use spile_core::secret::Secret;
    use spile_core::sops::DataKey;
    use spile_core::sops::node::Node;

    use super::*;

    #[test]
    fn a_secret_that_is_set_again_has_another_mark_in_a_file_and_in_a_sidecar() {
        let key = DataKey::generate();
        let mut inside = Document::profile(&[]);
        inside.set("auth.token", &Secret::new("one"), &key);
        let mut again = inside.clone();
        again.set("auth.token", &Secret::new("two"), &key);
        let sidecar = |document: &Document| {
            let Some((_, Node::Map(secrets))) = document.tree.first() else { panic!("no table of secrets") };
            Document { tree: secrets.clone(), ..document.clone() }
        };
        for (before, after) in [(sidecar(&inside), sidecar(&again)), (inside, again)] {
            for name in ["auth.token", "auth"] {
                assert_ne!(mark_of_secret(&before, name), mark_of_secret(&after, name), "{name}");
            }
            assert_eq!(mark_of_secret(&before, "aut"), mark_of_secret(&after, "aut"));
        }
    }
}
