//! Tells in advance whether a text would be too large or too slow for a reader that only returns values.

use super::compose::DEEPEST;
use super::parse::Parser;
use super::token::Event;

/// The most bytes that the aliases of a text may expand to, if each stands for the whole text.
const MOST_COPIED: usize = 16 * 1024 * 1024;

/// Tells whether aliases can make a text too large. Readers that only return values copy what each alias stands for:
/// twenty thousand aliases in a text of 100 KB are gigabytes. If the text cannot be parsed, only the part before the
/// mistake counts.
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

/// How deep a text must look before its levels are counted.
const SEEMS_DEEP: usize = 1_000;

/// How many opening brackets are too many in a text that is not valid YAML.
const TOO_MANY: usize = 10_000;

/// Tells whether a text is nested too deeply to be read. Readers that only return values parse all of it first, in
/// quadratic time: a hundred thousand brackets take 15 seconds.
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
            // Another parser may accept what this one rejects, so the text counts as deep if it would take that parser
            // long.
            Err(_) => return openings(text).nth(TOO_MANY).is_some(),
        }
    }
    true
}

fn openings(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(|byte| matches!(byte, b'[' | b'{'))
}

/// Tells whether there are many opening brackets, or a line starts far to the right, because a level without brackets
/// takes at least one column. Closing brackets are ignored, because they may be in a text or a comment.
fn seems_deep(text: &str) -> bool {
    let brackets = openings(text).nth(SEEMS_DEEP).is_some();
    let indent = |line: &str| line.bytes().take_while(|byte| b" \t-?:".contains(byte)).count();
    brackets || text.lines().any(|line| indent(line) > SEEMS_DEEP)
}
