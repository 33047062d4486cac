//! Properties of documents, tested with generated values.

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use spile_core::secret::Secret;
use spile_core::sops::node::{Members, Node};
use spile_core::sops::{DataKey, Document, Enc, Metadata, PlainKind, Wrapped, rewrite};

use super::toml;
use crate::properties::values::{key, text, tries};

/// Lines before the tables of secrets: `{n}` is a different number each time.
const HEAD: [&str; 8] = [
    "plain{n} = 1 # why\n",
    "odd{n}   = 'x'\n",
    "# a comment\n",
    "\n",
    "list{n} = [ 1,\n  2, # two\n]\n",
    "inline{n} = { a = 1, b.c = 2024-01-01 }\n",
    "text{n} = \"\"\"\n[secrets]\n[sops]\nmac = 1\"\"\"\n",
    "dotted{n}.a.b = true\n",
];

/// Tables before them, too.
const TABLES: [&str; 4] = [
    "[t{n}.deep]\nx = 1\n",
    "[[rows{n}]]\na = 1\n\n[[rows{n}]]\na = 2\n  [rows{n}.inner]\n",
    "  [indented{n}]   # behind\n  z = 1\n",
    "[nested{n}.other]\npassword = 'x'\n",
];

/// Tables after them; `[t{n}]` follows its own subtable.
const TAIL: [&str; 4] =
    ["[t{n}]\ny = 2\n", "[[late{n}]]\na = 1\n", "# late\n\n[u{n}]\nz = 1 # last\n", "[v{n}.sops]\nmac = 'none'\n"];

/// A text, often one that looks like a number, a keyword of some language or a ciphertext.
pub fn secret() -> impl Strategy<Value = String> {
    let ciphertexts =
        vec!["ENC[", "ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]", "-----BEGIN AGE ENCRYPTED FILE-----"];
    prop_oneof![5 => text(), 1 => select(ciphertexts).prop_map(str::to_owned)]
}

/// Secrets with different names, in any order.
pub fn secrets() -> impl Strategy<Value = Vec<(String, String)>> {
    let names = prop_oneof![key(), select(vec!["a:b", "a.b", "a b", "\"", "sops", "secrets"]).prop_map(str::to_owned)];
    proptest::collection::btree_map(names, secret(), 1..6)
        .prop_map(|secrets| secrets.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
}

fn parts(templates: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(select(templates), 0..most).prop_map(|parts| {
        let numbered = parts.iter().enumerate().map(|(n, part)| part.replace("{n}", &n.to_string()));
        numbered.collect()
    })
}

fn head() -> impl Strategy<Value = String> {
    (parts(&HEAD, 5), parts(&TABLES, 4)).prop_map(|(values, tables)| values + &tables)
}

fn tail() -> impl Strategy<Value = String> {
    parts(&TAIL, 4).prop_map(|tables| format!("\n{tables}"))
}

/// Makes a document in spile's profile.
pub fn sealed(secrets: &[(String, String)], key: &DataKey, wrapped: Wrapped) -> Document {
    let mut document = Document::profile(&[wrapped]);
    for (name, value) in secrets {
        document.set(name, &Secret::new(value.as_str()), key);
    }
    document.seal(key, Timestamp::UNIX_EPOCH).unwrap();
    document
}

fn nobody() -> Wrapped {
    let enc = "-----BEGIN AGE ENCRYPTED FILE-----\neA==\n-----END AGE ENCRYPTED FILE-----\n";
    Wrapped { recipient: "age1nobody".to_owned(), enc: enc.to_owned() }
}

/// Returns the secrets of a document, after verifying it.
fn opened(document: &Document, key: &DataKey) -> Vec<(String, String)> {
    let leaves = document.open(key).unwrap();
    let encrypted = leaves.into_iter().filter(|leaf| leaf.was_encrypted && leaf.path.len() == 2);
    encrypted.map(|leaf| (leaf.path[1].clone(), leaf.value.expose().to_owned())).collect()
}

proptest! {
    #![proptest_config(tries())]

    #[test]
    fn written_documents_are_read_back(head in head(), tail in tail(), secrets in secrets()) {
        let key = DataKey::generate();
        let document = sealed(&secrets, &key, nobody());
        let written = rewrite(&head, &document).unwrap();
        prop_assert_eq!(toml(&written).unwrap().carrier(), document.clone(), "{}", written);
        let read = toml(&(written + &tail)).unwrap();
        prop_assert_eq!(&read.carrier(), &document);
        prop_assert_eq!(opened(&read, &key), secrets);
    }

    #[test]
    fn everything_but_the_secrets_keeps_every_byte(
        head in head(), tail in tail(), before in secrets(), after in secrets(), windows: bool,
    ) {
        let ends = |text: String| if windows { text.replace('\n', "\r\n") } else { text };
        let (head, tail) = (ends(head), ends(tail));
        let key = DataKey::generate();
        let written = ends(rewrite(&head, &sealed(&before, &key, nobody())).unwrap().replace("\r\n", "\n"));
        prop_assert!(written.starts_with(&head), "{}", written);
        let written = written + &tail;
        let document = sealed(&after, &key, nobody());
        let changed = rewrite(&written, &document).unwrap();
        prop_assert!(changed.starts_with(&head) && changed.ends_with(&tail), "{written}\n=====>\n{changed}");
        prop_assert_eq!(rewrite(&changed, &document).unwrap(), changed.clone());
        prop_assert_eq!(opened(&toml(&changed).unwrap(), &key), after);
    }

    #[test]
    fn a_file_follows_any_changes_of_its_document(
        head in head(), tail in tail(), secrets in secrets(),
        changes in proptest::collection::vec((any::<Index>(), proptest::option::of(secret())), 1..6),
        more in secrets(),
    ) {
        let key = DataKey::generate();
        let before = rewrite(&head, &sealed(&secrets, &key, nobody())).unwrap() + &tail;
        let mut document = toml(&before).unwrap();
        for (which, value) in &changes {
            let name = &secrets[which.index(secrets.len())].0;
            match value {
                Some(value) => drop(document.set(name, &Secret::new(value.as_str()), &key)),
                None => drop(document.remove(name)),
            }
        }
        for (name, value) in &more {
            document.set(name, &Secret::new(value.as_str()), &key);
        }
        document.seal(&key, Timestamp::UNIX_EPOCH).unwrap();
        let after = rewrite(&before, &document).unwrap();
        let read = toml(&after).unwrap();
        prop_assert_eq!(opened(&read, &key), opened(&document, &key), "{}\n=====>\n{}", before, after);
        prop_assert_eq!(rewrite(&after, &read).unwrap(), after);
    }

    #[test]
    fn an_unchanged_secret_keeps_its_ciphertext(secrets in secrets()) {
        let key = DataKey::generate();
        let mut document = sealed(&secrets, &key, nobody());
        let before = document.clone();
        for (name, value) in &secrets {
            prop_assert!(!document.set(name, &Secret::new(value.as_str()), &key), "{}", name);
        }
        prop_assert_eq!(document, before);
    }

    #[test]
    fn a_changed_byte_is_refused_or_changes_nothing(
        secrets in secrets(), which: Index, at: Index, byte in 0x20_u8..0x7f,
    ) {
        let key = DataKey::generate();
        let document = sealed(&secrets, &key, nobody());
        let texts = secrets.iter().map(|(name, _)| Some(name.as_str())).chain([None, None]);
        let which = which.index(texts.count());
        let mut changed = document.clone();
        let mut metadata = document.metadata.members().clone();
        match secrets.get(which) {
            Some(_) => {
                let mut members = document.secrets().to_vec();
                flip(&mut members[which].1, at, byte);
                changed.tree[0].1 = Node::Map(members);
            }
            None => flip_of(&mut metadata, ["lastmodified", "mac"][which - secrets.len()], at, byte),
        }
        changed.metadata = Metadata::new(metadata);
        if let Ok(leaves) = changed.open(&key) {
            prop_assert_eq!(leaves, document.open(&key).unwrap());
        }
    }

    #[test]
    fn written_ciphertexts_are_read_back(
        data in proptest::collection::vec(any::<u8>(), 1..80), iv: [u8; 32], tag: [u8; 16],
        kind in select(vec![PlainKind::Str, PlainKind::Int, PlainKind::Float, PlainKind::Bool, PlainKind::Time, PlainKind::Bytes, PlainKind::Comment]),
    ) {
        let enc = Enc { data, iv: iv.to_vec(), tag: tag.to_vec(), kind };
        prop_assert_eq!(enc.to_string().parse::<Enc>(), Ok(enc));
    }

    #[test]
    fn any_text_is_refused_or_written_back_unchanged(
        text in prop_oneof![any::<String>(), "ENC\\[AES256_GCM,[a-z0-9:,=+/\\]]{0,60}\\]?"],
    ) {
        if let Ok(enc) = text.parse::<Enc>() {
            prop_assert_eq!(enc.to_string(), text);
        }
    }
}

fn flip(node: &mut Node, at: Index, byte: u8) {
    let mut text = node.as_text().unwrap().to_owned();
    // An empty text is not encrypted, and has no bytes to change.
    if !text.is_empty() {
        let at = at.index(text.len());
        text.replace_range(at..=at, &char::from(byte).to_string());
    }
    *node = Node::Text(text);
}

fn flip_of(members: &mut Members, name: &str, at: Index, byte: u8) {
    flip(&mut members.iter_mut().find(|(known, _)| known == name).unwrap().1, at, byte);
}
