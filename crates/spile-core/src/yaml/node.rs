//! Nodes: what a YAML document consists of, each with its place.

use std::ops::Range;

/// A node of a document.
#[derive(Clone)]
pub struct Node {
    /// What it is.
    pub content: Content,
    /// Its bytes, from its anchor or tag to its last token.
    pub span: Range<usize>,
    /// The number under which aliases refer to it.
    pub anchor: Option<usize>,
    /// The tag, where one is written.
    pub tag: Option<String>,
}

/// What a node is.
#[derive(Clone)]
pub enum Content {
    /// A text, a number and so on, as it is written.
    Scalar {
        /// The text, unquoted.
        text: String,
        /// Whether it is without quotes, so that its form says what it is.
        is_plain: bool,
    },
    /// A list.
    Sequence(Style, Vec<Node>),
    /// A table.
    Mapping(Style, Vec<Pair>),
    /// The node of that anchor once more.
    Alias(usize),
}

/// A key and its value.
#[derive(Clone)]
pub struct Pair {
    /// The key.
    pub key: Node,
    /// The value.
    pub value: Node,
}

/// How a list or a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// By indentation.
    Block,
    /// In brackets.
    Flow,
}

impl Node {
    /// Returns the text of a scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, .. } => Some(text),
            Content::Sequence(..) | Content::Mapping(..) | Content::Alias(_) => None,
        }
    }

    /// Returns the members of a table, merge keys not yet followed.
    #[must_use]
    pub fn pairs(&self) -> &[Pair] {
        match &self.content {
            Content::Mapping(_, pairs) => pairs,
            Content::Sequence(..) | Content::Scalar { .. } | Content::Alias(_) => &[],
        }
    }

    /// Returns the items of a list.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.content {
            Content::Sequence(_, items) => items,
            Content::Mapping(..) | Content::Scalar { .. } | Content::Alias(_) => &[],
        }
    }

    /// Returns the member that is written under a key.
    #[must_use]
    pub fn pair(&self, key: &str) -> Option<&Pair> {
        self.pairs().iter().find(|pair| pair.key.text() == Some(key))
    }

    /// Returns the value that is written under a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.pair(key).map(|pair| &pair.value)
    }

    /// Returns the value at a path of keys.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Tells how a list or a table is written.
    #[must_use]
    pub fn style(&self) -> Option<Style> {
        match &self.content {
            Content::Sequence(style, _) | Content::Mapping(style, _) => Some(*style),
            Content::Scalar { .. } | Content::Alias(_) => None,
        }
    }

    /// Tells whether nothing is written: no member, no item, no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.content {
            Content::Scalar { text, is_plain } => *is_plain && super::scalar::is_null(text),
            Content::Sequence(_, items) => items.is_empty(),
            Content::Mapping(_, pairs) => pairs.is_empty(),
            Content::Alias(_) => false,
        }
    }

    /// Tells whether this is a key that merges its value into the table it is in.
    #[must_use]
    pub fn is_merge(&self) -> bool {
        matches!(&self.content, Content::Scalar { text, is_plain: true } if text == "<<") && self.tag.is_none()
    }

    /// Hands this node and all below it to a visitor, in the order of the text.
    pub fn visit<'a>(&'a self, visitor: &mut dyn FnMut(&'a Self)) {
        visitor(self);
        self.items().iter().for_each(|item| item.visit(visitor));
        for pair in self.pairs() {
            pair.key.visit(visitor);
            pair.value.visit(visitor);
        }
    }
}

impl Pair {
    /// Returns the bytes from the key to the last token of the value.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.key.span.start..self.value.span.end.max(self.key.span.end)
    }
}
