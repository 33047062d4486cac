//! A plan as people read it: changes first, what stays only counted, the last line the truth.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::Value;
use similar::TextDiff;

use super::{BAD, CHANGED, GOOD, QUIET, STRONG, sign, styled};
use crate::name::{IntegrationId, Slug};
use crate::ops::{allowances, counted};
use crate::plan::consequence::{Consequence, Verdict};
use crate::plan::guard::Allowance;
use crate::plan::{Action, Change, Compared, Difference, FieldChange, Plan, SecretChange};
use crate::record::Record;
use crate::record::row::{RECIPIENTS, WRAPPING};
use crate::render::FILE_NAME;
use crate::settings::Guard;

/// How long a value may be before its middle is left out, in characters.
const LONG: usize = 100;

/// How long a line of a diff may be before its end is left out; the JSON form has all of it.
const WIDE: usize = 150;

/// What the last line says of a plan that asked no registry.
const NOT_COMPARED: &str = "; offline: the registry was not compared";

/// Returns a plan as people read it.
#[must_use]
pub fn text(plan: &Plan, guard: Guard) -> String {
    let mut text = String::new();
    for (slug, id) in plan.touched() {
        integration(&mut text, plan, (&slug, &id));
    }
    text.push_str(&diff(plan));
    notes(&mut text, plan, guard);
    text.push_str(&last_line(plan));
    text
}

fn integration(text: &mut String, plan: &Plan, (slug, id): (&Slug, &IntegrationId)) {
    let action = plan.action(id);
    let (sign, style) = sign(action);
    let renamed = plan.registry.changes.get(id).and_then(Change::before).map(|row| row.slug.clone());
    let renamed = renamed.or_else(|| plan.meltano.changes.get(id)?.before().map(|entry| entry.slug.clone()));
    let verb = match (action, renamed.filter(|old| old != slug)) {
        _ if plan.adopts(id) => "will be adopted: its row is nobody's".to_owned(),
        (Action::Create, _) => "will be created".to_owned(),
        (Action::Update, Some(old)) => format!("will be renamed, it was `{old}`"),
        (Action::Update, None) => "will be updated".to_owned(),
        (Action::Delete, _) => "will be deleted".to_owned(),
    };
    let head = format!("{} {} {verb}", styled(style, sign), styled(STRONG, slug.as_str()));
    line(text, 2, &head);
    if let Some(verdict) = plan.consequences.get(id) {
        for sentence in consequences(verdict) {
            line(text, 6, &styled(CHANGED, &sentence));
        }
    }
    if let Some(change) = plan.registry.changes.get(id) {
        target(text, plan, ("registry", id, change), action);
    }
    if let Some(change) = plan.meltano.changes.get(id) {
        target(text, plan, (FILE_NAME, id, change), action);
    }
    text.push('\n');
}

/// Says what follows, for which streams, and where bookmarks go.
fn consequences(verdict: &Verdict) -> Vec<String> {
    let mut sentences = Vec::new();
    if verdict.consequence > Consequence::None {
        let reasons: Vec<&str> = verdict.reasons.iter().map(String::as_str).collect();
        let word = spaced(&format!("{:?}", verdict.consequence));
        sentences.push(format!("! {word}: {}", reasons.join("; ")));
    }
    if !verdict.streams.is_empty() && verdict.consequence > Consequence::Restart {
        let streams = verdict.streams.iter().map(String::as_str);
        let all = verdict.streams.contains("*");
        let named = if all { "all of the source".to_owned() } else { crate::problem::listed(streams) };
        sentences.push(format!("  streams: {named}"));
    }
    if let Some((from, to)) = &verdict.state {
        sentences.push(format!("  its bookmarks move from `{from}` to `{to}` before the next sync"));
    }
    sentences
}

/// `FullRefresh` as `full refresh`.
fn spaced(word: &str) -> String {
    let mut spaced = String::new();
    for letter in word.chars() {
        if letter.is_uppercase() && !spaced.is_empty() {
            spaced.push(' ');
        }
        spaced.extend(letter.to_lowercase());
    }
    spaced
}

/// A file's new and gone entries are in its diff; here they are only named.
fn target<R: Record>(
    text: &mut String,
    plan: &Plan,
    (name, id, change): (&str, &IntegrationId, &Change<R>),
    whole: Action,
) {
    let action = change.action();
    let (sign, style) = sign(action);
    let note = if action == whole { String::new() } else { format!(" ({} {sign})", styled(style, "differs:")) };
    line(text, 6, &format!("{name}{note}"));
    if action != Action::Update && name == FILE_NAME {
        line(text, 8, &format!("{} {}", styled(style, sign), change.record().title()));
        return;
    }
    if action == Action::Delete {
        line(text, 8, &format!("{} {}", styled(style, sign), change.record().kind()));
        return;
    }
    let fields = plan.fields(id, change);
    let width = fields.iter().map(|field| field.path.chars().count()).max().unwrap_or(0);
    for field in &fields {
        line(text, 8, &self::field(field, width));
    }
    access(text, &fields, change);
    let hidden = change.unchanged();
    if action == Action::Update && hidden > 0 {
        line(text, 10, &styled(QUIET, &format!("({} hidden)", counted(hidden, "unchanged field"))));
    }
}

fn field(field: &FieldChange, width: usize) -> String {
    let path = format!("{:width$}", field.path);
    let (before, after) = match &field.difference {
        Difference::Plain { before, after } => (before, after),
        Difference::Secret(change) => return secret(*change, &path),
    };
    match (before, after) {
        (None, Some(after)) => format!("{} {path} = {}", styled(GOOD, "+"), value(after)),
        (Some(before), None) => format!("{} {path} = {}", styled(BAD, "-"), value(before)),
        (Some(before), Some(after)) => {
            format!("{} {path} = {} -> {}", styled(CHANGED, "~"), value(before), value(after))
        }
        (None, None) => path,
    }
}

fn secret(change: SecretChange, path: &str) -> String {
    if path.trim() == WRAPPING {
        return format!("{} {path} (signed or wrapped anew, no value changes)", styled(CHANGED, "~"));
    }
    let (sign, words) = match change {
        SecretChange::Added => (styled(GOOD, "+"), "secret, added"),
        SecretChange::Removed => (styled(BAD, "-"), "secret, removed"),
        SecretChange::Changed => (styled(CHANGED, "~"), "secret, its value changes"),
        SecretChange::Reencrypted => (styled(CHANGED, "~"), "encrypted anew, the same value"),
        SecretChange::Unverified => (styled(CHANGED, "~"), "the ciphertext changes; not verified, no key is at hand"),
    };
    format!("{sign} {path} ({words})")
}

/// Says who gains and who loses access to the secrets.
fn access<R: Record>(text: &mut String, fields: &[FieldChange], change: &Change<R>) {
    let names = |value: &Option<Value>| -> BTreeSet<String> {
        let names = value.iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str);
        names.map(str::to_owned).collect()
    };
    let recipients = fields.iter().find(|field| field.path == RECIPIENTS);
    let Some(Difference::Plain { before, after }) = recipients.map(|field| &field.difference) else { return };
    if before.is_none() || after.is_none() {
        return;
    }
    let (before, after) = (names(before), names(after));
    let count = change.record().fields().keys().filter(|path| path.starts_with("secrets.")).count();
    let secrets = counted(count, "secret");
    for recipient in after.difference(&before) {
        line(text, 10, &format!("{} gives {recipient} access to {secrets}", styled(CHANGED, "!")));
    }
    for recipient in before.difference(&after) {
        let note = "it still knows the values it could read until now";
        line(text, 10, &format!("{} takes access from {recipient}; {note}", styled(CHANGED, "!")));
    }
}

/// Returns a value in one line, its middle left out where it is long.
pub(super) fn value(value: &Value) -> String {
    let written = value.to_string();
    let length = written.chars().count();
    if length <= LONG {
        return written;
    }
    let start: String = written.chars().take(LONG / 2).collect();
    let end: String = written.chars().skip(length - LONG / 4).collect();
    format!("{start} … {end}")
}

fn diff(plan: &Plan) -> String {
    let Some(unified) = unified(plan) else { return String::new() };
    let verb = if plan.meltano.before.is_empty() { "created" } else { "rendered again" };
    let mut text = format!("  {} will be {verb}\n", styled(STRONG, FILE_NAME));
    for line in unified.lines() {
        let style = match line.as_bytes().first() {
            Some(b'+') => GOOD,
            Some(b'-') => BAD,
            Some(b'@') => QUIET,
            _ => anstyle::Style::new(),
        };
        let shown: String = line.chars().take(WIDE).collect();
        let cut = if shown.len() < line.len() { " …" } else { "" };
        self::line(&mut text, 6, &styled(style, &format!("{shown}{cut}")));
    }
    text.push('\n');
    text
}

/// Returns the unified diff of the file, where it changes.
#[must_use]
pub fn unified(plan: &Plan) -> Option<String> {
    let (before, after) = (&plan.meltano.before, &plan.meltano.after);
    if before == after {
        return None;
    }
    let diff = TextDiff::from_lines(before.as_str(), after.as_str());
    let old = if before.is_empty() { "/dev/null".to_owned() } else { format!("a/{FILE_NAME}") };
    Some(diff.unified_diff().context_radius(3).header(&old, &format!("b/{FILE_NAME}")).to_string())
}

fn notes(text: &mut String, plan: &Plan, guard: Guard) {
    let start = text.len();
    for slug in &plan.protected {
        let note = format!("`{slug}` is protected and stays, though no file declares it");
        line(text, 2, &format!("{} {note}", styled(CHANGED, "protected:")));
    }
    for slug in &plan.spared {
        let note = format!("`{slug}` stays, though no file declares it: a partial plan deletes what it names in full");
        line(text, 2, &styled(QUIET, &note));
    }
    text.push_str(&super::drift::text(plan));
    for foreign in &plan.unmanaged {
        let owner = foreign.managed_by.as_ref().map_or("nobody".to_owned(), |owner| format!("`{owner}`"));
        line(text, 2, &styled(QUIET, &format!("unmanaged: `{}` ({}) belongs to {owner}", foreign.name, foreign.id)));
    }
    let breaches = plan.breaches(guard, Allowance::default());
    if !breaches.is_empty() {
        let note = format!("apply will refuse this without {}", allowances(&breaches));
        line(text, 2, &format!("{} {note}", styled(BAD, "guard:")));
    }
    let has_notes = text.len() > start;
    if has_notes {
        text.push('\n');
    }
}

fn last_line(plan: &Plan) -> String {
    let summary = plan.summary();
    if plan.is_empty() {
        let stay = counted(summary.unchanged, "integration");
        let sentence = match plan.compared {
            Compared::Both => format!("the registry and {FILE_NAME} are up to date ({stay})"),
            Compared::FileOnly => format!("{FILE_NAME} is up to date ({stay}){NOT_COMPARED}"),
        };
        return format!("{} {sentence}\n", styled(GOOD.bold(), "No changes:"));
    }
    let (create, update, delete) = (summary.create, summary.update, summary.delete);
    let mut line =
        format!("{create} to create, {update} to update, {delete} to delete, {} unchanged", summary.unchanged);
    if plan.meltano.changes.is_empty() && !plan.meltano.is_empty() {
        // Writing to a string does not fail.
        let _ = write!(line, "; {FILE_NAME} to be rendered again");
    }
    if plan.compared == Compared::FileOnly {
        line.push_str(NOT_COMPARED);
    }
    format!("{} {line}\n", styled(STRONG, "Plan:"))
}

fn line(text: &mut String, indent: usize, content: &str) {
    text.push_str(&" ".repeat(indent));
    text.push_str(content);
    text.push('\n');
}
