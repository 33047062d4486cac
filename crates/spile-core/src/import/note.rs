//! Notes: what the user should know of an import that went well.

use serde::Serialize;

/// Something that was done otherwise than one may think, or was not done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Note {
    /// Its line in the text it is about, where it is about one.
    pub line: Option<usize>,
    /// One sentence.
    pub message: String,
    /// The next step.
    pub help: Option<String>,
}
