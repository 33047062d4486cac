//! Masks secrets in the output of plugins, even if they were encoded several times.
//!
//! spile's own output cannot contain a secret, because types prevent it. But a tap is a third-party program, and some
//! print the address they connect to, including the password, when the connection fails. This is a second line of
//! defense: it knows the values of this run, and searches for them in the text itself and in everything that decoding
//! the text in the usual ways gives. It does not stop a plugin that leaks a secret on purpose.

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

/// How many nested encodings are decoded: four of a program's, and the log's own.
const DEEPEST: usize = 5;

/// How much of a text is searched in one piece, so that memory is bounded.
const WINDOW: usize = 512 * 1024;

/// How much neighboring pieces overlap: the longest a secret across their border may be in its encoded form. Each line
/// of a longer secret counts as a secret of its own.
const OVERLAP: usize = 64 * 1024;

/// What replaces a secret in a log.
pub(super) const STRUCK: &str = "(secret)";

/// The secrets of one run, ready for searching.
#[derive(Debug)]
pub(super) struct Mask {
    /// The texts to search for.
    texts: BTreeSet<String>,
    /// `None` without secrets.
    sought: Option<Sought>,
}

/// The patterns to search for.
#[derive(Debug)]
struct Sought {
    /// The secrets.
    whole: AhoCorasick,
    /// Their ends, because decoding may mistake the first letters of a secret for the end of an escape before it.
    ends: AhoCorasick,
}

impl Mask {
    /// Creates a mask. Without secrets, text passes unchanged.
    ///
    /// # Errors
    /// When there are too many patterns, which takes gigabytes.
    pub(super) fn of<'a>(secrets: impl Iterator<Item = &'a Secret>) -> io::Result<Self> {
        let texts: BTreeSet<String> = secrets.flat_map(|secret| texts::of(secret.expose())).collect();
        let sought = Sought::of(&texts)?;
        Ok(Self { texts, sought })
    }

    /// Adds secrets that became known later.
    ///
    /// # Errors
    /// When there are too many patterns.
    pub(super) fn extend(&mut self, secrets: &[Secret]) -> io::Result<()> {
        let known = self.texts.len();
        self.texts.extend(secrets.iter().flat_map(|secret| texts::of(secret.expose())));
        if self.texts.len() > known {
            self.sought = Sought::of(&self.texts)?;
        }
        Ok(())
    }

    /// Masks the secrets in a text.
    pub(super) fn apply<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        self.apply_up_to(text.len(), text)
    }

    /// Masks the secrets in the first `most` bytes of a text. The rest is dropped but still searched, because a secret
    /// may span the border.
    pub(super) fn apply_up_to<'a>(&self, most: usize, text: &'a [u8]) -> Cow<'a, [u8]> {
        let most = most.min(text.len());
        let spans = self.sought.as_ref().map(|sought| sought.spans(text)).unwrap_or_default();
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

    /// Tells whether a text contains a secret.
    pub(super) fn finds(&self, text: &[u8]) -> bool {
        self.sought.as_ref().is_some_and(|sought| !sought.spans(text).is_empty())
    }
}

impl Sought {
    /// Returns `None` if there is nothing to search for.
    fn of(texts: &BTreeSet<String>) -> io::Result<Option<Self>> {
        if texts.is_empty() {
            return Ok(None);
        }
        let ends: BTreeSet<&str> = texts.iter().flat_map(|text| texts::ends(text)).collect();
        let built = |texts: Vec<&str>| AhoCorasick::new(texts).map_err(io::Error::other);
        let whole = built(texts.iter().map(String::as_str).collect())?;
        Ok(Some(Self { whole, ends: built(ends.into_iter().collect())? }))
    }

    /// Returns the positions of secrets, sorted and without overlaps.
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

/// Merges overlapping ranges.
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

/// A search through a text and everything that decoding it gives, fewest decodings first. A view that can be reached in
/// two ways is searched once, by the shorter way, which leaves the most decodings.
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

    /// Returns the results of each decoding that have not been searched yet.
    fn said_by(&mut self, view: &View<'_>) -> Vec<View<'static>> {
        let layers = Layer::ALL.into_iter().filter_map(|layer| layer.undo(view));
        let mut said: Vec<View<'static>> = layers.chain(blocks::texts_in(view)).collect();
        said.retain(|view| self.seen.insert(view.fingerprint()));
        said
    }
}

/// Whether escapes were decoded on the way to a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    Some,
}

#[cfg(test)]
mod tests;
