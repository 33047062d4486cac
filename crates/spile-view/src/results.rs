//! The results of runs that have just ended, and the findings of a dry run.

use std::fmt::Write;

use serde_json::{Value, json};

use super::junit::{attribute, suite, xml};
use super::runs::{duration, records, status_cell, status_style};
use super::table::{Cell, table};
use super::{QUIET, harmless, styled};
use spile_core::problem::listed;
use spile_core::run::{Run, RunStatus};
use spile_ops::run::{FixHint, OldRows, Would};

/// A run, and where to fix the cause if it failed.
pub type EndedRun = (Run, Option<FixHint>);

/// Returns the results as a table, followed by where to fix each failure.
#[must_use]
pub fn results(ended: &[EndedRun]) -> String {
    let row = |(run, _): &EndedRun| -> [Cell; 7] {
        let style = status_style(run.status);
        [
            run.slug.as_str().into(),
            run.kind.word().into(),
            status_cell(run.status),
            records(run).into(),
            duration(run).into(),
            Cell::styled(run.cause.map(spile_core::run::Cause::word).unwrap_or_default(), style),
            Cell::styled(harmless(run.error.as_deref().unwrap_or_default()), style),
        ]
    };
    let rows: Vec<_> = ended.iter().map(row).collect();
    let table = table(["integration", "kind", "status", "records", "seconds", "cause", "error"], &rows);
    let mends: Vec<String> = ended
        .iter()
        .filter_map(|(run, mend)| {
            let head = styled(status_style(run.status), run.slug.as_str());
            mend.as_ref().map(|mend| format!("\n{head}\n{}", mended(run, mend)))
        })
        .collect();
    format!("{table}{}", mends.concat())
}

fn mended(run: &Run, mend: &FixHint) -> String {
    let line = mend.line.map(|line| format!(":{line}")).unwrap_or_default();
    let url = mend.url.as_ref().map(|url| format!("\n  page: {url}")).unwrap_or_default();
    let log = format!("spile logs {}", run.slug);
    format!("  --> {}{line}\n  help: {}\n  log: `{log}`{url}\n", mend.path.display(), mend.help)
}

/// Returns the results as data: each run, with where to fix it.
#[must_use]
pub fn data(ended: &[EndedRun]) -> Value {
    let one = |(run, mend): &EndedRun| {
        let mut run = json!(run);
        run["mend"] = json!(mend);
        run
    };
    json!({ "runs": ended.iter().map(one).collect::<Vec<_>>() })
}

/// Returns the results as `JUnit` XML: one case for each run.
#[must_use]
pub fn junit(ended: &[EndedRun]) -> String {
    let failures = ended.iter().filter(|(run, _)| run.status == RunStatus::Failed).count();
    let case = |(run, mend): &EndedRun| {
        let file = mend.as_ref().map(|mend| format!(" file=\"{}\"", attribute(&mend.path.display().to_string())));
        let inner = match run.status {
            RunStatus::Ok => String::new(),
            RunStatus::Warning => {
                let error = xml(run.error.as_deref().unwrap_or_default());
                let told = mend.as_ref().map(|mend| xml(&mended(run, mend))).unwrap_or_default();
                format!("<system-out>warning: {error}\n{told}</system-out>")
            }
            RunStatus::Cancelled | RunStatus::Running => "<skipped/>".to_owned(),
            RunStatus::Failed => {
                let error = run.error.as_deref().unwrap_or_default();
                let (message, error) = (attribute(error), xml(error));
                let cause = run.cause.map(spile_core::run::Cause::word).unwrap_or_default();
                let told = mend.as_ref().map(|mend| xml(&mended(run, mend))).unwrap_or_default();
                format!("<failure type=\"{cause}\" message=\"{message}\">{error}\n{told}</failure>")
            }
        };
        format!(
            "    <testcase classname=\"spile {}\" name=\"{}\" time=\"{:.3}\"{}>{inner}</testcase>\n",
            run.kind.word(),
            run.slug,
            run.seconds().unwrap_or_default(),
            file.unwrap_or_default()
        )
    };
    let cases: Vec<String> = ended.iter().map(case).collect();
    suite("spile runs", ended.len(), failures, &cases.concat())
}

/// Returns what a sync would do besides going on from its bookmark.
fn besides(one: &Would) -> String {
    let names = |patterns: &[String]| listed(patterns.iter().map(String::as_str));
    let mut text = String::new();
    if !one.streams.only.is_empty() {
        let _ = write!(text, "; reads only {}", names(&one.streams.only));
    }
    if !one.streams.refresh.is_empty() {
        let _ = write!(text, "; reads {} from the beginning", names(&one.streams.refresh));
    }
    if one.old_rows == OldRows::Remove {
        text.push_str("; removes rows that are no longer in the source");
    }
    text
}

/// Returns the findings of a dry run.
#[must_use]
pub fn would(all: &[Would]) -> String {
    if all.is_empty() {
        return "nothing would be synced: no enabled integration\n".to_owned();
    }
    let row = |one: &Would| -> [Cell; 5] {
        let bookmark = one.bookmark.as_ref().map(|state| harmless(&state.to_string()));
        let unknown = if one.forgets {
            "its tap keeps none: it reads everything on every run"
        } else if one.starts_over {
            "not used: it reads everything again"
        } else {
            "none known: it would read everything, or start where Meltano left off"
        };
        let bookmark = bookmark.unwrap_or_else(|| unknown.to_owned());
        let goes_on = one.unfinished_refresh.map(|run| format!("continues the full refresh of run {run}: "));
        [
            one.slug.as_str().into(),
            one.loader.as_ref().map_or("-", |slug| slug.as_str()).into(),
            one.state_id.as_deref().unwrap_or("-").into(),
            if one.is_running { "yes".into() } else { Cell::styled("no", QUIET) },
            format!("{}{bookmark}{}", goes_on.unwrap_or_default(), besides(one)).into(),
        ]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    table(["integration", "loader", "state id", "running", "bookmark"], &rows)
}
