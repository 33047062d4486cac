//! Sidecars: sops documents beside an integration's file, which the official sops program edits.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{SecretsDraft, SecretsLocation, SecretsMistake, mistakes, named};
use crate::integration::Draft;
use crate::integration::FileName;
use crate::name::SettingName;
use crate::problem::Problems;
use crate::sops::node::{Members, Node};
use crate::sops::{Document, Enc, NotADocument, NotEnc};
use crate::source::{Place, Source};

/// Reads sidecars and attaches each to its draft.
pub fn attach(drafts: &mut [Draft], sidecars: &[(FileName, Source)], problems: &mut Problems) {
    // A file that could not be read has no draft, but it exists.
    let unread = problems.unread(FileName::of_path);
    for (name, source) in sidecars {
        let own = |draft: &&mut Draft| draft.slug == name.slug && draft.environment == name.environment;
        let Some(draft) = drafts.iter_mut().find(own) else {
            if unread.contains(name) {
                continue;
            }
            let environment = name.environment.as_ref().map(|name| format!(".{name}")).unwrap_or_default();
            let base = format!("{}{environment}.toml", name.slug);
            problems.hide(&source.place(0..source.text().len()));
            problems.push(source, SecretsMistake::SidecarAlone { base, span: (0..0).into() });
            continue;
        };
        if let Some(known) = &draft.secrets {
            let (slug, sidecar) = (name.slug.to_string(), source.path().display().to_string());
            let span = known.place.span.clone().into();
            problems.push(&known.source, SecretsMistake::TwoForms { slug, sidecar, span });
            continue;
        }
        draft.secrets = sidecar(source, &named(name), problems);
    }
}

fn sidecar(source: &Source, slug: &str, problems: &mut Problems) -> Option<SecretsDraft> {
    let is_json = source.path().extension().is_some_and(|extension| extension == "json");
    let document = if is_json { Document::from_json(source.text()) } else { Document::from_yaml(source.text()) };
    let document = match document {
        Ok(document) => document,
        Err(reason) => {
            problems.hide(&source.place(0..source.text().len()));
            let path = source.path().display();
            let help = match &reason {
                NotADocument::NoMetadata => format!(
                    "encrypt it with `sops encrypt -i {path}`; if it was ever committed, change its values at their sources"
                ),
                _ => "restore it from git".to_owned(),
            };
            problems.push(source, SecretsMistake::Sidecar { reason, span: (0..0).into(), help });
            return None;
        }
    };
    let mend = format!("sops rotate -i {}", source.path().display());
    mistakes(&document, source, &|key| key_place(source, key), &mend, problems);
    let (mut keys, mut plain) = (Vec::new(), BTreeSet::new());
    let rule = document.metadata.encryption_rule().ok();
    for (path, value) in flattened(&document.tree) {
        let name = SettingName::join(&path);
        let place = key_place(source, path.last().copied().unwrap_or_default());
        let span = place.span.clone().into();
        let is_sealed = rule.as_ref().is_none_or(|rule| rule.encrypts(&path));
        if is_nothing(value) {
            continue;
        }
        match value {
            Node::List(items) => {
                if items.iter().any(|item| fault(item).is_some()) {
                    problems.hide(&source.place(0..source.text().len()));
                }
                let path = source.path().display().to_string();
                problems.push(source, SecretsMistake::SidecarList { name: name.clone(), path, span });
            }
            value if is_sealed => {
                if let Some(reason) = fault(value) {
                    problems.hide(&source.place(0..source.text().len()));
                    let (name, slug) = (name.clone(), slug.to_owned());
                    problems.push(source, SecretsMistake::Damaged { name, slug, reason, span });
                }
            }
            _ => drop(plain.insert(name.clone())),
        }
        keys.push((name, place));
    }
    let (place, document) = (source.start(), Arc::new(document));
    Some(SecretsDraft { source: source.clone(), place, keys, document, form: SecretsLocation::Sidecar, plain })
}

/// Tells whether a value is empty. sops does not encrypt empty values, so writing one takes no key, and it counts as
/// missing.
fn is_nothing(value: &Node) -> bool {
    match value {
        Node::Null => true,
        Node::Text(text) => text.is_empty(),
        Node::Map(members) => members.is_empty(),
        Node::List(_) | Node::Bool(_) | Node::Integer(_) | Node::Float(_) => false,
    }
}

/// Returns why a value that should be encrypted is not. Encrypted numbers and booleans are strings.
fn fault(value: &Node) -> Option<NotEnc> {
    match value {
        value if is_nothing(value) => None,
        Node::Null => None,
        Node::Text(text) => text.parse::<Enc>().err(),
        Node::Bool(_) | Node::Integer(_) | Node::Float(_) => Some(NotEnc::Plain),
        Node::List(items) => items.iter().find_map(fault),
        Node::Map(members) => members.iter().find_map(|(_, member)| fault(member)),
    }
}

/// Returns every value in nested maps, with its path.
fn flattened(members: &Members) -> Vec<(Vec<&str>, &Node)> {
    let mut found = Vec::new();
    for (key, node) in members {
        match node {
            Node::Map(inner) if !inner.is_empty() => {
                found.extend(
                    flattened(inner).into_iter().map(|(path, node)| ([vec![key.as_str()], path].concat(), node)),
                );
            }
            _ => found.push((vec![key.as_str()], node)),
        }
    }
    found
}

/// Returns the likely place of a key in JSON or YAML: the first line that begins with it.
fn key_place(source: &Source, key: &str) -> Place {
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let rest = line.trim_start().trim_start_matches(['"', '\'']);
        let quotes = line.trim_start().len() - rest.len();
        let after = rest.strip_prefix(key).map(|rest| rest.trim_start_matches(['"', '\'']).trim_start());
        if !key.is_empty() && after.is_some_and(|after| after.starts_with(':')) {
            let from = start + indent + quotes;
            return source.place(from..from + key.len());
        }
        start += line.len();
    }
    source.start()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_a_sidecar_is_a_secret_and_empty_ones_are_missing() {
        let text = "user: ''\nnothing: null\npassword: hunter2\nport: 5432\nfolders: {}\n\
                    aws:\n  id: ''\n  key: hunter3\nsops:\n  version: 3.9.0\n";
        let source = Source::new("integrations/shop.secrets.yaml", text);
        let mut problems = Problems::default();
        let draft = sidecar(&source, "shop", &mut problems).unwrap();
        let names: Vec<&str> = draft.keys.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["password", "port", "aws.key"]);
        let report = problems.into_report();
        let damaged = report.problems().iter().filter(|one| one.code() == "spile::secrets::damaged");
        let lines: Vec<usize> = damaged.map(|one| one.place().line_and_column().0).collect();
        assert_eq!(lines, [3, 4, 8]);
        assert!(!report.excerpt_text(&source).contains("hunter"));
    }

    #[test]
    fn a_key_is_on_the_first_line_that_begins_with_it() {
        let place = |text: &str, key: &str| {
            let place = key_place(&Source::new("x.yaml", text), key);
            let (line, column) = place.line_and_column();
            (line, column, text[place.span].to_owned())
        };
        let yaml = "ab: 1\nc:\n    a: 2\n'd' : 3\n";
        let json = "{\n\t\"ab\": 1,\n\t\"c\": {\n\t\t\"a\" : 2\n\t}\n}\n";
        for (text, key, wanted) in [
            (yaml, "ab", (1, 1)),
            (yaml, "a", (3, 5)),
            (yaml, "d", (4, 2)),
            (json, "ab", (2, 3)),
            (json, "c", (3, 3)),
            (json, "a", (4, 4)),
        ] {
            assert_eq!(place(text, key), (wanted.0, wanted.1, key.to_owned()), "{text}");
        }
        for key in ["", "e", "b"] {
            assert_eq!(place(yaml, key), (1, 1, String::new()), "{key}");
        }
    }
}
