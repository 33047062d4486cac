//! Parses lists and tables in brackets.

use super::{NodePosition, Parser, ParserState, Placed};
use crate::yaml::Style;
use crate::yaml::token::{Bracket, Event, Properties, TokenKind, Unreadable};

impl<'a> Parser<'a> {
    pub(super) fn flow_sequence_entry(&mut self) -> Result<Placed<'a>, Unreadable> {
        if *self.kind()? != TokenKind::FlowEnd(Bracket::Square) && !self.takes(&TokenKind::FlowEntry)? {
            return Err(self.unexpected("only `,` or `]`"));
        }
        self.flow_sequence_item()
    }

    pub(super) fn flow_sequence_item(&mut self) -> Result<Placed<'a>, Unreadable> {
        match self.kind()? {
            TokenKind::Key => {
                let start = self.scanner.peek()?.start.byte;
                self.state = ParserState::SingleKey;
                Ok((Event::MappingStart(Properties::default(), Style::Flow), start..start))
            }
            TokenKind::FlowEnd(Bracket::Square) => self.flow_end(Event::SequenceEnd),
            _ => self.node_then(NodePosition::Flow, ParserState::FlowSequenceEntry),
        }
    }

    pub(super) fn flow_end(&mut self, event: Event<'a>) -> Result<Placed<'a>, Unreadable> {
        let token = self.take()?;
        self.pop();
        Ok((event, token.start.byte..token.end.byte))
    }

    pub(super) fn single_key(&mut self) -> Result<Placed<'a>, Unreadable> {
        self.take()?;
        match self.kind()? {
            TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowEnd(Bracket::Square) => {
                Ok(self.nothing(ParserState::SingleValue))
            }
            _ => self.node_then(NodePosition::Flow, ParserState::SingleValue),
        }
    }

    pub(super) fn single_value(&mut self) -> Result<Placed<'a>, Unreadable> {
        if !self.takes(&TokenKind::Value)? {
            return Ok(self.nothing(ParserState::SingleEnd));
        }
        match self.kind()? {
            TokenKind::FlowEntry | TokenKind::FlowEnd(Bracket::Square) => Ok(self.nothing(ParserState::SingleEnd)),
            _ => self.node_then(NodePosition::Flow, ParserState::SingleEnd),
        }
    }

    pub(super) fn flow_mapping_key(&mut self) -> Result<Placed<'a>, Unreadable> {
        if *self.kind()? != TokenKind::FlowEnd(Bracket::Curly) && !self.takes(&TokenKind::FlowEntry)? {
            return Err(self.unexpected("only `,` or `}`"));
        }
        self.flow_mapping_member()
    }

    pub(super) fn flow_mapping_member(&mut self) -> Result<Placed<'a>, Unreadable> {
        if self.takes(&TokenKind::Key)? {
            return match self.kind()? {
                TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowEnd(Bracket::Curly) => {
                    Ok(self.nothing(ParserState::FlowMappingValue))
                }
                _ => self.node_then(NodePosition::Flow, ParserState::FlowMappingValue),
            };
        }
        let is_old = self.scanner.is_old();
        match self.kind()? {
            TokenKind::Value if !is_old => self.nothing_before_colon(ParserState::FlowMappingValue),
            TokenKind::FlowEnd(Bracket::Curly) => self.flow_end(Event::MappingEnd),
            _ => self.node_then(NodePosition::Flow, ParserState::FlowMappingNoValue),
        }
    }

    pub(super) fn flow_mapping_value(&mut self) -> Result<Placed<'a>, Unreadable> {
        if !self.takes(&TokenKind::Value)? {
            return Ok(self.nothing(ParserState::FlowMappingKey));
        }
        match self.kind()? {
            TokenKind::FlowEntry | TokenKind::FlowEnd(Bracket::Curly) => Ok(self.nothing(ParserState::FlowMappingKey)),
            _ => self.node_then(NodePosition::Flow, ParserState::FlowMappingKey),
        }
    }
}
