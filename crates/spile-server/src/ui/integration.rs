//! One integration: its status, settings, runs and actions.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::catalog::mark;
use super::form::Posted;
use super::integrations::{confirm, next, state};
use super::shell::{At, Trouble, fault};
use crate::api::find;
use crate::change::{self, Bulk, Change, ChangeOutcome};
use crate::contract::Wish;
use crate::pages::chart;
use crate::pages::fields::{AnswersSoFar, Control, FieldData, Fields, OptionData};
use crate::pages::words::{RunRow, ago, moment};
use crate::refusal::Refusal;
use spile_core::connector::Role;
use spile_core::discovered::{Rules, Stream, can_select};
use spile_core::form;
use spile_core::integration::Integration;
use spile_ops::author::{self, DesiredIntegration};
use spile_ops::contract::{History, IntegrationLabel};
use spile_ops::edits::WriteOutcome;
use spile_ops::{self as ops, RunSelection};
use spile_view as view;
use spile_world::processes::git;

/// How much of its history is shown.
const HISTORY: usize = 12;

/// How many runs its chart shows, and its table.
const RUNS: (usize, usize) = (40, 8);

pub async fn show(at: At, Path(slug): Path<String>) -> Result<Response, Trouble> {
    let integration = find(&at.desk, &slug)?.clone();
    page(&at, &integration, None, None).await
}

/// Renders the page, with what was posted and refused where something was.
async fn page(
    at: &At,
    one: &Arc<Integration>,
    posted: Option<&Posted>,
    refusal: Option<&Refusal>,
) -> Result<Response, Trouble> {
    let desk = &at.desk;
    let now = Timestamp::now();
    let standings = desk.standings().await;
    let standing = standings.as_ref().ok().and_then(|known| known.get(&one.id));
    let which = RunSelection::exactly([one.slug.clone()]);
    let runs = ops::runs(&desk.world, &desk.loaded, &which, RUNS.0).await.unwrap_or_default();
    let rows: Vec<RunRow> = runs.iter().take(RUNS.1).map(|run| RunRow::of(run, now)).collect();
    let known = known(one, posted, refusal, now);
    let mark = mark(&one.connector);
    let facts = json!({
        "slug": one.slug, "name": one.base.name, "type": one.connector.name, "role": one.role(),
        "type_label": one.connector.label, "file": one.path, "logo": mark["logo"], "monogram": mark["monogram"],
        "status": state(one, standing), "drift": desk.drifted().await.contains(&one.id), "enabled": one.base.enabled,
        "description": one.base.description, "loader": one.base.loader,
        "schedule": one.base.schedule.as_ref().map(ToString::to_string), "next": next(one, &desk.environment, now),
        "select": one.base.select, "created": standing.map(|standing| moment(standing.created_at)),
        "can_sync": one.role() == Role::Extractor && one.at(&desk.environment).loader.is_some(),
        "etag": desk.mark_of(one),
    });
    let data = json!({
        "one": facts, "runs": rows, "charts": [chart::records(&runs), chart::durations(&runs)], "all": Fields::of(&one.connector, &known),
        "general": general(at, one, posted, refusal), "settings": settings(one), "streams": streams(at, one, now), "source": source(at, one, now),
        "history": history(at, one, now).await, "fault": refusal.map(fault),
    });
    let status = refusal.map_or(StatusCode::OK, Refusal::status);
    at.page_with(status, "integration.html.j2", &one.base.name, data).await
}

fn known(one: &Integration, posted: Option<&Posted>, refusal: Option<&Refusal>, now: Timestamp) -> AnswersSoFar {
    let mut known = AnswersSoFar { config: one.base.config.clone(), ..AnswersSoFar::default() };
    if let Some(secrets) = &one.base.secrets {
        let at = secrets.document.metadata.last_modified().ok().and_then(|at| at.parse::<Timestamp>().ok());
        let when = at.map_or_else(|| "before".to_owned(), |at| ago(at, now));
        known.set = secrets.names.iter().map(|name| (name.clone(), when.clone())).collect();
    }
    if let Some(posted) = posted {
        let read = form::posted(&one.connector, posted.pairs());
        (known.typed, known.faults) = (read.typed, read.faults);
    }
    known.faults.extend(refusal.map(faults).unwrap_or_default());
    known
}

/// Returns what is wrong with each field.
pub fn faults(refusal: &Refusal) -> BTreeMap<String, String> {
    let told = refusal.errors.iter().filter_map(|error| {
        let help = error.help.as_ref().map(|help| format!(": {help}")).unwrap_or_default();
        Some((error.field.clone()?, format!("{}{help}", error.message)))
    });
    told.collect()
}

/// Returns the fields that every integration has.
fn general(at: &At, one: &Integration, posted: Option<&Posted>, refusal: Option<&Refusal>) -> Vec<FieldData> {
    let faults = refusal.map(faults).unwrap_or_default();
    let base = &one.base;
    let join = |words: Vec<&str>| words.join(", ");
    let loader = base.loader.as_ref().map(ToString::to_string).unwrap_or_default();
    let schedule = base.schedule.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut fields = vec![
        text("name", "Name", "The name that people see.", base.name.clone()),
        text(
            "description",
            "Description",
            "What this integration is for.",
            base.description.clone().unwrap_or_default(),
        ),
    ];
    if one.role() == Role::Extractor {
        fields.push(loaders(at, &loader));
        let mappers = base.mappers.iter().map(String::as_str).collect();
        fields.push(text("mappers", "Mappers", MAPPERS, join(mappers)));
        fields.push(text("schedule", "Schedule", SCHEDULE, schedule));
    }
    if can_select(one) {
        fields.push(text(
            "select",
            "Streams",
            "Patterns like orders.*, separated by commas. Leave empty to sync all streams.",
            join(base.select.iter().map(String::as_str).collect()),
        ));
    }
    fields.push(text(
        "tags",
        "Tags",
        "Words to find it by, separated by commas.",
        join(base.tags.iter().map(String::as_str).collect()),
    ));
    for field in &mut fields {
        field.fault = faults.get(&field.name).cloned().unwrap_or_default();
        if let Some(posted) = posted {
            posted.get(&field.name).clone_into(&mut field.value);
        }
    }
    fields
}

/// What mappers are, in words.
const MAPPERS: &str = "Meltano mappings to apply to the records, in order, separated by commas. Leave empty for none.";

/// What a schedule is, in words.
pub const SCHEDULE: &str =
    "Five cron fields like 0 6 * * 1-5, or @hourly, @daily, @weekly. Leave empty to sync manually.";

/// Returns a line for a text.
pub fn text(name: &str, label: &str, help: &str, value: String) -> FieldData {
    FieldData {
        name: name.to_owned(),
        label: label.to_owned(),
        help: help.to_owned(),
        control: Control::Text,
        value,
        placeholder: String::new(),
        options: Vec::new(),
        required: false,
        set: String::new(),
        fault: String::new(),
    }
}

/// Returns the choice of where records go.
pub fn loaders(at: &At, present: &str) -> FieldData {
    let all = at.desk.loaded.integrations.by_slug().filter(|one| one.role() == Role::Loader);
    let option = |one: &std::sync::Arc<Integration>| OptionData {
        value: one.slug.to_string(),
        label: one.base.name.clone(),
        is_chosen: one.slug.as_str() == present,
    };
    FieldData {
        control: Control::Choice,
        options: all.map(option).collect(),
        ..text(
            "loader",
            "Destination",
            "Where the records go. Without a destination the source cannot be synced.",
            present.to_owned(),
        )
    }
}

fn settings(one: &Integration) -> Vec<Value> {
    let plain = one.base.config.iter().map(|(name, value)| json!({ "label": name, "value": value.to_string() }));
    let names = one.base.secrets.iter().flat_map(|secrets| &secrets.names);
    plain.chain(names.map(|name| json!({ "label": name, "value": "set" }))).collect()
}

/// Returns the streams that its source said last that it offers.
fn streams(at: &At, one: &Arc<Integration>, now: Timestamp) -> Option<Value> {
    let desk = &at.desk;
    let kept = crate::contract::known(desk, one).ok()??;
    let rules = Rules::of(one, one.at(&desk.environment));
    let of = |stream: &Stream| json!({ "name": stream.name, "taken": rules.take(stream).0.is_read() });
    let all: Vec<Value> = kept.streams.iter().map(of).collect();
    Some(json!({ "when": ago(kept.discovered_at, now), "all": all }))
}

/// Returns what has changed in its source since it was last accepted, and whether it ever was.
fn source(at: &At, one: &Arc<Integration>, now: Timestamp) -> Option<Value> {
    let desk = &at.desk;
    let known = crate::contract::known(desk, one).ok()??;
    let history = ops::contract::history(&desk.world.project, one, &desk.environment, &known).ok()?;
    let named = IntegrationLabel::of(&desk.loaded, one, &desk.environment);
    let (has_contract, changes) = match &history {
        History::SinceContract(changes) => (true, view::changes::data(&named.argument, changes)),
        History::ByAnswer(_) => (false, Vec::new()),
    };
    let needs_one = one.at(&desk.environment).schema.need_contract();
    // A source that nobody watches and that is as it was is not news.
    if changes.is_empty() && (has_contract || !needs_one) {
        return None;
    }
    Some(json!({
        "when": ago(known.discovered_at, now), "at": known.discovered_at, "has_contract": has_contract,
        "changes": changes,
    }))
}

/// Accepts what has changed in its source, or leaves a part of it out.
pub async fn contract(Path(slug): Path<String>, posted: Posted) -> Result<Response, Trouble> {
    let at = &posted.at;
    let one = find(&at.desk, &slug)?.clone();
    let column = Some(posted.get("column").to_owned()).filter(|column| !column.is_empty());
    let wish = match posted.get("wish") {
        "leave_out" => Wish::LeaveOut { stream: posted.get("stream").to_owned(), column },
        _ => Wish::Accept,
    };
    // A form that is not the page's own names no moment at which the source said anything.
    let seen = posted.get("at").parse().unwrap_or(Timestamp::UNIX_EPOCH);
    match crate::contract::carry_out(&at.app, &at.who, &one.slug, seen, &wish).await {
        Ok(made) => Ok(goes_on(&made, &format!("/integrations/{}", one.slug))),
        Err(refusal) => page(at, &one, None, Some(&refusal)).await,
    }
}

/// Returns who changed its file and who did what here, the newest first.
async fn history(at: &At, one: &Integration, now: Timestamp) -> Vec<Value> {
    let root = at.desk.world.project.root();
    // A project that is in no repository has no commits.
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
    let _turn = app.turn().await;
    posted.at.desk = app.read_anew().await?;
    let (at, desk) = (&posted.at, &posted.at.desk);
    let one = find(desk, &slug)?.clone();
    if posted.get("etag") != desk.mark_of(&one) {
        let detail = "its file has changed since you opened this page: review the differences and save again";
        let refusal = Refusal::new(StatusCode::CONFLICT, "spile::http::precondition", detail);
        return page(at, &one, Some(&posted), Some(&refusal)).await;
    }
    let read = form::posted(&one.connector, posted.pairs());
    if !read.faults.is_empty() {
        let refusal =
            Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "spile::form::problems", "some values are not valid");
        return page(at, &one, Some(&posted), Some(&refusal)).await;
    }
    let mut config = read.config;
    // A variable in place of a secret is not a field of the form: it stays, unless a secret takes its place.
    let is_secret = |name: &str| one.connector.setting(name).is_some_and(|setting| setting.secret);
    let kept = one.base.config.iter().filter(|(name, _)| is_secret(name) && !read.secrets.contains_key(*name));
    config.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    let secrets = read.secrets.into_iter().map(|(name, secret)| (name, Some(secret))).collect();
    let wanted = DesiredIntegration { keys: keys(&one, &posted), config: Some(config), secrets };
    let program = at.app.program();
    let access = change::access(&at.app, &desk.world.keys, &program);
    let prepared = match author::change(access, &one, &wanted).await {
        Ok(prepared) => prepared,
        Err(error) => {
            let refusal = Refusal::of(&error, Some(&one.connector));
            return page(at, &one, Some(&posted), Some(&refusal)).await;
        }
    };
    let change = Change {
        edits: prepared.edits(),
        slugs: std::slice::from_ref(&one.slug),
        verb: "Change",
        details: String::new(),
    };
    match change::carry_out(&at.app, &at.who, &change).await {
        Ok(made) => Ok(goes_on(&made, &format!("/integrations/{}", one.slug))),
        Err(refusal) => page(at, &one, Some(&posted), Some(&refusal)).await,
    }
}

/// Goes to a page that tells what was done: to the plan, where something written is not applied that should be.
pub fn goes_on(made: &ChangeOutcome, page: &str) -> Response {
    let to = match (&made.written, &made.applied) {
        (WriteOutcome::Branch { .. }, _) => format!("{page}?did=branch"),
        (WriteOutcome::Files { .. }, None) => format!("{page}?did=saved"),
        (WriteOutcome::Files { .. }, Some(Ok(()))) => format!("{page}?did=applied"),
        (WriteOutcome::Files { .. }, Some(Err(_))) => "/plan?did=unapplied".to_owned(),
    };
    Redirect::to(&to).into_response()
}

/// Returns the keys that are to be others.
fn keys(one: &Integration, posted: &Posted) -> BTreeMap<String, Value> {
    let base = &one.base;
    let list = |name: &str| -> Vec<String> {
        posted.get(name).split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
    };
    let mut keys = BTreeMap::new();
    let said = |name: &str| posted.get(name).trim().to_owned();
    let texts = [
        ("name", Some(base.name.clone()).filter(|name| name != one.slug.as_str())),
        ("description", base.description.clone()),
        ("loader", base.loader.as_ref().map(ToString::to_string)),
        ("schedule", base.schedule.as_ref().map(ToString::to_string)),
    ];
    for (name, present) in texts {
        let said = said(name);
        let is_plain = name == "name" && said == one.slug.as_str();
        let wanted = Some(said).filter(|text| !text.is_empty() && !is_plain);
        if wanted != present && posted.fields.iter().any(|(known, _)| known == name) {
            keys.insert(name.to_owned(), wanted.map_or(Value::Null, Value::from));
        }
    }
    let mappers = list("mappers");
    if mappers != base.mappers && posted.fields.iter().any(|(known, _)| known == "mappers") {
        keys.insert("mappers".to_owned(), if mappers.is_empty() { Value::Null } else { mappers.into() });
    }
    let (select, tags) = (base.select.iter().collect(), base.tags.iter().collect());
    for (name, present) in [("select", select), ("tags", tags)] {
        let wanted = list(name);
        if wanted.iter().collect::<std::collections::BTreeSet<_>>() != present
            && posted.fields.iter().any(|(known, _)| known == name)
        {
            keys.insert(name.to_owned(), if wanted.is_empty() { Value::Null } else { wanted.into() });
        }
    }
    keys
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
    match change::bulk(&at.app, &at.who, action, std::slice::from_ref(&one.slug)).await {
        Ok(done) => Ok(match (done.runs.values().next(), &done.made) {
            (_, Some(made)) => goes_on(made, &format!("/integrations/{}", one.slug)),
            (Some(run), None) => Redirect::to(&format!("/runs/{run}")).into_response(),
            (None, None) => Redirect::to(&format!("/integrations/{}", one.slug)).into_response(),
        }),
        Err(refusal) => page(at, &one, None, Some(&refusal)).await,
    }
}
