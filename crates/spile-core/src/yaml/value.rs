//! The values of nodes as Meltano sees them, with aliases and merge keys resolved.

use std::cell::Cell;

use serde_json::{Map, Value};

use super::{Content, Document, Node, scalar};

/// The most values that aliases may expand a document to. A few lines can ask for billions.
const MOST: usize = 1_000_000;

/// The deepest nesting through aliases. The text itself has fewer levels, and each one is a recursive call.
const DEEPEST: usize = 200;

const TAGGED: &str = "a value with a tag";

/// A value that neither JSON nor TOML can express.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Odd {
    /// What it is, as a phrase.
    pub what: &'static str,
    /// Its position.
    pub at: usize,
}

/// Turns the nodes of one document into values.
pub struct ValueReader<'a> {
    document: &'a Document<'a>,
    left: Cell<usize>,
    depth: Cell<usize>,
}

impl<'a> ValueReader<'a> {
    /// Creates a reader of a document's values.
    #[must_use]
    pub fn of(document: &'a Document<'a>) -> Self {
        Self { document, left: Cell::new(MOST), depth: Cell::new(0) }
    }

    /// Tells whether aliases have made the document larger or deeper than allowed.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.left.get() == 0
    }

    /// Returns the value of a node. If JSON cannot express it, returns its text and adds an entry to `odd`.
    pub fn value(&self, node: &Node, odd: &mut Vec<Odd>) -> Value {
        // A long text costs as much as values of the same size.
        let cost = 1 + node.text().map_or(0, |text| text.len() / 32);
        self.left.set(self.left.get().saturating_sub(cost));
        if self.depth.get() == DEEPEST {
            self.left.set(0);
        }
        if self.is_exhausted() {
            return Value::Null;
        }
        self.depth.set(self.depth.get() + 1);
        let value = self.content(node, odd);
        self.depth.set(self.depth.get() - 1);
        value
    }

    fn content(&self, node: &Node, odd: &mut Vec<Odd>) -> Value {
        match &node.content {
            Content::Alias(_) => match self.document.resolve(node) {
                Some(target) => self.value(target, odd),
                None => Value::Null,
            },
            Content::Scalar { .. } => self.scalar(node).unwrap_or_else(|what| {
                let text = node.text().unwrap_or_default();
                odd.push(Odd { what, at: node.span.start });
                Value::String(format!("!{text}"))
            }),
            // These tags only say what the node obviously is.
            Content::Sequence(..) | Content::Mapping(..)
                if !matches!(node.tag.as_deref(), None | Some("!" | "!!seq" | "!!map")) =>
            {
                odd.push(Odd { what: TAGGED, at: node.span.start });
                Value::Null
            }
            Content::Sequence(_, items) => items.iter().map(|item| self.value(item, odd)).collect(),
            Content::Mapping(..) => Value::Object(self.members(node, odd)),
        }
    }

    /// Returns the value of a scalar, or a description of what cannot be expressed.
    fn scalar(&self, node: &Node) -> Result<Value, &'static str> {
        let Content::Scalar { text, is_plain } = &node.content else { return Ok(Value::Null) };
        let plain = |text| scalar::plain(text, self.document.schema).ok_or("a number that TOML cannot express");
        match node.tag.as_deref() {
            // YAML defines types for these two, but they have no value.
            None | Some("!") if *is_plain && matches!(text.as_str(), "=" | "<<") => Err(TAGGED),
            None | Some("!") if *is_plain => plain(text),
            None | Some("!" | "tag:yaml.org,2002:str") => Ok(Value::String(text.clone())),
            Some(tag) => {
                let kind = tag.strip_prefix("!!").or_else(|| tag.strip_prefix("tag:yaml.org,2002:"));
                kind.and_then(|kind| scalar::of_kind(text, kind)).ok_or(TAGGED)
            }
        }
    }

    /// Returns the members of a table. As in Meltano, its own members come first and override merged ones.
    fn members(&self, node: &Node, odd: &mut Vec<Odd>) -> Map<String, Value> {
        let mut members = Map::new();
        for pair in node.pairs().iter().filter(|pair| !pair.key.is_merge()) {
            let key = match self.key(&pair.key, odd) {
                Value::String(key) if !self.is_date(&pair.key) => key,
                key => {
                    odd.push(Odd { what: "a key that is not a string", at: pair.key.span.start });
                    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
                }
            };
            members.insert(key, self.value(&pair.value, odd));
        }
        for pair in node.pairs().iter().filter(|pair| pair.key.is_merge()) {
            for source in self.document.merged(&pair.value) {
                if let Value::Object(merged) = self.value(source, odd) {
                    for (key, value) in merged {
                        members.entry(key).or_insert(value);
                    }
                }
            }
        }
        members
    }

    fn is_date(&self, key: &Node) -> bool {
        let Some(Node { content: Content::Scalar { text, is_plain: true }, .. }) = self.document.resolve(key) else {
            return false;
        };
        scalar::is_date(text)
    }

    fn key(&self, node: &Node, odd: &mut Vec<Odd>) -> Value {
        match &node.content {
            Content::Scalar { text, is_plain: true } if text == "=" => Value::String(text.clone()),
            _ => self.value(node, odd),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> (Value, Vec<&'static str>) {
        let document = Document::parse(text).unwrap();
        let mut odd = Vec::new();
        let value = ValueReader::of(&document).value(&document.root, &mut odd);
        (value, odd.into_iter().map(|odd| odd.what).collect())
    }

    #[test]
    fn aliases_and_merge_keys_are_followed() {
        let text = "a: &a {x: 1, y: [1]}\nb: *a\nc: {<<: *a, x: 2}\nd:\n  <<: [{z: 1}, *a]\n";
        let wanted = json!({"a": {"x": 1, "y": [1]}, "b": {"x": 1, "y": [1]}, "c": {"x": 2, "y": [1]},
                            "d": {"z": 1, "x": 1, "y": [1]}});
        assert_eq!(read(text), (wanted, vec![]));
    }

    #[test]
    fn values_that_cannot_be_expressed_are_reported() {
        let (_, odd) = read("a: .nan\n1: x\nb: !env X\n");
        assert_eq!(odd, ["a number that TOML cannot express", "a key that is not a string", "a value with a tag"]);
    }

    #[test]
    fn a_long_text_cannot_be_repeated_without_limit() {
        let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(1_000_000), vec!["*a"; 1000].join(", "));
        let document = Document::parse(&text).unwrap();
        let values = ValueReader::of(&document);
        values.value(&document.root, &mut Vec::new());
        assert!(values.is_exhausted());
    }

    #[test]
    fn aliases_cannot_nest_without_limit() {
        let links = (1..100_000).map(|n| format!("- &a{n} [*a{}]\n", n - 1));
        let text = format!("x:\n- &a0 [x]\n{}y: *a99999\n", links.collect::<String>());
        let read = move || {
            let document = Document::parse(&text).unwrap();
            let values = ValueReader::of(&document);
            values.value(&document.root, &mut Vec::new());
            assert!(values.is_exhausted());
        };
        std::thread::Builder::new().stack_size(2 << 20).spawn(read).unwrap().join().unwrap();
    }

    #[test]
    fn aliases_cannot_expand_without_limit() {
        let lines = (1..12).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", ")));
        let text = format!("a0: &a0 [x, x, x, x, x, x, x, x, x]\n{}", lines.collect::<String>());
        let document = Document::parse(&text).unwrap();
        let values = ValueReader::of(&document);
        values.value(&document.root, &mut Vec::new());
        assert!(values.is_exhausted());
    }
}
