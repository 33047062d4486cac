//! Scans plain, quoted and block scalars.

use super::super::cursor::{END, TextPosition, is_blank, is_break, is_end};
use super::super::token::{ScalarStyle, TokenKind, Unreadable};
use super::Scanner;

/// The header of a block scalar.
#[derive(Default)]
struct BlockHeader {
    /// What happens to the line breaks at its end.
    chomping: Chomping,
    /// Its indentation, if specified.
    increment: Option<isize>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Chomping {
    /// Keeps one line break.
    #[default]
    Clip,
    Keep,
    Strip,
}

impl<'a> Scanner<'a> {
    // Plain scalars.

    pub(super) fn plain(&mut self) -> Result<(), Unreadable> {
        self.save_key()?;
        self.may_begin_key = false;
        let start = self.cursor.mark;
        let mut end = start;
        let indent = self.indent + 1;
        let (mut text, mut blanks) = (String::new(), String::new());
        while self.cursor.peek() != '#' {
            let chunk = self.plain_chunk();
            if chunk.is_empty() {
                break;
            }
            self.may_begin_key = false;
            text.push_str(&blanks);
            text.push_str(chunk);
            end = self.cursor.mark;
            blanks = self.plain_blanks();
            if blanks.is_empty() || (!self.is_flow() && self.cursor.mark.column < indent) {
                break;
            }
        }
        self.push(TokenKind::Scalar { text, style: ScalarStyle::Plain }, start);
        if let Some(token) = self.tokens.back_mut() {
            token.end = end;
        }
        Ok(())
    }

    fn plain_chunk(&mut self) -> &'a str {
        let rest = self.cursor.rest();
        let mut letters = rest.char_indices().peekable();
        let mut length = rest.len();
        while let Some((at, letter)) = letters.next() {
            let next = letters.peek().map_or(END, |next| if next.1 == '\r' { '\n' } else { next.1 });
            let is_over = match letter {
                ':' => is_blank(next),
                '?' => self.is_old && self.is_flow(),
                ',' | '[' | ']' | '{' | '}' => self.is_flow(),
                _ => letter == '\r' || is_blank(letter),
            };
            if is_over {
                length = at;
                break;
            }
        }
        self.cursor.advance_by(rest[..length].chars().count());
        &rest[..length]
    }

    /// Moves past what may separate the words of a plain scalar, and returns its meaning in the text; empty at the end
    /// of the scalar.
    fn plain_blanks(&mut self) -> String {
        let blanks = self.cursor.take_while(|letter| letter == ' ');
        let Some(first) = self.cursor.take_break() else { return blanks.to_owned() };
        self.may_begin_key = true;
        let mut breaks = String::new();
        loop {
            if self.is_at_marker() {
                return String::new();
            }
            self.cursor.take_while(|letter| letter == ' ');
            match self.cursor.take_break() {
                Some(letter) => breaks.push(letter),
                None => return folded(first, &breaks),
            }
        }
    }

    fn is_at_marker(&self) -> bool {
        self.cursor.is_marker("---") || self.cursor.is_marker("...")
    }

    // Quoted scalars.

    pub(super) fn quoted(&mut self) -> Result<(), Unreadable> {
        self.save_key()?;
        self.may_begin_key = false;
        let start = self.cursor.mark;
        let quote = self.cursor.peek();
        self.cursor.advance();
        let mut text = String::new();
        self.quoted_words(quote, start, &mut text)?;
        while self.cursor.peek() != quote {
            self.quoted_blanks(start, &mut text)?;
            self.quoted_words(quote, start, &mut text)?;
        }
        self.cursor.advance();
        self.push(TokenKind::Scalar { text, style: ScalarStyle::Quoted }, start);
        Ok(())
    }

    fn quoted_words(&mut self, quote: char, start: TextPosition, text: &mut String) -> Result<(), Unreadable> {
        loop {
            text.push_str(self.cursor.take_while(|letter| !is_blank(letter) && !"'\"\\".contains(letter)));
            match self.cursor.peek() {
                '\'' if quote == '\'' && self.cursor.peek_at(1) == '\'' => {
                    text.push('\'');
                    self.cursor.advance_by(2);
                }
                '\\' if quote == '"' => {
                    self.cursor.advance();
                    self.escape(start, text)?;
                }
                letter @ ('\'' | '"' | '\\') if letter != quote => {
                    text.push(letter);
                    self.cursor.advance();
                }
                _ => return Ok(()),
            }
        }
    }

    fn escape(&mut self, start: TextPosition, text: &mut String) -> Result<(), Unreadable> {
        let letter = self.cursor.peek();
        let plain = match letter {
            '0' => '\0',
            'a' => '\u{7}',
            'b' => '\u{8}',
            't' | '\t' => '\t',
            'n' => '\n',
            'v' => '\u{b}',
            'f' => '\u{c}',
            'r' => '\r',
            'e' => '\u{1b}',
            ' ' | '"' | '/' | '\\' => letter,
            'N' => '\u{85}',
            '_' => '\u{a0}',
            'L' => '\u{2028}',
            'P' => '\u{2029}',
            'x' => self.code(2)?,
            'u' => self.code(4)?,
            'U' => self.code(8)?,
            _ if is_break(letter) => {
                self.cursor.take_break();
                text.push_str(&self.quoted_breaks(start)?);
                return Ok(());
            }
            _ => return Err(self.wrong(format!("`\\{}` is not an escape", letter.escape_debug()))),
        };
        self.cursor.advance();
        text.push(plain);
        Ok(())
    }

    /// Returns the character with a code, and stays at the code's last digit.
    fn code(&mut self, digits: usize) -> Result<char, Unreadable> {
        self.cursor.advance();
        let written: String = self.cursor.rest().chars().take(digits).collect();
        let is_whole = written.chars().filter(char::is_ascii_hexdigit).count() == digits;
        let code = u32::from_str_radix(&written, 16).ok().filter(|_| is_whole);
        let code = code.ok_or_else(|| self.wrong(format!("{digits} hexadecimal digits must follow here")))?;
        // Python accepts halves of surrogate pairs, but fails when it writes them.
        let letter = char::from_u32(code).ok_or_else(|| self.wrong("this escape is not a character"))?;
        self.cursor.advance_by(digits - 1);
        Ok(letter)
    }

    fn quoted_blanks(&mut self, start: TextPosition, text: &mut String) -> Result<(), Unreadable> {
        let blanks = self.cursor.take_while(|letter| matches!(letter, ' ' | '\t'));
        if self.cursor.peek() == END {
            return Err(Unreadable::new("the string that starts here has no closing quote", start));
        }
        match self.cursor.take_break() {
            None => text.push_str(blanks),
            Some(first) => text.push_str(&folded(first, &self.quoted_breaks(start)?)),
        }
        Ok(())
    }

    fn quoted_breaks(&mut self, start: TextPosition) -> Result<String, Unreadable> {
        let mut breaks = String::new();
        loop {
            if self.is_at_marker() {
                return Err(Unreadable::new(
                    "the string that starts here is not closed before its document ends",
                    start,
                ));
            }
            self.cursor.take_while(|letter| matches!(letter, ' ' | '\t'));
            match self.cursor.take_break() {
                Some(letter) => breaks.push(letter),
                None => return Ok(breaks),
            }
        }
    }

    // Block scalars.

    pub(super) fn block_scalar(&mut self) -> Result<(), Unreadable> {
        self.may_begin_key = true;
        self.forget_key()?;
        let start = self.cursor.mark;
        let is_folded = self.cursor.peek() == '>';
        self.cursor.advance();
        let head = self.head()?;
        let least = self.indent + 1;
        let (indent, mut breaks) = if let Some(increment) = head.increment {
            let indent = least.max(1) + increment - 1;
            (indent, self.block_breaks(indent))
        } else {
            let (breaks, widest) = self.indentation()?;
            (least.max(widest), breaks)
        };
        let is_top = head.increment.is_none() && least == 0;
        let mut text = String::new();
        let mut ending = None;
        while self.cursor.mark.column == indent && self.cursor.peek() != END {
            text.push_str(&breaks);
            let begins_with_blank = matches!(self.cursor.peek(), ' ' | '\t');
            text.push_str(self.cursor.take_while(|letter| !is_end(letter)));
            ending = self.cursor.take_break();
            breaks = self.block_breaks(indent);
            let is_over = is_top && self.cursor.mark.column == 0 && self.is_at_marker();
            if is_over || self.cursor.mark.column != indent || self.cursor.peek() == END {
                break;
            }
            let is_joined = !begins_with_blank && !matches!(self.cursor.peek(), ' ' | '\t');
            match ending {
                Some('\n') if is_folded && is_joined && breaks.is_empty() => text.push(' '),
                Some('\n') if is_folded && is_joined => {}
                _ => text.extend(ending),
            }
        }
        if head.chomping != Chomping::Strip {
            text.extend(ending);
        }
        if head.chomping == Chomping::Keep {
            text.push_str(&breaks);
        }
        self.push(TokenKind::Scalar { text, style: ScalarStyle::Block }, start);
        Ok(())
    }

    fn head(&mut self) -> Result<BlockHeader, Unreadable> {
        let mut head = BlockHeader::default();
        let mut has_chomping = false;
        for _ in 0..2 {
            match self.cursor.peek() {
                sign @ ('+' | '-') if !has_chomping => {
                    head.chomping = if sign == '+' { Chomping::Keep } else { Chomping::Strip };
                    has_chomping = true;
                }
                '0' if head.increment.is_none() => return Err(self.wrong("an indentation must be 1 to 9")),
                digit @ '1'..='9' if head.increment.is_none() => {
                    head.increment = digit.to_digit(10).and_then(|digit| isize::try_from(digit).ok());
                }
                _ => break,
            }
            self.cursor.advance();
        }
        if self.cursor.peek() != ' ' && !is_end(self.cursor.peek()) {
            return Err(self.wrong("only an indentation, `+`, `-` or a comment can follow `|` and `>`"));
        }
        self.cursor.take_while(|letter| letter == ' ');
        if self.cursor.peek() == '#' {
            self.cursor.take_while(|letter| !is_end(letter));
        }
        if !is_end(self.cursor.peek()) {
            return Err(self.wrong("the text after `|` and `>` must start on the next line"));
        }
        self.cursor.take_break();
        Ok(head)
    }

    /// Moves to the first line that is not empty. Returns the line breaks before it, and the width of the widest of
    /// those lines.
    fn indentation(&mut self) -> Result<(String, isize), Unreadable> {
        let mut breaks = String::new();
        let (mut first, mut widest) = (-1, 0);
        loop {
            if self.cursor.peek() == ' ' {
                self.cursor.advance();
                widest = widest.max(self.cursor.mark.column);
            } else {
                let column = self.cursor.mark.column;
                let Some(letter) = self.cursor.take_break() else { break };
                if first < 0 {
                    first = column;
                }
                breaks.push(letter);
            }
        }
        if first > 0 && widest > first {
            return Err(self.wrong("the text is indented further than the empty line before it"));
        }
        Ok((breaks, widest))
    }

    fn block_breaks(&mut self, indent: isize) -> String {
        let mut breaks = String::new();
        loop {
            while self.cursor.mark.column < indent && self.cursor.peek() == ' ' {
                self.cursor.advance();
            }
            match self.cursor.take_break() {
                Some(letter) => breaks.push(letter),
                None => return breaks,
            }
        }
    }
}

/// Returns the meaning of line breaks inside a folded text: a single one becomes a blank.
fn folded(first: char, others: &str) -> String {
    match (first, others) {
        ('\n', "") => " ".to_owned(),
        ('\n', others) => others.to_owned(),
        (first, others) => format!("{first}{others}"),
    }
}
