//! Documents: trees of values with metadata. They can be opened, changed and sealed again.

mod open;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::cipher::DataKey;
use super::enc::{Enc, PlainKind};
use super::metadata::{BadMetadata, Metadata, Wrapped};
use super::node::{self, Members, Node};
use crate::secret::Secret;
use crate::yaml::{is_deep, may_grow};
use open::{associated, mac};

pub use open::{Fault, Leaf, bool_of};

/// The key of the metadata.
const SOPS: &str = "sops";

/// The table in spile's files that is encrypted.
pub const SECRETS: &str = "secrets";

/// A sops document, as far as it can be read without a key.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The values, without `sops`.
    pub tree: Members,
    /// The `sops` block.
    pub metadata: Metadata,
}

/// Why a text is not a sops document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotADocument {
    /// It cannot be parsed. The parser's message is omitted if it would quote the text.
    #[error("it is not valid {format}: {message}")]
    Syntax {
        /// JSON or YAML.
        format: &'static str,
        /// The position, as line and column.
        message: String,
    },
    /// It is not a map.
    #[error("its top is not a map")]
    NotAMap,
    /// It has no `sops` block.
    #[error("it has no `sops` metadata: it was never encrypted, or the block is lost")]
    NoMetadata,
    /// The block is invalid.
    #[error("its `sops` metadata is invalid: {0}")]
    Metadata(#[from] BadMetadata),
    /// A YAML file with several documents cannot contain an integration's secrets.
    #[error("it holds several YAML documents")]
    Several,
    /// It has too many aliases, and each would be expanded to a copy.
    #[error("it has too many aliases (`*`) for its size")]
    Aliases,
}

impl Document {
    /// Creates a document from its top-level members.
    ///
    /// # Errors
    /// When they contain no metadata.
    pub fn from_members(mut members: Members) -> Result<Self, NotADocument> {
        let at = members.iter().position(|(key, _)| key == SOPS).ok_or(NotADocument::NoMetadata)?;
        match members.remove(at).1 {
            Node::Map(metadata) => Ok(Self { tree: members, metadata: Metadata::new(metadata) }),
            _ => Err(BadMetadata::NotATable.into()),
        }
    }

    /// Parses JSON.
    ///
    /// # Errors
    /// When it is not valid JSON, or not a sops document.
    pub fn from_json(text: &str) -> Result<Self, NotADocument> {
        let node = serde_json::from_str::<Node>(text).map_err(|error| NotADocument::Syntax {
            format: "JSON",
            message: format!("line {}, column {}", error.line(), error.column()),
        })?;
        Self::from_node(node)
    }

    /// Parses YAML with a single document.
    ///
    /// # Errors
    /// When it is not valid YAML, or not a sops document.
    pub fn from_yaml(text: &str) -> Result<Self, NotADocument> {
        let syntax = |error: yaml_serde::Error| NotADocument::Syntax {
            format: "YAML",
            message: error.location().map_or_else(
                || "it ends too early".to_owned(),
                |at| format!("line {}, column {}", at.line(), at.column()),
            ),
        };
        if is_deep(text) {
            return Err(NotADocument::Syntax { format: "YAML", message: "it is nested too deeply".to_owned() });
        }
        if may_grow(text) {
            return Err(NotADocument::Aliases);
        }
        let mut documents = yaml_serde::Deserializer::from_str(text);
        let first = documents.next().ok_or(NotADocument::NotAMap)?;
        let node = <Node as serde::Deserialize>::deserialize(first).map_err(syntax)?;
        if documents.next().is_some() {
            return Err(NotADocument::Several);
        }
        Self::from_node(node)
    }

    fn from_node(node: Node) -> Result<Self, NotADocument> {
        match node {
            Node::Map(members) => Self::from_members(members),
            _ => Err(NotADocument::NotAMap),
        }
    }

    /// Creates an empty document in spile's profile for a data key that has already been wrapped.
    #[must_use]
    pub fn profile(age: &[Wrapped]) -> Self {
        Self { tree: vec![(SECRETS.to_owned(), Node::Map(Members::new()))], metadata: Metadata::profile(age) }
    }

    /// Returns the members of `secrets`.
    #[must_use]
    pub fn secrets(&self) -> &[(String, Node)] {
        match node::find(&self.tree, SECRETS) {
            Some(Node::Map(members)) => members,
            _ => &[],
        }
    }

    /// Returns only `secrets` and `sops`. If the MAC covers only encrypted values, this is a complete document.
    #[must_use]
    pub fn carrier(&self) -> Self {
        let tree = vec![(SECRETS.to_owned(), Node::Map(self.secrets().to_vec()))];
        Self { tree, metadata: self.metadata.clone() }
    }

    /// Returns every text in the document with its path, in document order: ciphertexts and plaintexts.
    #[must_use]
    pub fn ciphertexts(&self) -> Vec<(Vec<String>, String)> {
        let mut found = Vec::new();
        texts(&self.tree, &mut Vec::new(), &mut found);
        found
    }

    /// Returns the document as JSON for the official sops: values in document order, metadata sorted by name.
    #[must_use]
    pub fn to_json(&self) -> String {
        // This cannot fail, because keys are text and values come from JSON.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Sets a member of `secrets`. Keeps the ciphertext if the value is the same, so that a diff shows only real
    /// changes. Tells whether it changed. [`Document::seal`] must be called afterwards.
    pub fn set(&mut self, name: &str, value: &Secret, key: &DataKey) -> bool {
        let associated = associated(&[SECRETS, name]);
        let is_same = |node: &Node| match node.as_text().map(str::parse::<Enc>) {
            Some(Ok(enc)) => {
                let old = key.decrypt(&enc, associated.as_bytes());
                enc.kind == PlainKind::Str && old.is_some_and(|old| *old == value.expose().as_bytes())
            }
            Some(Err(_)) | None => value.is_empty() && node.as_text() == Some(""),
        };
        if self.secrets().iter().any(|(known, node)| known == name && is_same(node)) {
            return false;
        }
        let enc = key.encrypt(value.expose().as_bytes(), PlainKind::Str, associated.as_bytes());
        let node = Node::Text(enc.map(|enc| enc.to_string()).unwrap_or_default());
        self.change_secrets(|members| match members.iter_mut().find(|(known, _)| known == name) {
            Some((_, present)) => *present = node,
            None => members.push((name.to_owned(), node)),
        });
        true
    }

    /// Removes a secret, and tells whether it existed. [`Document::seal`] must be called afterwards.
    pub fn remove(&mut self, name: &str) -> bool {
        self.change_secrets(|members| {
            let before = members.len();
            members.retain(|(known, _)| known != name);
            members.len() < before
        })
    }

    /// Changes the members of `secrets`, which is created if it does not exist.
    fn change_secrets<T>(&mut self, change: impl FnOnce(&mut Members) -> T) -> T {
        let at = self.tree.iter().position(|(key, _)| key == SECRETS);
        let at = at.unwrap_or(self.tree.len());
        let mut members = match (at < self.tree.len()).then(|| self.tree.remove(at).1) {
            Some(Node::Map(members)) => members,
            _ => Members::new(),
        };
        let changed = change(&mut members);
        self.tree.insert(at, (SECRETS.to_owned(), Node::Map(members)));
        changed
    }

    /// Creates the MAC over the current values with the current time.
    ///
    /// # Errors
    /// When a value cannot be decrypted with this key.
    pub fn seal(&mut self, key: &DataKey, now: jiff::Timestamp) -> Result<(), Fault> {
        let leaves = self.leaves(key)?;
        let at = now.round(jiff::Unit::Second).unwrap_or(now).to_string();
        let mac = mac(&leaves, self.metadata.mac_only_encrypted());
        let enc = key.encrypt(mac.as_bytes(), PlainKind::Str, at.as_bytes());
        self.metadata.set("lastmodified", Node::Text(at));
        self.metadata.set("mac", Node::Text(enc.map(|enc| enc.to_string()).unwrap_or_default()));
        Ok(())
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.tree.len() + 1))?;
        self.tree.iter().try_for_each(|(key, node)| map.serialize_entry(key, node))?;
        map.serialize_entry(SOPS, &Sorted(self.metadata.members()))?;
        map.end()
    }
}

/// Serializes members sorted by name.
struct Sorted<'a>(&'a Members);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut members: Vec<&(String, Node)> = self.0.iter().collect();
        members.sort_by(|a, b| a.0.cmp(&b.0));
        let mut map = to.serialize_map(Some(members.len()))?;
        members.into_iter().try_for_each(|(key, node)| map.serialize_entry(key, node))?;
        map.end()
    }
}

fn texts(members: &Members, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, String)>) {
    for (key, node) in members {
        path.push(key.clone());
        match node {
            Node::Map(inner) => texts(inner, path, found),
            Node::Text(text) => found.push((path.clone(), text.clone())),
            Node::Null | Node::Bool(_) | Node::Integer(_) | Node::Float(_) | Node::List(_) => {}
        }
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_with_other_line_endings_is_the_same() {
        let wrapped =
            super::super::Wrapped { recipient: "age1x".to_owned(), enc: "-----BEGIN\nabc\n-----END\n".to_owned() };
        let (key, mut document) = (DataKey::generate(), Document::profile(&[wrapped]));
        document.set("a", &Secret::new("x"), &key);
        document.seal(&key, jiff::Timestamp::UNIX_EPOCH).unwrap();
        let json = document.to_json();
        let toml = super::super::rewrite("name = 'x'\n", &document).unwrap();
        let yaml = yaml_serde::to_string(&serde_json::from_str::<serde_json::Value>(&json).unwrap()).unwrap();
        let of_toml =
            |text: &str| Document::from_members(node::from_toml(&crate::table::tree(text).unwrap())).unwrap().carrier();
        let windows = |text: &str| text.replace('\n', "\r\n");
        assert!(json.contains("abc") && toml.contains("abc\n") && yaml.contains("abc\n"), "{yaml}");
        assert_eq!(of_toml(&windows(&toml)).to_json(), of_toml(&toml).to_json());
        assert_eq!(Document::from_json(&windows(&json)).unwrap(), Document::from_json(&json).unwrap());
        assert_eq!(Document::from_yaml(&windows(&yaml)).unwrap(), Document::from_yaml(&yaml).unwrap());
    }

    #[test]
    fn a_secret_is_only_encrypted_again_if_its_value_changed() {
        let key = DataKey::generate();
        let mut document = Document::profile(&[]);
        let mut previous = None;
        for (value, is_written) in
            [("", true), ("", false), ("hunter2", true), ("hunter2", false), ("hunter3", true), ("", true), ("x", true)]
        {
            assert_eq!(document.set("password", &Secret::new(value), &key), is_written, "{value:?}");
            document.seal(&key, jiff::Timestamp::UNIX_EPOCH).unwrap();
            let values: Vec<String> =
                document.open(&key).unwrap().iter().map(|leaf| leaf.value.expose().to_owned()).collect();
            assert_eq!(values, [value]);
            let ciphertexts = document.ciphertexts();
            assert_eq!(previous.as_ref() != Some(&ciphertexts), is_written, "{value:?}");
            previous = Some(ciphertexts);
        }
    }

    #[test]
    fn a_plaintext_value_does_not_count_as_unchanged() {
        let key = DataKey::generate();
        let mut document = Document::profile(&[]);
        for plain in [Node::Text("hunter2".to_owned()), Node::Null, Node::Integer(2)] {
            document.change_secrets(|members| *members = vec![("password".to_owned(), plain)]);
            assert!(document.set("password", &Secret::new("hunter2"), &key));
            assert!(document.secrets()[0].1.as_text().unwrap().starts_with("ENC[AES256_GCM,"));
        }
    }

    #[test]
    fn a_secret_is_removed_once() {
        let key = DataKey::generate();
        let mut document = Document::profile(&[]);
        document.set("password", &Secret::new("hunter2"), &key);
        document.set("user", &Secret::new("bob"), &key);
        assert!(document.remove("password"));
        assert!(!document.remove("password"));
        assert_eq!(document.secrets().iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["user"]);
    }

    #[test]
    fn a_document_without_secrets_gets_them_at_the_end() {
        let key = DataKey::generate();
        let mut document = Document::profile(&[]);
        document.tree = vec![("note".to_owned(), Node::Text("plain".to_owned()))];
        assert!(!document.remove("password"));
        assert!(document.set("password", &Secret::new("hunter2"), &key));
        assert_eq!(document.tree.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["note", "secrets"]);
        assert_eq!(document.secrets().len(), 1);
    }
}
