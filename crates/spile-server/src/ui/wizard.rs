//! Adds an integration step by step: settings, a test, streams, a schedule, and a review before it is saved.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};

use super::answers::{choose, find, general, gone, known, schedule, settle};
use super::connector_card::mark;
use super::draft_file::{note, prepare, world};
use super::form::Posted;
use super::general::text;
use super::integrations;
use super::provider;
use super::review;
use super::section::{begin as begin_action, goes_on};
use super::shell::{At, Trouble, fault};
use super::unfinished;
use super::wizard_test::{self, PATIENCE};
use crate::caller;
use crate::change::{self, Bulk, Change, ChangeOutcome};
use crate::drafts::Draft;
use crate::pages::fields::{AnswersSoFar, Fields};
use crate::refusal::{self, Refusal};
use crate::setup::Writing;
use spile_core::connector::Role;
use spile_core::name::Slug;
use spile_ops as ops;
use spile_ops::discover::{Freshness, Offered, Options};
use spile_ops::edits::{Destination, WriteOutcome};

/// How many names to try before the user has to find one.
const MOST_NAMES: usize = 1_000;

/// The steps of a source, with their titles.
const STEPS: [(&str, &str); 5] = [
    ("settings", "Settings"),
    ("test", "Test"),
    ("streams", "Streams"),
    ("schedule", "Schedule"),
    ("review", "Review"),
];

/// Starts a draft for a connector.
pub async fn begin(Path((kind, name)): Path<(String, String)>, posted: Posted) -> Result<Response, Trouble> {
    let at = &posted.at;
    let role = Role::WORDS.into_iter().find(|(word, _)| *word == kind).map_or(Role::Extractor, |(_, role)| role);
    let connector = change::connector(&at.app, &name, role)?;
    let mut draft = Draft::new(&at.who.subject, connector, at.app.fresh_keys());
    draft.answers.name = free_name(at, &draft.answers.name);
    let id = at.app.drafts().begin(draft);
    Ok(Redirect::to(&format!("/drafts/{id}/settings")).into_response())
}

/// Returns a name that no integration has yet: `Salesforce`, or `Salesforce 2`.
fn free_name(at: &At, name: &str) -> String {
    let is_free = |name: &String| {
        Slug::from_words(name).is_some_and(|slug| at.desk.loaded.integrations.find(slug.as_str()).is_none())
    };
    let numbered = (2..MOST_NAMES).map(|number| format!("{name} {number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(is_free).unwrap_or_else(|| name.to_owned())
}

/// A GET request must not start a draft, so it leads to the connector in the catalog.
pub async fn ask(_at: At, Path((_, name)): Path<(String, String)>) -> Redirect {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", &name).finish();
    Redirect::to(&format!("/marketplace?{query}"))
}

pub async fn show(at: At, Path((id, step)): Path<(String, String)>) -> Result<Response, Trouble> {
    let draft = find(&at, &id)?;
    page(&at, &id, &step, &draft, None).await
}

/// Returns the steps of a connector: a destination has no schedule, and a tap without a selection has no streams to
/// choose.
fn steps(draft: &Draft) -> Vec<(&'static str, &'static str)> {
    let is_source = draft.connector.head.role == Role::Extractor;
    let has = |step: &str| match step {
        "streams" => is_source && draft.connector.can_select(),
        "schedule" => is_source,
        _ => true,
    };
    STEPS.into_iter().filter(|(step, _)| has(step)).collect()
}

/// Renders a step; after a refused answer, with the refusal.
pub async fn page(
    at: &At,
    id: &str,
    step: &str,
    draft: &Draft,
    refusal: Option<&Refusal>,
) -> Result<Response, Trouble> {
    let steps = steps(draft);
    let place = steps.iter().position(|(known, _)| *known == step);
    let place = place.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "spile::http::not_found", "no such step"))?;
    let shown = steps
        .iter()
        .enumerate()
        .map(|(at, (_, name))| json!({ "name": name, "is_here": at == place, "is_done": at < place }));
    let back = place.checked_sub(1).map(|before| format!("/drafts/{id}/{}", steps[before].0));
    let mut faults = refusal.map(Refusal::faults).unwrap_or_default();
    if refusal.is_none() && step == "settings" {
        faults.extend(wizard_test::fault(at, draft).await);
    }
    let mut data = json!({
        "connector": mark(&draft.connector), "steps": shown.collect::<Vec<_>>(), "step": step, "back": back,
        "action": format!("/drafts/{id}/{step}"), "discard": format!("/drafts/{id}/discard"), "fault": refusal.map(fault), "test": null, "streams": null,
        "general": [], "all": null, "review": null, "start": null, "sign_in": provider::offered(at, &draft.connector),
        "check": format!("/check/{}/{}", draft.connector.head.role, draft.connector.head.name),
    });
    data["behind"] = json!(integrations::behind(at).await);
    match step {
        "settings" => {
            let mut name = text(
                "name",
                "Name",
                "The name that people see. Its file is named after it.",
                draft.answers.name.clone(),
            );
            name.required = true;
            name.fault = faults.get("name").cloned().unwrap_or_default();
            data["general"] = json!([name]);
            let set = draft.secrets.keys().map(|name| (name.clone(), "here".to_owned())).collect();
            data["all"] = json!(Fields::of(&draft.connector, &AnswersSoFar { set, faults, ..known(draft) }));
        }
        "test" => {
            data["test"] = wizard_test::data(at, id, draft).await;
        }
        "streams" => {
            data["streams"] = draft.answers.streams.iter().flatten().map(|one| offered(draft, one)).collect();
        }
        "schedule" => data["general"] = json!(general(at, draft, &faults)),
        _ => {
            data["review"] = review::data(at, draft).await?;
            data["start"] = json!(start_label(at, draft));
        }
    }
    let status = refusal.map_or(StatusCode::OK, Refusal::status);
    let title = format!("Add {}", draft.connector.head.label);
    at.page_with(status, "wizard.html.j2", &title, data).await
}

pub async fn answer(Path((id, step)): Path<(String, String)>, posted: Posted) -> Result<Response, Trouble> {
    let at = &posted.at;
    let draft = find(at, &id)?;
    if posted.get("do") == "close" {
        return unfinished::close(at, &id, &step, &posted);
    }
    if step == "settings" {
        // It would test the old ones.
        at.app.live_tests().stop(&id);
    }
    let outcome = match (step.as_str(), posted.get("do")) {
        ("settings", _) => at.app.drafts().update(&id, |draft| settle(draft, &posted)).ok_or_else(gone)?.map(|()| true),
        ("test", "test") => wizard_test::begin(at, &id, &draft).await.map(|()| false),
        ("test", "cancel") => {
            at.app.live_tests().stop(&id);
            Ok(false)
        }
        ("streams", "discover") => discover(at, &id, &draft).await.map(|()| false),
        ("streams", _) => at.app.drafts().update(&id, |draft| choose(draft, &posted)).ok_or_else(gone)?.map(|()| true),
        ("schedule", _) => {
            at.app.drafts().update(&id, |draft| schedule(at, draft, &posted));
            Ok(true)
        }
        ("review", "save") => return save(at, &id, Then::Wait).await,
        ("review", "start") => return save(at, &id, Then::Start).await,
        _ => Ok(true),
    };
    let draft = find(at, &id)?;
    if outcome.is_ok() && (step.as_str(), posted.get("do")) == ("settings", "sign-in") {
        let slug = Slug::from_words(&draft.answers.name).or_else(|| Slug::from_words(&draft.connector.head.name));
        return match provider::of_draft(at, &id, &slug.ok_or_else(gone)?, &draft) {
            Ok(leads) => Ok(leads),
            Err(refusal) => page(at, &id, &step, &draft, Some(&refusal)).await,
        };
    }
    let goes_on = match outcome {
        Ok(goes_on) => goes_on,
        Err(mut refusal) => {
            if let Err(rest) = prepare(at, &draft).await {
                refusal.add(&rest);
            }
            return page(at, &id, &step, &draft, Some(&refusal)).await;
        }
    };
    if matches!(step.as_str(), "settings" | "schedule")
        && let Err(refusal) = prepare(at, &draft).await
    {
        return page(at, &id, &step, &draft, Some(&refusal)).await;
    }
    let steps = steps(&draft);
    let place = steps.iter().position(|(known, _)| *known == step).unwrap_or(0);
    let next = if goes_on { steps.get(place + 1).map_or("review", |(next, _)| next) } else { step.as_str() };
    Ok(Redirect::to(&format!("/drafts/{id}/{next}")).into_response())
}

async fn discover(at: &At, id: &str, draft: &Draft) -> Result<(), Refusal> {
    let prepared = prepare(at, draft).await?;
    let options = Options {
        environment: at.desk.environment.clone(),
        freshness: Freshness::Asked,
        timeout: Some(PATIENCE),
        host: at.app.setup().host.clone(),
        interrupt: at.app.stopping(),
    };
    let world = world(at, draft, &prepared);
    let asked = ops::discover(&world, &prepared.loaded, prepared.slug.as_str(), &options, &mut drop).await;
    let noted = note(at, "discover", &prepared, asked.as_ref().err().map(refusal::failed));
    let streams = asked?.offered();
    at.app.drafts().update(id, |kept| {
        if kept.answers.settled == draft.answers.settled {
            kept.answers.streams = Some(streams);
        }
    });
    noted
}

/// Returns a stream as the page shows it, with the proposed replication method and the reason.
fn offered(draft: &Draft, one: &Offered) -> Value {
    json!({
        "name": one.name, "taken": draft.takes(one), "key": one.primary_key.join(", "), "why": one.proposal.why,
        "by": one.proposal.replication_key, "can_choose": one.metadata().is_some(),
        "incremental": !draft.answers.in_full.contains(&one.name),
    })
}

/// What happens after a save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Nothing, until someone applies the changes.
    Wait,
    /// The integration is applied and, if it is a source, synced.
    Start,
}

/// Returns the label of the button that saves and starts, if the user may do that here.
fn start_label(at: &At, draft: &Draft) -> Option<&'static str> {
    let writes_files = match &at.app.setup().writing {
        Writing::Applied | Writing::To(Destination::WorkingTree) => true,
        Writing::Not | Writing::To(Destination::Branch { .. }) => false,
    };
    let label = match draft.connector.head.role {
        Role::Extractor if draft.answers.loader.is_empty() => "Save and apply",
        Role::Extractor => "Save and start",
        Role::Loader => "Save and apply",
    };
    (writes_files && at.who.role == caller::Role::Admin).then_some(label)
}

async fn save(at: &At, id: &str, then: Then) -> Result<Response, Trouble> {
    let _turn = at.app.turn().await;
    // It may have been saved in another window meanwhile.
    let draft = find(at, id)?;
    let saved = async {
        let prepared = prepare(at, &draft).await?;
        let change = Change {
            edits: prepared.edits(),
            slugs: std::slice::from_ref(&prepared.slug),
            verb: "Add",
            details: String::new(),
            onto: None,
        };
        let made = change::carry_out(&at.app, &at.who, &change).await?;
        Ok::<_, Refusal>((prepared.slug.clone(), made))
    };
    match saved.await {
        Ok((slug, made)) => {
            at.app.drafts().end(id);
            if then == Then::Start && start_label(at, &draft).is_some() {
                return start(at, &draft, &slug, &made).await;
            }
            // A file on a branch does not exist here yet.
            let is_here = matches!(made.written, WriteOutcome::Files { .. });
            let page = if is_here { format!("/integrations/{slug}") } else { "/integrations".to_owned() };
            Ok(goes_on(&made, &page))
        }
        Err(refusal) => page(at, id, "review", &draft, Some(&refusal)).await,
    }
}

/// Applies what was saved, begins its first sync, and shows the run.
async fn start(at: &At, draft: &Draft, slug: &Slug, made: &ChangeOutcome) -> Result<Response, Trouble> {
    let is_applied = match &made.applied {
        Some(applied) => applied.is_ok(),
        None => change::apply_changed(&at.app, &at.who, std::slice::from_ref(slug)).await.is_ok(),
    };
    if !is_applied {
        return Ok(Redirect::to("/changes?did=unapplied").into_response());
    }
    if draft.connector.head.role == Role::Extractor
        && let Ok(run) = begin_action(at, Bulk::Sync, slug).await
    {
        return Ok(run);
    }
    Ok(Redirect::to(&format!("/integrations/{slug}?did=applied")).into_response())
}
