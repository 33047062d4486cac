//! The parser: turns tokens into events by ruamel.yaml's grammar, for the reason that the scanner gives.

mod documents;
mod flow;

use std::collections::BTreeMap;
use std::ops::Range;

use super::Style;
use super::cursor::unprintable;
use super::scan::Scanner;
use super::token::{Bracket, Event, Properties, ScalarStyle, Token, TokenKind, Unreadable};

/// What the parser expects next.
#[derive(Debug, Clone, Copy)]
enum ParserState {
    FirstDocument,
    Document,
    DocumentContent,
    DocumentEnd,
    BlockNode,
    SequenceFirst,
    SequenceEntry,
    /// The items of a list that is indented no further than its key.
    IndentlessEntry,
    MappingFirst,
    MappingKey,
    MappingValue,
    FlowSequenceFirst,
    FlowSequenceEntry,
    /// A table with one member inside a bracketed list.
    SingleKey,
    SingleValue,
    SingleEnd,
    FlowMappingFirst,
    FlowMappingKey,
    FlowMappingValue,
    FlowMappingNoValue,
    End,
}

/// Where a node is, which determines how it may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NodePosition {
    Flow,
    Block,
    /// The value of a key, where a list does not need to be indented.
    BlockValue,
}

type Placed<'a> = (Event<'a>, Range<usize>);

/// Turns a text into events, each with its bytes.
pub(super) struct Parser<'a> {
    scanner: Scanner<'a>,
    state: ParserState,
    /// The states to return to when a node is complete.
    states: Vec<ParserState>,
    /// The prefixes of tags, by handle.
    handles: BTreeMap<&'a str, &'a str>,
    /// The end of the last consumed token.
    end: usize,
    unprintable: Option<usize>,
}

impl<'a> Parser<'a> {
    pub fn of(text: &'a str) -> Self {
        Self {
            scanner: Scanner::of(text),
            state: ParserState::FirstDocument,
            states: Vec::new(),
            handles: BTreeMap::new(),
            end: 0,
            unprintable: unprintable(text),
        }
    }

    /// Tells whether the text declares YAML 1.1.
    pub fn is_old(&self) -> bool {
        self.scanner.is_old()
    }

    /// Returns the next event; `None` at the end of the text.
    pub fn event(&mut self) -> Result<Option<Placed<'a>>, Unreadable> {
        if let Some(at) = self.unprintable {
            return Err(Unreadable { message: "a control character is not allowed here".to_owned(), at });
        }
        match self.state {
            ParserState::End => Ok(None),
            ParserState::FirstDocument => self.first_document(),
            ParserState::Document => self.document(),
            state => self.content(state).map(Some),
        }
    }

    fn content(&mut self, state: ParserState) -> Result<Placed<'a>, Unreadable> {
        match state {
            ParserState::DocumentContent => self.document_content(),
            ParserState::DocumentEnd => self.document_end(),
            ParserState::SequenceFirst => {
                self.take()?;
                self.sequence_entry()
            }
            ParserState::SequenceEntry => self.sequence_entry(),
            ParserState::IndentlessEntry => self.indentless_entry(),
            ParserState::MappingFirst => {
                self.take()?;
                self.mapping_key()
            }
            ParserState::MappingKey => self.mapping_key(),
            ParserState::MappingValue => self.mapping_value(),
            ParserState::FlowSequenceFirst => {
                self.take()?;
                self.flow_sequence_item()
            }
            ParserState::FlowSequenceEntry => self.flow_sequence_entry(),
            ParserState::SingleKey => self.single_key(),
            ParserState::SingleValue => self.single_value(),
            ParserState::SingleEnd => {
                self.state = ParserState::FlowSequenceEntry;
                Ok((Event::MappingEnd, self.end..self.end))
            }
            ParserState::FlowMappingFirst => {
                self.take()?;
                self.flow_mapping_member()
            }
            ParserState::FlowMappingKey => self.flow_mapping_key(),
            ParserState::FlowMappingValue => self.flow_mapping_value(),
            ParserState::FlowMappingNoValue => Ok(self.nothing(ParserState::FlowMappingKey)),
            ParserState::BlockNode | ParserState::FirstDocument | ParserState::Document | ParserState::End => {
                self.node(NodePosition::Block)
            }
        }
    }

    // Tokens.

    fn kind(&mut self) -> Result<&TokenKind<'a>, Unreadable> {
        Ok(&self.scanner.peek()?.kind)
    }

    fn take(&mut self) -> Result<Token<'a>, Unreadable> {
        let token = self.scanner.take()?;
        self.end = token.end.byte;
        Ok(token)
    }

    /// Consumes the next token if it is of this kind.
    fn takes(&mut self, kind: &TokenKind<'_>) -> Result<bool, Unreadable> {
        let is_next = self.kind()? == kind;
        if is_next {
            self.take()?;
        }
        Ok(is_next)
    }

    fn unexpected(&mut self, wanted: &str) -> Unreadable {
        match self.scanner.peek() {
            Ok(token) => Unreadable::new(format!("expected {wanted}, found {}", token.kind.name()), token.start),
            Err(error) => error,
        }
    }

    /// Returns an empty node at the end of the last token.
    fn nothing(&mut self, then: ParserState) -> Placed<'a> {
        self.state = then;
        let properties = Properties::default();
        (Event::Scalar { properties, text: String::new(), style: ScalarStyle::Plain }, self.end..self.end)
    }

    fn pop(&mut self) {
        self.state = self.states.pop().unwrap_or(ParserState::End);
    }

    /// Continues with a node, and with a state when the node is complete.
    fn node_then(&mut self, place: NodePosition, then: ParserState) -> Result<Placed<'a>, Unreadable> {
        self.states.push(then);
        self.node(place)
    }

    // Nodes.

    fn node(&mut self, place: NodePosition) -> Result<Placed<'a>, Unreadable> {
        let start = self.scanner.peek()?.start.byte;
        if let TokenKind::Alias(name) = *self.kind()? {
            let token = self.take()?;
            self.pop();
            return Ok((Event::Alias(name), start..token.end.byte));
        }
        let before = self.end;
        let properties = self.properties()?;
        let has_properties = properties != Properties::default();
        let (kind, end) = {
            let token = self.scanner.peek()?;
            (token.kind.clone(), token.end.byte)
        };
        let opened = |state, event| (state, (event, start..end));
        let (state, event) = match kind {
            TokenKind::BlockEntry if place == NodePosition::BlockValue => (
                ParserState::IndentlessEntry,
                (Event::SequenceStart(properties, Style::Block), start..self.end.max(start)),
            ),
            TokenKind::Scalar { text, style } => {
                self.take()?;
                self.pop();
                return Ok((Event::Scalar { properties, text, style }, start..end));
            }
            TokenKind::FlowStart(Bracket::Square) => {
                opened(ParserState::FlowSequenceFirst, Event::SequenceStart(properties, Style::Flow))
            }
            TokenKind::FlowStart(Bracket::Curly) => {
                opened(ParserState::FlowMappingFirst, Event::MappingStart(properties, Style::Flow))
            }
            TokenKind::BlockSequenceStart if place != NodePosition::Flow => {
                opened(ParserState::SequenceFirst, Event::SequenceStart(properties, Style::Block))
            }
            TokenKind::BlockMappingStart if place != NodePosition::Flow => {
                opened(ParserState::MappingFirst, Event::MappingStart(properties, Style::Block))
            }
            _ if has_properties => {
                self.pop();
                let event = Event::Scalar { properties, text: String::new(), style: ScalarStyle::Plain };
                return Ok((event, start..self.end.max(before)));
            }
            _ => return Err(self.unexpected("a value")),
        };
        self.state = state;
        Ok(event)
    }

    /// Consumes an anchor and a tag, in any order.
    fn properties(&mut self) -> Result<Properties<'a>, Unreadable> {
        let mut properties = Properties::default();
        if let TokenKind::Anchor(name) = *self.kind()? {
            properties.anchor = Some(name);
            self.take()?;
        }
        let start = self.scanner.peek()?.start;
        if let TokenKind::Tag { handle, suffix } = *self.kind()? {
            self.take()?;
            let prefix = match handle.map(|handle| (handle, self.handles.get(handle))) {
                None => "",
                // `!!str` and `!<tag:yaml.org,2002:str>` are the same in YAML, but not in ruamel.yaml.
                Some(("!!", Some(&"tag:yaml.org,2002:"))) => "!!",
                Some((_, Some(prefix))) => prefix,
                Some((handle, None)) => {
                    return Err(Unreadable::new(format!("the handle `{handle}` of the tag is not defined"), start));
                }
            };
            properties.tag = Some(format!("{prefix}{suffix}"));
            if properties.anchor.is_none()
                && let TokenKind::Anchor(name) = *self.kind()?
            {
                properties.anchor = Some(name);
                self.take()?;
            }
        }
        Ok(properties)
    }

    // Block collections.

    fn sequence_entry(&mut self) -> Result<Placed<'a>, Unreadable> {
        if self.takes(&TokenKind::BlockEntry)? {
            return match self.kind()? {
                TokenKind::BlockEntry | TokenKind::BlockEnd => Ok(self.nothing(ParserState::SequenceEntry)),
                _ => self.node_then(NodePosition::Block, ParserState::SequenceEntry),
            };
        }
        self.block_end("only another `-` or a line further left", Event::SequenceEnd)
    }

    fn block_end(&mut self, wanted: &str, event: Event<'a>) -> Result<Placed<'a>, Unreadable> {
        let last = self.end;
        if !self.takes(&TokenKind::BlockEnd)? {
            return Err(self.unexpected(wanted));
        }
        self.end = last;
        self.pop();
        Ok((event, last..last))
    }

    fn indentless_entry(&mut self) -> Result<Placed<'a>, Unreadable> {
        if self.takes(&TokenKind::BlockEntry)? {
            return match self.kind()? {
                TokenKind::BlockEntry | TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => {
                    Ok(self.nothing(ParserState::IndentlessEntry))
                }
                _ => self.node_then(NodePosition::Block, ParserState::IndentlessEntry),
            };
        }
        self.pop();
        Ok((Event::SequenceEnd, self.end..self.end))
    }

    fn mapping_key(&mut self) -> Result<Placed<'a>, Unreadable> {
        if self.takes(&TokenKind::Key)? {
            return match self.kind()? {
                TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => Ok(self.nothing(ParserState::MappingValue)),
                _ => self.node_then(NodePosition::BlockValue, ParserState::MappingValue),
            };
        }
        if !self.scanner.is_old() && *self.kind()? == TokenKind::Value {
            return self.nothing_before_colon(ParserState::MappingValue);
        }
        self.block_end("only another key or a line further left", Event::MappingEnd)
    }

    fn nothing_before_colon(&mut self, then: ParserState) -> Result<Placed<'a>, Unreadable> {
        self.end = self.scanner.peek()?.start.byte;
        Ok(self.nothing(then))
    }

    fn mapping_value(&mut self) -> Result<Placed<'a>, Unreadable> {
        if !self.takes(&TokenKind::Value)? {
            return Ok(self.nothing(ParserState::MappingKey));
        }
        match self.kind()? {
            TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => Ok(self.nothing(ParserState::MappingKey)),
            _ => self.node_then(NodePosition::BlockValue, ParserState::MappingKey),
        }
    }
}
