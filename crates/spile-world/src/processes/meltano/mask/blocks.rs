//! Base64 and hexadecimal digits: whole runs of letters that say bytes.
//!
//! A run may begin in the middle of a longer one, so it is read from each of its first letters. Of what comes of that only
//! text counts: of a wrong beginning comes noise, and there is little text in noise.

use std::ops::Range;

use super::view::View;

/// The shortest text that is looked at.
const SHORTEST: usize = 5;

/// Lines of base64 are broken where they are as long as this, or longer.
const BROKEN_AT: usize = 60;

/// A way to write bytes.
#[derive(Debug, Clone, Copy)]
enum Digits {
    /// Six bits in each letter, of either alphabet.
    Base64,
    /// Four bits in each letter, in either case.
    Hex,
}

/// Returns each text that a run of digits says.
pub(super) fn texts_in(view: &View<'_>) -> Vec<View<'static>> {
    let mut said = Vec::new();
    for digits in [Digits::Base64, Digits::Hex] {
        let mut at = 0;
        while let Some(run) = digits.run(view.bytes(), at) {
            at = run.end;
            if run.len() >= digits.letters_of(SHORTEST) {
                digits.read(view, &run, &mut said);
            }
        }
    }
    said
}

/// What a letter that is not a digit is worth.
const NONE: u8 = 0xff;

/// What each letter is worth in base64, in either of its alphabets.
const BASE64: [u8; 256] = {
    let mut values = [NONE; 256];
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0;
    while value < 64 {
        values[letters[value as usize] as usize] = value;
        value += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values
};

/// What each letter is worth as a hexadecimal digit.
const HEX: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value as usize] as usize] = value;
        values[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    values
};

impl Digits {
    fn bits(self) -> usize {
        match self {
            Self::Base64 => 6,
            Self::Hex => 4,
        }
    }

    /// Returns how many letters begin again with a byte.
    fn group(self) -> usize {
        match self {
            Self::Base64 => 4,
            Self::Hex => 2,
        }
    }

    fn letters_of(self, bytes: usize) -> usize {
        (bytes * 8).div_ceil(self.bits())
    }

    fn values(self) -> &'static [u8; 256] {
        match self {
            Self::Base64 => &BASE64,
            Self::Hex => &HEX,
        }
    }

    /// Finds the next run, over the ends of its lines.
    fn run(self, bytes: &[u8], from: usize) -> Option<Range<usize>> {
        let values = self.values();
        let is_digit = |byte: &u8| values[usize::from(*byte)] != NONE;
        let start = from + bytes[from..].iter().position(is_digit)?;
        let (mut end, mut line) = (start, start);
        loop {
            end += bytes[end..].iter().position(|byte| !is_digit(byte)).unwrap_or(bytes.len() - end);
            let gap = bytes[end..].iter().take(2).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let goes_on = gap > 0 && end - line >= BROKEN_AT && bytes.get(end + gap).is_some_and(is_digit);
            if !goes_on {
                return Some(start..end);
            }
            end += gap;
            line = end;
        }
    }

    fn read(self, view: &View<'_>, run: &Range<usize>, said: &mut Vec<View<'static>>) {
        let padding = view.bytes()[run.end..].iter().take(2).take_while(|byte| **byte == b'=').count();
        let read = Read { digits: self, view, run: run.clone(), letters: self.letters(view.bytes(), run) };
        let end = view.end(run.end + padding - 1);
        for shift in 0..self.group() {
            let bytes = read.bytes(shift);
            said.extend(texts(&bytes).into_iter().map(|text| read.view(&bytes, shift, text, end)));
        }
    }

    /// Returns where the letters of a run are, without the ends of its lines; nothing, where it has none.
    fn letters(self, bytes: &[u8], run: &Range<usize>) -> Option<Vec<usize>> {
        let ends = bytes[run.clone()].contains(&b'\n') || bytes[run.clone()].contains(&b'\r');
        let is_digit = |at: &usize| self.values()[usize::from(bytes[*at])] != NONE;
        ends.then(|| run.clone().filter(is_digit).collect())
    }
}

/// A run of digits.
struct Read<'v, 'a> {
    digits: Digits,
    view: &'v View<'a>,
    run: Range<usize>,
    /// Where its letters are, where other things stand between them.
    letters: Option<Vec<usize>>,
}

impl Read<'_, '_> {
    /// Returns where a letter is in the view, and after the last one where the run ends.
    fn at(&self, number: usize) -> usize {
        match &self.letters {
            Some(letters) => letters.get(number).copied().unwrap_or(self.run.end),
            None => (self.run.start + number).min(self.run.end),
        }
    }

    fn count(&self) -> usize {
        self.letters.as_ref().map_or(self.run.len(), Vec::len)
    }

    /// Returns what it says from one of its first letters on.
    fn bytes(&self, shift: usize) -> Vec<u8> {
        let count = self.count();
        let (values, text) = (self.digits.values(), self.view.bytes());
        let mut bytes = Vec::with_capacity(count * self.digits.bits() / 8);
        let mut number = shift;
        while number < count {
            let last = (number + self.digits.group()).min(count);
            let (mut bits, mut held) = (0_u32, 0);
            while number < last {
                bits = bits << self.digits.bits() | u32::from(values[usize::from(text[self.at(number)])]);
                held += self.digits.bits();
                number += 1;
                if held >= 8 {
                    held -= 8;
                    bytes.push((bits >> held).to_le_bytes()[0]);
                }
            }
        }
        bytes
    }

    /// Returns some of the bytes as a view, each with the place of its group of letters.
    fn view(&self, bytes: &[u8], shift: usize, text: Range<usize>, end: u32) -> View<'static> {
        let group_bytes = self.digits.group() * self.digits.bits() / 8;
        let start_of = |group: usize| self.view.start(self.at(shift + group * self.digits.group()));
        let places = text.clone().map(|byte| start_of(byte / group_bytes)).collect();
        let next = (text.end - 1) / group_bytes + 1;
        let is_last = shift + next * self.digits.group() >= self.count();
        View::made(bytes[text].to_vec(), places, if is_last { end } else { start_of(next) })
    }
}

/// Finds what of bytes is text, in pieces that are long enough.
fn texts(bytes: &[u8]) -> Vec<Range<usize>> {
    let (mut found, mut start, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let length = letter(&bytes[at..]);
        if length == 0 {
            found.push(start..at);
            start = at + 1;
        }
        at += length.max(1);
    }
    found.push(start..bytes.len());
    found.retain(|text| text.len() >= SHORTEST);
    found
}

/// Returns the length of the letter at the start, in UTF-8; nothing where there is none.
fn letter(bytes: &[u8]) -> usize {
    let length = match bytes[0] {
        b'\t' | b'\n' | b'\r' | b' '..=b'~' => return 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return 0,
    };
    let goes_on = |byte: &u8| (0x80..0xc0).contains(byte);
    let is_letter = bytes.get(1..length).is_some_and(|rest| rest.iter().all(goes_on));
    if is_letter { length } else { 0 }
}
