//! Notes: messages for the user about a successful import.

use serde::Serialize;

use crate::phrase::Phrase;

/// Something that was done in an unexpected way, or was not done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Note {
    /// The line in the imported text, if the note is about one.
    pub line: Option<usize>,
    /// One sentence.
    pub message: Phrase,
    /// The next step.
    pub help: Option<String>,
}
