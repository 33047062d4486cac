//! Recognizes secrets that are not declared as such, by name and by value, so that none stays in plaintext unnoticed.

mod copies;
mod name;
mod redaction;
mod shape;
mod text;
mod value;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::value::expansion::has_variable;
use crate::yaml::{Content, Document, Edits, Node, comments};

pub use copies::Copies;
pub use name::{is_name, is_never};
pub use redaction::Redaction;
pub use text::{in_text, struck, unescaped};
pub use value::{Sighting, Use, is_real, is_value, sightings};

/// The text that replaces a word that may be a secret.
pub const NOT_SHOWN: &str = "(not shown)";

#[expect(clippy::unwrap_used, reason = "the patterns are constants, and tests compile them")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

static IN_COMMENT: LazyLock<Regex> = LazyLock::new(|| pattern(r#"([A-Za-z_][\w.-]*)["']?\s*[:=]\s*(\S.*)$"#));

/// A secret in plaintext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clear {
    /// Its key.
    pub name: String,
    /// The bytes of its value.
    pub span: Range<usize>,
}

/// Finds what looks like a secret in plaintext anywhere in a document.
#[must_use]
pub fn clear(document: &Document<'_>) -> Vec<Clear> {
    let mut found = Vec::new();
    walk(&document.root, "", &is_name, &mut found);
    found
}

/// Returns a YAML text without the values that look like secrets. A text that cannot be parsed is returned unchanged.
#[must_use]
pub fn struck_document(text: &str) -> Cow<'_, str> {
    let Ok(document) = Document::parse(text) else { return Cow::Borrowed(text) };
    let mut edits = Edits::default();
    for found in clear(&document) {
        edits.replace(found.span, NOT_SHOWN);
    }
    if edits.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(edits.apply(text, &str::to_owned)) }
}

fn walk(node: &Node, name: &str, is_secret: &dyn Fn(&str) -> bool, found: &mut Vec<Clear>) {
    match &node.content {
        Content::Scalar { text, is_plain } => {
            let is_word = *is_plain && matches!(text.as_str(), "true" | "false" | "null" | "~");
            let says = !text.is_empty() && !is_word && text != NOT_SHOWN;
            if says && ((is_secret(name) && !has_variable(text)) || is_value(text)) {
                found.push(Clear { name: name.to_owned(), span: node.span.clone() });
            }
        }
        Content::Sequence(_, items) => items.iter().for_each(|item| walk(item, name, is_secret, found)),
        Content::Mapping(_, pairs) => {
            for pair in pairs {
                let key = pair.key.text().unwrap_or_default();
                // Declarations of settings contain no values, except for defaults.
                if key == "settings" && !pair.value.items().is_empty() {
                    pair.value.items().iter().for_each(|item| declared(item, is_secret, found));
                } else {
                    walk(&pair.value, key, is_secret, found);
                }
            }
        }
        Content::Alias(_) => {}
    }
}

fn declared(item: &Node, is_secret: &dyn Fn(&str) -> bool, found: &mut Vec<Clear>) {
    if let (Some(name), Some(value)) = (item.get("name").and_then(Node::text), item.get("value")) {
        walk(value, name, is_secret, found);
    }
}

/// Returns the name and value in a line: `password: hunter2` in a comment, `PASSWORD=hunter2` in a file of variables.
#[must_use]
pub fn said(line: &str) -> Option<(String, Range<usize>)> {
    let said = IN_COMMENT.captures(line)?;
    Some((said[1].to_owned(), said.get(2)?.range()))
}

/// Finds what looks like a secret in the comments of a document.
#[must_use]
pub fn in_comments(document: &Document<'_>, is_secret: &dyn Fn(&str) -> bool) -> Vec<Clear> {
    let all = comments(document.text, 0..document.text.len(), &document.root).into_iter();
    let clear = |(at, comment): (usize, &str)| {
        let (name, value) = said(comment).filter(|(name, _)| is_secret(name))?;
        let is_open = has_variable(&comment[value.clone()]) || comment[value.clone()] == *NOT_SHOWN;
        (!is_open).then(|| Clear { name, span: at + value.start..at + value.end })
    };
    all.filter_map(clear).collect()
}

/// Returns a text to show to people, without the values of these settings, anything that looks like a secret, and
/// copies of known secrets, including in comments.
#[must_use]
pub fn masked(text: &str, names: &BTreeSet<&str>, copies: &Copies) -> String {
    let Ok(document) = Document::parse(text) else { return String::new() };
    let is_secret =
        |name: &str| is_name(name) || names.iter().any(|known| *known == name || known.ends_with(&format!(".{name}")));
    let mut found = in_comments(&document, &is_secret);
    walk(&document.root, "", &is_secret, &mut found);
    document.root.visit(&mut |node| {
        let is_copy = |text| copies.is_in(text) || (node.anchor.is_some() && copies.is_exactly(text));
        if node.text().is_some_and(is_copy) {
            found.push(Clear { name: String::new(), span: node.span.clone() });
        }
    });
    found.sort_by_key(|clear| clear.span.start);
    let mut edits = crate::yaml::Edits::default();
    let mut done = 0;
    for Clear { span, .. } in found.into_iter().filter(|clear| !clear.span.is_empty()) {
        if span.start >= done {
            done = span.end;
            edits.replace(span, "***");
        }
    }
    copies.struck(&edits.apply(text, &str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_secrets_under_any_name_are_recognized() {
        assert!(is_value("postgresql://me:hunter2@db/x") && is_value("Bearer abcdefgh12345"));
        assert!(!is_value("https://example.com:8080/a@b") && !is_value("eyes"));
    }

    #[test]
    fn masked_text_contains_no_secrets() {
        let text = "pin: 12345\nk: [{keys: [hunter2]}]\na: # password: hunter2\n  password: hunter2\n  l: [{token: 'hunter2'}]\n  pem: |\n    -----BEGIN PRIVATE KEY-----\n    hunter2\nb: $PASSWORD\n";
        let names = BTreeSet::from(["pin", "x.keys"]);
        assert_eq!(
            masked(text, &names, &Copies::default()),
            "pin: ***\nk: [{keys: [***]}]\na: # password: ***\n  password: ***\n  l: [{token: ***}]\n  pem: ***\nb: $PASSWORD\n"
        );
    }
}
