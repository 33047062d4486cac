//! The notes of an import: what stays unchanged and why, and which secrets remain in plaintext.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::Value;

use super::adopted::{Adopted, LeftAlone};
use super::connectors::settings;
use super::copies::Struck;
use super::inventory::Inventory;
use super::note::Note;
use super::part::Part;
use crate::integration::check::environment_variable;

use crate::name::EnvironmentName;
use crate::phrase;
use crate::phrase::Part::Words;
use crate::phrase::{Phrase, code};
use crate::secrecy;
use crate::yaml::Document;

/// Returns all notes of an import.
pub(super) fn all(document: &Document<'_>, found: &Inventory<'_>, adopted: &[Adopted], left: &LeftAlone) -> Vec<Note> {
    let notes = [
        notes(document, found, left),
        bereft(document, found, adopted),
        numbers(document, adopted),
        valueless(document, adopted),
        groups(document, found, adopted),
        called(document, adopted),
        commented(document),
    ];
    notes.concat()
}

fn notes(document: &Document<'_>, found: &Inventory<'_>, left: &LeftAlone) -> Vec<Note> {
    let line = |at: usize| Some(line(document, at));
    let mut notes: Vec<Note> = left
        .iter()
        .map(|(key, why)| Note {
            line: line(why.at),
            message: phrase!["the ", key, " stays unchanged in the template: ", Phrase::parse(&why.what)],
            help: Some("fix that and import again, or leave it to Meltano".to_owned()),
        })
        .collect();
    for plugin in found.plugins.iter().filter(|plugin| plugin.is_shadowed) {
        notes.push(Note {
            line: line(plugin.item.span.start),
            message: phrase![
                "the ",
                &plugin.key,
                " is defined twice: Meltano uses the first, the other stays in the template",
            ],
            help: Some("remove the one you do not need".to_owned()),
        });
    }
    for environment in found.environments.iter().filter(|environment| environment.is_shadowed) {
        notes.push(Note {
            line: line(environment.item.span.start),
            message: phrase![
                "the environment ",
                code(&environment.name),
                " is defined twice: the second stays in the template",
            ],
            help: Some("merge them into one: Meltano uses the first".to_owned()),
        });
    }
    for environment in &found.environments {
        if let Err(error) = environment.name.parse::<EnvironmentName>() {
            notes.push(Note {
                line: line(environment.item.span.start),
                message: Phrase::parse(&format!("spile does not support the environment's name: {error}")),
                help: Some("it stays in the template, for Meltano".to_owned()),
            });
        }
    }
    notes
}

/// Reports plugins that stay as they are but inherit secrets that are now encrypted.
fn bereft(document: &Document<'_>, found: &Inventory<'_>, adopted: &[Adopted]) -> Vec<Note> {
    let mut notes = Vec::new();
    for plugin in &found.plugins {
        let parent = plugin.parent().and_then(|parent| adopted.iter().find(|one| one.key == parent));
        let is_left = adopted.iter().all(|one| one.key != plugin.key);
        if let Some(parent) = parent.filter(|parent| is_left && !parent.base.secrets.is_empty()) {
            notes.push(Note {
                line: Some(line(document, plugin.item.span.start)),
                message: phrase![
                    "the ",
                    &plugin.key,
                    " inherits secrets from ",
                    code(&parent.key.name),
                    ", which are now encrypted",
                ],
                help: Some("set them with variables in the template".to_owned()),
            });
        }
    }
    notes
}

fn numbers(document: &Document<'_>, adopted: &[Adopted]) -> Vec<Note> {
    let note = |(name, at): &(String, usize)| Note {
        line: Some(line(document, *at)),
        message: phrase![code(name), " is a number, and reaches the plugin as a string now that it is encrypted"],
        help: Some("if that matters, declare it with its `kind` in the plugin's `settings`".to_owned()),
    };
    parts(adopted).flat_map(|(_, part)| &part.numbers).map(note).collect()
}

fn valueless(document: &Document<'_>, adopted: &[Adopted]) -> Vec<Note> {
    let note = |(one, (name, at)): (&Adopted, &(String, usize))| {
        let variable = environment_variable(&one.key.name, name);
        Note {
            line: Some(line(document, *at)),
            message: phrase![
                code(name),
                " has no value, and after the import Meltano no longer reads it from ",
                code(variable),
            ],
            help: Some("if you set that variable, declare the setting in the plugin's `settings`".to_owned()),
        }
    };
    parts(adopted).flat_map(|(one, part)| part.valueless.iter().map(move |name| (one, name))).map(note).collect()
}

/// Reports members of groups that are not settings, because such a group is never complete.
fn groups(document: &Document<'_>, found: &Inventory<'_>, adopted: &[Adopted]) -> Vec<Note> {
    let mut notes = Vec::new();
    for plugin in adopted.iter().filter_map(|one| found.plugin(&one.key)) {
        let Some(pair) = plugin.item.pair("settings_group_validation") else { continue };
        let declared: BTreeSet<&str> = settings(&plugin.value).filter_map(|setting| setting["name"].as_str()).collect();
        // If a plugin declares none, its settings are declared elsewhere.
        if declared.is_empty() {
            continue;
        }
        let groups = plugin.value["settings_group_validation"].as_array().into_iter().flatten();
        let members: BTreeSet<&str> = groups.filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect();
        for name in members.difference(&declared) {
            notes.push(Note {
                line: Some(line(document, pair.key.span.start)),
                message: phrase![
                    code(*name),
                    " is in a group of settings of the ",
                    &plugin.key,
                    ", but is not one of its settings",
                ],
                help: Some("check its spelling, or declare it in the plugin's `settings`".to_owned()),
            });
        }
    }
    notes
}

/// Reports what was encrypted only because a definition declares it as a secret.
fn called(document: &Document<'_>, adopted: &[Adopted]) -> Vec<Note> {
    let note = |(one, (name, at)): (&Adopted, &(String, usize))| {
        let variable = environment_variable(&one.key.name, name);
        Note {
            line: Some(line(document, *at)),
            message: phrase![
                code(name),
                " is encrypted only because its definition marks it as a secret: ",
                code("meltano run"),
                " without spile needs ",
                code(variable),
            ],
            help: Some(
                "if it is not a secret, declare it with `sensitive: false` in the plugin's `settings` before you import"
                    .to_owned(),
            ),
        }
    };
    parts(adopted).flat_map(|(one, part)| part.called.iter().map(move |name| (one, name))).map(note).collect()
}

/// Returns the parts of all plugins.
fn parts(adopted: &[Adopted]) -> impl Iterator<Item = (&Adopted, &Part)> {
    adopted.iter().flat_map(|one| std::iter::once(&one.base).chain(one.overlays.values()).map(move |part| (one, part)))
}

/// What a note about a comment begins with.
const COMMENT: &str = "the comment on ";

fn commented(document: &Document<'_>) -> Vec<Note> {
    let note = |clear: secrecy::Clear| Note {
        line: Some(line(document, clear.span.start)),
        message: phrase![COMMENT, code(clear.name), " may contain a secret, and is kept"],
        help: Some("remove it from the new files".to_owned()),
    };
    secrecy::in_comments(document, &secrecy::is_name).into_iter().map(note).collect()
}

/// Reports where copies of secrets were removed.
pub(super) fn struck(document: &Document<'_>, struck: &Struck) -> Vec<Note> {
    let note = |(span, _): &(Range<usize>, String)| Note {
        line: Some(line(document, span.start)),
        message: "a copy of an encrypted secret was removed here".into(),
        help: None,
    };
    struck.spans.iter().map(note).collect()
}

/// Tells whether a note is about a comment that no longer contains a secret.
pub(super) fn is_about(document: &Document<'_>, note: &Note, struck: &Struck) -> bool {
    let lines = struck.spans.iter().map(|(span, _)| line(document, span.start));
    note.message.parts().first() == Some(&Words(COMMENT.to_owned()))
        && note.line.is_some_and(|at| lines.into_iter().any(|line| line == at))
}

fn line(document: &Document<'_>, at: usize) -> usize {
    document.text[..at].matches('\n').count() + 1
}

/// Reports secrets that are still in plaintext.
#[must_use]
pub fn left_in_clear(text: &str) -> Vec<Note> {
    let Ok(document) = Document::parse(text) else { return Vec::new() };
    let note = |clear: secrecy::Clear| Note {
        line: None,
        message: phrase![
            code(clear.name),
            " looks like a secret and stays in plain text, on line ",
            (text[..clear.span.start].matches('\n').count() + 1).to_string(),
            " of the new file",
        ],
        help: Some("move it to a variable: write `${NAME}` there and put the value in `.env`".to_owned()),
    };
    secrecy::clear(&document).into_iter().map(note).collect()
}
