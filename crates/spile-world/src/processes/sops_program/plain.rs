//! Merges the program's plaintext into the tree of the document that it comes from.

use super::ProgramError;
use spile_core::secret::Secret;
use spile_core::sops::node::Node;
use spile_core::sops::{Document, Enc, EncryptionRule, Leaf, PREFIX, PlainKind, SECRETS};

/// Returns the leaves of a document with the values that the program printed as JSON.
pub(super) fn leaves(document: &Document, output: &[u8]) -> Result<Vec<Leaf>, ProgramError> {
    let rule = document.metadata.encryption_rule().map_err(|_| UNEXPECTED)?;
    let Ok(Node::Map(mut plain)) = serde_json::from_slice::<Node>(output) else { return Err(UNEXPECTED) };
    let mut leaves = Vec::new();
    for (key, node) in &document.tree {
        let at = plain.iter().position(|(name, _)| name == key).ok_or(UNEXPECTED)?;
        walk(node, plain.remove(at).1, &mut vec![key], &rule, &mut leaves)?;
    }
    Ok(leaves)
}

/// Adds the plain part of a document in spile's profile to its secrets, in the document's order.
pub(super) fn with_plain_part(document: &Document, secrets: Vec<Leaf>) -> Result<Vec<Leaf>, ProgramError> {
    let rule = document.metadata.encryption_rule().map_err(|_| UNEXPECTED)?;
    let mut leaves = Vec::new();
    let mut secrets = Some(secrets);
    for (key, node) in &document.tree {
        if key == SECRETS {
            leaves.extend(secrets.take().unwrap_or_default());
        } else {
            walk(node, node.clone(), &mut vec![key], &rule, &mut leaves)?;
        }
    }
    Ok(leaves)
}

const UNEXPECTED: ProgramError = ProgramError::Answer { doing: "decrypt" };

fn walk<'a>(
    node: &'a Node,
    plain: Node,
    path: &mut Vec<&'a str>,
    rule: &EncryptionRule,
    leaves: &mut Vec<Leaf>,
) -> Result<(), ProgramError> {
    match (node, plain) {
        (Node::Map(members), Node::Map(mut plain)) => {
            for (key, member) in members {
                let at = plain.iter().position(|(name, _)| name == key).ok_or(UNEXPECTED)?;
                path.push(key);
                walk(member, plain.remove(at).1, path, rule, leaves)?;
                path.pop();
            }
        }
        (Node::List(items), Node::List(plain)) if items.len() == plain.len() => {
            for (item, plain) in items.iter().zip(plain) {
                walk(item, plain, path, rule, leaves)?;
            }
        }
        (Node::Null, Node::Null) => {}
        (Node::Bool(_) | Node::Integer(_) | Node::Float(_) | Node::Text(_), plain) => {
            leaves.push(leaf(node, plain, path, rule)?);
        }
        (Node::Null | Node::Map(_) | Node::List(_), _) => return Err(UNEXPECTED),
    }
    Ok(())
}

fn leaf(node: &Node, plain: Node, path: &[&str], rule: &EncryptionRule) -> Result<Leaf, ProgramError> {
    let enc = node.as_text().filter(|text| text.starts_with(PREFIX)).and_then(|text| text.parse::<Enc>().ok());
    let was_encrypted = match rule {
        EncryptionRule::Comments => enc.is_some(),
        EncryptionRule::UnencryptedSuffix(_)
        | EncryptionRule::EncryptedSuffix(_)
        | EncryptionRule::UnencryptedRegex(_)
        | EncryptionRule::EncryptedRegex(_) => rule.encrypts(path),
    };
    let said = enc.filter(|_| was_encrypted).map(|enc| enc.kind);
    let (kind, text) = match plain {
        Node::Bool(flag) => (PlainKind::Bool, if flag { "True" } else { "False" }.to_owned()),
        Node::Integer(number) => (PlainKind::Int, number.to_string()),
        Node::Float(number) => (PlainKind::Float, number.to_string()),
        Node::Text(text) => (PlainKind::Str, text),
        Node::Null | Node::List(_) | Node::Map(_) => return Err(UNEXPECTED),
    };
    let path = path.iter().map(|key| (*key).to_owned()).collect();
    Ok(Leaf { path, kind: said.unwrap_or(kind), was_encrypted, value: Secret::new(text) })
}
