//! Runs: the list, one run, and its live log.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure;
use super::query::query;
use super::shell::{At, Trouble, mistake};
use crate::api::{FoundRun, found_run};
use crate::caller::Role;
use crate::pages::log::{Level, LogFilter, LogPart};
use crate::pages::record::{StreamRow, facts};
use crate::pages::render;
use crate::pages::words::RunRow;
use crate::project_view::ProjectView;
use crate::refusal::Refusal;
use spile_core::name::Slug;
use spile_core::run::Run;
use spile_ops::run::Log;
use spile_ops::{self as ops, RunSelection};

/// How many runs are shown.
const MOST: usize = 100;

/// How many lines of a log are shown.
const LINES: usize = 500;

/// How many bytes from the end of a log are searched for them.
const LONGEST: u64 = 256 * 1024;

/// The query of the page.
#[derive(Debug, Deserialize)]
pub struct RunsPageQuery {
    #[serde(default)]
    slug: Option<Slug>,
}

pub async fn list(at: At, wanted: Result<Query<RunsPageQuery>, QueryRejection>) -> Result<Response, Trouble> {
    let Query(wanted) = wanted.map_err(Refusal::from)?;
    let which = wanted.slug.clone().map_or_else(RunSelection::default, |slug| RunSelection::exactly([slug]));
    let runs = ops::runs(&at.desk.world, &at.desk.loaded, &which, MOST).await?;
    let now = Timestamp::now();
    let is_shown = |run: &Run| wanted.slug.as_ref().is_none_or(|slug| run.slug == *slug);
    let waiting = at.app.queue().all().into_iter().filter(is_shown).map(|run| RunRow::waiting(&run, now));
    let rows: Vec<RunRow> = waiting.chain(runs.iter().map(|run| RunRow::of(run, now))).collect();
    at.page("runs.html.j2", "Runs", json!({ "runs": rows, "slug": wanted.slug })).await
}

/// What to show of a log.
#[derive(Debug, Default, Deserialize)]
pub struct LogQuery {
    #[serde(default)]
    level: String,
    #[serde(default)]
    q: String,
    /// Whether long lines are left as they are: `off`.
    #[serde(default)]
    wrap: String,
}

impl LogQuery {
    fn filter(&self) -> LogFilter {
        let level = Level::WORDS.into_iter().find(|(word, _)| *word == self.level);
        LogFilter { level: level.map(|(_, level)| level).unwrap_or_default(), q: self.q.trim().to_owned() }
    }

    fn is_wrapped(&self) -> bool {
        self.wrap != "off"
    }

    /// Returns the query of the same lines, wrapped or not.
    fn query(&self, is_wrapped: bool) -> String {
        let wrap = if is_wrapped { "" } else { "off" };
        query([("level", self.level.as_str()), ("q", &self.q), ("wrap", wrap)])
    }

    fn data(&self) -> Value {
        let option =
            |(word, label): (&str, &str)| json!({ "value": word, "label": label, "is_chosen": self.level == word });
        let levels = [("warning", "Warnings and errors"), ("error", "Errors")].map(option);
        json!({
            "q": self.q, "wraps": self.is_wrapped(), "query": self.query(self.is_wrapped()),
            "other": self.query(!self.is_wrapped()), "is_filtered": self.filter().level > Level::Info || !self.q.is_empty(),
            "levels": levels,
        })
    }
}

pub async fn show(at: At, Path(id): Path<String>, wanted: ReadQuery) -> Result<Response, Trouble> {
    let Query(wanted) = wanted.map_err(Refusal::from)?;
    let found = found_run(&at.app, &at.desk, &id).await?;
    let title = format!("{} of {}", found.run.kind.word(), found.run.slug);
    at.page("run.html.j2", &title, data(&at, &found, &wanted).await?).await
}

/// What an address says about a log.
type ReadQuery = Result<Query<LogQuery>, QueryRejection>;

/// Renders the part of a run's page that changes while the run is active.
pub async fn live(at: At, Path(id): Path<String>, wanted: ReadQuery) -> Result<Response, Trouble> {
    let Query(wanted) = wanted.map_err(Refusal::from)?;
    let found = found_run(&at.app, &at.desk, &id).await?;
    let data = data(&at, &found, &wanted).await?;
    let html = render("run_live.html.j2", &data).map_err(|error| mistake(&error))?;
    Ok(Html(html).into_response())
}

/// Returns the whole log as a file.
pub async fn download(at: At, Path(id): Path<String>) -> Result<Response, Trouble> {
    let run = found_run(&at.app, &at.desk, &id).await?.run;
    let log = Log::of(at.desk.world.project.root(), &run).end(u64::MAX)?;
    let name = format!("attachment; filename=\"{}-{}.log\"", run.slug, run.id);
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8"), (CONTENT_DISPOSITION, name.as_str())], log).into_response())
}

async fn data(at: &At, found: &FoundRun, wanted: &LogQuery) -> Result<Value, Trouble> {
    let (desk, run) = (&*at.desk, &found.run);
    // Only after the end: during the run, the page asks every second.
    let applied = match run.finished_at {
        Some(_) => ops::history::applied_at(&desk.world, run.started_at).await?,
        None => None,
    };
    let row = if found.is_waiting { RunRow::waiting } else { RunRow::of };
    let mut row = json!(row(run, Timestamp::now()));
    row["streams"] = json!(StreamRow::all(run));
    row["is_counted"] = json!(!run.details.arrivals.is_empty());
    row["facts"] = json!(facts(run, applied.as_ref()));
    row["failure"] = json!(failure::card(desk, run));
    let log = log(desk, run, &wanted.filter())?;
    let again = (at.who.role >= Role::Editor && !row["failure"].is_null()).then(|| {
        let path = format!("/integrations/{}/{}", run.slug, run.kind.word());
        json!({ "path": path, "csrf": at.who.csrf.clone().unwrap_or_default() })
    });
    Ok(json!({ "run": row, "log": log, "read": wanted.data(), "is_waiting": found.is_waiting, "again": again }))
}

/// Returns the last lines of a log that match.
fn log(desk: &ProjectView, run: &Run, filter: &LogFilter) -> Result<Value, Trouble> {
    let log = Log::of(desk.world.project.root(), run);
    let bytes = log.end(LONGEST)?;
    let is_cut = bytes.len() as u64 == LONGEST;
    // The first line of a cut log may be incomplete.
    let skipped = if is_cut { bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1) } else { 0 };
    let start = if is_cut { log.length()?.saturating_sub(LONGEST) } else { 0 };
    let text = String::from_utf8_lossy(&bytes[skipped..]);
    let parts = LogPart::last(&text, start + skipped as u64, LINES, filter);
    let shown: usize = parts.iter().map(|part| part.lines.len()).sum();
    let is_part = is_cut || text.lines().count() > LINES;
    Ok(json!({ "parts": parts, "is_empty": bytes.is_empty(), "is_part": is_part, "shown": shown }))
}
