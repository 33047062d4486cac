//! Scans what precedes nodes and documents: anchors, aliases, tags and directives.

use super::super::cursor::{END, is_blank, is_break, is_end};
use super::super::token::{TokenKind, Unreadable};
use super::Scanner;

impl<'a> Scanner<'a> {
    pub(super) fn anchor_or_alias(&mut self, indicator: char) -> Result<(), Unreadable> {
        self.save_key()?;
        self.may_begin_key = false;
        let start = self.cursor.mark;
        self.cursor.advance();
        let name = self.cursor.take_while(|letter| !",[]{}".contains(letter) && is_name(letter));
        let what = if indicator == '*' { "an alias" } else { "an anchor" };
        if name.is_empty() {
            return Err(self.wrong(format!("{what} has no name")));
        }
        let follows = self.cursor.peek();
        if !is_blank(follows) && !",[]{}".contains(follows) {
            return Err(self.wrong(format!("`{}` is not allowed in the name of {what}", follows.escape_debug())));
        }
        self.push(if indicator == '*' { TokenKind::Alias(name) } else { TokenKind::Anchor(name) }, start);
        Ok(())
    }

    pub(super) fn tag(&mut self) -> Result<(), Unreadable> {
        self.save_key()?;
        self.may_begin_key = false;
        let start = self.cursor.mark;
        let short = if self.cursor.peek_at(1) == '!' { "!!" } else { "!" };
        self.cursor.advance_by(short.len() - 1);
        let next = self.cursor.peek_at(1);
        let (handle, suffix) = if next == '<' {
            self.cursor.advance_by(2);
            let suffix = self.uri()?;
            if self.cursor.peek() != '>' {
                return Err(self.wrong("a tag that starts with `!<` must end with `>`"));
            }
            self.cursor.advance();
            (None, suffix)
        } else if is_blank(next) {
            self.cursor.advance();
            (None, short)
        } else {
            let rest = &self.cursor.rest()[1..];
            let word = rest.find(|letter: char| letter == '\r' || is_tag_end(letter)).unwrap_or(rest.len());
            let handle = if rest[..word].contains('!') {
                self.handle()?
            } else {
                self.cursor.advance();
                short
            };
            (Some(handle), self.uri()?)
        };
        self.tag_ends()?;
        self.push(TokenKind::Tag { handle, suffix }, start);
        Ok(())
    }

    fn tag_ends(&self) -> Result<(), Unreadable> {
        let follows = self.cursor.peek();
        if is_tag_end(follows) {
            return Ok(());
        }
        Err(self.wrong(format!("`{}` is not allowed in a tag", follows.escape_debug())))
    }

    fn handle(&mut self) -> Result<&'a str, Unreadable> {
        let rest = self.cursor.rest();
        if !rest.starts_with('!') {
            return Err(self.wrong("a tag starts with `!`"));
        }
        let start = self.cursor.mark.byte;
        self.cursor.advance();
        if self.cursor.peek() != ' ' {
            self.cursor.take_while(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'));
            if self.cursor.peek() != '!' {
                return Err(self.wrong("the handle of a tag ends with `!`"));
            }
            self.cursor.advance();
        }
        Ok(&rest[..self.cursor.mark.byte - start])
    }

    fn uri(&mut self) -> Result<&'a str, Unreadable> {
        let is_old = self.is_old;
        let uri = self.cursor.take_while(|letter| {
            letter.is_ascii_alphanumeric() || "-;/?:@&=+$,_.!~*'()[]%".contains(letter) || (!is_old && letter == '#')
        });
        if uri.is_empty() {
            return Err(self.wrong("a tag has no name"));
        }
        let escapes = uri.split('%').skip(1);
        let is_hexadecimal = |text: &str| text.get(..2).is_some_and(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
        if escapes.into_iter().all(is_hexadecimal) {
            return Ok(uri);
        }
        Err(self.wrong("a `%` in a tag must be followed by two hexadecimal digits"))
    }

    pub(super) fn directive(&mut self) -> Result<(), Unreadable> {
        self.unwind(-1);
        self.forget_key()?;
        self.may_begin_key = false;
        let start = self.cursor.mark;
        self.cursor.advance();
        let name = self.cursor.take_while(|letter| letter.is_ascii_alphanumeric() || "-_:.".contains(letter));
        if name.is_empty() || !is_tag_end(self.cursor.peek()) {
            return Err(self.wrong("a directive's name must be letters and digits"));
        }
        let kind = match name {
            "YAML" => self.version()?,
            "TAG" => self.tag_directive()?,
            _ => {
                self.cursor.take_while(|letter| !is_end(letter));
                TokenKind::OtherDirective
            }
        };
        self.push(kind, start);
        self.cursor.take_while(|letter| letter == ' ');
        if self.cursor.peek() == '#' {
            self.cursor.take_while(|letter| !is_end(letter));
        }
        if !is_end(self.cursor.peek()) {
            return Err(self.wrong("only a comment can follow a directive"));
        }
        self.cursor.take_break();
        Ok(())
    }

    fn version(&mut self) -> Result<TokenKind<'a>, Unreadable> {
        self.cursor.take_while(|letter| letter == ' ');
        let major = self.cursor.take_while(|letter| letter.is_ascii_digit()).parse().ok();
        let has_dot = self.cursor.peek() == '.';
        self.cursor.advance();
        let minor = self.cursor.take_while(|letter| letter.is_ascii_digit()).parse().ok();
        match (major, minor) {
            (Some(major), Some(minor)) if has_dot && is_tag_end(self.cursor.peek()) => {
                self.is_old = (major, minor) == (1, 1);
                Ok(TokenKind::Version { major, minor })
            }
            _ => Err(self.wrong("a version consists of two numbers, `1.2`")),
        }
    }

    fn tag_directive(&mut self) -> Result<TokenKind<'a>, Unreadable> {
        self.cursor.take_while(|letter| letter == ' ');
        let handle = self.handle()?;
        if self.cursor.peek() != ' ' {
            return Err(self.wrong("the handle of a tag must be followed by a space"));
        }
        self.cursor.take_while(|letter| letter == ' ');
        let prefix = self.uri()?;
        self.tag_ends()?;
        Ok(TokenKind::TagDirective { handle, prefix })
    }
}

/// Tells whether the name of an anchor may contain a character.
fn is_name(letter: char) -> bool {
    matches!(letter, '!'..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
        || letter >= '\u{10000}'
}

fn is_tag_end(letter: char) -> bool {
    matches!(letter, ' ' | END) || is_break(letter)
}
