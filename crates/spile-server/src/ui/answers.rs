//! The answers of a wizard: reading a form into a draft.

use std::collections::BTreeMap;

use axum::http::StatusCode;

use super::edited::Edited;
use super::form::Posted;
use super::general::{SCHEDULE, loaders, text};
use super::shell::At;
use crate::change;
use crate::drafts::{Draft, StoredDraft};
use crate::pages::fields::{AnswersSoFar, FieldData, Fields, ways};
use crate::refusal::{FieldError, Refusal};
use spile_core::form;
use spile_ops::discover::Offered;

pub fn find(at: &At, id: &str) -> Result<Draft, Refusal> {
    let drafts = at.app.drafts();
    let restored = |stored: StoredDraft| {
        let connector = change::connector(&at.app, &stored.connector, stored.role).ok()?;
        Some(stored.with(connector, at.app.fresh_keys()))
    };
    let found = drafts.get(id).or_else(|| drafts.restore(id, restored));
    // Its id may have been read in a log or over a shoulder, and it contains secrets.
    found.filter(|draft| draft.answers.owner == at.who.subject).ok_or_else(gone)
}

pub fn gone() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "spile::http::draft", "this draft was already saved or has expired")
        .help("start again from the catalog")
}

pub fn known(draft: &Draft) -> AnswersSoFar {
    AnswersSoFar { config: draft.answers.config.clone(), typed: draft.answers.typed.clone(), ..AnswersSoFar::default() }
}

pub fn general(at: &At, draft: &Draft, faults: &BTreeMap<String, String>) -> Vec<FieldData> {
    let mut fields = vec![
        loaders(at, &draft.answers.loader),
        text("schedule", "Schedule", SCHEDULE, draft.answers.schedule.clone()),
    ];
    for field in &mut fields {
        field.fault = faults.get(&field.name).cloned().unwrap_or_default();
    }
    fields
}

/// Keeps the answers of a step, whether they are valid or not. Returns whether the draft has any answer.
pub fn keep(at: &At, draft: &mut Draft, step: &str, posted: &Posted) -> bool {
    let has_answers = draft.answers.settled > 0;
    // What is wrong with them is said when the user continues.
    match step {
        "settings" if !has_answers && edits(draft, posted).1.texts.is_empty() => return false,
        "settings" => drop(settle(draft, posted)),
        "streams" => drop(choose(draft, posted)),
        "schedule" => schedule(at, draft, posted),
        _ => {}
    }
    true
}

/// Takes over the answers about where and when it is synced.
pub fn schedule(at: &At, draft: &mut Draft, posted: &Posted) {
    let shown = general(at, draft, &BTreeMap::new()).into_iter().map(|field| (field.name, field.shown));
    let edited = Edited::of(&posted.fields, &shown.collect());
    for (name, value) in [("loader", &mut draft.answers.loader), ("schedule", &mut draft.answers.schedule)] {
        if let Some(text) = edited.texts.get(name) {
            text.trim().clone_into(value);
        }
    }
}

/// Returns what the fields of the settings show, and what a user has changed in them.
fn edits(draft: &Draft, posted: &Posted) -> (BTreeMap<String, String>, Edited) {
    let mut shown = Fields::of(&draft.connector, &known(draft)).shown();
    shown.insert("name".to_owned(), draft.answers.name.clone());
    let edited = Edited::of(&posted.fields, &shown);
    (shown, edited)
}

pub fn settle(draft: &mut Draft, posted: &Posted) -> Result<(), Refusal> {
    let (shown, edited) = edits(draft, posted);
    if let Some(name) = edited.texts.get("name") {
        name.trim().clone_into(&mut draft.answers.name);
    }
    // Untouched fields keep their values; those of a way that was not chosen are not sent.
    let sent = shown.iter().filter(|(name, _)| posted.fields.iter().any(|(sent, _)| sent == *name));
    let texts = sent.map(|(name, now)| (name.as_str(), edited.texts.get(name).unwrap_or(now).as_str()));
    let read = form::posted(&draft.connector, texts);
    (draft.answers.config, draft.answers.typed) = (read.config, read.typed);
    draft.secrets.extend(read.secrets);
    // Drop the secrets of ways that were not chosen.
    if !posted.get("way").is_empty()
        && let Some(group) = posted
            .get("way")
            .parse()
            .ok()
            .and_then(|way: usize| ways(&draft.connector).get(way.wrapping_sub(1)).copied())
    {
        let others = draft.connector.groups.iter().filter(|one| one.label != group.label).flat_map(|one| &one.settings);
        let gone: Vec<&String> = others.filter(|name| !group.settings.contains(name)).collect();
        draft.secrets.retain(|name, _| !gone.contains(&name));
    }
    draft.answers.test = None;
    draft.answers.settled += 1;
    if read.faults.is_empty() {
        return Ok(());
    }
    let mut refusal =
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "spile::form::problems", "some values are not valid");
    let error = |(field, message): (String, String)| FieldError::of_form(field.into(), "spile::form::value", message);
    refusal.errors = read.faults.into_iter().map(error).collect();
    Err(refusal)
}

pub fn choose(draft: &mut Draft, posted: &Posted) -> Result<(), Refusal> {
    let Some(all) = &draft.answers.streams else { return Ok(()) };
    let (taken, incremental) = (posted.all("stream"), posted.all("incremental"));
    if taken.is_empty() && !all.is_empty() {
        let refusal = Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "spile::integration::empty_selection",
            "no stream is selected",
        );
        return Err(refusal.help("select at least one"));
    }
    let is_usual = all.iter().all(|one| one.is_usual == taken.contains(&one.name));
    let select = all.iter().filter(|one| taken.contains(&one.name)).map(Offered::pattern);
    draft.answers.select = if is_usual { Vec::new() } else { select.collect() };
    let in_full = all.iter().filter(|one| one.metadata().is_some() && !incremental.contains(&one.name));
    draft.answers.in_full = in_full.map(|one| one.name.clone()).collect();
    Ok(())
}
