//! A text as one of its encodings says it, each byte with its place in the text as it was printed.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;

/// A text as one of its encodings says it.
///
/// Bytes that come of one escape have one place, that of the escape: no half of one is ever struck out.
pub(super) struct View<'a> {
    bytes: Cow<'a, [u8]>,
    /// Where what each byte was made of begins; nothing, where the text is as it was printed.
    places: Option<Vec<u32>>,
    /// Where what the last byte was made of ends.
    end: u32,
}

impl<'a> View<'a> {
    /// Takes a text as it was printed; it is no longer than a window.
    pub(super) fn of(text: &'a [u8]) -> Self {
        Self { bytes: Cow::Borrowed(text), places: None, end: place(text.len()) }
    }

    /// Takes bytes and where what each was made of begins; what the last was made of ends at `end`.
    pub(super) fn made(bytes: Vec<u8>, places: Vec<u32>, end: u32) -> View<'static> {
        View { bytes: Cow::Owned(bytes), places: Some(places), end }
    }

    /// Returns what it says.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns where what a byte was made of begins.
    pub(super) fn start(&self, at: usize) -> u32 {
        match &self.places {
            Some(places) => places.get(at).copied().unwrap_or(self.end),
            None => place(at).min(self.end),
        }
    }

    /// Returns where what a byte was made of ends.
    pub(super) fn end(&self, at: usize) -> u32 {
        let start = self.start(at);
        let Some(places) = &self.places else { return (start + 1).min(self.end) };
        places[at..].iter().find(|next| **next != start).copied().unwrap_or(self.end)
    }

    /// Returns where some bytes stand in the text as it was printed.
    pub(super) fn span(&self, bytes: Range<usize>) -> Range<usize> {
        let (start, end) = (self.start(bytes.start), self.end(bytes.end.saturating_sub(1)));
        start as usize..end as usize
    }

    /// Returns the same for the end of a secret, together with the escape that took up how it begins; `None` where there
    /// is no escape before it.
    pub(super) fn span_behind_escape(&self, bytes: Range<usize>) -> Option<Range<usize>> {
        let near = bytes.start.saturating_sub(NEAR)..bytes.start;
        let is_escape = |at: &usize| self.end(*at) - self.start(*at) > 1;
        near.rev().find(is_escape).map(|escape| self.span(escape..bytes.end))
    }

    /// Returns what tells it from other views of one text.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.bytes);
        hasher.write_u32(self.start(0));
        hasher.write_u32(self.end);
        hasher.finish()
    }
}

/// How far before the end of a secret an escape may be that took up how it begins.
const NEAR: usize = 4;

/// The view that comes of another one, byte by byte.
pub(super) struct DecodedView<'v, 'a> {
    from: &'v View<'a>,
    bytes: Vec<u8>,
    places: Vec<u32>,
}

impl<'v, 'a> DecodedView<'v, 'a> {
    pub(super) fn of(from: &'v View<'a>, room: usize) -> Self {
        Self { from, bytes: Vec::with_capacity(room), places: Vec::with_capacity(room) }
    }

    /// Takes bytes as they are.
    pub(super) fn keep(&mut self, bytes: Range<usize>) {
        self.bytes.extend_from_slice(&self.from.bytes[bytes.clone()]);
        match &self.from.places {
            Some(places) => self.places.extend_from_slice(&places[bytes]),
            None => self.places.extend(place(bytes.start)..place(bytes.end)),
        }
    }

    /// Takes what an escape says that begins at a byte.
    pub(super) fn say(&mut self, at: usize, said: &[u8]) {
        let start = self.from.start(at);
        self.bytes.extend_from_slice(said);
        self.places.extend(std::iter::repeat_n(start, said.len()));
    }

    /// Returns all of it.
    pub(super) fn done(self) -> View<'static> {
        View { bytes: Cow::Owned(self.bytes), places: Some(self.places), end: self.from.end }
    }
}

/// A place in a window, which is a few MiB at most.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
