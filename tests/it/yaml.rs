//! YAML as Meltano reads it: its loader and ours parse the same texts.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use spile_core::yaml::{Content, Document, Node, ValueReader};

use crate::project::seed;
use crate::real::kills::{Dice, number};

/// How many texts to generate from the shapes by default; set `SPILE_YAML=100000` for more.
const MADE: u64 = 600;

/// The default seed; set `SPILE_SEED` for another.
const SEED: u64 = 20_261_130;

/// The shapes that only spile refuses.
const REFUSED_HERE: [&str; 1] = ["an alias to itself"];

/// Returns every kind of text that people write, by what it shows.
fn shapes() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/yaml/shapes.json");
    let shapes: serde_json::Map<String, Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(shapes.len() >= 200);
    shapes.into_iter().map(|(name, text)| (name, text.as_str().unwrap().to_owned())).collect()
}

/// Parses all texts with Meltano's loader, in one process.
fn theirs(texts: &[&str]) -> Vec<Value> {
    let mut child = Command::new(seed().join(".spile/meltano/bin/python"))
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/yaml/ask.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(json!(texts).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn ours(text: &str) -> Value {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(mistake) => return json!({ "refused": mistake.to_string() }),
    };
    let mut odd = Vec::new();
    let value = ValueReader::of(&document).value(&document.root, &mut odd);
    if !odd.is_empty() {
        return json!({ "odd": true });
    }
    let mut places = Places { document: &document, found: Vec::new(), seen: BTreeSet::new() };
    places.add(&document.root);
    json!({ "value": value, "places": places.found })
}

/// The places of keys and values, in the order of the walk.
struct Places<'a> {
    document: &'a Document<'a>,
    found: Vec<Value>,
    /// The anchors whose nodes were visited, because an alias leads back to one.
    seen: BTreeSet<usize>,
}

impl Places<'_> {
    fn add(&mut self, node: &Node) {
        let anchor = match node.content {
            Content::Alias(anchor) => Some(anchor),
            _ => node.anchor,
        };
        if anchor.is_some_and(|anchor| !self.seen.insert(anchor)) {
            return;
        }
        let Some(node) = self.document.resolve(node) else { return };
        for pair in node.pairs().iter().filter(|pair| !pair.key.is_merge()) {
            let place = |node: &Node| {
                let is_here = !matches!(node.content, Content::Alias(_)) && !node.span.is_empty();
                is_here.then(|| place(self.document.text, node.span.start))
            };
            let name = self.document.resolve(&pair.key).and_then(Node::text);
            self.found.push(json!([name, place(&pair.key), place(&pair.value)]));
            self.add(&pair.value);
        }
        node.items().iter().for_each(|item| self.add(item));
    }
}

/// Returns the line and the column of a byte, as Python counts in a file that it opened as text.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text[..at].replace("\r\n", "\n").replace('\r', "\n");
    let line = before.rsplit('\n').next().unwrap();
    (before.matches('\n').count(), line.chars().filter(|letter| *letter != '\u{feff}').count())
}

/// Tells whether keys and values are where Meltano's loader says. Aliases and omitted values have no place of their own
/// there.
fn are_there(ours: &Value, theirs: &Value) -> bool {
    let (ours, theirs) = (ours.as_array().unwrap(), theirs.as_array().unwrap());
    let is_there = |our: &Value, their: &[Value]| our.is_null() || our.as_array().unwrap() == their;
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|(our, their)| {
            let their = their.as_array().unwrap();
            our[0] == their[0] && is_there(&our[1], &their[1..3]) && is_there(&our[2], &their[3..5])
        })
}

/// Returns the difference; `None` if both read the same, or neither has a value.
fn difference(text: &str, ours: &Value, theirs: &Value) -> Option<String> {
    let is_same = match (ours.get("value"), theirs.get("value")) {
        (Some(our), Some(their)) => our == their && are_there(&ours["places"], &theirs["places"]),
        (None, None) => true,
        _ => false,
    };
    // A comment that ruamel.yaml cannot place stops it, but means nothing to other parsers.
    let is_comment = theirs["refused"].as_str().is_some_and(|why| why.contains("overlap in comment"));
    (!is_same && !is_comment).then(|| format!("{text:?}\n  ours   {ours}\n  theirs {theirs}\n"))
}

#[test]
fn every_shape_of_yaml_means_the_same_to_meltano_or_both_refuse_it() {
    let shapes = shapes();
    let theirs = theirs(&shapes.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>());
    let mut read = 0;
    let mut found = String::new();
    for ((name, text), their) in shapes.iter().zip(&theirs) {
        let our = ours(text);
        read += u32::from(their.get("value").is_some());
        let is_known = REFUSED_HERE.contains(&name.as_str()) && our.get("refused").is_some();
        found.extend(difference(text, &our, their).filter(|_| !is_known).map(|told| format!("{name}: {told}")));
    }
    assert!(found.is_empty(), "{found}");
    assert!(read > 100, "{read}");
}

/// Pieces to insert into a text: everything that has a meaning in YAML.
const BITS: [&str; 44] = [
    "\t", " ", "  ", "\n", "\n\n", "\r\n", "#", "# x\n", ": ", ":", "- ", "-", "? ", ",", "[", "]", "{", "}", "'",
    "\"", "|\n", ">\n", "&a ", "*a", "!x ", "<<: ", "---\n", "...\n", "a", "1", "\\", "%", "~", "=", "\u{2028}",
    "\u{85}", "\u{feff}", "ä", "\n\t", "\n ", "@", "`", "_", ".",
];

/// Mutates a text: inserts or deletes pieces, and moves or repeats lines.
fn changed(text: &str, dice: &mut Dice) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..=dice.index(3) {
        let at = dice.index(letters.len() + 1);
        match dice.index(4) {
            0 | 1 => drop(letters.splice(at..at, BITS[dice.index(BITS.len())].chars())),
            2 => drop(letters.drain(at..(at + 1 + dice.index(3)).min(letters.len()))),
            _ => {
                let text: String = letters.into_iter().collect();
                let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
                let index = dice.index(lines.len());
                let line = format!("{}{}", " ".repeat(dice.index(9)), lines[index].trim_start_matches(' '));
                match dice.index(4) {
                    0 => lines.insert(dice.index(lines.len() + 1), line),
                    _ => lines[index] = line,
                }
                letters = lines.join("\n").chars().collect();
            }
        }
    }
    letters.into_iter().collect()
}

#[test]
fn generated_texts_mean_the_same_too() {
    let (made, seed) = (number("SPILE_YAML").unwrap_or(MADE), number("SPILE_SEED").unwrap_or(SEED));
    let shapes: Vec<_> = shapes().into_iter().map(|(_, text)| text).filter(|text| text.len() < 400).collect();
    let mut dice = Dice(seed);
    let texts: Vec<_> = (0..made).map(|_| changed(&shapes[dice.index(shapes.len())], &mut dice)).collect();
    let theirs = theirs(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let is_recursive = |our: &Value| our["refused"].as_str().is_some_and(|why| why.starts_with("an alias refers to"));
    let differences = texts.iter().zip(&theirs).filter_map(|(text, their)| {
        let our = ours(text);
        difference(text, &our, their).filter(|_| !is_recursive(&our))
    });
    let found: String = differences.collect();
    let read = theirs.iter().filter(|their| their.get("value").is_some()).count();
    eprintln!("seed {seed}: {made} texts, of which Meltano reads {read}");
    assert!(found.is_empty(), "seed {seed}: {found}");
    assert!(read * 10 > theirs.len(), "seed {seed}: {read}");
}
