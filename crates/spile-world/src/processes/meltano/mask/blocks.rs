//! Decodes base64 and hexadecimal: encodings that turn bytes into whole runs of letters.
//!
//! An encoded run may start in the middle of a longer one, so decoding starts at each of its first letters. Only
//! decoded text counts: decoding from a wrong start gives noise, which contains little text.

use std::ops::Range;

use super::view::View;

/// The shortest text that is searched.
const SHORTEST: usize = 5;

/// Base64 lines are broken at this length or later.
const BROKEN_AT: usize = 60;

/// An encoding of bytes.
#[derive(Debug, Clone, Copy)]
enum Digits {
    /// Six bits per letter, in either alphabet.
    Base64,
    /// Four bits per letter, in either case.
    Hex,
}

/// Returns each text that a run of letters decodes to.
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

/// The value of a letter that is not a digit.
const NONE: u8 = 0xff;

/// The value of each letter in base64, in either alphabet.
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

/// The value of each letter as a hexadecimal digit.
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

    /// Returns how many letters form a group that starts at a byte boundary.
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

    /// Finds the next run. A run may continue over line breaks.
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

    /// Returns the positions of a run's letters without its line breaks; `None` if it has no line breaks.
    fn letters(self, bytes: &[u8], run: &Range<usize>) -> Option<Vec<usize>> {
        let ends = bytes[run.clone()].contains(&b'\n') || bytes[run.clone()].contains(&b'\r');
        let is_digit = |at: &usize| self.values()[usize::from(bytes[*at])] != NONE;
        ends.then(|| run.clone().filter(is_digit).collect())
    }
}

/// A run of letters.
struct Read<'v, 'a> {
    digits: Digits,
    view: &'v View<'a>,
    run: Range<usize>,
    /// The positions of its letters, if there are line breaks between them.
    letters: Option<Vec<usize>>,
}

impl Read<'_, '_> {
    /// Returns the position of a letter in the view. After the last letter, that is the end of the run.
    fn at(&self, number: usize) -> usize {
        match &self.letters {
            Some(letters) => letters.get(number).copied().unwrap_or(self.run.end),
            None => (self.run.start + number).min(self.run.end),
        }
    }

    fn count(&self) -> usize {
        self.letters.as_ref().map_or(self.run.len(), Vec::len)
    }

    /// Decodes the run, starting at one of its first letters.
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

    /// Returns some of the bytes as a view, each with the position of its group of letters.
    fn view(&self, bytes: &[u8], shift: usize, text: Range<usize>, end: u32) -> View<'static> {
        let group_bytes = self.digits.group() * self.digits.bits() / 8;
        let start_of = |group: usize| self.view.start(self.at(shift + group * self.digits.group()));
        let places = text.clone().map(|byte| start_of(byte / group_bytes)).collect();
        let next = (text.end - 1) / group_bytes + 1;
        let is_last = shift + next * self.digits.group() >= self.count();
        View::made(bytes[text].to_vec(), places, if is_last { end } else { start_of(next) })
    }
}

/// Finds the parts of bytes that are text and long enough.
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

/// Returns the length of the UTF-8 letter at the start; 0 if there is none.
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
