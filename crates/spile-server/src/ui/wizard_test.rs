//! The test of a draft: begun in the background, shown by stages, and canceled on request.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::draft_file::{note, prepare, world};
use super::shell::{At, fault as fault_of};
use crate::app::App;
use crate::draft_tests::{DraftTest, LiveTest, SampleRecord, StageTime, TestStage};
use crate::drafts::Draft;
use crate::pages::failure::FailureWords;
use crate::refusal::Refusal;
use spile_core::connector::Role;
use spile_core::form;
use spile_core::integration::field;
use spile_core::name::FieldPath;
use spile_core::run::error_line::{self, Sought};
use spile_core::run::{Cause, Run, RunStatus};
use spile_ops::new::{self, Prepared};
use spile_ops::run::TestRecord;
use spile_world::World;

/// How long a test or a discovery may take.
pub const PATIENCE: Duration = Duration::from_secs(100);

/// A field that a failed test is about.
pub struct FieldToFix {
    /// Its name in the form.
    pub name: String,
    /// Its label.
    pub label: String,
}

/// Begins a test of a draft, unless one is in progress.
pub async fn begin(at: &At, id: &str, draft: &Draft) -> Result<(), Refusal> {
    let prepared = prepare(at, draft).await?;
    note(at, "test", &prepared, None)?;
    let Some(live) = at.app.live_tests().begin(id) else { return Ok(()) };
    let mut options = at.app.options(&at.desk);
    options.timeout = Some(PATIENCE);
    options.test_record = TestRecord::Shown;
    options.interrupt = live.interrupt();
    let world = world(at, draft, &prepared);
    let (app, id, settled) = (at.app.clone(), id.to_owned(), draft.answers.settled);
    at.app.jobs().spawn(async move {
        let test = carry_out(&app, &world, &prepared, &options, &live).await;
        app.drafts().update(&id, |kept| {
            if kept.answers.settled == settled {
                kept.answers.test = Some(test);
            }
        });
        app.live_tests().end(&id);
        app.tell_drafts();
    });
    Ok(())
}

async fn carry_out(
    app: &App,
    world: &World,
    prepared: &Prepared,
    options: &spile_ops::run::Options,
    live: &Arc<LiveTest>,
) -> DraftTest {
    let mut tell = |event| {
        if live.take(&event) {
            app.tell_drafts();
        }
    };
    let mut stopping = app.stopping();
    let stopped = async {
        // The sender is gone only if the server itself has ended.
        let _ = stopping.wait_for(|stopping| *stopping).await;
        live.stop();
        std::future::pending::<()>().await;
    };
    let tested = tokio::select! {
        tested = new::test(world, prepared, options, &mut tell) => tested,
        () = stopped => Ok(None),
    };
    live.ended(match tested {
        Ok(Some(run)) => Ok(run),
        Ok(None) => Err("The test did not start.".to_owned()),
        Err(error) => Err(fault_of(&Refusal::of(&error, None)).message),
    })
}

/// Returns what the page shows of the test.
pub async fn data(at: &At, id: &str, draft: &Draft) -> Value {
    if let Some(live) = at.app.live_tests().find(id) {
        let stages = shown(draft, &live.stages(), Now::Working);
        return json!({ "is_live": true, "is_stopping": live.is_stopping(), "stages": stages });
    }
    let Some(test) = &draft.answers.test else { return Value::Null };
    let now = match &test.outcome {
        Ok(run) if run.status.succeeded() => Now::Done,
        Ok(run) if run.status == RunStatus::Cancelled => Now::Canceled,
        Ok(_) | Err(_) => Now::Failed,
    };
    let file = prepare(at, draft).await.map(|prepared| prepared.text).unwrap_or_default();
    json!({
        "is_live": false, "is_good": now == Now::Done, "is_canceled": now == Now::Canceled,
        "stages": shown(draft, &test.stages, now), "record": test.record, "failure": failure(draft, &file, test, now),
        "sentence": sentence(draft, test.record.as_ref(), now),
    })
}

/// How far a test is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Now {
    Working,
    Done,
    Canceled,
    Failed,
}

fn sentence(draft: &Draft, record: Option<&SampleRecord>, now: Now) -> String {
    let label = &draft.connector.head.label;
    match (now, draft.connector.head.role, record) {
        (Now::Done, Role::Loader, _) => format!("The connection works. spile wrote one record to {label}."),
        (Now::Done, Role::Extractor, Some(_)) => "The connection works. spile read this record.".to_owned(),
        (Now::Done, Role::Extractor, None) => "The connection works. The source has no records yet.".to_owned(),
        (Now::Canceled, ..) => "You canceled the test. Nothing is running anymore.".to_owned(),
        (Now::Working | Now::Failed, ..) => String::new(),
    }
}

/// Returns all stages, with the result and the seconds of each.
fn shown(draft: &Draft, times: &[StageTime], now: Now) -> Vec<Value> {
    let last = times.last().map(|one| one.stage);
    let stage = |stage: TestStage| {
        let took = times.iter().find(|one| one.stage == stage).map(|one| one.took.as_secs());
        let state = match (took, now) {
            (None, Now::Done) => "done",
            (None, _) => "next",
            (Some(_), Now::Working) if last == Some(stage) => "live",
            (Some(_), Now::Failed) if last == Some(stage) => "failed",
            (Some(_), Now::Canceled) if last == Some(stage) => "canceled",
            (Some(_), _) => "done",
        };
        json!({ "title": title(draft, stage), "state": state, "seconds": took })
    };
    // What a destination answers comes only at its end.
    let is_shown = |stage: &TestStage| *stage != TestStage::Reading || draft.connector.head.role == Role::Extractor;
    TestStage::ALL.into_iter().filter(is_shown).map(stage).collect()
}

fn title(draft: &Draft, stage: TestStage) -> String {
    let label = &draft.connector.head.label;
    match (stage, draft.connector.head.role) {
        (TestStage::Installing, _) => "Install the connector".to_owned(),
        (TestStage::Connecting, Role::Extractor) => format!("Connect to {label}"),
        (TestStage::Connecting, Role::Loader) => format!("Write one record to {label}"),
        (TestStage::Reading, _) => "Read one record".to_owned(),
    }
}

fn failure(draft: &Draft, file: &str, test: &DraftTest, now: Now) -> Value {
    if now != Now::Failed {
        return Value::Null;
    }
    let run = match &test.outcome {
        Ok(run) => run,
        Err(message) => return json!({ "title": "The test could not start", "help": message }),
    };
    let words = FailureWords::of(run).unwrap_or_else(|| FailureWords {
        title: "The test failed".to_owned(),
        help: "Check the settings, then test again.".to_owned(),
    });
    let fix = to_fix(draft, file, run).map(|field| json!({ "name": field.name, "label": field.label }));
    json!({ "title": words.title, "help": words.help, "error": run.error, "fix": fix })
}

/// Returns the field that the failure of a run is about.
pub fn to_fix(draft: &Draft, file: &str, run: &Run) -> Option<FieldToFix> {
    let cause = run.cause?;
    let sought = Sought { cause, reason: run.error.as_deref().unwrap_or_default() };
    let line = error_line::line(file, &draft.connector, &sought);
    let field = line.and_then(|line| field::at_line(file, line.number)).filter(|field| field.rest().is_some());
    // What is missing has no line.
    let missing = || {
        let secret = draft.connector.settings.iter().find(|setting| setting.secret)?;
        (cause == Cause::Credentials).then(|| FieldPath::of("secrets").join(&secret.name))
    };
    let field: FieldPath = field.or_else(missing)?;
    let label = form::label(draft.connector.setting(field.rest()?)?);
    Some(FieldToFix { name: field.to_string(), label })
}

/// Returns the field that the last test of a draft was about, with what it says there.
pub async fn fault(at: &At, draft: &Draft) -> Option<(String, String)> {
    let run = draft.answers.test.as_ref()?.outcome.as_ref().ok()?;
    let words = FailureWords::of(run).filter(|_| run.status == RunStatus::Failed)?;
    let file = prepare(at, draft).await.ok()?.text;
    let field = to_fix(draft, &file, run)?;
    Some((field.name, format!("The test failed: {}. {}", lowered(&words.title), words.help)))
}

fn lowered(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
