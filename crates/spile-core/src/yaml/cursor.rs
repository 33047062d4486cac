//! A place in a text that moves forward, counting as ruamel.yaml counts.

/// What is read behind the last character; a text with one in it is refused before it is scanned.
pub(super) const END: char = '\0';

const BYTE_ORDER_MARK: char = '\u{feff}';

/// A place in a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TextPosition {
    /// In bytes.
    pub byte: usize,
    /// In characters.
    pub index: usize,
    pub line: usize,
    /// Characters in front of it in its line.
    pub column: isize,
}

/// A text, read character by character. A carriage return, alone or before a line feed, is one line feed: Meltano opens its
/// files as text, and Python turns them into that.
pub(super) struct Cursor<'a> {
    text: &'a str,
    pub mark: TextPosition,
}

impl<'a> Cursor<'a> {
    pub fn of(text: &'a str) -> Self {
        let mut cursor = Self { text, mark: TextPosition::default() };
        if cursor.peek() == BYTE_ORDER_MARK {
            cursor.advance();
        }
        cursor
    }

    pub fn rest(&self) -> &'a str {
        &self.text[self.mark.byte..]
    }

    /// Returns the next character.
    pub fn peek(&self) -> char {
        self.rest().chars().next().map_or(END, unified)
    }

    /// Returns a character further on.
    pub fn peek_at(&self, distance: usize) -> char {
        self.rest().chars().nth(distance).map_or(END, unified)
    }

    pub fn advance(&mut self) {
        let mut letters = self.rest().chars();
        let Some(letter) = letters.next() else { return };
        self.mark.byte += letter.len_utf8();
        if letter == '\r' && letters.next() == Some('\n') {
            self.mark.byte += 1;
        }
        self.mark.index += 1;
        if unified(letter) == '\n' {
            self.mark.line += 1;
            self.mark.column = 0;
        } else if letter != BYTE_ORDER_MARK {
            self.mark.column += 1;
        }
    }

    pub fn advance_by(&mut self, characters: usize) {
        (0..characters).for_each(|_| self.advance());
    }

    /// Moves on while a condition holds, and returns what was passed. The condition must not hold for line breaks.
    pub fn take_while(&mut self, holds: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let start = self.mark.byte;
        while self.peek() != END && holds(self.peek()) {
            self.advance();
        }
        &rest[..self.mark.byte - start]
    }

    /// Moves past a line break and returns what it is in a text; `None` where there is none.
    pub fn take_break(&mut self) -> Option<char> {
        let letter = self.peek();
        if !is_break(letter) {
            return None;
        }
        self.advance();
        Some(if letter == '\u{85}' { '\n' } else { letter })
    }

    /// Tells whether a line `---` or `...` is here.
    pub fn is_marker(&self, marker: &str) -> bool {
        self.rest().starts_with(marker) && is_blank(self.peek_at(3))
    }
}

fn unified(letter: char) -> char {
    if letter == '\r' { '\n' } else { letter }
}

/// Tells whether a character ends a line.
pub(super) fn is_break(letter: char) -> bool {
    matches!(letter, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Tells whether a line is over here.
pub(super) fn is_end(letter: char) -> bool {
    letter == END || is_break(letter)
}

/// Tells whether nothing is written here.
pub(super) fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t') || is_end(letter)
}

/// Returns the place of the first character that no YAML may hold.
pub(super) fn unprintable(text: &str) -> Option<usize> {
    let is_printable = |letter: char| {
        matches!(letter, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
            || letter >= '\u{10000}'
    };
    text.char_indices().find(|(_, letter)| !is_printable(*letter)).map(|(at, _)| at)
}
