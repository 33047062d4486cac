//! Composes events into nodes, each in its list or table.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

use super::scalar::{self, Schema};
use super::token::{Event, Properties, ScalarStyle, Unreadable};
use super::{Content, Node, Pair, Style, YamlMistake};

/// The deepest nesting that is read. The reader of rendered files stops at about the same depth.
pub(super) const DEEPEST: usize = 100;

/// A list or table that has not been closed yet.
struct Open {
    node: Node,
    /// The key whose value comes next.
    key: Option<Node>,
    /// Where each key was first defined.
    keys: BTreeMap<String, Range<usize>>,
}

/// Composes the nodes of a document.
#[derive(Default)]
pub(super) struct Composer<'a> {
    pub schema: Schema,
    open: Vec<Open>,
    /// The nodes that aliases refer to.
    pub anchors: BTreeMap<usize, Node>,
    /// The number of the latest anchor of each name.
    names: BTreeMap<&'a str, usize>,
    /// The number of anchors so far.
    count: usize,
}

impl<'a> Composer<'a> {
    /// Processes an event, and returns the top node when it is complete.
    pub fn event(&mut self, text: &str, event: Event<'a>, span: Range<usize>) -> Result<Option<Node>, YamlMistake> {
        match event {
            Event::Scalar { properties, text: value, style } => {
                // The line breaks at the end of a block scalar are not part of the node.
                let end = span.start + text[span.clone()].trim_end().len();
                let span = span.start..if style == ScalarStyle::Block { end } else { span.end };
                let content = Content::Scalar { text: value, is_plain: style == ScalarStyle::Plain };
                let node = self.node(content, properties, span);
                self.add(node)
            }
            Event::Alias(name) => {
                let content = Content::Alias(self.target(name, &span)?);
                self.add(Node { content, span, anchor: None, tag: None })
            }
            Event::SequenceStart(properties, style) => {
                let node = self.node(Content::Sequence(style, Vec::new()), properties, span);
                self.begin(node)
            }
            Event::MappingStart(properties, style) => {
                let node = self.node(Content::Mapping(style, Vec::new()), properties, span);
                self.begin(node)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(&span),
            Event::DocumentStart | Event::DocumentEnd => Ok(None),
        }
    }

    fn node(&mut self, content: Content, properties: Properties<'a>, span: Range<usize>) -> Node {
        let anchor = properties.anchor.map(|name| {
            self.count += 1;
            self.names.insert(name, self.count);
            self.count
        });
        Node { content, span, anchor, tag: properties.tag }
    }

    /// Returns the anchor that an alias refers to.
    fn target(&self, name: &str, span: &Range<usize>) -> Result<usize, YamlMistake> {
        match self.names.get(name) {
            Some(anchor) if self.anchors.contains_key(anchor) => Ok(*anchor),
            // The anchor is not complete yet, so it contains the alias. Following it would never end.
            Some(_) => Err(YamlMistake::Recursive { span: span.clone().into() }),
            None => {
                let message = format!("the alias `*{name}` refers to no anchor before it");
                Err(YamlMistake::Syntax { message, span: span.clone().into() })
            }
        }
    }

    fn begin(&mut self, node: Node) -> Result<Option<Node>, YamlMistake> {
        if self.open.len() == DEEPEST {
            return Err(YamlMistake::TooDeep { levels: DEEPEST, span: node.span.into() });
        }
        self.open.push(Open { node, key: None, keys: BTreeMap::new() });
        Ok(None)
    }

    fn end(&mut self, place: &Range<usize>) -> Result<Option<Node>, YamlMistake> {
        let Some(Open { mut node, .. }) = self.open.pop() else { return Ok(None) };
        if node.style() == Some(Style::Flow) {
            node.span.end = place.end;
        } else {
            let inner = match &node.content {
                Content::Mapping(_, pairs) => {
                    pairs.first().zip(pairs.last()).map(|(a, b)| a.span().start..b.span().end)
                }
                Content::Sequence(_, items) => items.first().zip(items.last()).map(|(a, b)| a.span.start..b.span.end),
                Content::Scalar { .. } | Content::Alias(_) => None,
            };
            if let Some(inner) = inner {
                node.span = node.span.start.min(inner.start)..inner.end;
            }
        }
        self.add(node)
    }

    /// Adds a complete node to its parent.
    fn add(&mut self, node: Node) -> Result<Option<Node>, YamlMistake> {
        if let Some(anchor) = node.anchor {
            self.anchors.insert(anchor, node.clone());
        }
        let identity = self.identity(&node);
        let Some(open) = self.open.last_mut() else { return Ok(Some(node)) };
        match &mut open.node.content {
            Content::Sequence(_, items) => items.push(node),
            Content::Mapping(_, pairs) => match open.key.take() {
                None => {
                    if let Some((identity, key)) = identity
                        && let Some(first) = open.keys.insert(identity, node.span.clone())
                    {
                        return Err(YamlMistake::DuplicateKey { key, first: first.into(), span: node.span.into() });
                    }
                    open.key = Some(node);
                }
                Some(key) => pairs.push(Pair { key, value: node }),
            },
            Content::Scalar { .. } | Content::Alias(_) => {}
        }
        Ok(None)
    }

    /// Returns what identifies a key, and its text. The number 1 differs from the text "1".
    fn identity(&self, node: &Node) -> Option<(String, String)> {
        let node = match node.content {
            Content::Alias(anchor) => self.anchors.get(&anchor)?,
            Content::Scalar { .. } | Content::Sequence(..) | Content::Mapping(..) => node,
        };
        let Content::Scalar { text, is_plain } = &node.content else { return None };
        let value = if *is_plain && node.tag.is_none() { scalar::plain(text, self.schema) } else { None };
        let identity = match value {
            _ if node.is_merge() => "<<".to_owned(),
            // In Python, 1, 1.0 and true are the same key.
            Some(Value::Bool(value)) => i64::from(value).to_string(),
            Some(Value::Number(number)) => number.to_string().trim_end_matches(".0").to_owned(),
            Some(Value::Null) => "null".to_owned(),
            Some(Value::String(text)) => format!("\"{text}\""),
            Some(Value::Array(_) | Value::Object(_)) | None => format!("\"{text}\""),
        };
        Some((identity, text.clone()))
    }
}

impl From<Unreadable> for YamlMistake {
    fn from(unreadable: Unreadable) -> Self {
        Self::Syntax { message: unreadable.message, span: (unreadable.at..unreadable.at).into() }
    }
}
