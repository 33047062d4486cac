//! A decoded text, in which each byte knows its position in the printed text.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;

/// A decoded text.
///
/// All bytes of one escape have the escape's position, so that half an escape is never masked.
pub(super) struct View<'a> {
    bytes: Cow<'a, [u8]>,
    /// Where the source of each byte starts; `None` if the text is as printed.
    places: Option<Vec<u32>>,
    /// Where the source of the last byte ends.
    end: u32,
}

impl<'a> View<'a> {
    /// Returns a view of a text as printed, which must not be longer than a window.
    pub(super) fn of(text: &'a [u8]) -> Self {
        Self { bytes: Cow::Borrowed(text), places: None, end: place(text.len()) }
    }

    /// Creates a view from bytes and the positions where their sources start. The source of the last byte ends at
    /// `end`.
    pub(super) fn made(bytes: Vec<u8>, places: Vec<u32>, end: u32) -> View<'static> {
        View { bytes: Cow::Owned(bytes), places: Some(places), end }
    }

    /// Returns the decoded bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns where the source of a byte starts.
    pub(super) fn start(&self, at: usize) -> u32 {
        match &self.places {
            Some(places) => places.get(at).copied().unwrap_or(self.end),
            None => place(at).min(self.end),
        }
    }

    /// Returns where the source of a byte ends.
    pub(super) fn end(&self, at: usize) -> u32 {
        let start = self.start(at);
        let Some(places) = &self.places else { return (start + 1).min(self.end) };
        places[at..].iter().find(|next| **next != start).copied().unwrap_or(self.end)
    }

    /// Returns the range of the printed text that some bytes come from.
    pub(super) fn span(&self, bytes: Range<usize>) -> Range<usize> {
        let (start, end) = (self.start(bytes.start), self.end(bytes.end.saturating_sub(1)));
        start as usize..end as usize
    }

    /// Returns the range for the end of a secret, including the escape before it that consumed the secret's first
    /// letters; `None` if there is no such escape.
    pub(super) fn span_behind_escape(&self, bytes: Range<usize>) -> Option<Range<usize>> {
        let near = bytes.start.saturating_sub(NEAR)..bytes.start;
        let is_escape = |at: &usize| self.end(*at) - self.start(*at) > 1;
        near.rev().find(is_escape).map(|escape| self.span(escape..bytes.end))
    }

    /// Returns a hash that distinguishes this view from other views of the same text.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.bytes);
        hasher.write_u32(self.start(0));
        hasher.write_u32(self.end);
        hasher.finish()
    }
}

/// How far before the end of a secret the escape that consumed its first letters may be.
const NEAR: usize = 4;

/// A view that is decoded from another one, byte by byte.
pub(super) struct DecodedView<'v, 'a> {
    from: &'v View<'a>,
    bytes: Vec<u8>,
    places: Vec<u32>,
}

impl<'v, 'a> DecodedView<'v, 'a> {
    pub(super) fn of(from: &'v View<'a>, room: usize) -> Self {
        Self { from, bytes: Vec::with_capacity(room), places: Vec::with_capacity(room) }
    }

    /// Copies bytes unchanged.
    pub(super) fn keep(&mut self, bytes: Range<usize>) {
        self.bytes.extend_from_slice(&self.from.bytes[bytes.clone()]);
        match &self.from.places {
            Some(places) => self.places.extend_from_slice(&places[bytes]),
            None => self.places.extend(place(bytes.start)..place(bytes.end)),
        }
    }

    /// Appends what an escape at a byte stands for.
    pub(super) fn say(&mut self, at: usize, said: &[u8]) {
        let start = self.from.start(at);
        self.bytes.extend_from_slice(said);
        self.places.extend(std::iter::repeat_n(start, said.len()));
    }

    /// Returns the finished view.
    pub(super) fn done(self) -> View<'static> {
        View { bytes: Cow::Owned(self.bytes), places: Some(self.places), end: self.from.end }
    }
}

/// A position in a window, which is a few MiB at most.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
