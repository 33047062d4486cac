//! Opens a document: decrypts every value and verifies the MAC.

use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

use super::Document;
use crate::secret::Secret;
use crate::sops::cipher::DataKey;
use crate::sops::enc::{Enc, NotEnc, PlainKind};
use crate::sops::encryption_rule::{EncryptionRule, TwoRules};
use crate::sops::metadata::BadMetadata;
use crate::sops::node::Node;

/// One decrypted value of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The keys from the root. Items of a list have no keys of their own.
    pub path: Vec<String>,
    /// The type of the value.
    pub kind: PlainKind,
    /// Whether it was encrypted.
    pub was_encrypted: bool,
    /// The value as text.
    pub value: Secret,
}

/// Why a document cannot be opened although its data key is available. No variant contains a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A value in the encrypted part is not a ciphertext.
    #[error("`{}` cannot be decrypted: {reason}", path.join("."))]
    NotEnc {
        /// The path of the value.
        path: Vec<String>,
        /// The reason.
        reason: NotEnc,
    },
    /// A ciphertext does not belong here: it was changed, moved or encrypted with another key.
    #[error("`{}` cannot be decrypted: it was changed, moved from another key, or encrypted with another data key", path.join("."))]
    Undecryptable {
        /// The path of the value.
        path: Vec<String>,
    },
    /// A plaintext does not match its type.
    #[error("the value of `{}` does not match its `type`", path.join("."))]
    Kind {
        /// The path of the value.
        path: Vec<String>,
    },
    /// The metadata cannot be used.
    #[error("the `sops` metadata is invalid: {0}")]
    Metadata(#[from] BadMetadata),
    /// The MAC was encrypted with another key, or `lastmodified` was edited.
    #[error("the MAC cannot be decrypted: `lastmodified` or `mac` was changed by hand")]
    MacUndecryptable,
    /// Values were added, removed, moved or changed without the data key.
    #[error("the MAC does not match: values were added, removed or moved by hand")]
    MacMismatch,
}

impl From<TwoRules> for Fault {
    fn from(error: TwoRules) -> Self {
        Self::Metadata(error.into())
    }
}

impl Document {
    /// Decrypts every value and verifies the MAC.
    ///
    /// # Errors
    /// With the first value that cannot be decrypted, or for the MAC.
    pub fn open(&self, key: &DataKey) -> Result<Vec<Leaf>, Fault> {
        let leaves = self.leaves(key)?;
        self.verify(key, &leaves)?;
        Ok(leaves)
    }

    /// Decrypts every value without verifying the MAC.
    pub(super) fn leaves(&self, key: &DataKey) -> Result<Vec<Leaf>, Fault> {
        let rule = self.metadata.encryption_rule()?;
        let mut leaves = Vec::new();
        let mut path = Vec::new();
        for (name, node) in &self.tree {
            path.push(name.as_str());
            open(node, &mut path, &rule, key, &mut leaves)?;
            path.pop();
        }
        Ok(leaves)
    }

    fn verify(&self, key: &DataKey, leaves: &[Leaf]) -> Result<(), Fault> {
        let associated = self.metadata.last_modified()?;
        let said = key.decrypt(&self.metadata.mac()?, associated.as_bytes()).ok_or(Fault::MacUndecryptable)?;
        let found = mac(leaves, self.metadata.mac_only_encrypted());
        // No need for constant time: both are hashes of what the caller has just decrypted.
        if found.as_bytes() == said.as_slice() { Ok(()) } else { Err(Fault::MacMismatch) }
    }
}

/// Returns a path as associated data: every key followed by a colon.
pub(super) fn associated(path: &[&str]) -> String {
    let mut associated = path.join(":");
    associated.push(':');
    associated
}

fn open<'a>(
    node: &'a Node,
    path: &mut Vec<&'a str>,
    rule: &EncryptionRule,
    key: &DataKey,
    leaves: &mut Vec<Leaf>,
) -> Result<(), Fault> {
    match node {
        Node::Map(members) => {
            for (name, member) in members {
                path.push(name);
                open(member, path, rule, key, leaves)?;
                path.pop();
            }
        }
        Node::List(items) => items.iter().try_for_each(|item| open(item, path, rule, key, leaves))?,
        Node::Null => {}
        Node::Bool(_) | Node::Integer(_) | Node::Float(_) | Node::Text(_) => {
            let leaf = if rule.encrypts(path) { decrypted(node, path, key)? } else { plain(node, path) };
            // The comments of YAML lists are items of theirs; sops drops them, and has no MAC over them.
            if leaf.kind != PlainKind::Comment {
                leaves.push(leaf);
            }
        }
    }
    Ok(())
}

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|key| (*key).to_owned()).collect()
}

fn decrypted(node: &Node, path: &[&str], key: &DataKey) -> Result<Leaf, Fault> {
    let not_enc = |reason| Fault::NotEnc { path: owned(path), reason };
    let text = node.as_text().ok_or_else(|| not_enc(NotEnc::Plain))?;
    if text.is_empty() {
        let value = Secret::new("");
        return Ok(Leaf { path: owned(path), kind: PlainKind::Str, was_encrypted: true, value });
    }
    let enc: Enc = text.parse().map_err(not_enc)?;
    let bytes = key.decrypt(&enc, associated(path).as_bytes());
    let bytes = bytes.ok_or_else(|| Fault::Undecryptable { path: owned(path) })?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Fault::Kind { path: owned(path) })?;
    if !holds(enc.kind, text) {
        return Err(Fault::Kind { path: owned(path) });
    }
    Ok(Leaf { path: owned(path), kind: enc.kind, was_encrypted: true, value: Secret::new(text) })
}

fn holds(kind: PlainKind, text: &str) -> bool {
    match kind {
        PlainKind::Int => text.parse::<i64>().is_ok(),
        PlainKind::Float => text.parse::<f64>().is_ok(),
        PlainKind::Bool => bool_of(text).is_some(),
        // sops itself panics on them, so there are none.
        PlainKind::Bytes => false,
        PlainKind::Str | PlainKind::Time | PlainKind::Comment => true,
    }
}

/// Parses the words that Go accepts as booleans.
#[must_use]
pub fn bool_of(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Returns a plain value in the form that the MAC covers.
fn plain(node: &Node, path: &[&str]) -> Leaf {
    let (kind, text) = match node {
        Node::Bool(flag) => (PlainKind::Bool, if *flag { "True".to_owned() } else { "False".to_owned() }),
        Node::Integer(number) => (PlainKind::Int, number.to_string()),
        Node::Float(number) => (PlainKind::Float, number.to_string()),
        Node::Text(text) => (PlainKind::Str, text.clone()),
        Node::Null | Node::List(_) | Node::Map(_) => (PlainKind::Str, String::new()),
    };
    Leaf { path: owned(path), kind, was_encrypted: false, value: Secret::new(text) }
}

/// Returns the MAC: SHA-512 over the plaintexts in document order, in upper-case hexadecimal. If it covers only
/// encrypted values, a hash of the word `sops` comes first, so that changing the flag is detected.
pub(super) fn mac(leaves: &[Leaf], only_encrypted: bool) -> Zeroizing<String> {
    let mut hash = Sha512::new();
    if only_encrypted {
        hash.update(Sha256::digest(b"sops"));
    }
    for leaf in leaves.iter().filter(|leaf| leaf.was_encrypted || !only_encrypted) {
        hash.update(leaf.value.expose().as_bytes());
    }
    Zeroizing::new(hash.finalize().iter().fold(String::with_capacity(128), |mut hex, byte| {
        hex.extend(
            [byte >> 4, byte & 15]
                .map(|nibble| char::from_digit(nibble.into(), 16).unwrap_or('0').to_ascii_uppercase()),
        );
        hex
    }))
}
