//! Definitions from the hub, and what an upgrade changes.

use std::fmt::Write;

use serde_json::{Value, json};

use super::one_line;
use crate::{BAD, CHANGED, GOOD, QUIET, STRONG, harmless, report, styled, upgrade};
use spile_core::problem::listed;
use spile_ops::connectors::{Prepared, Updated};
use spile_ops::counted;

/// The maximum number of names to list.
const MOST: usize = 20;

/// Returns the result of an update.
#[must_use]
pub fn updated(updated: &Updated) -> String {
    let counts = [(updated.added.len(), "new"), (updated.changed.len(), "changed"), (updated.gone.len(), "gone")];
    let counts = counts.map(|(count, how)| format!("{count} {how}")).join(", ");
    let kept = counted(updated.plugins, "definition");
    let mut text = format!("{} {kept} of {}: {counts}\n", styled(GOOD.bold(), "Cached:"), harmless(&updated.hub));
    for (head, why) in [("cannot be imported:", &updated.refused), ("could not be downloaded:", &updated.failed)] {
        for (name, why) in why.iter().take(MOST) {
            let _ = writeln!(text, "  {} {head} {}", harmless(name), harmless(&one_line(why)));
        }
        if why.len() > MOST {
            let _ = writeln!(text, "  and {} more", why.len() - MOST);
        }
    }
    if !updated.upgradable.is_empty() {
        let names = listed(updated.upgradable.iter().map(String::as_str));
        let how = "`spile connectors upgrade NAME` shows what changes";
        let _ = writeln!(text, "{} {names}: {how}", styled(CHANGED, "Newer definitions:"));
    }
    text
}

/// Returns what an upgrade changes.
#[must_use]
pub fn upgrade(prepared: &Prepared) -> String {
    let Prepared { name, path, upgrade, notes, integrations, problems, .. } = prepared;
    if prepared.is_empty() {
        return format!("`{name}` is up to date ({})\n", path.display());
    }
    let mut text = format!("{} {}\n", styled(STRONG, name), styled(QUIET, &path.display().to_string()));
    let phrases = upgrade.as_ref().map_or_else(|| vec!["nothing that Meltano reads".into()], upgrade::phrases);
    for phrase in phrases {
        let _ = writeln!(text, "  {} {}", styled(CHANGED, "~"), harmless(&phrase.to_string()));
    }
    let used = match integrations.len() {
        0 => "no integration uses it".to_owned(),
        _ => format!("used by {}", upgrade::some(integrations.iter().map(spile_core::name::Slug::as_str))),
    };
    let _ = writeln!(text, "  {used}");
    for note in notes {
        let _ = writeln!(text, "  {} {}", styled(CHANGED, "note:"), harmless(&one_line(note)));
    }
    if !problems.problems().is_empty() {
        let _ = writeln!(text, "\n{}", styled(BAD, "With this upgrade, the project would have invalid files:"));
        text.push_str(&report::problems(problems));
    }
    text
}

/// Returns the upgrade as data.
#[must_use]
pub fn upgrade_data(prepared: &Prepared) -> Value {
    let problems: Vec<_> = prepared.problems.problems().iter().map(report::ProblemData::from).collect();
    json!({
        "name": prepared.name,
        "kind": prepared.role,
        "path": prepared.path,
        "up_to_date": prepared.is_empty(),
        "upgrade": prepared.upgrade,
        "integrations": prepared.integrations,
        "notes": prepared.notes,
        "problems": problems,
    })
}
