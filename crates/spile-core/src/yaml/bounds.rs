//! Whether a text would be too large or too slow for a reader that returns only values.

use super::compose::DEEPEST;
use super::parse::Parser;
use super::token::Event;

/// The most bytes that the aliases of a text may stand for, each for all of it.
const MOST_COPIED: usize = 16 * 1024 * 1024;

/// Tells whether the aliases of a text can make it large. Readers that give values alone copy what each stands for: twenty
/// thousand of them in a text of 100 KB are gigabytes. What cannot be parsed is looked at up to there.
#[must_use]
pub fn may_grow(text: &str) -> bool {
    if !text.contains('*') {
        return false;
    }
    let mut parser = Parser::of(text);
    let mut aliases = 0_usize;
    while let Ok(Some((event, _))) = parser.event() {
        aliases += usize::from(matches!(event, Event::Alias(_)));
    }
    aliases.saturating_mul(text.len()) > MOST_COPIED
}

/// How many levels a text must seem to have before they are counted.
const SEEMS_DEEP: usize = 1_000;

/// How many brackets may open in a text that is not YAML.
const TOO_MANY: usize = 10_000;

/// Tells whether a text is nested more deeply than anything is read. Readers that give values alone parse all of it first,
/// in a time that grows with the square of the depth: a hundred thousand brackets are a quarter of a minute.
#[must_use]
pub fn is_deep(text: &str) -> bool {
    if !seems_deep(text) {
        return false;
    }
    let mut depth = 0_usize;
    let mut parser = Parser::of(text);
    while depth <= DEEPEST {
        match parser.event() {
            Ok(Some((Event::SequenceStart(..) | Event::MappingStart(..), _))) => depth += 1,
            Ok(Some((Event::SequenceEnd | Event::MappingEnd, _))) => depth = depth.saturating_sub(1),
            Ok(Some(_)) => {}
            Ok(None) => return false,
            // What this parser does not read, and another one may, is deep where it would take that one long.
            Err(_) => return openings(text).nth(TOO_MANY).is_some(),
        }
    }
    true
}

fn openings(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(|byte| matches!(byte, b'[' | b'{'))
}

/// Tells whether there are many brackets that open, or a line begins far to the right: a level without brackets takes a
/// column at least. What closes is not counted, for it may be in a text or a comment.
fn seems_deep(text: &str) -> bool {
    let brackets = openings(text).nth(SEEMS_DEEP).is_some();
    let indent = |line: &str| line.bytes().take_while(|byte| b" \t-?:".contains(byte)).count();
    brackets || text.lines().any(|line| indent(line) > SEEMS_DEEP)
}
