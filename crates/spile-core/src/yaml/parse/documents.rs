//! Parses documents: where each begins and ends, and the directives before it.

use std::collections::BTreeMap;

use super::{NodePosition, Parser, ParserState, Placed};
use crate::yaml::token::{Event, TokenKind, Unreadable};

impl<'a> Parser<'a> {
    pub(super) fn first_document(&mut self) -> Result<Option<Placed<'a>>, Unreadable> {
        let is_explicit = matches!(
            self.kind()?,
            TokenKind::Version { .. }
                | TokenKind::TagDirective { .. }
                | TokenKind::OtherDirective
                | TokenKind::DocumentStart
                | TokenKind::StreamEnd
        );
        if is_explicit {
            return self.document();
        }
        self.handles = defaults();
        let start = self.scanner.peek()?.start.byte;
        self.states.push(ParserState::DocumentEnd);
        self.state = ParserState::BlockNode;
        Ok(Some((Event::DocumentStart, start..start)))
    }

    pub(super) fn document(&mut self) -> Result<Option<Placed<'a>>, Unreadable> {
        while self.takes(&TokenKind::DocumentEnd)? {}
        if *self.kind()? == TokenKind::StreamEnd {
            self.state = ParserState::End;
            return Ok(None);
        }
        self.directives()?;
        if *self.kind()? != TokenKind::DocumentStart {
            return Err(self.unexpected("only `---`"));
        }
        let token = self.take()?;
        self.states.push(ParserState::DocumentEnd);
        self.state = ParserState::DocumentContent;
        Ok(Some((Event::DocumentStart, token.start.byte..token.end.byte)))
    }

    pub(super) fn directives(&mut self) -> Result<(), Unreadable> {
        self.handles.clear();
        let mut has_version = false;
        loop {
            let start = self.scanner.peek()?.start;
            let wrong = |message: &str| Err(Unreadable::new(message, start));
            match *self.kind()? {
                TokenKind::Version { .. } if has_version => return wrong("the version is set twice"),
                TokenKind::Version { major: 1, minor: 1 | 2 } => has_version = true,
                TokenKind::Version { .. } => return wrong("only YAML 1.1 and 1.2 are read"),
                TokenKind::TagDirective { handle, prefix } => {
                    if self.handles.insert(handle, prefix).is_some() {
                        return wrong("the handle is defined twice");
                    }
                }
                TokenKind::OtherDirective => {}
                _ => break,
            }
            self.take()?;
        }
        for (handle, prefix) in defaults() {
            self.handles.entry(handle).or_insert(prefix);
        }
        Ok(())
    }

    pub(super) fn document_content(&mut self) -> Result<Placed<'a>, Unreadable> {
        let is_empty = matches!(
            self.kind()?,
            TokenKind::Version { .. }
                | TokenKind::TagDirective { .. }
                | TokenKind::OtherDirective
                | TokenKind::DocumentStart
                | TokenKind::DocumentEnd
                | TokenKind::StreamEnd
        );
        if !is_empty {
            return self.node(NodePosition::Block);
        }
        let nothing = self.nothing(ParserState::End);
        self.pop();
        Ok(nothing)
    }

    pub(super) fn document_end(&mut self) -> Result<Placed<'a>, Unreadable> {
        let start = self.scanner.peek()?.start.byte;
        self.state = ParserState::Document;
        if *self.kind()? == TokenKind::DocumentEnd {
            let line = self.take()?.end.line;
            let next = self.scanner.peek()?;
            if next.kind != TokenKind::StreamEnd && next.start.line == line {
                return Err(self.unexpected("only a comment"));
            }
            if !self.scanner.is_old() {
                self.state = ParserState::FirstDocument;
            }
        }
        Ok((Event::DocumentEnd, start..start))
    }
}

/// Returns the handles that every document knows.
fn defaults() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([("!", "!"), ("!!", "tag:yaml.org,2002:")])
}
