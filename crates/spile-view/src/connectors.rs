//! Connectors, as text for people and as data.

pub mod certificate;
pub mod data;
pub mod hub;

use std::fmt::Write;

use super::table::{Cell, table};
use super::{CHANGED, GOOD, QUIET, STRONG, harmless, styled};
use spile_core::connector::kind::word_of;
use spile_core::connector::{Connector, Kind, Setting};
use spile_ops::connectors::{Imported, Origin, ShelfEntry, ShownConnector};
use spile_ops::counted;

/// The longest text in a table cell, in characters.
const LONGEST: usize = 72;

/// Returns connectors as a table.
#[must_use]
pub fn list(standing: &[&ShelfEntry]) -> String {
    if standing.is_empty() {
        return "no connector matches: try fewer words, or `spile connectors list`\n".to_owned();
    }
    let row = |one: &&ShelfEntry| -> [Cell; 5] {
        let head = &one.head;
        let origin = match &one.origin {
            Origin::BuiltIn => Cell::styled("built in", QUIET),
            Origin::File(path) => harmless(&path.display().to_string()).into(),
            Origin::Hub(_) => Cell::styled("hub", QUIET),
            Origin::OnHub(fact) => Cell::styled(format!("hub, {}", maintained(&fact.maintenance)), QUIET),
        };
        [
            Cell::styled(harmless(&head.name), STRONG),
            head.role.to_string().into(),
            line(&head.label, LONGEST).into(),
            line(&head.description, LONGEST).into(),
            origin,
        ]
    };
    table(["name", "kind", "label", "description", "defined"], &standing.iter().map(row).collect::<Vec<_>>())
}

/// Returns how well a plugin is kept, by the hub's word for it.
fn maintained(word: &str) -> &'static str {
    match word {
        "active" => "maintained",
        "beta" | "development" => "in development",
        "inactive" => "not maintained",
        _ => "maintenance unknown",
    }
}

/// Returns connectors with all their settings.
#[must_use]
pub fn show(shown: &[ShownConnector]) -> String {
    shown.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn one(ShownConnector { connector, origin, certificate }: &ShownConnector) -> String {
    let plugin = &connector.plugin;
    let mut text = format!("{} ({})\n", styled(STRONG, &harmless(&connector.head.label)), connector.head.role);
    let description = harmless(connector.head.description.trim());
    if !description.is_empty() {
        text.push_str(&description);
        text.push('\n');
    }
    let defined = match origin {
        Origin::BuiltIn => "built in".to_owned(),
        Origin::File(path) => path.display().to_string(),
        Origin::Hub(plugin) => format!("in the hub; import it with `spile connectors import {}`", plugin.name()),
        Origin::OnHub(fact) => format!("on the hub; import it with `spile connectors import {}`", fact.head.name),
    };
    let kind = if connector.head.role == spile_core::connector::Role::Loader { ", kind = \"loader\"" } else { "" };
    let facts = [
        ("use", format!("type = \"{}\"{kind}", connector.head.name)),
        ("plugin", format!("{} ({})", plugin.name, plugin.variant)),
        ("pip", plugin.pip_url.clone()),
        ("can", plugin.capabilities.join(", ")),
        ("selects", connector.select.join(", ")),
        ("docs", connector.head.docs.clone().unwrap_or_default()),
        ("defined", defined),
        ("certified", certificate.as_ref().map(certificate::summary).unwrap_or_default()),
    ];
    for (name, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
        let _ = writeln!(text, "  {} {}", styled(QUIET, &format!("{name:<9}")), harmless(fact));
    }
    if !connector.settings.is_empty() {
        text.push('\n');
        text.push_str(&settings(connector));
    }
    text.push_str(&groups(connector));
    if !connector.losses.is_empty() {
        text.push_str("\nWhat it does not keep:\n");
        for loss in &connector.losses {
            let _ = writeln!(text, "  {}", harmless(&loss.what));
        }
    }
    text
}

fn settings(connector: &Connector) -> String {
    let row = |setting: &Setting| -> [Cell; 5] {
        [
            harmless(&setting.name).into(),
            kind(setting).into(),
            marks(setting),
            setting.default.as_ref().map(|default| line(&word_of(default), 30)).unwrap_or_default().into(),
            line(setting.description.as_deref().or(setting.label.as_deref()).unwrap_or_default(), LONGEST).into(),
        ]
    };
    let rows: Vec<_> = connector.settings.iter().map(row).collect();
    table(["setting", "kind", "", "default", "description"], &rows)
}

fn kind(setting: &Setting) -> String {
    match &setting.kind {
        Kind::Options(choices) => {
            let words: Vec<String> = choices.iter().map(|choice| word_of(&choice.value)).collect();
            line(&words.join(" | "), 40)
        }
        kind => kind.word().to_owned(),
    }
}

fn marks(setting: &Setting) -> Cell {
    let marks = [
        ("required", setting.required),
        ("secret", setting.secret),
        ("resync", setting.resync),
        ("not passed on", setting.is_own),
    ];
    let marks: Vec<&str> = marks.into_iter().filter(|(_, is_set)| *is_set).map(|(mark, _)| mark).collect();
    Cell::styled(marks.join(", "), if setting.required { CHANGED } else { QUIET })
}

fn groups(connector: &Connector) -> String {
    if connector.groups.is_empty() {
        return String::new();
    }
    let how = match (connector.groups.len(), connector.one_group) {
        (1, _) => "Set all of these",
        (_, true) => "Set all settings of exactly one of these groups",
        (_, false) => "Set all settings of at least one of these groups",
    };
    let mut text = format!("\n{how}:\n");
    for group in &connector.groups {
        let _ = writeln!(text, "  {}: {}", harmless(&group.label), harmless(&group.settings.join(", ")));
    }
    text
}

/// Returns the imported connector, and where it differs from the definition.
#[must_use]
pub fn imported(imported: &Imported) -> String {
    let Imported { name, kind, path, settings, secrets, notes } = imported;
    let secret = if *secrets == 0 { String::new() } else { format!(", {secrets} of them secret") };
    let settings = counted(*settings, "setting");
    let path = path.display();
    let mut text =
        format!("{} {path}: the {kind} `{name}` with {settings}{secret}\n", styled(GOOD.bold(), "Imported:"));
    for note in notes {
        let _ = writeln!(text, "  {} {}", styled(CHANGED, "note:"), harmless(&one_line(note)));
    }
    text
}

/// Returns the first sentence or line of Markdown, without markup and no longer than a cell.
fn line(markdown: &str, longest: usize) -> String {
    let marks = |line: &&str| !line.is_empty() && !line.starts_with("```") && !line.chars().all(|c| "-=*".contains(c));
    let first = markdown.lines().map(str::trim).find(marks).unwrap_or_default();
    let first = first.trim_start_matches(['#', '>', ' ']);
    let first = first.split_once(". ").map_or(first, |(sentence, _)| sentence).trim_end_matches('.');
    let plain = harmless(&one_line(first)).replace(['`', '*'], "");
    if plain.chars().count() <= longest {
        return plain;
    }
    let cut: String = plain.chars().take(longest - 1).collect();
    let end = cut.rfind(' ').filter(|end| *end > longest / 2).unwrap_or(cut.len());
    format!("{}…", cut[..end].trim_end_matches([',', ';', ':', ' ']))
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_cut_to_its_first_sentence() {
        assert_eq!(line("#### How to `get`\n\nFollow.", 40), "How to get");
        assert_eq!(line("Host. And more.", 40), "Host");
        assert_eq!(line("See https://example.com/a.b for it", 40), "See https://example.com/a.b for it");
        assert_eq!(line("```json\n{}\n```", 40), "{}");
        assert_eq!(line(&"word ".repeat(30), 20), "word word word…");
        assert_eq!(line(&"ä".repeat(30), 20).chars().count(), 20);
        assert_eq!(line("", 20), "");
        assert_eq!(line("a\u{1b}[2Jb", 20), "a\\u{1b}[2Jb");
    }
}
