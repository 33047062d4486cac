//! The proof of an import, which does not run Python, compared with the oracle: what the proof calls equal must be
//! equal.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};
use spile_core::connector::Role;
use spile_core::import::Adopted;
use spile_core::yaml::{Document, ValueReader};
use spile_ops::import::Prepared;

use super::projects::{File, project};
use super::written::written;
use super::{VARIABLES, is_unset};
use crate::folder::Folder;
use crate::meaning::oracle::{Oracle, differences};

/// A mutation at one place of a file.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    Nothing,
    Remove,
    Replace,
    Empty,
    TurnRound,
}

/// A project, and a mutation of the file that its import writes.
#[derive(Debug, Clone)]
pub struct Case {
    pub files: Vec<File>,
    /// Whether Meltano rewrites the imported file, which takes as long as all answers about it.
    pub is_dumped: bool,
    change: Change,
    index: Index,
}

/// An imported project.
pub struct Imported {
    pub folder: Folder,
    /// The answers of Meltano before the import.
    pub before: Value,
    pub prepared: Prepared,
    /// The `meltano.yml` that the import wrote.
    pub rendered: String,
}

pub fn case() -> impl Strategy<Value = Case> {
    use Change::{Empty, Nothing, Remove, Replace, TurnRound};
    let change = proptest::sample::select(vec![Nothing, Remove, Replace, Empty, TurnRound, TurnRound]);
    let is_dumped = proptest::bool::weighted(0.25);
    let parts = (project(), is_dumped, change, any::<Index>());
    parts.prop_map(|(files, is_dumped, change, index)| Case { files, is_dumped, change, index })
}

/// Returns the places that the import moved into files: the template keeps every other byte.
fn places(file: &Value, adopted: &[Adopted]) -> Vec<String> {
    let mut found = Vec::new();
    let mut lists = vec!["/plugins".to_owned()];
    let environments = file["environments"].as_array().map_or(0, Vec::len);
    lists.extend((0..environments).map(|index| format!("/environments/{index}/config/plugins")));
    for list in lists {
        for role in [Role::Extractor, Role::Loader] {
            let path = format!("{list}/{}", role.plural());
            for (index, plugin) in file.pointer(&path).and_then(Value::as_array).into_iter().flatten().enumerate() {
                let is_it = |one: &Adopted| one.key.role == role && plugin["name"] == one.key.name;
                if !adopted.iter().any(is_it) {
                    continue;
                }
                for key in ["config", "metadata", "select", "load_schema"] {
                    below(&plugin[key], format!("{path}/{index}/{key}"), &mut found);
                }
            }
        }
    }
    found
}

fn below(value: &Value, path: String, found: &mut Vec<String>) {
    match value {
        Value::Null => return,
        Value::Object(members) => {
            for (key, member) in members {
                below(member, format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| below(item, format!("{path}/{index}"), found));
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found.push(path);
}

fn changed(file: &mut Value, change: Change, path: &str) {
    let (parent, key) = path.rsplit_once('/').unwrap();
    match (change, file.pointer_mut(if matches!(change, Change::Remove) { parent } else { path }).unwrap()) {
        (Change::Remove, Value::Object(members)) => {
            drop(members.shift_remove(&key.replace("~1", "/").replace("~0", "~")));
        }
        (Change::Remove, Value::Array(items)) => drop(items.remove(key.parse().unwrap())),
        (Change::Replace, value) => *value = json!("another"),
        (Change::Empty, Value::Object(members)) => members.clear(),
        (Change::Empty, value) => *value = Value::Null,
        (Change::TurnRound, Value::Object(members)) => {
            *members = std::mem::take(members).into_iter().rev().collect();
        }
        (Change::TurnRound, Value::Array(items)) => items.reverse(),
        (Change::Nothing | Change::Remove | Change::TurnRound, _) => {}
    }
}

/// Mutates an imported file, and fails if that changes its meaning without a word from the proof of the import.
pub fn agrees(imported: &Imported, case: &Case, oracle: &mut Oracle) -> Result<(), TestCaseError> {
    let Imported { folder, before, prepared, rendered } = imported;
    let Case { change, index, .. } = case;
    let document = Document::parse(rendered).unwrap();
    let mut file = ValueReader::of(&document).value(&document.root, &mut Vec::new());
    let places = places(&file, &prepared.adopted);
    let place = (!places.is_empty()).then(|| index.get(&places));
    if let Some(place) = place {
        changed(&mut file, *change, place);
    }
    let text = written(&file);
    folder.write("meltano.yml", &text);
    let proven = spile_core::import::compare(&prepared.original, &text, &prepared.adopted);
    // The set of patterns matters, and the catalog shows their effect; their order does not.
    let is_order = |found: &String| found.contains("/settings/_select/value") || found.contains("__SELECT: ");
    let found: Vec<String> = match oracle.ask_quickly(folder.path(), &VARIABLES) {
        Ok(after) => {
            differences(before, &after).into_iter().filter(|found| !is_order(found) && !is_unset(found)).collect()
        }
        Err(refused) => vec![refused],
    };
    prop_assert!(
        proven.is_err() || found.is_empty(),
        "{change:?} at {place:?} is no difference to the proof: {}\n{text}",
        found.join("\n")
    );
    prop_assert!(!matches!(change, Change::Nothing) || proven.is_ok(), "the same differs: {proven:?}\n{text}");
    Ok(())
}
