//! Documents: parsed texts. What Meltano's own reader rejects is rejected here too.

use std::collections::{BTreeMap, BTreeSet};

use super::compose::Composer;
use super::parse::Parser;
use super::scalar::{self, Schema};
use super::token::Event;
use super::{Content, Node, Style, YamlMistake};

/// A text and its nodes.
pub struct Document<'a> {
    /// The text.
    pub text: &'a str,
    /// Its top node; an empty table if the text has none.
    pub root: Node,
    pub(super) schema: Schema,
    anchors: BTreeMap<usize, Node>,
}

impl<'a> Document<'a> {
    /// Parses a text.
    ///
    /// # Errors
    /// When it is not valid YAML, contains several documents, a duplicate key or a node that contains itself, is nested
    /// too deeply, or merges something that is not a table.
    pub fn parse(text: &'a str) -> Result<Self, YamlMistake> {
        let mut composer = Composer::default();
        let mut parser = Parser::of(text);
        let mut root = None;
        let mut documents = 0;
        while let Some((event, place)) = parser.event()? {
            composer.schema = Schema::of(parser.is_old());
            match event {
                Event::DocumentStart if documents == 1 => return Err(YamlMistake::Documents { span: place.into() }),
                Event::DocumentStart => documents += 1,
                Event::DocumentEnd => {}
                event => root = composer.event(text, event, place)?.or(root),
            }
        }
        let empty = Node { content: Content::Mapping(Style::Block, Vec::new()), span: 0..0, anchor: None, tag: None };
        // An empty document counts as no document.
        let root = root.filter(|root| !root.is_empty() || root.style().is_some() || root.tag.is_some());
        let root = root.unwrap_or(empty);
        let document = Self { text, root, schema: composer.schema, anchors: composer.anchors };
        document.check_merges()?;
        document.check_dates()?;
        Ok(document)
    }

    /// Checks that every merged value is a table or a list of tables.
    fn check_merges(&self) -> Result<(), YamlMistake> {
        let is_table =
            |node: &Node| self.resolve(node).is_some_and(|node| matches!(node.content, Content::Mapping(..)));
        let mut wrong = None;
        self.root.visit(&mut |node| {
            for pair in node.pairs().iter().filter(|pair| pair.key.is_merge()) {
                if !self.merged(&pair.value).iter().all(is_table) {
                    wrong.get_or_insert_with(|| pair.value.span.clone());
                }
            }
        });
        let message = "`<<` needs a table or a list of tables".to_owned();
        wrong.map_or(Ok(()), |span| Err(YamlMistake::Syntax { message, span: span.into() }))
    }

    /// Returns the numbers of the anchors that are defined inside `inside` and referred to from outside.
    #[must_use]
    pub fn severed(&self, inside: &dyn Fn(usize) -> bool) -> BTreeSet<usize> {
        let (mut defined, mut used) = (BTreeSet::new(), BTreeSet::new());
        self.root.visit(&mut |node| {
            if let Some(anchor) = node.anchor.filter(|_| inside(node.span.start)) {
                defined.insert(anchor);
            }
            if let Content::Alias(anchor) = node.content
                && !inside(node.span.start)
            {
                used.insert(anchor);
            }
        });
        defined.intersection(&used).copied().collect()
    }

    /// Rejects a date that does not exist, which Meltano treats as an error rather than as text.
    fn check_dates(&self) -> Result<(), YamlMistake> {
        let mut wrong = None;
        self.root.visit(&mut |node| {
            if let Content::Scalar { text, is_plain: true } = &node.content
                && node.tag.is_none()
                && scalar::is_no_date(text)
            {
                wrong.get_or_insert_with(|| node.span.clone());
            }
        });
        let message = "this looks like a date but is not one: write it in quotes".to_owned();
        wrong.map_or(Ok(()), |span| Err(YamlMistake::Syntax { message, span: span.into() }))
    }

    /// Returns what a merge key merges: the items of a list, or the value itself.
    pub(super) fn merged<'b>(&'b self, value: &'b Node) -> &'b [Node] {
        match self.resolve(value) {
            Some(Node { content: Content::Sequence(_, items), .. }) => items,
            _ => std::slice::from_ref(value),
        }
    }

    /// Returns the node itself, or the one that an alias refers to.
    #[must_use]
    pub fn resolve<'b>(&'b self, node: &'b Node) -> Option<&'b Node> {
        match node.content {
            Content::Alias(anchor) => self.anchors.get(&anchor),
            Content::Scalar { .. } | Content::Sequence(..) | Content::Mapping(..) => Some(node),
        }
    }
}
