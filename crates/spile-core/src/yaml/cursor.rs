//! A position in a text that moves forward, and counts like ruamel.yaml.

/// What is read after the last character. A text that contains this character is refused before it is scanned.
pub(super) const END: char = '\0';

const BYTE_ORDER_MARK: char = '\u{feff}';

/// A position in a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TextPosition {
    /// The position in bytes.
    pub byte: usize,
    /// The position in characters.
    pub index: usize,
    pub line: usize,
    /// The number of characters before it in its line.
    pub column: isize,
}

/// A text that is read character by character. A carriage return, alone or before a line feed, counts as one line feed,
/// because Meltano opens its files in text mode, where Python converts them.
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

    /// Returns a character further ahead.
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

    /// Moves on while a condition holds, and returns the text in between. The condition must not hold for line breaks.
    pub fn take_while(&mut self, holds: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let start = self.mark.byte;
        while self.peek() != END && holds(self.peek()) {
            self.advance();
        }
        &rest[..self.mark.byte - start]
    }

    /// Moves past a line break, and returns its meaning in a text; `None` if there is none.
    pub fn take_break(&mut self) -> Option<char> {
        let letter = self.peek();
        if !is_break(letter) {
            return None;
        }
        self.advance();
        Some(if letter == '\u{85}' { '\n' } else { letter })
    }

    /// Tells whether there is a line `---` or `...` here.
    pub fn is_marker(&self, marker: &str) -> bool {
        self.rest().starts_with(marker) && is_blank(self.peek_at(3))
    }
}

fn unified(letter: char) -> char {
    if letter == '\r' { '\n' } else { letter }
}

/// Tells whether a character is a line break.
pub(super) fn is_break(letter: char) -> bool {
    matches!(letter, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Tells whether a character ends the line or the text.
pub(super) fn is_end(letter: char) -> bool {
    letter == END || is_break(letter)
}

/// Tells whether a character is a space, a tab, a line break or the end.
pub(super) fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t') || is_end(letter)
}

/// Returns the position of the first character that is not allowed in YAML.
pub(super) fn unprintable(text: &str) -> Option<usize> {
    let is_printable = |letter: char| {
        matches!(letter, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
            || letter >= '\u{10000}'
    };
    text.char_indices().find(|(_, letter)| !is_printable(*letter)).map(|(at, _)| at)
}
