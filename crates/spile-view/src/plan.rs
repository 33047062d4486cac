//! A plan as people read it: changes first, unchanged integrations only counted, and the totals in the last line.

use std::fmt::Write;

use jiff::Timestamp;

use super::plan_data::{ChangeData, FieldData, FileData, PlanData, StateData, action};
use super::value::in_line;
use super::{BAD, CHANGED, GOOD, QUIET, STRONG, access, plain, secrets, sign, styled, upgrade};
use spile_core::name::FieldPath;
use spile_core::phrase;
use spile_core::phrase::{Phrase, code, codes};
use spile_core::plan::{Action, Compared, Consequence, SecretChange};
use spile_core::record::Target;
use spile_core::record::row::WRAPPING;
use spile_core::render::FILE_NAME;
use spile_ops::counted;

/// How long a line of a diff may be before its end is left out; the JSON form has all of it.
const WIDE: usize = 150;

/// The end of the last line of a plan that was made offline.
const NOT_COMPARED: &str = "; offline: the registry was not compared";

/// Returns a plan as text for people, who read it at a given time.
#[must_use]
pub fn text(plan: &PlanData, now: Timestamp) -> String {
    let mut text = String::new();
    for changes in plan.integrations() {
        integration(&mut text, changes);
    }
    for one in &plan.upgrades {
        line(&mut text, 2, &format!("{} {}", styled(CHANGED, "upgrade:"), plain(&upgrade::head(one).to_string())));
        for phrase in upgrade::phrases(&one.upgrade) {
            line(&mut text, 6, &plain(&phrase.to_string()));
        }
        text.push('\n');
    }
    text.push_str(&diff(plan));
    for preview in &plan.previews {
        line(&mut text, 2, &format!("{} {}", styled(STRONG, "preview of"), plain(preview.slug.as_str())));
        for phrase in preview.phrases() {
            line(&mut text, 6, &plain(&phrase.to_string()));
        }
        text.push('\n');
    }
    notes(&mut text, plan, now);
    text.push_str(&last_lines(plan));
    super::harmless(&text)
}

fn integration(text: &mut String, changes: &[ChangeData]) {
    let whole = action(changes);
    let (sign, style) = sign(whole);
    let Some(first) = changes.first() else { return };
    line(text, 2, &format!("{} {} {}", styled(style, sign), styled(STRONG, first.slug.as_str()), verb(changes)));
    for sentence in consequences(changes) {
        line(text, 6, &styled(CHANGED, &sentence));
    }
    for change in changes {
        target(text, change, whole);
    }
    text.push('\n');
}

/// Returns the action on an integration, as a phrase.
#[must_use]
pub fn verb(changes: &[ChangeData]) -> Phrase {
    let renamed = changes.iter().find_map(|change| change.renamed_from.as_ref());
    match (action(changes), renamed) {
        (Action::Create, _) => "will be created".into(),
        (Action::Update, Some(old)) => phrase!["will be renamed from ", code(old.as_str())],
        (Action::Update, None) if changes.iter().any(|change| change.adopted) => {
            "will be adopted: its row is unmanaged".into()
        }
        (Action::Update, None) if changes.iter().any(|change| change.released) => {
            "will be released: its row becomes unmanaged again, as before it was adopted".into()
        }
        (Action::Update, None) => "will be updated".into(),
        (Action::Delete, _) => "will be deleted".into(),
    }
}

/// Returns the word for a consequence: `full refresh`.
#[must_use]
pub fn word(consequence: Consequence) -> &'static str {
    match consequence {
        Consequence::None => "none",
        Consequence::Restart => "restart",
        Consequence::Resync => "resync",
        Consequence::FullRefresh => "full refresh",
        Consequence::DataLoss => "data loss",
    }
}

/// Returns the consequences, the streams concerned and where bookmarks go. Both targets of an integration have the
/// same.
fn consequences(changes: &[ChangeData]) -> Vec<String> {
    let Some(change) = changes.first() else { return Vec::new() };
    let mut sentences: Vec<String> = Vec::new();
    let reasons = plain(&Phrase::joined(change.reasons.iter().cloned(), "; ").to_string()).to_string();
    if change.consequence > Consequence::None {
        sentences.push(format!("! {}: {reasons}", word(change.consequence)));
    } else if !reasons.is_empty() {
        sentences.push(format!("  {reasons}"));
    }
    if !change.streams.is_empty() && change.consequence > Consequence::Restart {
        sentences.push(format!("  streams: {}", plain(&streams(change).to_string())));
    }
    sentences.extend(backfills(change).map(|sentence| format!("  {}", plain(&sentence.to_string()))));
    if let Some(price) = &change.price {
        let price = price.sentences(&change.slug);
        sentences.extend(price.iter().map(|sentence| format!("  {}", plain(&sentence.to_string()))));
    }
    if let Some(state) = &change.state {
        sentences.push(format!("  {} before the next sync", state_moves(state)));
    }
    sentences
}

/// Returns the streams that a change concerns, as a phrase.
#[must_use]
pub fn streams(change: &ChangeData) -> Phrase {
    if change.streams.iter().any(|stream| stream == "*") {
        return "the whole source".into();
    }
    codes(change.streams.iter().map(String::as_str))
}

/// Returns from when streams are read again, if that was chosen.
pub fn backfills(change: &ChangeData) -> impl Iterator<Item = Phrase> {
    change.backfill.iter().map(|(stream, date)| {
        phrase!["backfill: ", code(stream), " is read again from ", code(date), " on; a price counts all of its rows"]
    })
}

/// Returns where the bookmarks go with a rename.
#[must_use]
pub fn state_moves(state: &StateData) -> Phrase {
    phrase!["its bookmarks move from ", code(&state.from), " to ", code(&state.to)]
}

/// Writes a change in one target. New and deleted entries of a file are in its diff, so here only their titles appear.
fn target(text: &mut String, change: &ChangeData, whole: Action) {
    let is_file = change.target == Target::MeltanoFile;
    let (sign, style) = sign(change.action);
    let note = if change.action == whole { String::new() } else { format!(" ({} {sign})", styled(style, "differs:")) };
    line(text, 6, &format!("{}{note}", change.target.title()));
    if change.action != Action::Update && is_file {
        line(text, 8, &format!("{} {}", styled(style, sign), plain(&change.title)));
        return;
    }
    if change.action == Action::Delete {
        line(text, 8, &format!("{} {}", styled(style, sign), plain(&change.kind)));
        return;
    }
    let width = change.fields.iter().map(|field| field.path().as_str().chars().count()).max().unwrap_or(0);
    for field in &change.fields {
        line(text, 8, &self::field(field, width));
    }
    for sentence in access::sentences(change) {
        line(text, 10, &format!("{} {sentence}", styled(CHANGED, "!")));
    }
    if change.action == Action::Update && change.unchanged > 0 {
        line(text, 10, &styled(QUIET, &format!("({} hidden)", counted(change.unchanged, "unchanged field"))));
    }
}

fn field(field: &FieldData, width: usize) -> String {
    let path = format!("{:width$}", plain(field.path().as_str()));
    match field {
        FieldData::Secret { secret, .. } => {
            let (sign, words) = self::secret(field.path(), *secret);
            format!("{} {path} ({words})", styled(super::sign(sign).1, super::sign(sign).0))
        }
        FieldData::Plain { before: None, after: Some(after), .. } => {
            format!("{} {path} = {}", styled(GOOD, "+"), in_line(after))
        }
        FieldData::Plain { before: Some(before), after: None, .. } => {
            format!("{} {path} = {}", styled(BAD, "-"), in_line(before))
        }
        FieldData::Plain { before: Some(before), after: Some(after), .. } => {
            format!("{} {path} = {} -> {}", styled(CHANGED, "~"), in_line(before), in_line(after))
        }
        FieldData::Plain { before: None, after: None, .. } => path,
    }
}

/// Returns the change of a secret, as a phrase.
#[must_use]
pub fn secret(path: &FieldPath, change: SecretChange) -> (Action, &'static str) {
    if *path == WRAPPING {
        return (Action::Update, "signed or wrapped again, no value changes");
    }
    match change {
        SecretChange::Added => (Action::Create, "secret, added"),
        SecretChange::Removed => (Action::Delete, "secret, removed"),
        SecretChange::Changed => (Action::Update, "secret, its value changes"),
        SecretChange::Reencrypted => (Action::Update, "re-encrypted, same value"),
        SecretChange::Unverified => (Action::Update, "the ciphertext changes; not verified, no key available"),
    }
}

fn diff(plan: &PlanData) -> String {
    let mut text = String::new();
    for file in &plan.files {
        let verb = if file.action == Action::Create { "created" } else { "rendered again" };
        line(&mut text, 2, &format!("{} will be {verb}", styled(STRONG, &plain(&file.path))));
        for diff in file.diff.lines() {
            let style = match diff.as_bytes().first() {
                Some(b'+') => GOOD,
                Some(b'-') => BAD,
                Some(b'@') => QUIET,
                _ => anstyle::Style::new(),
            };
            let shown: String = diff.chars().take(WIDE).collect();
            let cut = if shown.len() < diff.len() { " …" } else { "" };
            line(&mut text, 6, &styled(style, &format!("{}{cut}", plain(&shown))));
        }
        text.push('\n');
    }
    text
}

fn notes(text: &mut String, plan: &PlanData, now: Timestamp) {
    let start = text.len();
    for slug in &plan.protected {
        let note = format!("`{slug}` is protected and stays, although no file declares it");
        line(text, 2, &format!("{} {note}", styled(CHANGED, "protected:")));
    }
    for slug in &plan.spared {
        let note =
            format!("`{slug}` stays, although no file declares it: a partial plan only deletes what it names in full");
        line(text, 2, &styled(QUIET, &note));
    }
    for path in &plan.outputs_left {
        line(text, 2, &styled(QUIET, &format!("`{path}` stays unchanged: only a full plan renders it")));
    }
    text.push_str(&super::drift::text(&super::drift::Drifted::of(plan)));
    text.push_str(&super::changes::in_plan(&plan.sources));
    for rotation in &plan.rotated {
        let (slug, name) = (&rotation.slug, plain(&rotation.name));
        let note = format!("`{slug}`: `{name}` was {}; runs use the new value", secrets::since(rotation, now));
        line(text, 2, &styled(QUIET, &note));
    }
    for foreign in &plan.unmanaged {
        let owner = foreign.managed_by.as_ref().map_or("no project".to_owned(), |owner| format!("`{owner}`"));
        let note = format!("unmanaged: `{}` ({}) belongs to {owner}", foreign.name, foreign.id);
        line(text, 2, &styled(QUIET, &plain(&note)));
    }
    if !plan.flags().is_empty() {
        let note = format!("apply will refuse this without {}", lifted_by(plan));
        line(text, 2, &format!("{} {note}", styled(BAD, "guard:")));
    }
    if text.len() > start {
        text.push('\n');
    }
}

/// Returns the flags that lift the guards of a plan: `` `--allow delete=2` ``.
#[must_use]
pub fn lifted_by(plan: &PlanData) -> Phrase {
    Phrase::joined(plan.flags().into_iter().map(code), " and ")
}

/// Returns the numbers of a plan: `1 to create, 0 to update, 0 to delete, 4 unchanged`.
#[must_use]
pub fn numbers(plan: &PlanData) -> String {
    let summary = &plan.summary;
    let (create, update, delete) = (summary.create, summary.update, summary.delete);
    let mut line =
        format!("{create} to create, {update} to update, {delete} to delete, {} unchanged", summary.unchanged);
    let is_meltano = |file: &&FileData| file.path == FILE_NAME;
    // Writing to a string does not fail.
    if plan.files.iter().any(|file| is_meltano(&file))
        && plan.changes.iter().all(|change| change.target != Target::MeltanoFile)
    {
        let _ = write!(line, "; {FILE_NAME} to be rendered again");
    }
    let outputs: Vec<&str> =
        plan.files.iter().filter(|file| !is_meltano(file)).map(|file| file.path.as_str()).collect();
    match outputs.as_slice() {
        [] => {}
        [one] => drop(write!(line, "; {one} to be rendered")),
        more => drop(write!(line, "; {} outputs to be rendered", more.len())),
    }
    line
}

/// Returns the message of a plan without changes.
#[must_use]
pub fn no_changes(plan: &PlanData) -> String {
    let stay = counted(plan.summary.unchanged, "integration");
    match plan.compared {
        Compared::Both => format!("the registry and {FILE_NAME} are up to date ({stay})"),
        Compared::FileOnly => format!("{FILE_NAME} is up to date ({stay}){NOT_COMPARED}"),
    }
}

/// Returns the id and the totals. The totals come last, because readers look there first.
fn last_lines(plan: &PlanData) -> String {
    if plan.is_empty() {
        return format!("{} {}\n", styled(GOOD.bold(), "No changes:"), no_changes(plan));
    }
    let offline = if plan.compared == Compared::FileOnly { NOT_COMPARED } else { "" };
    let id = styled(QUIET, &format!("Plan id: {}", plan.id));
    format!("{id}\n{} {}{offline}\n", styled(STRONG, "Plan:"), numbers(plan))
}

fn line(text: &mut String, indent: usize, content: &str) {
    text.push_str(&" ".repeat(indent));
    text.push_str(content);
    text.push('\n');
}
