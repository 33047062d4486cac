//! The scanner: turns characters into tokens by the rules of ruamel.yaml, which Meltano uses.
//!
//! In some places, those rules are more lenient than the specification (brackets may close at any indentation, a quoted
//! text may continue further to the left), in others stricter, and no crate implements exactly these. So this follows
//! `ruamel/yaml/scanner.py` of 0.19 step by step, without comments. A test compares both for the same texts.

mod property;
mod scalar;

use std::collections::VecDeque;

use super::cursor::{Cursor, END, TextPosition, is_blank};
use super::token::{Bracket, Token, TokenKind, Unreadable};

/// The most characters of a key without `?`.
const LONGEST_KEY: usize = 1024;

/// A token that becomes a key if a colon follows.
struct PossibleKey {
    /// How many brackets are open around it.
    level: usize,
    /// The number of its token, counted from the start of the text.
    token: usize,
    /// Whether the text is invalid if it is not a key.
    is_required: bool,
    mark: TextPosition,
}

/// Turns a text into tokens.
pub(super) struct Scanner<'a> {
    cursor: Cursor<'a>,
    is_done: bool,
    /// The open brackets.
    brackets: Vec<Bracket>,
    tokens: VecDeque<Token<'a>>,
    /// How many tokens were consumed.
    taken: usize,
    indent: isize,
    indents: Vec<isize>,
    /// Whether a key may start here, and therefore a block table or list.
    may_begin_key: bool,
    /// The tokens that may still become keys, outermost first, at most one per level.
    keys: VecDeque<PossibleKey>,
    /// Whether a directive declares YAML 1.1.
    is_old: bool,
}

impl<'a> Scanner<'a> {
    pub fn of(text: &'a str) -> Self {
        Self {
            cursor: Cursor::of(text),
            is_done: false,
            brackets: Vec::new(),
            tokens: VecDeque::new(),
            taken: 0,
            indent: -1,
            indents: Vec::new(),
            may_begin_key: true,
            keys: VecDeque::new(),
            is_old: false,
        }
    }

    /// Tells whether a directive has declared YAML 1.1 so far.
    pub fn is_old(&self) -> bool {
        self.is_old
    }

    /// Returns the next token without consuming it.
    pub fn peek(&mut self) -> Result<&Token<'a>, Unreadable> {
        while self.needs_more()? {
            self.fetch()?;
        }
        // The meaning of a colon depends on the previous token, which must still be available.
        if !self.is_done && self.tokens.len() < 2 {
            self.fetch()?;
        }
        self.tokens.front().ok_or_else(|| Unreadable::new("nothing follows", self.cursor.mark))
    }

    /// Consumes the next token.
    pub fn take(&mut self) -> Result<Token<'a>, Unreadable> {
        let token = self.peek()?.clone();
        self.tokens.pop_front();
        self.taken += 1;
        Ok(token)
    }

    fn needs_more(&mut self) -> Result<bool, Unreadable> {
        if self.is_done {
            return Ok(false);
        }
        if self.tokens.is_empty() {
            return Ok(true);
        }
        self.forget_stale_keys()?;
        Ok(self.keys.front().is_some_and(|key| key.token == self.taken))
    }

    fn is_flow(&self) -> bool {
        !self.brackets.is_empty()
    }

    fn fetch(&mut self) -> Result<(), Unreadable> {
        self.skip();
        self.forget_stale_keys()?;
        self.unwind(self.cursor.mark.column);
        let (letter, next) = (self.cursor.peek(), self.cursor.peek_at(1));
        let is_first = self.cursor.mark.column == 0;
        match letter {
            END => self.end(),
            '%' if is_first => self.directive(),
            '-' if is_first && self.cursor.is_marker("---") => self.marker(TokenKind::DocumentStart),
            '.' if is_first && self.cursor.is_marker("...") => self.marker(TokenKind::DocumentEnd),
            '[' => self.open(Bracket::Square),
            '{' => self.open(Bracket::Curly),
            ']' => self.close(Bracket::Square),
            '}' => self.close(Bracket::Curly),
            ',' => self.flow_entry(),
            '-' if is_blank(next) => self.block_entry(),
            '?' if self.is_flow() || is_blank(next) => self.key(),
            ':' if self.is_value(next) => self.value(),
            '*' | '&' => self.anchor_or_alias(letter),
            '!' => self.tag(),
            '|' | '>' if !self.is_flow() => self.block_scalar(),
            '\'' | '"' => self.quoted(),
            _ if self.is_plain(letter, next) => self.plain(),
            '\t' => Err(self.wrong("a line cannot be indented with a tab")),
            _ => Err(self.wrong(format!("nothing can start with `{}`", letter.escape_debug()))),
        }
    }

    fn wrong(&self, message: impl Into<String>) -> Unreadable {
        Unreadable::new(message, self.cursor.mark)
    }

    fn push(&mut self, kind: TokenKind<'a>, start: TextPosition) {
        self.tokens.push_back(Token { kind, start, end: self.cursor.mark });
    }

    /// Adds a token for the next characters.
    fn push_next(&mut self, kind: TokenKind<'a>, characters: usize) {
        let start = self.cursor.mark;
        self.cursor.advance_by(characters);
        self.push(kind, start);
    }

    fn is_value(&self, next: char) -> bool {
        let follows_value = || self.tokens.back().is_some_and(|token| token.kind == TokenKind::Value);
        match self.brackets.last() {
            Some(_) if self.is_old => true,
            None | Some(Bracket::Square) => is_blank(next),
            Some(Bracket::Curly) => is_blank(next) || !follows_value(),
        }
    }

    fn is_plain(&self, letter: char, next: char) -> bool {
        if !is_blank(letter) && !"-?:,[]{}#&*!|>'\"%@`".contains(letter) {
            return true;
        }
        if letter == ':' && self.is_flow() && !self.is_old && !matches!(next, ' ' | '\t') {
            return true;
        }
        !is_blank(next) && (letter == '-' || (!self.is_flow() && matches!(letter, '?' | ':')))
    }

    // Keys.

    fn forget_stale_keys(&mut self) -> Result<(), Unreadable> {
        let now = self.cursor.mark;
        while let Some(key) = self.keys.front()
            && (key.mark.line != now.line || now.index - key.mark.index > LONGEST_KEY)
        {
            if key.is_required {
                return Err(Unreadable::new("this is not a key: no `:` follows it on its line", key.mark));
            }
            self.keys.pop_front();
        }
        Ok(())
    }

    fn save_key(&mut self) -> Result<(), Unreadable> {
        if self.may_begin_key {
            self.forget_key()?;
            let mark = self.cursor.mark;
            let is_required = !self.is_flow() && self.indent == mark.column;
            let token = self.taken + self.tokens.len();
            self.keys.push_back(PossibleKey { level: self.brackets.len(), token, is_required, mark });
        }
        Ok(())
    }

    fn forget_key(&mut self) -> Result<(), Unreadable> {
        match self.take_key() {
            Some(key) if key.is_required => {
                Err(Unreadable::new("this is not a key: no `:` follows it on its line", key.mark))
            }
            _ => Ok(()),
        }
    }

    /// Removes the possible key inside the current brackets.
    fn take_key(&mut self) -> Option<PossibleKey> {
        let level = self.brackets.len();
        self.keys.pop_back_if(|key| key.level == level)
    }

    // Indentation.

    fn unwind(&mut self, column: isize) {
        if self.is_flow() {
            return;
        }
        while self.indent > column {
            self.indent = self.indents.pop().unwrap_or(-1);
            self.push(TokenKind::BlockEnd, self.cursor.mark);
        }
    }

    fn deepen(&mut self, column: isize) -> bool {
        let is_deeper = self.indent < column;
        if is_deeper {
            self.indents.push(self.indent);
            self.indent = column;
        }
        is_deeper
    }

    // Tokens.

    fn end(&mut self) -> Result<(), Unreadable> {
        self.unwind(-1);
        self.forget_key()?;
        self.may_begin_key = false;
        self.keys.clear();
        self.push_next(TokenKind::StreamEnd, 0);
        self.is_done = true;
        Ok(())
    }

    fn marker(&mut self, kind: TokenKind<'a>) -> Result<(), Unreadable> {
        self.unwind(-1);
        self.forget_key()?;
        self.may_begin_key = false;
        self.push_next(kind, 3);
        Ok(())
    }

    fn open(&mut self, bracket: Bracket) -> Result<(), Unreadable> {
        self.save_key()?;
        self.brackets.push(bracket);
        self.may_begin_key = true;
        self.push_next(TokenKind::FlowStart(bracket), 1);
        Ok(())
    }

    fn close(&mut self, bracket: Bracket) -> Result<(), Unreadable> {
        self.forget_key()?;
        self.brackets.pop();
        self.may_begin_key = false;
        self.push_next(TokenKind::FlowEnd(bracket), 1);
        Ok(())
    }

    fn flow_entry(&mut self) -> Result<(), Unreadable> {
        self.may_begin_key = true;
        self.forget_key()?;
        self.push_next(TokenKind::FlowEntry, 1);
        Ok(())
    }

    fn block_entry(&mut self) -> Result<(), Unreadable> {
        if !self.is_flow() {
            if !self.may_begin_key {
                return Err(self.wrong("a list item cannot start here"));
            }
            if self.deepen(self.cursor.mark.column) {
                self.push_next(TokenKind::BlockSequenceStart, 0);
            }
        }
        self.may_begin_key = true;
        self.forget_key()?;
        self.push_next(TokenKind::BlockEntry, 1);
        Ok(())
    }

    fn key(&mut self) -> Result<(), Unreadable> {
        if !self.is_flow() {
            if !self.may_begin_key {
                return Err(self.wrong("a key cannot start here"));
            }
            if self.deepen(self.cursor.mark.column) {
                self.push_next(TokenKind::BlockMappingStart, 0);
            }
        }
        self.may_begin_key = !self.is_flow();
        self.forget_key()?;
        self.push_next(TokenKind::Key, 1);
        Ok(())
    }

    fn value(&mut self) -> Result<(), Unreadable> {
        if let Some(key) = self.take_key() {
            let at = key.token - self.taken;
            let before = |kind| Token { kind, start: key.mark, end: key.mark };
            self.tokens.insert(at, before(TokenKind::Key));
            if !self.is_flow() && self.deepen(key.mark.column) {
                self.tokens.insert(at, before(TokenKind::BlockMappingStart));
            }
            self.may_begin_key = false;
        } else {
            if !self.is_flow() {
                if !self.may_begin_key {
                    return Err(self.wrong("a `:` is not allowed here: it would start a value inside a value"));
                }
                if self.deepen(self.cursor.mark.column) {
                    self.push_next(TokenKind::BlockMappingStart, 0);
                }
            }
            self.may_begin_key = !self.is_flow();
            self.forget_key()?;
        }
        self.push_next(TokenKind::Value, 1);
        Ok(())
    }

    // Whitespace between tokens.

    /// Moves past blanks, line breaks and comments.
    fn skip(&mut self) {
        loop {
            let is_flow = self.is_flow();
            self.cursor.take_while(|letter| letter == ' ' || (is_flow && letter == '\t'));
            if self.cursor.peek() == '#' {
                self.cursor.take_while(|letter| !super::cursor::is_end(letter));
                while self.cursor.take_break().is_some() {}
                self.may_begin_key |= !is_flow;
            } else if self.cursor.take_break().is_some() {
                self.may_begin_key |= !is_flow;
                // After an empty line, a tab counts as a blank.
                if self.cursor.peek() == '\n' {
                    while self.cursor.take_break().is_some() || matches!(self.cursor.peek(), ' ' | '\t') {
                        self.cursor.take_while(|letter| matches!(letter, ' ' | '\t'));
                    }
                }
            } else {
                return;
            }
        }
    }
}
