//! Ranges of the protocol.

use lsp_types::{Position, Range};

use spile_core::assist::{Encoding, position};

/// Returns the range of a span of bytes.
pub(super) fn range(text: &str, span: std::ops::Range<usize>, encoding: Encoding) -> Range {
    let at = |offset| {
        let (line, character) = position(text, offset, encoding);
        Position { line, character }
    };
    Range { start: at(span.start), end: at(span.end) }
}
