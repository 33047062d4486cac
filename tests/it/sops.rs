//! sops documents: spile reads what the official program and others wrote, they read what spile writes, and edits by
//! hand are refused.
//!
//! `tests/sops` has documents of the official sops 3.13.3; `tests/sops/samples` has older ones, and those of rops.

mod bounds;
mod laws;
mod odd;
mod programs;
mod refused;
mod vectors;

use std::fs::read_to_string;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use spile_core::sops::node::{self, Node};
use spile_core::sops::{DataKey, Document, Leaf, NotADocument, PlainKind, Wrapped, bool_of};
use toml::de::DeTable;

/// Returns the folder of documents and keys.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sops")
}

/// Reads a file of [`folder`].
fn text(path: &str) -> String {
    read_to_string(folder().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the paths of a folder's documents, sorted.
fn documents(within: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder().join(within)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let is_document = |name: &String| {
        let is_read = [".json", ".yaml", ".toml"].iter().any(|ending| name.ends_with(ending));
        is_read && !name.ends_with(".expected.json")
    };
    let mut names: Vec<_> = names.filter(is_document).map(|name| format!("{within}/{name}")).collect();
    names.sort();
    assert!(!names.is_empty(), "{within} holds no documents");
    names
}

/// Reads a document in the format of its file extension.
fn read(name: &str, text: &str) -> Result<Document, NotADocument> {
    match name.rsplit_once('.').unwrap().1 {
        "json" => Document::from_json(text),
        "yaml" => Document::from_yaml(text),
        _ => toml(text),
    }
}

/// Reads a document in TOML.
fn toml(text: &str) -> Result<Document, NotADocument> {
    Document::from_members(node::from_toml(DeTable::parse(text).unwrap().get_ref()))
}

/// Returns the X25519 identities in a file, or the SSH identity that the file is.
fn identities(path: &str) -> Vec<Box<dyn age::Identity>> {
    let text = text(path);
    if text.starts_with("-----BEGIN") {
        return vec![Box::new(age::ssh::Identity::from_buffer(text.as_bytes(), None).unwrap())];
    }
    let lines = text.lines().filter(|line| line.starts_with("AGE-SECRET-KEY-"));
    lines.map(|line| Box::new(line.parse::<age::x25519::Identity>().unwrap()) as Box<dyn age::Identity>).collect()
}

/// Unwraps the data key: tries every identity on every entry, as sops does.
fn unwrap(document: &Document, identities: &[Box<dyn age::Identity>]) -> Option<DataKey> {
    let age = document.metadata.age().ok()?;
    age.iter().find_map(|wrapped| {
        let decryptor = age::Decryptor::new(ArmoredReader::new(wrapped.enc.as_bytes())).ok()?;
        let mut reader = decryptor.decrypt(identities.iter().map(AsRef::as_ref)).ok()?;
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).ok()?;
        DataKey::from_bytes(&bytes)
    })
}

/// Wraps a data key for the identity of `key.txt`.
fn wrap(key: &DataKey) -> Wrapped {
    let identity: age::x25519::Identity =
        text("key.txt").lines().find(|line| line.starts_with("AGE-")).unwrap().parse().unwrap();
    let recipient = identity.to_public();
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).unwrap();
    let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).unwrap();
    let mut writer = encryptor.wrap_output(armor).unwrap();
    writer.write_all(key.expose()).unwrap();
    let bytes = writer.finish().unwrap().finish().unwrap();
    Wrapped { recipient: recipient.to_string(), enc: String::from_utf8(bytes).unwrap() }
}

/// Returns the public half of `key.txt`.
fn recipient() -> String {
    let line = text("key.txt");
    let line = line.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    line.to_owned()
}

/// Returns the leaves of an expected document; nulls, and lists and maps without leaves, have none.
fn leaves(node: &Node) -> Vec<(Vec<String>, &Node)> {
    fn walk<'a>(node: &'a Node, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, &'a Node)>) {
        match node {
            Node::Map(members) => {
                for (key, node) in members {
                    path.push(key.clone());
                    walk(node, path, found);
                    path.pop();
                }
            }
            Node::List(items) => items.iter().for_each(|item| walk(item, path, found)),
            Node::Null => {}
            Node::Bool(_) | Node::Integer(_) | Node::Float(_) | Node::Text(_) => found.push((path.clone(), node)),
        }
    }
    let mut found = Vec::new();
    walk(node, &mut Vec::new(), &mut found);
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// Asserts that a document contains these values; 1 and 1.0 are the same number, and the MAC covers the order of keys.
#[track_caller]
fn assert_holds(name: &str, opened: &[Leaf], expected: &str) {
    let node: Node = serde_json::from_str(expected).unwrap();
    let expected = leaves(&node);
    let mut opened: Vec<_> = opened.iter().collect();
    opened.sort_by(|a, b| a.path.cmp(&b.path));
    assert_eq!(opened.len(), expected.len(), "{name}: the number of values");
    for (leaf, (path, node)) in opened.iter().zip(&expected) {
        assert_eq!(&leaf.path, path, "{name}");
        let found = leaf.value.expose();
        assert!(is_equal(leaf, node), "{name}: {} is {found:?} as {:?}", path.join("."), leaf.kind);
    }
}

fn is_equal(leaf: &Leaf, node: &Node) -> bool {
    let text = leaf.value.expose();
    match (leaf.kind, node) {
        (PlainKind::Bool, Node::Bool(flag)) => bool_of(text) == Some(*flag),
        (PlainKind::Int | PlainKind::Float, Node::Integer(number)) => {
            text.parse() == Ok(*number)
                || text.parse::<f64>().is_ok_and(|float| float.to_string() == number.to_string())
        }
        (PlainKind::Int | PlainKind::Float, Node::Float(number)) => {
            text.parse::<f64>().is_ok_and(|float| float.to_bits() == number.to_bits())
        }
        (PlainKind::Str | PlainKind::Time | PlainKind::Bytes, Node::Text(expected)) => text == expected,
        _ => false,
    }
}
