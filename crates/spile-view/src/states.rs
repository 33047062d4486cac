//! Bookmarks as people read them, and what a change of them does.

use std::fmt::Write;

use jiff::tz::TimeZone;

use super::runs::local;
use super::table::{Cell, table};
use super::{BAD, CHANGED, GOOD, QUIET, STRONG, styled};
use spile_core::state::{Difference, Format, StreamChange};
use spile_ops::state::{Entry, Listed, Shown, ShownBookmark, Side, StatePlan};

/// The longest value that is shown whole in a line.
const LONGEST: usize = 60;

/// Returns the states of integrations as a table.
#[must_use]
pub fn list(listed: &[Listed], zone: &TimeZone) -> String {
    if listed.is_empty() {
        return "no integration here keeps a state\n".to_owned();
    }
    let row = |one: &Listed| -> [Cell; 6] {
        [
            one.slug.as_str().into(),
            one.format.map_or_else(|| Cell::styled("no state", QUIET), |format| format.name().into()),
            if one.streams == 0 { "".into() } else { one.streams.to_string().into() },
            one.place.name().into(),
            one.written.as_ref().map_or_else(String::new, |written| local(written.at, zone)).into(),
            one.state_id.as_str().into(),
        ]
    };
    let rows: Vec<_> = listed.iter().map(row).collect();
    table(["integration", "format", "streams", "kept in", "written", "state id"], &rows)
}

/// Returns the state of an integration: each bookmark with its value and since when it has it.
#[must_use]
pub fn show(shown: &Shown, zone: &TimeZone) -> String {
    let mut text = format!("{}  {}, in {}\n", styled(STRONG, shown.slug.as_str()), shown.state_id, shown.place.name());
    if let Some(written) = &shown.written {
        let at = local(written.at, zone);
        let line = format!("written {at} on `{}` by {}", written.host, written.by);
        let _ = writeln!(text, "{}", styled(QUIET, &line));
    }
    if shown.format == Format::Unknown {
        let _ = writeln!(text, "\n{}", styled(CHANGED, "the tap writes its state in a form that spile does not know:"));
        let _ = writeln!(text, "{}", shown.state);
        return text;
    }
    let row = |one: &ShownBookmark| -> [Cell; 5] {
        let value = one.value.as_ref().map(|value| shortened(&value.shown()));
        [
            one.stream.as_str().into(),
            one.partition.clone().unwrap_or_default().into(),
            one.key.clone().unwrap_or_default().into(),
            value.map_or_else(|| Cell::styled("none yet", QUIET), Into::into),
            one.since.map_or_else(String::new, |since| format!("{} {}", local(since.at, zone), since.id)).into(),
        ]
    };
    let rows: Vec<_> = shown.bookmarks.iter().map(row).collect();
    let _ = write!(text, "\n{}", table(["stream", "partition", "key", "value", "since"], &rows));
    text
}

/// Returns what is remembered of the states of an integration.
#[must_use]
pub fn history(entries: &[Entry], zone: &TimeZone) -> String {
    if entries.is_empty() {
        return "no runs and no changes yet\n".to_owned();
    }
    let row = |entry: &Entry| -> [Cell; 5] {
        let (what, by) = match entry {
            Entry::Sync(run) => (format!("sync {}", run.status.word()), run.host.clone().unwrap_or_default()),
            Entry::Change(change) => (shortened(&change.action), format!("{} on {}", change.actor, change.host)),
        };
        let kept = |side| match entry.state(side) {
            Ok(Some(state)) => spile_core::problem::counted(state.bookmarks().len(), "stream").into(),
            Ok(None) => Cell::styled("no state", QUIET),
            Err(_) => Cell::styled("not kept", QUIET),
        };
        [local(entry.at(), zone).into(), what.into(), by.into(), kept(Side::After), entry.id().to_string().into()]
    };
    let rows: Vec<_> = entries.iter().map(row).collect();
    table(["when", "what", "who", "left", "id"], &rows)
}

/// Returns what is different between two states.
#[must_use]
pub fn differences(found: &[Difference]) -> String {
    if found.is_empty() {
        return "no differences\n".to_owned();
    }
    found.iter().map(|one| line(one, Meaning::Left)).collect()
}

/// Returns what a change of a state does.
#[must_use]
pub fn plan(plan: &StatePlan) -> String {
    let head = format!("{}  {} ({})", styled(STRONG, plan.slug.as_str()), plan.action, plan.state_id);
    if plan.is_empty() {
        return format!("{head}\n  nothing to change\n");
    }
    let lines: String = plan.changes.iter().map(|one| line(one, Meaning::Said)).collect();
    let unreadable = plan.unreadable.as_ref().map(|why| format!("  what is kept cannot be read, and goes: {why}\n"));
    let whole = match (&plan.before, &plan.after) {
        (Some(_), None) => "  the next sync begins with no state\n",
        (_, Some(_)) | (None, None) => "",
    };
    format!("{head}\n{}{lines}{whole}", unreadable.unwrap_or_default())
}

/// Whether it is said what a sync reads because of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Said,
    Left,
}

fn line(one: &Difference, meaning: Meaning) -> String {
    let (sign, style) = match one.change {
        StreamChange::Added => ("+", GOOD),
        StreamChange::Removed => ("-", BAD),
        StreamChange::Earlier | StreamChange::Later | StreamChange::Changed => ("~", CHANGED),
    };
    let [before, after] = one.shown().map(|side| side.map_or_else(|| "none".to_owned(), |side| shortened(&side)));
    let name = one.stream.as_deref().unwrap_or("(besides bookmarks)");
    let mut text = format!("  {} {name}: {before} -> {after}\n", styled(style, sign));
    if meaning == Meaning::Said {
        let _ = writeln!(text, "      {}", styled(QUIET, &consequence(one)));
    }
    text
}

/// Says what a sync reads because of a difference.
#[must_use]
pub fn consequence(one: &Difference) -> String {
    let [before, after] = one.shown().map(|side| side.as_deref().map(shortened).unwrap_or_default());
    match (&one.stream, one.change) {
        (None, _) => "the tap finds this in its state; only the tap knows what it reads because of it".to_owned(),
        (Some(_), StreamChange::Added) => {
            format!("the next sync continues from {after} instead of reading everything; what is earlier is not read")
        }
        (Some(_), StreamChange::Removed) => "the next sync reads everything again".to_owned(),
        (Some(_), StreamChange::Earlier) => format!("the next sync reads again what is between {after} and {before}"),
        (Some(_), StreamChange::Later) => {
            format!("the next sync continues from {after}; what is between {before} and {after} is never read")
        }
        (Some(_), StreamChange::Changed) => format!("the next sync continues from {after}"),
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use spile_core::state::{SingerState, differences as between};

    #[test]
    fn each_change_says_what_is_read_because_of_it() {
        let state = |text: &str| SingerState::parse(text).unwrap();
        let before = state(r#"{"bookmarks": {"a": {"id": 5}, "b": {"id": 5}, "c": {"id": 5}, "e": {"k": "x"}}}"#);
        let after = state(r#"{"bookmarks": {"a": {"id": 4}, "b": {"id": 6}, "e": {"k": "y"}, "f": {"id": 1}}}"#);
        let found = between(Some(&before), Some(&after));
        let text: String = found.iter().map(|one| line(one, Meaning::Said)).collect();
        let plain = anstream::adapter::strip_str(&text).to_string();
        let wanted = "  ~ a: 5 -> 4
      the next sync reads again what is between 4 and 5
  ~ b: 5 -> 6
      the next sync continues from 6; what is between 5 and 6 is never read
  - c: 5 -> none
      the next sync reads everything again
  ~ e: x -> y
      the next sync continues from y
  + f: none -> 1
      the next sync continues from 1 instead of reading everything; what is earlier is not read
";
        assert_eq!(plain, wanted);
    }
}
