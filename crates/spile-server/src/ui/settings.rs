//! The settings of one integration: its form, and saving only what was changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::edited::{Edited, has_originals};
use super::form::Posted;
use super::general::general;
use super::provider;
use super::section::{Section, begin, goes_on, page};
use super::shell::{At, Trouble};
use crate::api::find;
use crate::change::{self, Bulk, Change};
use crate::pages::fields::{AnswersSoFar, Fields, ways};
use crate::refusal::Refusal;
use crate::setup::Writing;
use spile_core::connector::Connector;
use spile_core::digest;
use spile_core::form;
use spile_core::integration::Integration;
use spile_core::integration::secrets::setting_of;
use spile_core::name::{SettingName, Slug};
use spile_core::sops::Document;
use spile_core::value::Settings;
use spile_ops::author::{self, DesiredIntegration};
use spile_ops::edits::{Destination, WriteOutcome};
use spile_view::ago::ago;

pub async fn show(mut at: At, Path(slug): Path<String>) -> Result<Response, Trouble> {
    // The form shows what its next change starts from.
    at.desk = at.app.with_proposal(&at.desk, std::slice::from_ref(&find(&at.desk, &slug)?.slug)).await?;
    let one = find(&at.desk, &slug)?.clone();
    page(&at, &one, Section::Settings, section(&at, &one, None, None), None).await
}

/// Shows the form with the reason why an action on it was refused.
pub async fn refused(at: &At, one: &Arc<Integration>, refusal: &Refusal) -> Result<Response, Trouble> {
    page(at, one, Section::Settings, section(at, one, None, None), Some(refusal)).await
}

/// Returns what the form shows; after a refused change, with the edited fields and the refusal.
fn section(at: &At, one: &Integration, edited: Option<&Edited>, refusal: Option<&Refusal>) -> Value {
    let known = known(one, edited, refusal, Timestamp::now());
    json!({
        "all": Fields::of(&one.connector, &known), "general": general(at, one, edited, refusal), "settings": settings(one),
        "can_test": writes_here(at), "etag": at.desk.mark_of(one), "sign_in": provider::offered(at, &one.connector),
    })
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
    let label = |name: &str| one.connector.setting(name).map_or_else(|| name.to_owned(), form::label);
    let plain =
        one.base.config.iter().map(|(name, value)| json!({ "label": label(name), "value": form::shown(value) }));
    let names = one.base.secrets.iter().flat_map(|secrets| &secrets.names);
    plain.chain(names.map(|name| json!({ "label": label(name), "value": "set" }))).collect()
}

pub async fn save(Path(slug): Path<String>, mut posted: Posted) -> Result<Response, Trouble> {
    let app = posted.at.app.clone();
    let turn = app.turn().await;
    let slugs: Vec<Slug> = slug.parse().into_iter().collect();
    posted.at.desk = app.to_change(&slugs).await?;
    let (at, desk) = (&posted.at, &posted.at.desk);
    let one = find(desk, &slug)?.clone();
    let edited = Edited::of(&posted.fields, &shown(at, &one));
    if let Some(refusal) = outdated(&posted, &edited, desk.mark_of(&one)) {
        return again(at, &one, &edited, &refusal).await;
    }
    let read = form::posted(&one.connector, edited.pairs());
    if !read.faults.is_empty() {
        let refusal =
            Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "spile::form::problems", "some values are not valid");
        return again(at, &one, &edited, &refusal).await;
    }
    let config = config(&one, &edited, &read, &left(&one.connector, &posted));
    let path = Section::Settings.path(&one.slug);
    let unchanged = || Redirect::to(&format!("{path}?did=unchanged")).into_response();
    let secrets = read.secrets.into_iter().map(|(name, secret)| (name, Some(secret))).collect();
    let wanted = DesiredIntegration { keys: keys(&one, &edited), config, secrets };
    if wanted.keys.is_empty() && wanted.config.is_none() && wanted.secrets.is_empty() {
        return Ok(unchanged());
    }
    let program = at.app.program();
    let access = change::access(&desk.world.project, &desk.world.keys, &program);
    let prepared = match author::change(access, &one, &wanted).await {
        Ok(prepared) => prepared,
        Err(error) => {
            let refusal = Refusal::of(&error, Some(&one.connector));
            return again(at, &one, &edited, &refusal).await;
        }
    };
    if prepared.edits().is_empty() {
        return Ok(unchanged());
    }
    let change = Change::of(prepared.edits(), &one.slug, "Change", desk);
    let made = match change::carry_out(&at.app, &at.who, &change).await {
        Ok(made) => made,
        Err(refusal) => return again(at, &one, &edited, &refusal).await,
    };
    drop(turn);
    if posted.get("then") == "test" && matches!(made.written, WriteOutcome::Files { .. }) {
        return Ok(begin(at, Bulk::Test, &one.slug).await?);
    }
    Ok(goes_on(&made, &path))
}

/// Shows the form again, as it was sent, with the reason why nothing was saved.
async fn again(at: &At, one: &Arc<Integration>, edited: &Edited, refusal: &Refusal) -> Result<Response, Trouble> {
    page(at, one, Section::Settings, section(at, one, Some(edited), Some(refusal)), Some(refusal)).await
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

/// Returns a text without its margins, unless nothing is left.
fn written(text: &str) -> Option<Value> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(Value::from)
}

/// Returns the changed keys.
fn keys(one: &Integration, edited: &Edited) -> BTreeMap<String, Value> {
    let key = |name: &str, text: &str| match name {
        "mappers" | "select" | "tags" => Some(form::lines(text)).filter(|words| !words.is_empty()).map(Value::from),
        // What is neither is reported at its field, like a wrong value in the file.
        "streams" => text.trim().parse::<u64>().ok().map(Value::from).or_else(|| written(text)),
        "batch" => text.parse::<bool>().ok().map(Value::from).or_else(|| written(text)),
        // The default name needs no line in the file.
        "name" => Some(text.trim()).filter(|text| !text.is_empty() && *text != one.slug.as_str()).map(Value::from),
        "description" if text.trim().contains('\n') => Some(text.into()),
        _ => written(text),
    };
    let keys = edited.pairs().filter(|(name, _)| !name.contains('.'));
    keys.map(|(name, text)| (name.to_owned(), key(name, text).unwrap_or(Value::Null))).collect()
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
