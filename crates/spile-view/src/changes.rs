//! Changes in a source, as text for people and as data.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::report::ErrorData;
use super::runs::local;
use super::{BAD, CHANGED, GOOD, QUIET, STRONG, harmless, plain, styled};
use spile_core::discovered::{Change, ChangedSource, Difference, change};
use spile_core::integration::Reaction;
use spile_core::name::Slug;
use spile_core::phrase::Phrase;
use spile_core::problem::counted;
use spile_ops::contract::{Acceptance, Checked, History, HistoryStep, IntegrationLabel};

/// Returns the changes in the source of an integration, and the next step.
#[must_use]
pub fn text(named: &IntegrationLabel, history: &History, zone: &TimeZone) -> String {
    let slug = &named.slug;
    match history {
        History::SinceContract(changes) if changes.is_empty() => {
            format!("{} the source of `{slug}` matches its contract\n", styled(GOOD.bold(), "ok:"))
        }
        History::SinceContract(changes) => {
            let next = styled(QUIET, &format!("accept this with `{}`", named.accept()));
            format!("{}{next}\n", lines(&data(&named.argument, changes)))
        }
        History::ByAnswer(steps) => {
            let mut text = String::new();
            for step in steps {
                let head = format!("between {} and {}", local(step.since, zone), local(step.at, zone));
                text += &styled(STRONG, &head);
                text.push('\n');
                text += &lines(&data(&named.argument, &step.changes));
            }
            if steps.is_empty() {
                text += "the source has not changed as far back as its catalogs are kept\n";
            }
            let next = format!("there is no contract: accept what it offers now with `{}`", named.accept());
            text + &styled(QUIET, &next) + "\n"
        }
    }
}

/// Returns a line for each change and, below it, what accepting it means.
#[must_use]
pub fn lines(changes: &[SourceChange]) -> String {
    let line = |change: &SourceChange| {
        let said =
            change.consequence.as_ref().map(|said| format!("      {}\n", styled(QUIET, &plain(&said.to_string()))));
        let open = if is_open(change) { format!(" [{}]", change.action) } else { String::new() };
        format!("  {} {}{open}\n{}", mark(change), plain(&change.sentence.to_string()), said.unwrap_or_default())
    };
    changes.iter().map(line).collect()
}

/// Tells whether a change is waiting to be accepted.
#[must_use]
pub fn is_open(change: &SourceChange) -> bool {
    change.action != Reaction::Take.word()
}

fn mark(change: &SourceChange) -> String {
    match change.kind.split_once('_') {
        Some(("new", _)) => styled(GOOD, "+"),
        Some(("removed", _)) => styled(BAD, "-"),
        _ => styled(CHANGED, "~"),
    }
}

/// Returns the part of a plan about sources that do not match their contracts.
#[must_use]
pub fn in_plan(sources: &[SourceData]) -> String {
    let one = |source: &SourceData| {
        let head = format!("the source of `{}` has changed:", source.slug);
        let next = format!("accept this with `{}`", source.accept);
        format!("  {}\n{}      {}\n", styled(CHANGED, &head), lines(&source.changes), styled(QUIET, &next))
    };
    sources.iter().map(one).collect()
}

/// A change in a source, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceChange {
    /// The kind of change: `new_column` and so on.
    pub kind: String,
    /// The stream.
    pub stream: String,
    /// The column; null for a change of the stream itself.
    pub column: Option<String>,
    /// The previous types or key.
    pub before: Option<String>,
    /// The current types or key.
    pub after: Option<String>,
    /// The column that it may have been renamed from or to.
    pub may_be_rename_of: Option<String>,
    /// Whether the integration reads it.
    pub selected: bool,
    /// How a run reacts: `take`, `ask` or `fail`.
    pub action: String,
    /// What has changed, in a sentence.
    pub sentence: Phrase,
    /// What accepting it means for the destination.
    pub consequence: Option<Phrase>,
}

/// Returns changes as data.
#[must_use]
pub fn data(argument: &str, changes: &[Change]) -> Vec<SourceChange> {
    changes.iter().map(|change| one(argument, change)).collect()
}

fn one(argument: &str, change: &Change) -> SourceChange {
    let (before, after) = match &change.difference {
        Difference::NewStream { .. } | Difference::LostStream => (None, None),
        Difference::NewColumn { types, .. } => (None, Some(types.clone())),
        Difference::LostColumn { types, .. } => (Some(types.clone()), None),
        Difference::Retyped { before, after, .. } => (Some(before.clone()), Some(after.clone())),
        Difference::Rekeyed { before, after } => (Some(before.join(", ")), Some(after.join(", "))),
    };
    let rename = match &change.difference {
        Difference::NewColumn { may_have_been: other, .. } | Difference::LostColumn { may_be_now: other, .. } => {
            other.clone()
        }
        Difference::NewStream { .. }
        | Difference::LostStream
        | Difference::Retyped { .. }
        | Difference::Rekeyed { .. } => None,
    };
    SourceChange {
        kind: change.difference.word().to_owned(),
        stream: change.stream.clone(),
        column: change.difference.column().map(str::to_owned),
        before,
        after,
        may_be_rename_of: rename,
        selected: change.is_read,
        action: change.reaction.word().to_owned(),
        sentence: change.sentence(),
        consequence: change.consequence(argument),
    }
}

/// A source that does not match its contract, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceData {
    /// The integration.
    pub slug: Slug,
    /// When the source was last discovered.
    pub discovered_at: Timestamp,
    /// The command that accepts it.
    pub accept: String,
    /// The changes.
    pub changes: Vec<SourceChange>,
}

impl From<&ChangedSource> for SourceData {
    fn from(source: &ChangedSource) -> Self {
        let changes = data(&source.argument, &source.changes);
        let accept = change::accept(&source.argument);
        Self { slug: source.slug.clone(), discovered_at: source.at, accept, changes }
    }
}

/// Returns the history of a source as data.
#[must_use]
pub fn history(named: &IntegrationLabel, history: &History) -> Value {
    let IntegrationLabel { slug, environment, argument } = named;
    let (since, steps) = match history {
        History::SinceContract(changes) => ("contract", vec![json!({ "changes": data(argument, changes) })]),
        History::ByAnswer(steps) => {
            let step = |step: &HistoryStep| json!({ "since": step.since, "at": step.at, "changes": data(argument, &step.changes) });
            ("answers", steps.iter().map(step).collect())
        }
    };
    json!({ "slug": slug, "environment": environment, "compared_with": since, "steps": steps })
}

/// Returns what accepting would write.
#[must_use]
pub fn acceptance(named: &IntegrationLabel, acceptance: &Acceptance) -> String {
    let path = acceptance.path.display();
    match &acceptance.changes {
        _ if acceptance.edits.is_empty() => {
            format!("{} `{path}` matches what the source offers\n", styled(GOOD.bold(), "ok:"))
        }
        None => format!("  {} {path}: {}\n", styled(GOOD, "+"), counted(acceptance.streams, "stream")),
        // Columns of streams that are not selected may still have been added or removed.
        Some(changes) if changes.is_empty() => {
            format!("  {} {path}: nothing selected has changed\n", styled(CHANGED, "~"))
        }
        Some(changes) => format!("{}  {} {path}\n", lines(&data(&named.argument, changes)), styled(CHANGED, "~")),
    }
}

/// Returns the acceptance as data.
#[must_use]
pub fn acceptance_data(named: &IntegrationLabel, acceptance: &Acceptance) -> Value {
    let changes = acceptance.changes.as_ref().map(|changes| data(&named.argument, changes));
    json!({
        "slug": named.slug,
        "environment": named.environment,
        "path": acceptance.path,
        "changes": changes,
        "writes": !acceptance.edits.is_empty(),
    })
}

/// Returns the results for sources whose contract checks were due.
#[must_use]
pub fn checked(checked: &[Checked]) -> String {
    if checked.is_empty() {
        return "no contract is due\n".to_owned();
    }
    let one = |one: &Checked| match &one.changes {
        Ok(changes) if changes.is_empty() => format!("{} {}\n", styled(GOOD.bold(), "ok:"), one.named.slug),
        Ok(changes) => {
            let head = format!("{}: {}", one.named.slug, counted(changes.len(), "change"));
            format!("{}\n{}", styled(STRONG, &head), lines(&data(&one.named.argument, changes)))
        }
        Err(error) => {
            format!("{} {}: {}\n", styled(BAD.bold(), "failed:"), one.named.slug, harmless(&error.to_string()))
        }
    };
    checked.iter().map(one).collect()
}

/// Returns the results as data.
#[must_use]
pub fn checked_data(checked: &[Checked]) -> Value {
    let one = |one: &Checked| match &one.changes {
        Ok(changes) => json!({ "slug": one.named.slug, "changes": data(&one.named.argument, changes), "error": null }),
        Err(error) => json!({ "slug": one.named.slug, "changes": null, "error": ErrorData::from(error) }),
    };
    json!({ "checked": checked.iter().map(one).collect::<Vec<_>>() })
}
