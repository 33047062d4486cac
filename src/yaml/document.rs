//! Documents: a text, parsed; what Meltano's own reader refuses is refused here too.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::{Content, Mistake, Node, Pair, Style};

/// The deepest nesting that is read; the reader of rendered files stops at about the same depth.
const DEEPEST: usize = 100;

/// A text and the nodes in it.
pub struct Document<'a> {
    /// The text.
    pub text: &'a str,
    /// Its top node; an empty table where the text has none.
    pub root: Node,
    anchors: BTreeMap<usize, Node>,
}

impl<'a> Document<'a> {
    /// Parses a text.
    ///
    /// # Errors
    /// When it is no YAML, holds several documents, says a key twice, is a part of itself, or is nested too deeply.
    pub fn parse(text: &'a str) -> Result<Self, Mistake> {
        let mut builder = Builder { places: Places::of(text), text, open: Vec::new(), anchors: BTreeMap::new() };
        let mut parser = Parser::new_from_str(text);
        let mut root = None;
        let mut documents = 0;
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| builder.syntax(&error))?;
            let place = builder.places.bytes(span);
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) if documents == 1 => return Err(Mistake::Documents { span: place.into() }),
                Event::DocumentStart(_) => documents += 1,
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
                event => root = builder.event(event, place)?.or(root),
            }
        }
        let empty = Node { content: Content::Mapping(Style::Block, Vec::new()), span: 0..0, anchor: None, tag: None };
        Ok(Self { text, root: root.unwrap_or(empty), anchors: builder.anchors })
    }

    /// Returns the node itself, or the one that an alias stands for.
    #[must_use]
    pub fn resolve<'b>(&'b self, node: &'b Node) -> Option<&'b Node> {
        match node.content {
            Content::Alias(anchor) => self.anchors.get(&anchor),
            Content::Scalar { .. } | Content::Sequence(..) | Content::Mapping(..) => Some(node),
        }
    }
}

/// The most bytes that the aliases of a text may stand for, each for all of it.
const MOST_COPIED: usize = 16 * 1024 * 1024;

/// Tells whether the aliases of a text can make it large. Readers that give values alone copy what each stands for: twenty
/// thousand of them in a text of 100 KB are gigabytes. What cannot be parsed is looked at up to there.
#[must_use]
pub fn may_grow(text: &str) -> bool {
    if !text.contains('*') {
        return false;
    }
    let events = Parser::new_from_str(text).map_while(Result::ok);
    let aliases = events.filter(|(event, _)| matches!(event, Event::Alias(_))).count();
    aliases.saturating_mul(text.len()) > MOST_COPIED
}

/// How many levels a text must seem to have before they are counted.
const SEEMS_DEEP: usize = 1_000;

/// How many brackets may open in a text that is no YAML.
const TOO_MANY: usize = 10_000;

/// Tells whether a text is nested more deeply than anything is read. Readers that give values alone parse all of it first,
/// in a time that grows with the square of the depth: a hundred thousand brackets are a quarter of a minute.
#[must_use]
pub fn is_deep(text: &str) -> bool {
    if !seems_deep(text) {
        return false;
    }
    let mut depth = 0_usize;
    for event in Parser::new_from_str(text) {
        match event {
            Ok((Event::SequenceStart(..) | Event::MappingStart(..), _)) => depth += 1,
            Ok((Event::SequenceEnd | Event::MappingEnd, _)) => depth = depth.saturating_sub(1),
            Ok(_) => {}
            // Brackets are counted as they are met, before their lists begin. What this parser does not read, and another
            // one may, is deep where it would take that one long.
            Err(error) => return error.info() == "recursion limit exceeded" || openings(text).nth(TOO_MANY).is_some(),
        }
        if depth > DEEPEST {
            return true;
        }
    }
    false
}

fn openings(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(|byte| matches!(byte, b'[' | b'{'))
}

/// Tells whether there are many brackets that open, or a line begins far to the right: a level without brackets takes a
/// column at least. What closes is not counted, for it may stand in a text or a comment.
fn seems_deep(text: &str) -> bool {
    let brackets = openings(text).nth(SEEMS_DEEP).is_some();
    let indent = |line: &str| line.bytes().take_while(|byte| b" \t-?:".contains(byte)).count();
    brackets || text.lines().any(|line| indent(line) > SEEMS_DEEP)
}

/// A list or table that is not yet closed.
struct Open {
    node: Node,
    /// The key whose value comes next.
    key: Option<Node>,
    /// Where each key was first said.
    keys: BTreeMap<String, Range<usize>>,
    is_flow: bool,
}

struct Builder<'a> {
    places: Places<'a>,
    text: &'a str,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
}

impl Builder<'_> {
    /// Takes an event, and returns the top node when it is whole.
    fn event(&mut self, event: Event<'_>, place: Range<usize>) -> Result<Option<Node>, Mistake> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let content = Content::Scalar { text: text.into_owned(), is_plain: style == ScalarStyle::Plain };
                let end = place.start + written(&self.text[place.clone()], style);
                let node =
                    Node { content, span: place.start..end, anchor: anchored(anchor), tag: named(tag.as_deref()) };
                self.add(node)
            }
            // What is not whole yet is what the alias is a part of: to follow it would have no end.
            Event::Alias(anchor) if !self.anchors.contains_key(&anchor) => {
                Err(Mistake::Recursive { span: place.into() })
            }
            Event::Alias(anchor) => {
                self.add(Node { content: Content::Alias(anchor), span: place, anchor: None, tag: None })
            }
            Event::SequenceStart(anchor, tag) => {
                let style = self.style(&place, '[');
                let tag = named(tag.as_deref());
                self.begin(Node {
                    content: Content::Sequence(style, Vec::new()),
                    span: place,
                    anchor: anchored(anchor),
                    tag,
                })
            }
            Event::MappingStart(anchor, tag) => {
                let style = self.style(&place, '{');
                let tag = named(tag.as_deref());
                self.begin(Node {
                    content: Content::Mapping(style, Vec::new()),
                    span: place,
                    anchor: anchored(anchor),
                    tag,
                })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(&place),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(None)
            }
        }
    }

    /// The span of what opens a flow collection ends with its bracket.
    fn style(&self, place: &Range<usize>, bracket: char) -> Style {
        if self.text[place.clone()].ends_with(bracket) { Style::Flow } else { Style::Block }
    }

    fn begin(&mut self, node: Node) -> Result<Option<Node>, Mistake> {
        if self.open.len() == DEEPEST {
            return Err(Mistake::TooDeep { levels: DEEPEST, span: node.span.into() });
        }
        let is_flow = node.style() == Some(Style::Flow);
        self.open.push(Open { node, key: None, keys: BTreeMap::new(), is_flow });
        Ok(None)
    }

    fn end(&mut self, place: &Range<usize>) -> Result<Option<Node>, Mistake> {
        let Some(Open { mut node, is_flow, .. }) = self.open.pop() else { return Ok(None) };
        if is_flow {
            node.span.end = place.start + 1;
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

    /// Puts a whole node where it belongs.
    fn add(&mut self, node: Node) -> Result<Option<Node>, Mistake> {
        if let Some(anchor) = node.anchor {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else { return Ok(Some(node)) };
        match &mut open.node.content {
            Content::Sequence(_, items) => items.push(node),
            Content::Mapping(_, pairs) => match open.key.take() {
                None => {
                    if let Some(key) = node.text()
                        && let Some(first) = open.keys.insert(key.to_owned(), node.span.clone())
                    {
                        let (key, first) = (key.to_owned(), first.into());
                        return Err(Mistake::DuplicateKey { key, first, span: node.span.into() });
                    }
                    open.key = Some(node);
                }
                Some(key) => pairs.push(pair(self.text, key, node)),
            },
            Content::Scalar { .. } | Content::Alias(_) => {}
        }
        Ok(None)
    }

    fn syntax(&self, error: &saphyr_parser::ScanError) -> Mistake {
        let at = self.places.byte(error.marker().index());
        Mistake::Syntax { message: error.info().to_owned(), span: (at..at).into() }
    }
}

/// Returns how many bytes of a scalar's span it takes: the span of one in quotes goes on behind them.
fn written(text: &str, style: ScalarStyle) -> usize {
    let quote = match style {
        ScalarStyle::SingleQuoted => '\'',
        ScalarStyle::DoubleQuoted => '"',
        ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => return text.trim_end().len(),
    };
    let mut letters = text.char_indices().skip_while(|(_, letter)| *letter != quote).skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        let is_escape = if quote == '"' {
            letter == '\\'
        } else {
            letter == quote && letters.peek().is_some_and(|next| next.1 == quote)
        };
        if is_escape {
            letters.next();
        } else if letter == quote {
            return at + 1;
        }
    }
    text.trim_end().len()
}

/// A value that is not written has no place of its own: it ends where the colon is.
fn pair(text: &str, key: Node, mut value: Node) -> Pair {
    if value.span.is_empty() && value.text() == Some("") {
        let colon = text[key.span.end..].find(':').map_or(key.span.end, |at| key.span.end + at + 1);
        value.span = colon..colon;
    }
    Pair { key, value }
}

fn anchored(anchor: usize) -> Option<usize> {
    (anchor > 0).then_some(anchor)
}

fn named(tag: Option<&Tag>) -> Option<String> {
    tag.map(|tag| format!("{}{}", tag.handle, tag.suffix))
}

/// Turns the parser's places, counted in characters, into bytes.
struct Places<'a> {
    text: &'a str,
    /// The byte of every character; none where each character is a byte.
    bytes: Vec<usize>,
}

impl<'a> Places<'a> {
    fn of(text: &'a str) -> Self {
        let bytes = if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(at, _)| at).collect() };
        Self { text, bytes }
    }

    fn byte(&self, character: usize) -> usize {
        let byte = if self.bytes.is_empty() { Some(character) } else { self.bytes.get(character).copied() };
        byte.unwrap_or(self.text.len()).min(self.text.len())
    }

    fn bytes(&self, span: Span) -> Range<usize> {
        self.byte(span.start.index())..self.byte(span.end.index())
    }
}

/// The anchors that a text defines in some of its bytes and refers to from others.
impl Document<'_> {
    /// Returns the numbers of the anchors that are defined inside of `inside` and referred to outside of it.
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
}
