//! Masks secrets in the output of plugins, however often they were encoded on the way.
//!
//! spile's own output cannot hold a secret, by type. A tap is somebody else's program, and some print the address they
//! connect to, password and all, when that fails. This is a second line: it knows the values of this run and looks for
//! them in the text as it is and in what every usual encoding of it says. A plugin that wants to get a secret out can.

mod blocks;
mod layer;
mod texts;
mod view;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io;
use std::ops::Range;

use aho_corasick::AhoCorasick;

use layer::Layer;
use spile_core::secret::Secret;
use view::View;

/// How many encodings are undone, one inside the other: four of a program's, and the log's own.
const DEEPEST: usize = 5;

/// How much of a text is looked at in one piece, so that memory is bounded.
const WINDOW: usize = 512 * 1024;

/// How far two pieces of a text reach into each other: as long as a secret that spans their border may be, in all
/// its encodings. Of a longer secret each line is one by itself.
const OVERLAP: usize = 64 * 1024;

/// What is in a log in place of a secret.
pub(super) const STRUCK: &str = "(secret)";

/// The secrets of one run, and how they are found.
#[derive(Debug)]
pub(super) struct Mask(Option<Sought>);

/// What is looked for.
#[derive(Debug)]
struct Sought {
    /// The secrets.
    whole: AhoCorasick,
    /// Their ends, for what undoes an encoding may take the first letter of a secret for the end of an escape before it.
    ends: AhoCorasick,
}

impl Mask {
    /// Makes one; where there is nothing to strike out, lines pass as they are.
    ///
    /// # Errors
    /// When there is more than can be looked for, which is gigabytes.
    pub(super) fn of<'a>(secrets: impl Iterator<Item = &'a Secret>) -> io::Result<Self> {
        let texts: BTreeSet<String> = secrets.flat_map(|secret| texts::of(secret.expose())).collect();
        if texts.is_empty() {
            return Ok(Self(None));
        }
        let ends: BTreeSet<&str> = texts.iter().flat_map(|text| texts::ends(text)).collect();
        let built = |texts: Vec<&str>| AhoCorasick::new(texts).map_err(io::Error::other);
        let whole = built(texts.iter().map(String::as_str).collect())?;
        Ok(Self(Some(Sought { whole, ends: built(ends.into_iter().collect())? })))
    }

    /// Strikes the secrets out of a text.
    pub(super) fn apply<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        self.apply_up_to(text.len(), text)
    }

    /// Strikes the secrets out of the first `most` bytes of a text. What follows is left out, and looked at all the same:
    /// a secret may span that border.
    pub(super) fn apply_up_to<'a>(&self, most: usize, text: &'a [u8]) -> Cow<'a, [u8]> {
        let most = most.min(text.len());
        let spans = self.0.as_ref().map(|sought| sought.spans(text)).unwrap_or_default();
        let mut spans = spans.into_iter().filter(|span| span.start < most).peekable();
        if spans.peek().is_none() {
            return Cow::Borrowed(&text[..most]);
        }
        let (mut struck, mut at) = (Vec::with_capacity(most), 0);
        for span in spans {
            struck.extend_from_slice(&text[at..span.start]);
            struck.extend_from_slice(STRUCK.as_bytes());
            at = span.end;
        }
        struck.extend_from_slice(text.get(at..most).unwrap_or_default());
        Cow::Owned(struck)
    }

    /// Tells whether a text holds a secret.
    pub(super) fn finds(&self, text: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|sought| !sought.spans(text).is_empty())
    }
}

impl Sought {
    /// Returns where secrets are, in order and apart from each other.
    fn spans(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for start in (0..text.len()).step_by(WINDOW) {
            let from = start.saturating_sub(OVERLAP);
            let window = &text[from..text.len().min(start + WINDOW + OVERLAP)];
            let mut look = Look { sought: self, seen: BTreeSet::new(), found: Vec::new() };
            look.through(window);
            found.extend(apart(look.found).into_iter().map(|span| from + span.start..from + span.end));
        }
        apart(found)
    }
}

/// Puts together what overlaps.
fn apart(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_by_key(|span| (span.start, span.end));
    spans.dedup_by(|next, last| {
        let overlaps = next.start < last.end;
        if overlaps {
            last.end = last.end.max(next.end);
        }
        overlaps
    });
    spans
}

/// A search through one text and all that it says in some encoding, the fewest encodings first: two ways to one view need
/// only one look, and the shorter of them leaves the most to be undone.
struct Look<'a> {
    sought: &'a Sought,
    seen: BTreeSet<u64>,
    found: Vec<Range<usize>>,
}

impl Look<'_> {
    fn through(&mut self, text: &[u8]) {
        let text = View::of(text);
        self.at(&text, Escapes::None);
        let mut views = self.said_by(&text);
        for depth in 1..=DEEPEST {
            let mut next = Vec::new();
            for view in views {
                self.at(&view, Escapes::Some);
                if depth < DEEPEST {
                    next.extend(self.said_by(&view));
                }
            }
            views = next;
        }
    }

    fn at(&mut self, view: &View<'_>, escapes: Escapes) {
        let whole = self.sought.whole.find_overlapping_iter(view.bytes()).map(|found| view.span(found.range()));
        self.found.extend(whole);
        if escapes == Escapes::Some {
            let ends = self.sought.ends.find_overlapping_iter(view.bytes());
            self.found.extend(ends.filter_map(|found| view.span_behind_escape(found.range())));
        }
    }

    /// Returns what a text says in each encoding, where that was not looked at before.
    fn said_by(&mut self, view: &View<'_>) -> Vec<View<'static>> {
        let layers = Layer::ALL.into_iter().filter_map(|layer| layer.undo(view));
        let mut said: Vec<View<'static>> = layers.chain(blocks::texts_in(view)).collect();
        said.retain(|view| self.seen.insert(view.fingerprint()));
        said
    }
}

/// Whether escapes were undone on the way to a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    Some,
}

#[cfg(test)]
mod tests;
