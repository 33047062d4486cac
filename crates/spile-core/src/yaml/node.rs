//! Nodes: the parts of a YAML document, each with its position.

use std::ops::Range;

/// A node of a document.
#[derive(Clone)]
pub struct Node {
    /// Its content.
    pub content: Content,
    /// Its bytes, from its anchor or tag to its last token.
    pub span: Range<usize>,
    /// The number that aliases refer to it by.
    pub anchor: Option<usize>,
    /// The tag, if one is written.
    pub tag: Option<String>,
}

/// The content of a node.
#[derive(Clone)]
pub enum Content {
    /// A text, a number and so on, as written.
    Scalar {
        /// The text without quotes.
        text: String,
        /// Whether it is unquoted, so that its form determines its type.
        is_plain: bool,
    },
    /// A list.
    Sequence(Style, Vec<Node>),
    /// A table.
    Mapping(Style, Vec<Pair>),
    /// A reference to the node with this anchor.
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

    /// Returns the members of a table, without resolving merge keys.
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

    /// Returns the member with this key.
    #[must_use]
    pub fn pair(&self, key: &str) -> Option<&Pair> {
        self.pairs().iter().find(|pair| pair.key.text() == Some(key))
    }

    /// Returns the value of this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.pair(key).map(|pair| &pair.value)
    }

    /// Returns the value at a path of keys.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Returns how a list or a table is written.
    #[must_use]
    pub fn style(&self) -> Option<Style> {
        match &self.content {
            Content::Sequence(style, _) | Content::Mapping(style, _) => Some(*style),
            Content::Scalar { .. } | Content::Alias(_) => None,
        }
    }

    /// Tells whether the node is empty: it has no members, no items or no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.content {
            Content::Scalar { text, is_plain } => *is_plain && super::scalar::is_null(text),
            Content::Sequence(_, items) => items.is_empty(),
            Content::Mapping(_, pairs) => pairs.is_empty(),
            Content::Alias(_) => false,
        }
    }

    /// Tells whether this is a key that merges its value into its table.
    #[must_use]
    pub fn is_merge(&self) -> bool {
        matches!(&self.content, Content::Scalar { text, is_plain: true } if text == "<<") && self.tag.is_none()
    }

    /// Calls a visitor for this node and all nodes below it, in text order.
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
